//! The gateway as a source of tools, prompts and resources.

use std::sync::Arc;

use doorward_mcp::{Offers, Perhaps, Target, ToolCall, ToolError, ToolSource, ToolSpec, Visit, prefixed_uri, tools::BoxFuture};
use doorward_model::UpstreamName;
use futures_util::future::join_all;
use rmcp::{
    ErrorData,
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResponse, CallToolResult, ClientRequest, CompleteRequest, CompleteRequestParams, CompleteResult,
        ContentBlock, GetPromptRequest, GetPromptRequestParams, GetPromptResponse, InputResponses, LoggingLevel, Prompt, ReadResourceRequest,
        ReadResourceRequestParams, ReadResourceResponse, Reference, Resource, ResourceContents, ResourceTemplate, ResultType, ServerResult, SetLevelRequest,
        SetLevelRequestParams, SubscribeRequest, SubscribeRequestParams, UnsubscribeRequest, UnsubscribeRequestParams,
    },
};

use crate::{
    Gateway,
    catalogue::{self, Look},
    connections::{self, Answered},
    exchange::{Errand, Failed, Outcome},
    link::{Link, LinkError},
    listen, names,
    upstream::{Shared, Upstream},
};

impl Gateway {
    /// The upstreams that this visit may see.
    async fn visible(&self, visit: &Visit) -> Vec<Shared> {
        let all = match visit.target {
            Target::All => self.upstreams().await,
            Target::One(name) => self.upstream(name).await.map(|found| found.into_iter().collect()),
        };
        match all {
            Ok(all) => all.into_iter().filter(|upstream| visit.caller.reaches(Some(upstream.name)) && upstream.is_for(&visit.caller.person)).collect(),
            Err(error) => {
                tracing::error!(%error, "the upstreams could not be read");
                Vec::new()
            }
        }
    }

    /// One of them.
    async fn visible_one(&self, visit: &Visit, name: UpstreamName) -> Option<Shared> {
        if matches!(visit.target, Target::One(only) if only != name) {
            return None;
        }
        self.upstream(name).await.ok().flatten().filter(|upstream| visit.caller.reaches(Some(name)) && upstream.is_for(&visit.caller.person))
    }

    /// What each visible upstream offers, all asked at the same time.
    async fn looks(&self, visit: &Visit) -> Vec<(Shared, Look)> {
        let upstreams = self.visible(visit).await;
        let looks = upstreams.iter().map(|upstream| self.inner.catalogue(upstream, &visit.caller.person));
        let looks = join_all(looks).await;
        upstreams.into_iter().zip(looks).collect()
    }

    /// The upstream's tools as this visit sees them, also where the person is not connected yet.
    async fn tools_of(&self, visit: &Visit, upstream: &Shared, look: &Look) -> Vec<Arc<ToolSpec>> {
        let own_names = visit.target != Target::All;
        if let Some(catalogue) = &look.catalogue {
            return if own_names { catalogue.own_tools.clone() } else { catalogue.tools.clone() };
        }
        if look.problem != Some(LinkError::Connect) || !upstream.needs_connection() {
            return Vec::new();
        }
        let mut tools = self.inner.pinned(upstream, true).await;
        if tools.is_empty() {
            tools.push(Arc::new(connections::placeholder(upstream)));
        }
        if own_names { catalogue::under_own_names(&tools) } else { tools }
    }

    /// The upstream that something with a public name belongs to, and its name there.
    async fn owner_of_prompt(&self, visit: &Visit, name: &str) -> Option<(Shared, String)> {
        let upstream = match visit.target {
            Target::One(only) => self.visible_one(visit, only).await?,
            Target::All => self.visible_one(visit, names::upstream_of(name)?).await?,
        };
        let look = self.inner.catalogue(&upstream, &visit.caller.person).await;
        let catalogue = look.catalogue?;
        let same = |prompt: &&Prompt| if visit.target == Target::All { names::public(upstream.name, &prompt.name) == name } else { prompt.name == name };
        let own = catalogue.prompts.iter().find(same)?.name.clone();
        Some((upstream, own))
    }

