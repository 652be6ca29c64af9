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
use futures_util::future::join_all;
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
    pub(crate) async fn visible(&self, inbound: &InboundRequest) -> Vec<Shared> {
        let all = match inbound.target.upstream() {
            None => self.upstreams().await,
            Some(name) => self.upstream(name).await.map(|found| found.into_iter().collect()),
        };
        match all {
            Ok(all) => all
                .into_iter()
                .filter(|upstream| {
                    inbound.caller.reaches(Some(upstream.name))
                        && upstream.is_for(&inbound.caller.user)
                })
                .collect(),
            Err(error) => {
                tracing::error!(%error, "the upstreams could not be read");
                Vec::new()
            }
        }
    }

    /// One of them.
    pub(crate) async fn visible_one(
        &self,
        inbound: &InboundRequest,
        name: UpstreamName,
    ) -> Option<Shared> {
        if inbound.target.upstream().is_some_and(|only| only != name) {
            return None;
        }
        self.upstream(name).await.ok().flatten().filter(|upstream| {
            inbound.caller.reaches(Some(name)) && upstream.is_for(&inbound.caller.user)
        })
    }

    /// The offers of each visible upstream, all requested at the same time.
    pub(crate) async fn catalogue_states(
        &self,
        inbound: &InboundRequest,
    ) -> Vec<(Shared, CatalogueState)> {
        let upstreams = self.visible(inbound).await;
        let catalogue_states = upstreams.iter().map(|upstream| {
            self.inner.catalogue(upstream, &inbound.caller.user, CatalogueUse::List)
        });
        let catalogue_states = join_all(catalogue_states).await;
        upstreams.into_iter().zip(catalogue_states).collect()
    }

    /// The upstream of a resource, and the resource's URI at it.
    pub(crate) async fn owner_of_resource(
        &self,
        inbound: &InboundRequest,
        uri: &str,
    ) -> Option<(Shared, String)> {
        let (upstream, own) = if let Some(only) = inbound.target.upstream() {
            (self.visible_one(inbound, only).await?, of_usable_uri(uri).to_owned())
        } else {
            let own = own_uri(uri)?;
            (self.visible_one(inbound, own.upstream).await?, own.uri)
        };
        if !upstream.config.resources {
            return None;
        }
        if upstream.approves_by_hand() {
            let catalogue_state =
                self.inner.catalogue(&upstream, &inbound.caller.user, CatalogueUse::Call).await;
            catalogue_state.catalogue.filter(|catalogue| catalogue.offers.resources)?;
        }
        Some((upstream, own))
    }

    /// The upstream that has an item of this name, if there is one.
    pub(crate) async fn owner_of(
        &self,
        inbound: &InboundRequest,
        wanted: ItemName<'_>,
    ) -> Option<Shared> {
        let name = match (inbound.target.upstream(), wanted) {
            (Some(only), _) => only,
            (None, ItemName::Tool(name) | ItemName::Prompt(name)) => names::upstream_of(name)?,
            (None, ItemName::Resource(uri) | ItemName::Template(uri)) => own_uri(uri)?.upstream,
            (None, ItemName::Upstream(name)) => name,
        };
        self.visible_one(inbound, name).await
    }

    /// The tool of this name, also where its upstream cannot be listed now.
    pub(crate) async fn find_tool(
        &self,
        inbound: &InboundRequest,
        name: &str,
    ) -> Option<Arc<ToolSpec>> {
        if inbound.target == Target::All && name == connections::NAME {
            return self.is_in_use().await.then(connections::spec);
        }
        let upstream = match inbound.target.upstream() {
            Some(only) => self.visible_one(inbound, only).await?,
            None => self.visible_one(inbound, names::upstream_of(name)?).await?,
        };
        let catalogue_state =
            self.inner.catalogue(&upstream, &inbound.caller.user, CatalogueUse::Call).await;
        if let Some(catalogue) = &catalogue_state.catalogue {
            let at_all = inbound.target.upstream().is_none();
            return if at_all { catalogue.public(name) } else { catalogue.own(name) }.cloned();
        }
        let own_names = inbound.target.upstream().is_some();
        let hint =
            catalogue_state.problem == Some(LinkError::Connect) && upstream.needs_connection();
        // Approved items can be requested while the upstream cannot be listed; the call then
        // reports the problem.
        let pinned = self.inner.pinned(&upstream, hint).await;
        let pinned = if own_names { catalogue::under_own_names(&pinned) } else { pinned };
        // For every operation on an upstream to which the user is not connected, connecting comes
        // first.
        pinned
            .into_iter()
            .find(|spec| spec.name() == name || (own_names && spec.own_name == name))
            .or_else(|| hint.then(|| Arc::new(connections::placeholder(&upstream))))
    }

    /// The tool of this name that waits for an administrator's decision.
    pub(crate) async fn waiting_tool(
        &self,
        inbound: &InboundRequest,
        name: &str,
    ) -> Option<Arc<ToolSpec>> {
        let at_all = inbound.target.upstream().is_none();
        let upstream = match inbound.target.upstream() {
            Some(only) => self.visible_one(inbound, only).await?,
            None => self.visible_one(inbound, names::upstream_of(name)?).await?,
        };
        let pins = self.inner.services.store.pinned_tools(upstream.name).await.ok()?;
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
        waiting.into_iter().find(|spec| spec.name() == name || (!at_all && spec.own_name == name))
    }

    /// The prompt of this name.
    pub(crate) async fn find_prompt(
        &self,
        inbound: &InboundRequest,
        name: &str,
    ) -> Option<ItemSpec> {
        let upstream = match inbound.target.upstream() {
            Some(only) => self.visible_one(inbound, only).await?,
            None => self.visible_one(inbound, names::upstream_of(name)?).await?,
        };
        let catalogue_state =
            self.inner.catalogue(&upstream, &inbound.caller.user, CatalogueUse::Call).await;
        let catalogue = catalogue_state.catalogue?;
        let same = |prompt: &&Prompt| {
            if inbound.target.upstream().is_none() {
                names::public(upstream.name, &prompt.name) == name
            } else {
                prompt.name == name || names::usable(&prompt.name) == name
            }
        };
        let own = catalogue.prompts.iter().find(same)?;
        Some(upstream.item(Kind::Prompt, &own.name))
    }
}
