//! Operations on toolsets.

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_gateway::{Gateway, ReviewState};
use doorward_mcp::{Judged, questioned};
use doorward_model::{
    AuditSubject, Clock, PublicUrl, Resource, Role, ToolClass, Toolset, ToolsetChange, ToolsetName,
    UnitOfWork,
    policy::{ItemKind, Selection, SelectionLine},
};
use doorward_store::{Condition, Store, StoreError};
use serde_json::{Value, json};

use crate::{
    Edit, Proposal, Refusal,
    edit::{self, Editable, Planned},
    resources::admitted,
};

/// Maximum number of toolsets.
const MOST_TOOLSETS: usize = 500;

/// A toolset to be added.
#[derive(Clone, Debug, Default)]
pub struct NewToolset {
    /// The name in its URL.
    pub name: String,
    /// The display name; by default the name.
    pub title: String,
    /// The purpose.
    pub description: String,
    /// The lines of the selection.
    pub selection: Vec<String>,
    /// The roles of which a user must have one; none means all users.
    pub roles: Vec<String>,
}

/// Parts of a toolset. A value of `None` leaves the part unchanged.
#[derive(Clone, Debug, Default)]
pub struct ToolsetEdit {
    /// The display name.
    pub title: Option<String>,
    /// The purpose.
    pub description: Option<String>,
    /// The lines of the selection.
    pub selection: Option<Vec<String>>,
    /// The roles.
    pub roles: Option<Vec<String>>,
}

/// A tool that a toolset selects at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedTool {
    /// The name of its upstream.
    pub upstream: String,
    /// The display name of its upstream.
    pub service: String,
    /// Its name at the URL of the toolset.
    pub name: String,
    /// Its class.
    pub class: ToolClass,
    /// The decision about it; users see an approved tool alone.
    pub state: ReviewState,
}

/// A line of a selection with its effect at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedBy {
    /// The line.
    pub line: String,
    /// The number of tools that it selects; `None` for a line about prompts or resources, which
    /// only upstreams know.
    pub tools: Option<usize>,
}

/// The effect of a selection at this moment.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// The tools, by upstream and name.
    pub tools: Vec<SelectedTool>,
    /// The lines.
    pub lines: Vec<SelectedBy>,
}

/// Operations on toolsets. Cheap to clone.
#[derive(Clone)]
pub struct Toolsets {
    store: Store,
    clock: Arc<dyn Clock>,
    gateway: Gateway,
    public_url: PublicUrl,
}

fn selection(lines: &[String]) -> Result<Selection, Refusal> {
    let read = Selection::parse(lines.iter().map(String::as_str));
    read.map_err(|error| Refusal::Toolset(error.into()))
}

/// The values that an administrator sets.
fn facts(toolset: &Toolset) -> Value {
    json!({
        "title": toolset.title,
        "description": toolset.description,
        "selection": toolset.selection.texts().collect::<Vec<_>>(),
        "roles": toolset.roles.iter().map(Role::as_str).collect::<Vec<_>>(),
    })
}

