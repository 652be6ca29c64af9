//! The gateway as a source of tools, prompts and resources. Its operations were admitted before
//! (`doorward_mcp::Permit`).

use std::sync::Arc;

use doorward_mcp::{
    Answer, InboundRequest, Item, ItemName, ItemSpec, Kind, Listed, Offers, Permit, SourceRead,
    Target, ToolCall, ToolError, ToolSource, ToolSpec, Unjudged,
    uri::{public_uri, usable_uri},
};
use doorward_model::{ToolClass, User};
use doorward_store::StoreError;
use futures_util::future::BoxFuture;
use rmcp::model::{CallToolResponse, Prompt, Resource, ResourceTemplate};

use crate::{
    Gateway,
    catalogue::{self, Catalogue},
    catalogues::{CatalogueState, CatalogueUse},
    connections::{self, PromptOutcome},
    exchange::gone,
    link_error::LinkError,
    names,
    upstream::{Shared, Upstream},
};

impl Gateway {
    /// The upstream's tools as this user sees them, also where they are not connected yet. They
    /// have their own names at the upstream's own URL.
    pub(crate) async fn tools_of(
        &self,
        user: &Arc<User>,
        own_names: bool,
        upstream: &Shared,
        catalogue_state: &CatalogueState,
    ) -> Result<Vec<Arc<ToolSpec>>, StoreError> {
        if let Some(catalogue) = &catalogue_state.catalogue {
            let known = if own_names { &catalogue.own_tools } else { &catalogue.tools };
            return Ok(known.clone());
        }
        // Approved tools are listed also while the upstream cannot be listed, or not yet.
        let connects = upstream.needs_connection()
            && match &catalogue_state.problem {
                Some(problem) => *problem == LinkError::Connect,
                None => !self.is_connected(upstream, user).await?,
            };
        let mut tools = self.inner.pinned(upstream, connects).await?;
        if tools.is_empty() && connects {
            tools.push(Arc::new(connections::placeholder(upstream)));
        }
        Ok(if own_names { catalogue::under_own_names(&tools) } else { tools })
    }

    /// Calls a tool.
    async fn call_tool(&self, call: ToolCall) -> Result<CallToolResponse, ToolError> {
        let Some(name) = call.spec.upstream else { return self.call_connections(call).await };
        let upstream = self.visible_one(&call.inbound, name).await?.ok_or_else(gone)?;
        if self.asked_before(&call.inbound, &upstream, &call.params)
            == Some(PromptOutcome::Accepted)
        {
            self.wait_until_connected(&call.inbound, &upstream).await?;
        }
        if connections::is_placeholder(&upstream, &call.spec) {
            if self.is_connected(&upstream, &call.inbound.caller.user).await? {
                return Err(ToolError::Busy(
                    format!("{} is connected now; make the call again", upstream.title),
                    1,
                ));
            }
            return self.ask_to_connect(&call.inbound, &upstream, &call.params).await;
        }
        upstream.kind.driver.call(self, &upstream, call).await
    }
}

/// The tools of an upstream as they are known at a moment.
#[derive(Debug)]
pub struct KnownTools {
    /// The display name of the upstream.
    pub title: String,
    /// The tools, before roles and rules are applied.
    pub tools: Unjudged<Arc<ToolSpec>>,
}

impl Gateway {
    /// The tools of each upstream of this user, as a listing at this moment has them before roles
    /// and rules are applied.
    pub async fn known_tools(&self, user: &Arc<User>) -> Result<Vec<KnownTools>, StoreError> {
        let upstreams: Vec<Shared> =
            self.upstreams().await?.into_iter().filter(|upstream| upstream.is_for(user)).collect();
        let catalogue_states = futures_util::future::try_join_all(
            upstreams
                .iter()
                .map(|upstream| self.inner.catalogue(upstream, user, CatalogueUse::List)),
        )
        .await?;
        let mut known = Vec::new();
        for (upstream, catalogue_state) in upstreams.iter().zip(catalogue_states) {
            let mut tools = self.tools_of(user, false, upstream, &catalogue_state).await?;
            tools.retain(|spec| !connections::is_placeholder(upstream, spec));
            known.push(KnownTools { title: upstream.title.clone(), tools: Unjudged::new(tools) });
        }
        Ok(known)
    }
}