    /// The upstream that a resource belongs to, and its address there.
    async fn owner_of_resource(&self, visit: &Visit, uri: &str) -> Option<(Shared, String)> {
        match visit.target {
            Target::One(only) => Some((self.visible_one(visit, only).await?, uri.to_owned())),
            Target::All => {
                let (name, own) = uri.split_once('+')?;
                Some((self.visible_one(visit, UpstreamName::parse(name).ok()?).await?, own.to_owned()))
            }
        }
        .filter(|(upstream, _): &(Shared, String)| upstream.config.resources)
    }

    async fn link(&self, visit: &Visit, upstream: &Shared) -> Result<Arc<Link>, LinkError> {
        let link = self.inner.link(upstream, &visit.caller.person).await?;
        self.inner.note_stale(upstream, &visit.caller.person, &link);
        Ok(link)
    }

    /// Carries a request of a client to an upstream.
    async fn carry(
        &self,
        visit: &Visit,
        upstream: &Shared,
        errand: Parcel,
        request: impl Fn(Option<InputResponses>, Option<String>) -> ClientRequest,
    ) -> Result<Outcome, Failed> {
        let link = self.link(visit, upstream).await.map_err(Failed::Link)?;
        let errand = Errand {
            inner: &self.inner,
            link: Arc::clone(&link),
            upstream: upstream.name,
            visit,
            progress: errand.progress,
            about: errand.about,
            meta: errand.meta,
            responses: errand.responses,
            state: errand.state,
        };
        let outcome = errand.run(request).await;
        self.inner.note_stale(upstream, &visit.caller.person, &link);
        outcome
    }

    async fn call_mcp(&self, call: ToolCall, upstream: &Shared) -> Result<CallToolResponse, ToolError> {
        let ToolCall { spec, params, visit, progress, cancelled } = call;
        let arguments = params.arguments.clone();
        let own_name = spec.own_name.clone();
        // An answer to a question of ours is not for the upstream.
        let ours = self.asked_before(&visit, upstream, &params).is_some();
        let parcel = Parcel {
            progress,
            about: format!("tools/call {own_name}"),
            meta: params.meta.clone(),
            responses: params.input_responses.clone().filter(|_| !ours),
            state: params.request_state.clone().filter(|_| !ours),
        };
        let request = |responses: Option<InputResponses>, state: Option<String>| {
            let mut params = CallToolRequestParams::new(own_name.clone());
            params.arguments.clone_from(&arguments);
            params.input_responses = responses;
            params.request_state = state;
            ClientRequest::CallToolRequest(CallToolRequest::new(params))
        };
        let outcome = tokio::select! {
            outcome = self.carry(&visit, upstream, parcel, request) => outcome,
            () = cancelled.cancelled() => return Err(ToolError::Failed("cancelled".to_owned())),
        };
        match outcome {
            Ok(Outcome::InputRequired(required)) => Ok(required.into()),
            Ok(Outcome::Done(result)) => match *result {
                ServerResult::CallToolResult(mut result) => {
                    result.result_type.get_or_insert(ResultType::COMPLETE);
                    if visit.target == Target::All {
                        name_resources(upstream.name, &mut result);
                    }
                    Ok(result.into())
                }
                ServerResult::CreateTaskResult(_) => Err(ToolError::Failed(format!("{} answered with a task, which is not passed on", upstream.title))),
                _ => Err(ToolError::Failed(format!("{} answered with something that is no result of a tool", upstream.title))),
            },
            Err(Failed::Link(LinkError::Connect)) => self.ask_to_connect(&visit, upstream, &params).await,
            Err(Failed::Link(LinkError::MoreScope)) if upstream.needs_connection() => self.ask_to_connect(&visit, upstream, &params).await,
            Err(error) => Err(error.into_tool_error(&upstream.title)),
        }
    }
}

/// What goes along with a request.
pub(crate) struct Parcel {
    pub(crate) progress: doorward_mcp::Progress,
    pub(crate) about: String,
    pub(crate) meta: Option<rmcp::model::RequestMetaObject>,
    pub(crate) responses: Option<InputResponses>,
    pub(crate) state: Option<String>,
}

impl Parcel {
    fn plain(about: String) -> Self {
        Self { progress: doorward_mcp::Progress::none(), about, meta: None, responses: None, state: None }
    }
}

