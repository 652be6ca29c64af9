//! Operations on toolsets.

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_gateway::{Gateway, ReviewState};
use doorward_mcp::{Judged, questioned};
use doorward_model::{
    AuditSubject, Clock, PublicUrl, Resource, Role, ToolClass, Toolset, ToolsetChange, ToolsetName,
    UnitOfWork,
    policy::{ItemKind, Selection, SelectionLine},
    routes,
};
use doorward_store::{Condition, Store, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::{
    Admin, Edit, Proposal, Refusal,
    edit::{self, Editable, Planned},
    objects::{Added, Field, ObjectApi, Objects, OperationName, Shape},
    resources::admitted,
};

/// Maximum number of toolsets.
const MOST_TOOLSETS: usize = 500;

/// A toolset to be added.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToolset {
    /// The name in its URL, which never changes.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    #[schemars(extend("x-code" = "invalid_toolset"))]
    pub name: String,
    /// The display name; by default the name.
    #[serde(default)]
    #[schemars(length(max = 80))]
    #[schemars(extend("x-code" = "invalid_toolset"))]
    pub title: String,
    /// The purpose, for users and for the models of clients.
    #[serde(default)]
    #[schemars(length(max = 500))]
    #[schemars(extend("x-code" = "invalid_toolset"))]
    pub description: String,
    /// The lines of the selection, such as `upstream=wiki tool=search_*`.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 500)))]
    #[schemars(extend("x-code" = "invalid_toolset"))]
    pub selection: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 40)))]
    #[schemars(extend("x-code" = "invalid_roles"))]
    pub roles: Vec<String>,
}

/// Parts of a toolset. Omitted members stay.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ToolsetChange")]
pub struct ToolsetEdit {
    /// The display name.
    #[schemars(length(min = 1, max = 80))]
    #[schemars(extend("x-code" = "invalid_toolset"))]
    pub title: Option<String>,
    /// The purpose.
    #[schemars(length(max = 500))]
    #[schemars(extend("x-code" = "invalid_toolset"))]
    pub description: Option<String>,
    /// The lines of the selection, which replace the current ones.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 500)))]
    #[schemars(extend("x-code" = "invalid_toolset"))]
    pub selection: Option<Vec<String>>,
    /// The roles, which replace the current ones.
    #[schemars(length(max = 32), inner(length(min = 1, max = 40)))]
    #[schemars(extend("x-code" = "invalid_roles"))]
    pub roles: Option<Vec<String>>,
}

/// A toolset as it is shown.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Toolset")]
pub struct ToolsetView {
    /// The name in its URL.
    pub name: String,
    /// The display name.
    pub title: String,
    /// The purpose.
    pub description: String,
    /// The URL for clients, which is the audience of their tokens.
    pub url: String,
    /// The lines of the selection: conditions that must all hold.
    pub selection: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    pub roles: Vec<String>,
    /// Seconds since 1970.
    pub created_at: i64,
    /// Names this state, for If-Match.
    pub etag: String,
}

/// A toolset with its tools.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ToolsetWithTools")]
pub struct ToolsetDetails {
    /// The toolset.
    #[serde(flatten)]
    pub toolset: ToolsetView,
    /// The tools that it selects of those that are known at this moment.
    pub tools: Vec<SelectedTool>,
    /// Each line of the selection with its effect.
    pub lines: Vec<SelectedBy>,
}

/// A tool that a toolset selects at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SelectedTool {
    /// The name of its upstream.
    pub upstream: String,
    /// The display name of its upstream.
    pub service: String,
    /// Its name at the URL of the toolset.
    pub name: String,
    /// `read`, `write` or `destructive`.
    #[serde(serialize_with = "class_name")]
    #[schemars(with = "String")]
    pub class: ToolClass,
    /// `approved`, `waiting` or `changed`. Users see an approved tool alone.
    #[serde(serialize_with = "state_name")]
    #[schemars(with = "String")]
    pub state: ReviewState,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn class_name<S: Serializer>(class: &ToolClass, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(class.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn state_name<S: Serializer>(state: &ReviewState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.as_str())
}

/// A line of a selection with its effect at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SelectionLine")]
pub struct SelectedBy {
    /// The line.
    pub line: String,
    /// The number of tools that it selects; null for a line about prompts or resources, which only
    /// upstreams know.
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
        edit::apply_expected(&self.store, expect.into_iter().chain([delete]).collect()).await
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
        let unit = UnitOfWork::from_iter([seen.into(), update.into()]);
        edit::apply_expected(&self.store, unit).await
    }

    async fn etag_of(&self, of: &str) -> Result<String, Refusal> {
        Ok(self.named(of).await?.etag())
    }
}

