//! Upstreams and items by the names that a request uses for them.

use std::sync::Arc;

use doorward_mcp::{
    InboundRequest, ItemName, ItemSpec, Kind, Target, ToolSpec,
    uri::{of_usable_uri, own_uri},
};
use doorward_model::{
    UpstreamName,
    upstream::{PinnedTool, ToolState},
};
use doorward_store::StoreError;
use futures_util::future::try_join_all;
use rmcp::model::Prompt;

use crate::{
    Gateway, catalogue,
    catalogues::{CatalogueState, CatalogueUse},
    connections, definition,
    link_error::LinkError,
    names,
    upstream::Shared,
};

impl Gateway {
    /// The upstreams that this request may see.
    pub(crate) async fn visible(
        &self,
        inbound: &InboundRequest,
    ) -> Result<Vec<Shared>, StoreError> {
        let mut all = match inbound.target.upstream() {
            None => self.upstreams().await?,
            Some(name) => self.upstream(name).await?.into_iter().collect(),
        };
        all.retain(|upstream| {
            inbound.caller.reaches(Some(upstream.name)) && upstream.is_for(&inbound.caller.user)
        });
        Ok(all)
    }

    /// One of them.
    pub(crate) async fn visible_one(
        &self,
        inbound: &InboundRequest,
        name: UpstreamName,
    ) -> Result<Option<Shared>, StoreError> {
        if inbound.target.upstream().is_some_and(|only| only != name) {
            return Ok(None);
        }
        Ok(self.upstream(name).await?.filter(|upstream| {
            inbound.caller.reaches(Some(name)) && upstream.is_for(&inbound.caller.user)
        }))
    }

    /// The upstream of an item with this name at the request's URL.
    async fn visible_owner(
        &self,
        inbound: &InboundRequest,
        name: &str,
    ) -> Result<Option<Shared>, StoreError> {
        match inbound.target.upstream().or_else(|| names::upstream_of(name)) {
            Some(upstream) => self.visible_one(inbound, upstream).await,
            None => Ok(None),
        }
    }

    /// The offers of each visible upstream, all requested at the same time.
    pub(crate) async fn catalogue_states(
        &self,
        inbound: &InboundRequest,
    ) -> Result<Vec<(Shared, CatalogueState)>, StoreError> {
        let upstreams = self.visible(inbound).await?;
        let catalogue_states = upstreams.iter().map(|upstream| {
            self.inner.catalogue(upstream, &inbound.caller.user, CatalogueUse::List)
        });
        let catalogue_states = try_join_all(catalogue_states).await?;
        Ok(upstreams.into_iter().zip(catalogue_states).collect())
    }

    /// The upstream of a resource, and the resource's URI at it.
    pub(crate) async fn owner_of_resource(
        &self,
        inbound: &InboundRequest,
        uri: &str,
    ) -> Result<Option<(Shared, String)>, StoreError> {
        let named = match inbound.target.upstream() {
            Some(only) => Some((only, of_usable_uri(uri).to_owned())),
            None => own_uri(uri).map(|own| (own.upstream, own.uri)),
        };
        let Some((name, own)) = named else { return Ok(None) };
        let found = self.visible_one(inbound, name).await?;
        let Some(upstream) = found.filter(|upstream| upstream.config.resources) else {
            return Ok(None);
        };
        if upstream.approves_by_hand() {
            let catalogue_state =
                self.inner.catalogue(&upstream, &inbound.caller.user, CatalogueUse::Call).await?;
            let known = catalogue_state.catalogue;
            if !known.is_some_and(|catalogue| catalogue.offers.resources) {
                return Ok(None);
            }
        }
        Ok(Some((upstream, own)))
    }

    /// The upstream that has an item of this name, if there is one.
    pub(crate) async fn owner_of(
        &self,
        inbound: &InboundRequest,
        wanted: ItemName<'_>,
    ) -> Result<Option<Shared>, StoreError> {
        let name = match (inbound.target.upstream(), wanted) {
            (Some(only), _) => Some(only),
            (None, ItemName::Tool(name) | ItemName::Prompt(name)) => names::upstream_of(name),
            (None, ItemName::Resource(uri) | ItemName::Template(uri)) => {
                own_uri(uri).map(|own| own.upstream)
            }
            (None, ItemName::Upstream(name)) => Some(name),
        };
        match name {
            Some(name) => self.visible_one(inbound, name).await,
            None => Ok(None),
        }
    }