/// Gives the resources in a result the addresses that they have among those of all upstreams.
fn name_resources(upstream: UpstreamName, result: &mut CallToolResult) {
    for block in &mut result.content {
        match block {
            ContentBlock::ResourceLink(link) => link.uri = prefixed_uri(upstream, &link.uri),
            ContentBlock::Resource(embedded) => name_contents(upstream, &mut embedded.resource),
            _ => {}
        }
    }
}

fn name_contents(upstream: UpstreamName, contents: &mut ResourceContents) {
    match contents {
        ResourceContents::TextResourceContents { uri, .. } | ResourceContents::BlobResourceContents { uri, .. } => *uri = prefixed_uri(upstream, uri),
        _ => {}
    }
}

fn wrong_answer(upstream: &Upstream) -> ErrorData {
    ErrorData::internal_error(format!("{} answered with something else than was asked for", upstream.title), None)
}

impl ToolSource for Gateway {
    fn list<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Vec<Arc<ToolSpec>>> {
        Box::pin(async move {
            let mut tools = Vec::new();
            for (upstream, look) in self.looks(visit).await {
                tools.extend(self.tools_of(visit, &upstream, &look).await);
            }
            if visit.target == Target::All && self.is_in_use().await {
                tools.push(connections::spec());
            }
            tools
        })
    }

