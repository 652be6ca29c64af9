//! Items by the names that clients give, with the conditions of their upstreams: for explanations
//! of the policy. No request is sent to an upstream.

use std::sync::Arc;

use doorward_mcp::{Item, ItemName, Kind, Step};
use doorward_model::{
    ToolClass, UpstreamName, User,
    policy::{ItemKind, QuestionedItem},
    upstream::PinnedTool,
};
use doorward_store::StoreError;

use crate::{
    Gateway, ReviewState, approval, catalogue, connections, definition, names, upstream::Shared,
};

/// The state of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It holds.
    Yes,
    /// It holds as soon as an administrator approves the item.
    ByApproval,
    /// It does not hold.
    No,
}

impl From<bool> for Met {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl From<ReviewState> for Met {
    fn from(state: ReviewState) -> Self {
        match state {
            ReviewState::Approved => Self::Yes,
            ReviewState::Waiting | ReviewState::Changed => Self::ByApproval,
            ReviewState::Rejected => Self::No,
        }
    }
}

/// A condition that comes before the policy: its state, and the step that reports it.
pub type Condition = (Met, Step);

/// An upstream with the tools that it ever listed, for explanations of each of them.
pub struct ExplainedUpstream {
    upstream: Shared,
    pins: Arc<Vec<PinnedTool>>,
}

impl ExplainedUpstream {
    /// Its name.
    pub fn name(&self) -> UpstreamName {
        self.upstream.name
    }

    /// The upstream as selections examine it, whatever its items are.
    pub fn questioned(&self) -> QuestionedItem<'_> {
        QuestionedItem {
            upstream: self.upstream.name.as_str(),
            kind: ItemKind::Tool,
            tool: "",
            listed_as: "",
            class: ToolClass::Read,
            open_world: false,
            idempotent: false,
        }
    }

    /// Its display name.
    pub fn title(&self) -> &str {
        &self.upstream.title
    }

    /// The roles that its setting names.
    pub fn roles(&self) -> Vec<String> {
        self.upstream.public_config().roles
    }

    /// The names of its tools at the upstream, in their order.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        let tools = self.pins.iter().map(|pin| pin.tool.as_str());
        tools.filter(|tool| !approval::is_entry(tool))
    }

    /// The tools that it offers, as far as they are approved or await a decision, each with that.
    pub fn offered(&self) -> Vec<(ReviewState, Item)> {
        let item = |pin: &PinnedTool| {
            let state = ReviewState::of(pin);
            let is_offered = self.upstream.is_enabled()
                && self.upstream.offers(&pin.tool)
                && !approval::is_entry(&pin.tool)
                && state != ReviewState::Rejected;
            let definition =
                is_offered.then(|| definition::pinned_tool(&pin.definition)).flatten()?;
            let spec = catalogue::spec(&self.upstream, definition, Some(pin), false);
            Some((state, Item::Tool(Arc::new(spec))))
        };
        self.pins.iter().filter_map(item).collect()
    }

    /// A tool with the conditions that the upstream sets for this user. `None` if there is no such
    /// tool.
    pub fn explain(&self, tool: &str, user: &User) -> Option<(Item, Vec<Condition>)> {
        let found = self.pins.binary_search_by(|pin| pin.tool.as_str().cmp(tool)).ok()?;
        explain_pin(&self.upstream, self.pins.get(found)?, user)
    }
}

/// A tool with the conditions that its upstream sets for this user.
fn explain_pin(upstream: &Shared, pin: &PinnedTool, user: &User) -> Option<(Item, Vec<Condition>)> {
    let definition = definition::pinned_tool(&pin.definition)?;
    let (name, offered, state) = (upstream.name, upstream.offers(&pin.tool), ReviewState::of(pin));
    let conditions = vec![
        enabled(upstream),
        (offered.into(), Step::Offered(name, pin.tool.clone(), offered)),
        (state.into(), Step::Definition(state.as_str())),
        role(upstream, user),
    ];
    let spec = catalogue::spec(upstream, definition, Some(pin), false);
    Some((Item::Tool(Arc::new(spec)), conditions))
}