    /// The tool of this name, also where its upstream cannot be listed now.
    pub(crate) async fn find_tool(
        &self,
        inbound: &InboundRequest,
        name: &str,
    ) -> Result<Option<Arc<ToolSpec>>, StoreError> {
        if inbound.target == Target::All && name == connections::NAME {
            return Ok(self.is_in_use().await?.then(connections::spec));
        }
        let Some(upstream) = self.visible_owner(inbound, name).await? else { return Ok(None) };
        let catalogue_state =
            self.inner.catalogue(&upstream, &inbound.caller.user, CatalogueUse::Call).await?;
        if let Some(catalogue) = &catalogue_state.catalogue {
            let at_all = inbound.target.upstream().is_none();
            let found = if at_all { catalogue.public(name) } else { catalogue.own(name) };
            return Ok(found.cloned());
        }
        let own_names = inbound.target.upstream().is_some();
        let hint =
            catalogue_state.problem == Some(LinkError::Connect) && upstream.needs_connection();
        // Approved items can be requested while the upstream cannot be listed; the call then
        // reports the problem.
        let pinned = self.inner.pinned(&upstream, hint).await?;
        let pinned = if own_names { catalogue::under_own_names(&pinned) } else { pinned };
        // For every operation on an upstream to which the user is not connected, connecting comes
        // first.
        Ok(pinned
            .into_iter()
            .find(|spec| spec.name() == name || (own_names && spec.own_name == name))
            .or_else(|| hint.then(|| Arc::new(connections::placeholder(&upstream)))))
    }

    /// The tool of this name that waits for an administrator's decision.
    pub(crate) async fn waiting_tool(
        &self,
        inbound: &InboundRequest,
        name: &str,
    ) -> Result<Option<Arc<ToolSpec>>, StoreError> {
        let at_all = inbound.target.upstream().is_none();
        let Some(upstream) = self.visible_owner(inbound, name).await? else { return Ok(None) };
        let pins = self.inner.services.store.pinned_tools(upstream.name).await?;
        let waits = |pin: &&PinnedTool| match pin.state {
            ToolState::Waiting => true,
            ToolState::Approved => pin.changed.is_some(),
            ToolState::Rejected => false,
        };
        let spec = |pin: &PinnedTool| {
            let definition = pin.changed.as_deref().unwrap_or(&pin.definition);
            let tool = definition::pinned_tool(definition)?;
            Some(Arc::new(catalogue::spec(&upstream, tool, Some(pin), false)))
        };
        let waiting: Vec<Arc<ToolSpec>> = pins.iter().filter(waits).filter_map(spec).collect();
        let waiting = if at_all { waiting } else { catalogue::under_own_names(&waiting) };
        let mut waiting = waiting.into_iter();
        Ok(waiting.find(|spec| spec.name() == name || (!at_all && spec.own_name == name)))
    }

    /// The prompt of this name.
    pub(crate) async fn find_prompt(
        &self,
        inbound: &InboundRequest,
        name: &str,
    ) -> Result<Option<ItemSpec>, StoreError> {
        let Some(upstream) = self.visible_owner(inbound, name).await? else { return Ok(None) };
        let catalogue_state =
            self.inner.catalogue(&upstream, &inbound.caller.user, CatalogueUse::Call).await?;
        let Some(catalogue) = catalogue_state.catalogue else { return Ok(None) };
        let same = |prompt: &&Prompt| {
            if inbound.target.upstream().is_none() {
                names::public(upstream.name, &prompt.name) == name
            } else {
                prompt.name == name || names::usable(&prompt.name) == name
            }
        };
        let own = catalogue.prompts.iter().find(same);
        Ok(own.map(|own| upstream.item(Kind::Prompt, &own.name)))
    }
}