    fn find<'a>(&'a self, visit: &'a Visit, name: &'a str) -> BoxFuture<'a, Option<Arc<ToolSpec>>> {
        Box::pin(async move {
            if visit.target == Target::All && name == connections::NAME {
                return self.is_in_use().await.then(connections::spec);
            }
            let upstream = match visit.target {
                Target::One(only) => self.visible_one(visit, only).await?,
                Target::All => self.visible_one(visit, names::upstream_of(name)?).await?,
            };
            let look = self.inner.catalogue(&upstream, &visit.caller.person).await;
            if let Some(catalogue) = &look.catalogue {
                return if visit.target == Target::All { catalogue.public(name) } else { catalogue.own(name) }.cloned();
            }
            let own_names = visit.target != Target::All;
            let hint = look.problem == Some(LinkError::Connect) && upstream.needs_connection();
            // What was approved before can be asked for while the upstream cannot be listed; the call then says what is the matter.
            let pinned = self.inner.pinned(&upstream, hint).await;
            let pinned = if own_names { catalogue::under_own_names(&pinned) } else { pinned };
            // Whatever else is asked of an upstream that nobody connected yet, the first thing is to connect.
            pinned.into_iter().find(|spec| spec.name() == name).or_else(|| hint.then(|| Arc::new(connections::placeholder(&upstream))))
        })
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<CallToolResponse, ToolError>> {
        Box::pin(async move {
            let Some(name) = call.spec.upstream else { return self.call_connections(call).await };
            let gone = || ToolError::Failed("there is no such tool any more".to_owned());
            let upstream = self.visible_one(&call.visit, name).await.ok_or_else(gone)?;
            if self.asked_before(&call.visit, &upstream, &call.params) == Some(Answered::Accepted) {
                self.wait_until_connected(&call.visit, &upstream).await?;
            }
            if connections::is_placeholder(&upstream, &call.spec) {
                if self.is_connected(name, &call.visit.caller.person).await? {
                    return Err(ToolError::Busy(format!("{} is connected now; make the call again", upstream.title), 1));
                }
                let (visit, params) = (call.visit.clone(), call.params.clone());
                return self.ask_to_connect(&visit, &upstream, &params).await;
            }
            if upstream.kind.name != "openapi" {
                return self.call_mcp(call, &upstream).await;
            }
            let look = self.inner.catalogue(&upstream, &call.visit.caller.person).await;
            let Some(catalogue) = look.catalogue else { return Err(ToolError::Failed(format!("{} cannot be read at the moment", upstream.title))) };
            match catalogue.operation(&call.spec.own_name).cloned() {
                Some(operation) => self.call_api(call, &upstream, &operation).await,
                None => Err(gone()),
            }
        })
    }

    fn may_offer(&self) -> bool {
        !self.inner.configured.is_empty() || !self.inner.stored.lock().unwrap_or_else(std::sync::PoisonError::into_inner).upstreams.is_empty()
    }

    fn offers<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Offers> {
        Box::pin(async move {
            let mut all = Offers::default();
            for (_, look) in self.looks(visit).await {
                let offers = look.catalogue.map(|catalogue| catalogue.offers).unwrap_or_default();
                all.prompts |= offers.prompts;
                all.resources |= offers.resources;
                all.completions |= offers.completions;
                all.logging |= offers.logging;
            }
            // At the address of all there is at least the list of all tools to read.
            all.resources |= visit.target == Target::All && self.may_offer();
            all
        })
    }

    fn prompts<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Vec<Prompt>> {
        Box::pin(async move {
            let mut prompts = Vec::new();
            for (upstream, look) in self.looks(visit).await {
                let Some(catalogue) = look.catalogue else { continue };
                prompts.extend(catalogue.prompts.iter().cloned().map(|mut prompt| {
                    if visit.target == Target::All {
                        prompt.name = names::public(upstream.name, &prompt.name);
                    }
                    prompt
                }));
            }
            prompts
        })
    }

    fn resources<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Vec<Resource>> {
        Box::pin(async move {
            let mut resources = Vec::new();
            for (upstream, look) in self.looks(visit).await {
                let Some(catalogue) = look.catalogue else { continue };
                resources.extend(catalogue.resources.iter().cloned().map(|mut resource| {
                    if visit.target == Target::All {
                        resource.uri = prefixed_uri(upstream.name, &resource.uri);
                    }
                    resource
                }));
            }
            resources
        })
    }

    fn templates<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Vec<ResourceTemplate>> {
        Box::pin(async move {
            let mut templates = Vec::new();
            for (upstream, look) in self.looks(visit).await {
                let Some(catalogue) = look.catalogue else { continue };
                templates.extend(catalogue.templates.iter().cloned().map(|mut template| {
                    if visit.target == Target::All {
                        template.uri_template = prefixed_uri(upstream.name, &template.uri_template);
                    }
                    template
                }));
            }
            templates
        })
    }

    fn get_prompt<'a>(&'a self, visit: &'a Visit, params: GetPromptRequestParams) -> BoxFuture<'a, Perhaps<GetPromptResponse>> {
        Box::pin(async move {
            let (upstream, own) = self.owner_of_prompt(visit, &params.name).await?;
            let mut parcel = Parcel::plain(format!("prompts/get {own}"));
            parcel.meta.clone_from(&params.meta);
            parcel.responses.clone_from(&params.input_responses);
            parcel.state.clone_from(&params.request_state);
            let request = |responses: Option<InputResponses>, state: Option<String>| {
                let mut asked = params.clone();
                asked.meta = None;
                asked.name.clone_from(&own);
                asked.input_responses = responses;
                asked.request_state = state;
                ClientRequest::GetPromptRequest(GetPromptRequest::new(asked))
            };
            Some(match self.carry(visit, &upstream, parcel, request).await {
                Ok(Outcome::InputRequired(required)) => Ok(required.into()),
                Ok(Outcome::Done(result)) => match *result {
                    ServerResult::GetPromptResult(mut result) => {
                        result.result_type.get_or_insert(ResultType::COMPLETE);
                        if visit.target == Target::All {
                            for message in &mut result.messages {
                                name_prompt_resources(upstream.name, &mut message.content);
                            }
                        }
                        Ok(result.into())
                    }
                    _ => Err(wrong_answer(&upstream)),
                },
                Err(error) => Err(self.refusal(visit, &upstream, error)),
            })
        })
    }

    fn read_resource<'a>(&'a self, visit: &'a Visit, params: ReadResourceRequestParams) -> BoxFuture<'a, Perhaps<ReadResourceResponse>> {
        Box::pin(async move {
            let (upstream, own) = self.owner_of_resource(visit, &params.uri).await?;
            let mut parcel = Parcel::plain(format!("resources/read {own}"));
            parcel.meta.clone_from(&params.meta);
            parcel.responses.clone_from(&params.input_responses);
            parcel.state.clone_from(&params.request_state);
            let request = |responses: Option<InputResponses>, state: Option<String>| {
                let mut asked = params.clone();
                asked.meta = None;
                asked.uri.clone_from(&own);
                asked.input_responses = responses;
                asked.request_state = state;
                ClientRequest::ReadResourceRequest(ReadResourceRequest::new(asked))
            };
            Some(match self.carry(visit, &upstream, parcel, request).await {
                Ok(Outcome::InputRequired(required)) => Ok(required.into()),
                Ok(Outcome::Done(result)) => match *result {
                    ServerResult::ReadResourceResult(mut result) => {
                        result.result_type.get_or_insert(ResultType::COMPLETE);
                        if visit.target == Target::All {
                            result.contents.iter_mut().for_each(|contents| name_contents(upstream.name, contents));
                        }
                        Ok(result.into())
                    }
                    _ => Err(wrong_answer(&upstream)),
                },
                Err(error) => Err(self.refusal(visit, &upstream, error)),
            })
        })
    }

    fn complete<'a>(&'a self, visit: &'a Visit, params: CompleteRequestParams) -> BoxFuture<'a, Perhaps<CompleteResult>> {
        Box::pin(async move {
            let mut asked = params.clone();
            asked.meta = None;
            let upstream = match &mut asked.r#ref {
                Reference::Prompt(prompt) => {
                    let (upstream, own) = self.owner_of_prompt(visit, &prompt.name).await?;
                    prompt.name = own;
                    upstream
                }
                Reference::Resource(resource) => {
                    let (upstream, own) = self.owner_of_resource(visit, &resource.uri).await?;
                    resource.uri = own;
                    upstream
                }
                _ => return None,
            };
            let request = |_: Option<InputResponses>, _: Option<String>| ClientRequest::CompleteRequest(CompleteRequest::new(asked.clone()));
            Some(match self.carry(visit, &upstream, Parcel::plain("completion/complete".to_owned()), request).await {
                Ok(Outcome::Done(result)) => match *result {
                    ServerResult::CompleteResult(mut result) => {
                        result.result_type.get_or_insert(ResultType::COMPLETE);
                        Ok(result)
                    }
                    _ => Err(wrong_answer(&upstream)),
                },
                Ok(Outcome::InputRequired(_)) => Err(wrong_answer(&upstream)),
                Err(error) => Err(self.refusal(visit, &upstream, error)),
            })
        })
    }

    fn watch<'a>(&'a self, visit: &'a Visit, uri: &'a str, on: bool) -> BoxFuture<'a, Perhaps<()>> {
        Box::pin(async move {
            let (upstream, own) = self.owner_of_resource(visit, uri).await?;
            let link = match self.link(visit, &upstream).await {
                Ok(link) => link,
                Err(error) => return Some(Err(self.refusal(visit, &upstream, Failed::Link(error)))),
            };
            if link.modern {
                // A stream that is not wanted any more ends with the connection.
                return Some(if on { listen::resource(&link, &upstream, own, self.inner.audience(&upstream, &visit.caller.person)).await } else { Ok(()) });
            }
            let request = if on {
                ClientRequest::SubscribeRequest(SubscribeRequest::new(SubscribeRequestParams::new(own)))
            } else {
                ClientRequest::UnsubscribeRequest(UnsubscribeRequest::new(UnsubscribeRequestParams::new(own)))
            };
            Some(match link.ask(request).await {
                Ok(_) => Ok(()),
                Err(rmcp::service::ServiceError::McpError(error)) => Err(error),
                Err(error) => Err(Failed::Link(LinkError::of(&error)).into_error(&upstream.title)),
            })
        })
    }

    fn set_level<'a>(&'a self, visit: &'a Visit, level: LoggingLevel) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            for upstream in self.visible(visit).await {
                // Only where the session is this person's own: others may want another level.
                if !upstream.links_are_personal() || upstream.kind.name == "openapi" {
                    continue;
                }
                let Ok(link) = self.link(visit, &upstream).await else { continue };
                if !link.modern && link.info().is_some_and(|info| info.capabilities.logging.is_some()) {
                    // An upstream that does not take it sends what it likes.
                    let _ = link.ask(ClientRequest::SetLevelRequest(SetLevelRequest::new(SetLevelRequestParams::new(level)))).await;
                }
            }
        })
    }
}

/// The same for the resources in a prompt.
fn name_prompt_resources(upstream: UpstreamName, content: &mut ContentBlock) {
    match content {
        ContentBlock::ResourceLink(link) => link.uri = prefixed_uri(upstream, &link.uri),
        ContentBlock::Resource(embedded) => name_contents(upstream, &mut embedded.resource),
        _ => {}
    }
}
