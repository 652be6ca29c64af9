//! Items by the names that clients give, with the conditions of their upstreams: for explanations
//! of the policy. No request is sent to an upstream.

use std::sync::Arc;

use doorward_mcp::{Item, ItemName, Kind, Step};
use doorward_model::{UpstreamName, User, upstream::ToolState};
use doorward_store::StoreError;

use crate::{
    Gateway, ReviewedTool, approval, catalogue, connections, definition, names, upstream::Shared,
};

/// A condition that comes before the policy: its result, and the step that reports it.
pub type Condition = (bool, Step);

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
            conditions.push((on, Step::Setting(name, setting, on)));
            if upstream.approves_by_hand() {
                let reviewed = self.review(name).await?;
                let found = reviewed.iter().find(|reviewed| reviewed.pin.tool == entry);
                let state = found.map_or("unknown", |reviewed| reviewed.state().as_str());
                conditions.push((found.is_some_and(approved), Step::Approval(entry, state)));
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
        let reviewed = self.review(name).await?;
        let Some(found) =
            reviewed.into_iter().find(|reviewed| names::public(name, &reviewed.pin.tool) == tool)
        else {
            return Ok(None);
        };
        let Some(definition) = definition::pinned_tool(&found.pin.definition) else {
            return Ok(None);
        };
        let offered = upstream.offers(&found.pin.tool);
        let conditions = vec![
            enabled(&upstream),
            (offered, Step::Offered(name, found.pin.tool.clone(), offered)),
            (approved(&found), Step::Definition(found.state().as_str())),
            role(&upstream, user),
        ];
        let spec = catalogue::spec(&upstream, definition, Some(&found.pin), false);
        Ok(Some((Item::Tool(Arc::new(spec)), conditions)))
    }

    async fn known(&self, name: UpstreamName) -> Result<Option<Shared>, StoreError> {
        Ok(self.all_upstreams().await?.into_iter().find(|upstream| upstream.name == name))
    }
}

fn approved(reviewed: &ReviewedTool) -> bool {
    reviewed.pin.state == ToolState::Approved && reviewed.pin.changed.is_none()
}

fn enabled(upstream: &Shared) -> Condition {
    let enabled = upstream.is_enabled();
    (enabled, Step::Enabled(upstream.name, enabled))
}

fn role(upstream: &Shared, user: &User) -> Condition {
    let role = upstream.is_for(user);
    (role, Step::UpstreamRoles(upstream.name, role))
}