impl Upstream {
    /// An item of it that is no tool, as it is judged.
    pub(crate) fn item(&self, kind: Kind, own: &str) -> ItemSpec {
        let listed_as = match kind {
            Kind::Tool | Kind::Prompt => names::public(self.name, own),
            Kind::Resource | Kind::Template => public_uri(self.name, own),
            Kind::Upstream => self.name.to_string(),
        };
        ItemSpec {
            kind,
            upstream: self.name,
            own_name: own.to_owned(),
            listed_as,
            scope: self.scope(ToolClass::Read),
            limits: self.limits(),
        }
    }
}

impl Gateway {
    /// A list of every visible upstream, each item under its name at this request's URL.
    async fn lists<T: Clone>(
        &self,
        inbound: &InboundRequest,
        kind: Kind,
        of: impl Fn(&Catalogue) -> &[T],
        name: impl Fn(&mut T) -> &mut String,
    ) -> Result<Unjudged<Listed<T>>, StoreError> {
        let mut all = Vec::new();
        for (upstream, catalogue_state) in self.catalogue_states(inbound).await? {
            let Some(catalogue) = catalogue_state.catalogue else { continue };
            let items = of(&catalogue).iter().cloned();
            all.extend(items.map(|shown| listed(&upstream, inbound.target, kind, shown, &name)));
        }
        Ok(Unjudged::new(all))
    }
}

/// An item under the name that it has at a URL.
fn listed<T>(
    upstream: &Upstream,
    target: Target,
    kind: Kind,
    mut shown: T,
    name: impl Fn(&mut T) -> &mut String,
) -> Listed<T> {
    let shown_name = name(&mut shown);
    let item = upstream.item(kind, shown_name);
    *shown_name = match (target.upstream(), kind) {
        (None, _) => item.listed_as.clone(),
        (Some(_), Kind::Tool | Kind::Prompt) => names::usable(shown_name),
        (Some(_), Kind::Resource | Kind::Template | Kind::Upstream) => {
            usable_uri(shown_name).into_owned()
        }
    };
    Listed { item, shown }
}

impl ToolSource for Gateway {
    fn tools<'a>(&'a self, inbound: &'a InboundRequest) -> SourceRead<'a, Unjudged<Arc<ToolSpec>>> {
        Box::pin(async move {
            let mut tools = Vec::new();
            let (user, own_names) = (&inbound.caller.user, inbound.target.upstream().is_some());
            for (upstream, catalogue_state) in self.catalogue_states(inbound).await? {
                tools.extend(self.tools_of(user, own_names, &upstream, &catalogue_state).await?);
            }
            if inbound.target == Target::All && self.is_in_use().await? {
                tools.push(connections::spec());
            }
            Ok(Unjudged::new(tools))
        })
    }

    fn prompts<'a>(
        &'a self,
        inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<Prompt>>> {
        Box::pin(async move {
            self.lists(
                inbound,
                Kind::Prompt,
                |catalogue| &catalogue.prompts,
                |prompt| &mut prompt.name,
            )
            .await
        })
    }