impl Objects for Toolsets {
    type Object = Arc<Toolset>;
    type New = NewToolset;
    type Change = ToolsetEdit;
    type View = ToolsetView;
    type Details = ToolsetDetails;
    type AddedView = ToolsetView;

    const FIELDS: &'static [Field] = &[
        Field::new("name", Shape::Line, 40).fixed(),
        Field::new("title", Shape::Line, 80),
        Field::new("description", Shape::Line, 500),
        Field::new("selection", Shape::Lines, 10_000),
        Field::new("roles", Shape::Words, 1600),
    ];
    const API: ObjectApi = ObjectApi {
        all: routes::API_TOOLSETS,
        one: routes::API_TOOLSET,
        plural: ("toolsets", "Toolsets"),
        list: OperationName { id: "listToolsets", summary: "Lists toolsets, by name." },
        add: OperationName {
            id: "addToolset",
            summary: "Adds a toolset: tools of several upstreams at an MCP URL of its own.",
        },
        show: OperationName {
            id: "showToolset",
            summary: "Shows a toolset with the tools that it selects at this moment.",
        },
        change: OperationName {
            id: "changeToolset",
            summary: "Changes a toolset. Clients see it at their next call. Omitted members stay.",
        },
        remove: OperationName {
            id: "removeToolset",
            summary: "Removes a toolset; the access of clients to it ends.",
        },
        missing: "There is no such toolset.",
        taken: "The name is already in use, or there are too many toolsets.",
        needed: None,
    };

    fn of(admin: &Admin) -> &Self {
        &admin.toolsets
    }

    async fn list(&self) -> Result<Vec<Arc<Toolset>>, Refusal> {
        Ok(self.all().await?.to_vec())
    }

    async fn find(&self, name: &str) -> Result<Arc<Toolset>, Refusal> {
        self.named(name).await
    }

    async fn insert(
        &self,
        authority: &Authority,
        new: NewToolset,
    ) -> Result<Added<Arc<Toolset>>, Refusal> {
        Ok(Added { object: self.add(authority, new).await?, secret: None })
    }

    async fn change(
        &self,
        authority: &Authority,
        proposal: Proposal<'_, ToolsetEdit>,
    ) -> Result<Edit, Refusal> {
        self.edit(authority, proposal).await
    }

    async fn end(&self, name: &str, seen: Option<&str>) -> Result<(), Refusal> {
        self.remove(name, seen).await
    }

    fn key(toolset: &Arc<Toolset>) -> String {
        toolset.name.to_string()
    }

    fn title(toolset: &Arc<Toolset>) -> String {
        toolset.title.clone()
    }

    fn etag(toolset: &Arc<Toolset>) -> String {
        toolset.etag()
    }

    fn view(&self, toolset: &Arc<Toolset>) -> ToolsetView {
        ToolsetView {
            name: toolset.name.to_string(),
            title: toolset.title.clone(),
            description: toolset.description.clone(),
            url: self.url(toolset).to_string(),
            selection: toolset.selection.texts().map(ToOwned::to_owned).collect(),
            roles: toolset.roles.iter().map(Role::to_string).collect(),
            created_at: toolset.created_at.0,
            etag: toolset.etag(),
        }
    }

    async fn details(&self, toolset: &Arc<Toolset>) -> Result<ToolsetDetails, Refusal> {
        let Selected { tools, lines } = self.selected(toolset).await?;
        Ok(ToolsetDetails { toolset: self.view(toolset), tools, lines })
    }

    fn added_view(&self, added: &Added<Arc<Toolset>>) -> ToolsetView {
        self.view(&added.object)
    }
}