impl Toolsets {
    /// Operations on the toolsets of this store.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        gateway: Gateway,
        public_url: PublicUrl,
    ) -> Self {
        Self { store, clock, gateway, public_url }
    }

    /// All of them, by name.
    pub async fn all(&self) -> Result<Arc<Vec<Arc<Toolset>>>, Refusal> {
        Ok(self.store.toolsets().await?)
    }

    /// The one with this name.
    pub async fn named(&self, name: &str) -> Result<Arc<Toolset>, Refusal> {
        let all = self.all().await?;
        let found = all.iter().find(|toolset| toolset.name.as_str() == name).cloned();
        found.ok_or_else(|| Refusal::missing(AuditSubject::Toolset, name))
    }

    /// The URL that users give their clients.
    pub fn url(&self, toolset: &Toolset) -> Resource {
        toolset.resource(&self.public_url)
    }

    /// The tools that a toolset selects of those that are known at this moment. No request is sent
    /// to an upstream.
    pub async fn selected(&self, toolset: &Toolset) -> Result<Selected, Refusal> {
        let lines = toolset.selection.lines();
        let mut counts = vec![0_usize; lines.len()];
        let mut tools = Vec::new();
        for upstream in self.gateway.explained_upstreams().await? {
            for (state, item) in upstream.offered() {
                let facts = item.facts();
                let item = questioned(&facts);
                let mut is_selected = false;
                for (line, count) in lines.iter().zip(&mut counts) {
                    if line.includes(&item) {
                        *count += 1;
                        is_selected = true;
                    }
                }
                if is_selected {
                    tools.push(SelectedTool {
                        upstream: upstream.name().to_string(),
                        service: upstream.title().to_owned(),
                        name: facts.listed_as.to_owned(),
                        class: facts.class,
                        state,
                    });
                }
            }
        }
        let by = |(line, count): (&SelectionLine, usize)| SelectedBy {
            line: line.text().to_owned(),
            tools: line.has_kind(ItemKind::Tool).then_some(count),
        };
        Ok(Selected { tools, lines: lines.iter().zip(counts).map(by).collect() })
    }

    /// Adds one.
    pub async fn add(
        &self,
        _authority: &Authority,
        new: NewToolset,
    ) -> Result<Arc<Toolset>, Refusal> {
        let title = if new.title.trim().is_empty() { &new.name } else { &new.title };
        let toolset = Toolset {
            name: ToolsetName::parse(&new.name).map_err(|error| Refusal::Toolset(error.into()))?,
            title: Toolset::title(title).map_err(Refusal::Toolset)?,
            description: Toolset::description(&new.description).map_err(Refusal::Toolset)?,
            selection: selection(&new.selection)?,
            roles: admitted(&new.roles)?,
            created_at: self.clock.now(),
        };
        if self.all().await?.len() >= MOST_TOOLSETS {
            return Err(Refusal::TooManyToolsets(MOST_TOOLSETS));
        }
        match self.store.apply(ToolsetChange::Insert(Box::new(toolset.clone()))).await {
            Ok(()) => {}
            Err(StoreError::Refused(Condition::Free(_))) => {
                return Err(Refusal::taken(AuditSubject::Toolset, new.name));
            }
            Err(error) => return Err(error.into()),
        }
        tracing::info!(toolset = %toolset.name, "toolset added");
        Ok(Arc::new(toolset))
    }

    /// Changes one. Clients see the changed selection at their next call.
    pub async fn edit(
        &self,
        _authority: &Authority,
        proposal: Proposal<'_, ToolsetEdit>,
    ) -> Result<Edit, Refusal> {
        edit::edit(self, proposal).await
    }

    /// Removes one, if it is still in the state that was seen. The access of clients to it ends.
    pub async fn remove(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        let toolset = self.named(name).await?;
        let (name, url, at) = (toolset.name, self.url(&toolset), self.clock.now());
        let expect = seen.map(|etag| ToolsetChange::Expect { name, etag: etag.to_owned() }.into());
        let delete = ToolsetChange::Delete { name, url, at }.into();
        let unit: UnitOfWork = expect.into_iter().chain([delete]).collect();
        match self.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(Refusal::SettingsChanged),
            Err(error) => Err(error.into()),
        }
    }
}

impl Editable for Toolsets {
    type Change = ToolsetEdit;
    /// The toolset before and after.
    type Plan = (Arc<Toolset>, Toolset);

    async fn plan(&self, of: &str, change: &ToolsetEdit) -> Result<Planned<Self::Plan>, Refusal> {
        let before = self.named(of).await?;
        let mut after = Toolset::clone(&before);
        if let Some(title) = &change.title {
            after.title = Toolset::title(title).map_err(Refusal::Toolset)?;
        }
        if let Some(text) = &change.description {
            after.description = Toolset::description(text).map_err(Refusal::Toolset)?;
        }
        if let Some(lines) = &change.selection {
            after.selection = selection(lines)?;
        }
        if let Some(names) = &change.roles {
            after.roles = admitted(names)?;
        }
        let differences = edit::different_parts(&facts(&before), &facts(&after));
        let etag = before.etag();
        Ok(Planned { differences, ends_access: false, etag, plan: (before, after) })
    }

    async fn put(&self, (before, after): Self::Plan, _: Vec<String>) -> Result<(), Refusal> {
        let seen = ToolsetChange::Expect { name: before.name, etag: before.etag() };
        let update = ToolsetChange::Update(Box::new(after));
        match self.store.apply(UnitOfWork::from_iter([seen.into(), update.into()])).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(Refusal::SettingsChanged),
            Err(error) => Err(error.into()),
        }
    }

    async fn etag_of(&self, of: &str) -> Result<String, Refusal> {
        Ok(self.named(of).await?.etag())
    }

    fn changed(_: &str) -> Refusal {
        Refusal::SettingsChanged
    }
}