impl Gateway {
    /// The item of this name at `/mcp`, and the conditions that its upstream sets for this user.
    /// `None` if there is no such upstream, or no such tool was ever seen.
    pub async fn explain(
        &self,
        wanted: ItemName<'_>,
        user: &User,
    ) -> Result<Option<(Item, Vec<Condition>)>, StoreError> {
        let (name, kind, own) = match wanted {
            ItemName::Tool(tool) => return self.explain_tool(tool, user).await,
            ItemName::Prompt(prompt) => {
                let Some(name) = names::upstream_of(prompt) else { return Ok(None) };
                let own = prompt.split_once('_').map_or("", |(_, own)| own);
                (name, Kind::Prompt, own)
            }
            ItemName::Resource(uri) | ItemName::Template(uri) => {
                let parts = uri.split_once('+');
                let Some((Ok(name), own)) =
                    parts.map(|(name, own)| (UpstreamName::parse(name), own))
                else {
                    return Ok(None);
                };
                let template = matches!(wanted, ItemName::Template(_));
                (name, if template { Kind::Template } else { Kind::Resource }, own)
            }
            ItemName::Upstream(name) => (name, Kind::Upstream, ""),
        };
        let Some(upstream) = self.known(name).await? else { return Ok(None) };
        let mut conditions = vec![enabled(&upstream)];
        let setting = match kind {
            Kind::Prompt => Some(("prompts", upstream.config.prompts, approval::PROMPTS)),
            Kind::Resource | Kind::Template => {
                Some(("resources", upstream.config.resources, approval::RESOURCES))
            }
            Kind::Tool | Kind::Upstream => None,
        };
        if let Some((setting, on, entry)) = setting {
            conditions.push((on.into(), Step::Setting(name, setting, on)));
            if upstream.approves_by_hand() {
                let pins = self.inner.services.store.pinned_tools(name).await?;
                let state = pins.iter().find(|pin| pin.tool == entry).map(ReviewState::of);
                let told = state.map_or("unknown", ReviewState::as_str);
                conditions.push((state.map_or(Met::No, Met::from), Step::Approval(entry, told)));
            }
        }
        conditions.push(role(&upstream, user));
        Ok(Some((Item::Other(Arc::new(upstream.item(kind, own))), conditions)))
    }

    async fn explain_tool(
        &self,
        tool: &str,
        user: &User,
    ) -> Result<Option<(Item, Vec<Condition>)>, StoreError> {
        if tool == connections::NAME {
            return Ok(Some((Item::Tool(connections::spec()), Vec::new())));
        }
        let Some(name) = names::upstream_of(tool) else { return Ok(None) };
        let Some(upstream) = self.known(name).await? else { return Ok(None) };
        let pins = self.inner.services.store.pinned_tools(name).await?;
        let found = pins.iter().find(|pin| names::public(name, &pin.tool) == tool);
        Ok(found.and_then(|pin| explain_pin(&upstream, pin, user)))
    }

    /// The upstreams with the tools that they ever listed, by name, enabled or not.
    pub async fn explained_upstreams(&self) -> Result<Vec<ExplainedUpstream>, StoreError> {
        let mut all = Vec::new();
        for upstream in self.all_upstreams().await? {
            let pins = self.inner.services.store.pinned_tools(upstream.name).await?;
            let pins = if pins.is_sorted_by(|one, other| one.tool <= other.tool) {
                pins
            } else {
                // The order of the database is that of its collation.
                let mut sorted = pins.to_vec();
                sorted.sort_by(|one, other| one.tool.cmp(&other.tool));
                Arc::new(sorted)
            };
            all.push(ExplainedUpstream { upstream, pins });
        }
        Ok(all)
    }

    async fn known(&self, name: UpstreamName) -> Result<Option<Shared>, StoreError> {
        Ok(self.all_upstreams().await?.into_iter().find(|upstream| upstream.name == name))
    }
}

fn enabled(upstream: &Shared) -> Condition {
    let enabled = upstream.is_enabled();
    (enabled.into(), Step::Enabled(upstream.name, enabled))
}

fn role(upstream: &Shared, user: &User) -> Condition {
    let role = upstream.is_for(user);
    (role.into(), Step::UpstreamRoles(upstream.name, role))
}