    fn resources<'a>(
        &'a self,
        inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<Resource>>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for (upstream, catalogue_state) in self.catalogue_states(inbound).await? {
                let Some(catalogue) =
                    catalogue_state.catalogue.filter(|known| known.offers.resources)
                else {
                    continue;
                };
                let own =
                    upstream.kind.driver.resources(self, &upstream, &inbound.caller.user).await;
                let items = catalogue.resources.iter().cloned().chain(own);
                all.extend(items.map(|shown| {
                    listed(&upstream, inbound.target, Kind::Resource, shown, |one| &mut one.uri)
                }));
            }
            Ok(Unjudged::new(all))
        })
    }

    fn templates<'a>(
        &'a self,
        inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<ResourceTemplate>>> {
        Box::pin(async move {
            self.lists(
                inbound,
                Kind::Template,
                |catalogue| &catalogue.templates,
                |template| &mut template.uri_template,
            )
            .await
        })
    }

    fn offers<'a>(
        &'a self,
        inbound: &'a InboundRequest,
    ) -> SourceRead<'a, Unjudged<Listed<Offers>>> {
        Box::pin(async move {
            let catalogue_states = self.catalogue_states(inbound).await?;
            let offers = |(upstream, catalogue_state): (Shared, CatalogueState)| {
                let shown = match (catalogue_state.catalogue, catalogue_state.problem) {
                    (Some(catalogue), _) => catalogue.offers.clone(),
                    // Not known yet: what it may offer, so that clients ask.
                    (None, None) => Offers {
                        prompts: upstream.config.prompts,
                        resources: upstream.config.resources,
                        ..Offers::default()
                    },
                    (None, Some(_)) => return None,
                };
                Some(Listed { item: upstream.item(Kind::Upstream, ""), shown })
            };
            Ok(Unjudged::new(catalogue_states.into_iter().filter_map(offers).collect()))
        })
    }

    fn may_offer(&self) -> bool {
        let stored = || self.inner.stored.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        !self.inner.configured.now().is_empty() || !stored().upstreams.is_empty()
    }

    fn find<'a>(
        &'a self,
        inbound: &'a InboundRequest,
        wanted: ItemName<'a>,
    ) -> SourceRead<'a, Option<Item>> {
        Box::pin(async move {
            let other = |item: ItemSpec| Item::Other(Arc::new(item));
            let (kind, found) = match wanted {
                ItemName::Tool(name) => {
                    return Ok(self.find_tool(inbound, name).await?.map(Item::Tool));
                }
                ItemName::Prompt(name) => {
                    return Ok(self.find_prompt(inbound, name).await?.map(other));
                }
                ItemName::Resource(uri) => {
                    (Kind::Resource, self.owner_of_resource(inbound, uri).await?)
                }
                ItemName::Template(uri) => {
                    (Kind::Template, self.owner_of_resource(inbound, uri).await?)
                }
                ItemName::Upstream(name) => {
                    let found = self.visible_one(inbound, name).await?;
                    (Kind::Upstream, found.map(|upstream| (upstream, String::new())))
                }
            };
            Ok(found.map(|(upstream, own)| other(upstream.item(kind, &own))))
        })
    }

    fn waiting<'a>(
        &'a self,
        inbound: &'a InboundRequest,
        name: &'a str,
    ) -> SourceRead<'a, Option<Item>> {
        Box::pin(async move { Ok(self.waiting_tool(inbound, name).await?.map(Item::Tool)) })
    }

    fn unlisted<'a>(
        &'a self,
        inbound: &'a InboundRequest,
        wanted: ItemName<'a>,
    ) -> SourceRead<'a, Option<(Item, ToolError)>> {
        Box::pin(async move {
            let Some(upstream) = self.owner_of(inbound, wanted).await? else { return Ok(None) };
            let why = self.inner.unlisted(&upstream, &inbound.caller.user);
            let Some(why) = why else { return Ok(None) };
            let seconds = why.retry_seconds;
            let told = match why.problem {
                None => format!(
                    "{} is starting and has not listed what it offers yet; try again in {seconds} s",
                    upstream.title
                ),
                Some(problem) => format!(
                    "{} cannot be reached, and what it offers is not known yet: {problem}; the next \
                 attempt is in {seconds} s",
                    upstream.title
                ),
            };
            let item = Item::Other(Arc::new(upstream.item(Kind::Upstream, "")));
            Ok(Some((item, ToolError::Busy(told, seconds))))
        })
    }

    fn run(&self, permit: Permit) -> BoxFuture<'_, Result<Answer, ToolError>> {
        Box::pin(async move {
            let permit = match permit.into_call() {
                Ok(call) => return self.call_tool(call).await.map(Answer::Tool),
                Err(permit) => *permit,
            };
            let Item::Other(item) = &permit.item else { return Err(gone()) };
            let upstream =
                self.visible_one(&permit.inbound, item.upstream).await?.ok_or_else(gone)?;
            let (driver, item) = (upstream.kind.driver, Arc::clone(item));
            driver.perform(self, &upstream, &item, permit).await
        })
    }
}
