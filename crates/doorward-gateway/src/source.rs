//! The gateway as a source of tools, prompts and resources. What it is handed was admitted before
//! (`doorward_mcp::Permit`).

use std::sync::Arc;

use doorward_mcp::{
    Answer, Item, ItemSpec, Kind, Listed, Offers, Operation, Permit, Progress, Target, ToolCall,
    ToolError, ToolSource, ToolSpec, Unjudged, Visit, Wanted,
    tools::BoxFuture,
    uri::{own_uri, public_uri},
};
use doorward_model::{ToolClass, UpstreamName};
use futures_util::future::join_all;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResponse, ClientRequest, CompleteRequest,
    CompleteRequestParams, GetPromptRequest, GetPromptRequestParams, InputResponses, LoggingLevel,
    Prompt, ReadResourceRequest, ReadResourceRequestParams, Reference, Resource, ResourceTemplate,
    ResultType, ServerResult, SetLevelRequest, SetLevelRequestParams, SubscribeRequest,
    SubscribeRequestParams, UnsubscribeRequest, UnsubscribeRequestParams,
};

use crate::{
    Gateway,
    catalogue::{self, Catalogue, Look},
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
            Ok(all) => all
                .into_iter()
                .filter(|upstream| {
                    visit.caller.reaches(Some(upstream.name))
                        && upstream.is_for(&visit.caller.person)
                })
                .collect(),
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
        self.upstream(name).await.ok().flatten().filter(|upstream| {
            visit.caller.reaches(Some(name)) && upstream.is_for(&visit.caller.person)
        })
    }

    /// What each visible upstream offers, all asked at the same time.
    async fn looks(&self, visit: &Visit) -> Vec<(Shared, Look)> {
        let upstreams = self.visible(visit).await;
        let looks =
            upstreams.iter().map(|upstream| self.inner.catalogue(upstream, &visit.caller.person));
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

    /// The upstream that a resource belongs to, and its address there.
    async fn owner_of_resource(&self, visit: &Visit, uri: &str) -> Option<(Shared, String)> {
        let (upstream, own) = match visit.target {
            Target::One(only) => (self.visible_one(visit, only).await?, uri.to_owned()),
            Target::All => {
                let (name, own) = own_uri(uri)?;
                (self.visible_one(visit, name).await?, own)
            }
        };
        if !upstream.config.resources {
            return None;
        }
        if upstream.approves_by_hand() {
            let look = self.inner.catalogue(&upstream, &visit.caller.person).await;
            look.catalogue.filter(|catalogue| catalogue.offers.resources)?;
        }
        Some((upstream, own))
    }

    async fn find_tool(&self, visit: &Visit, name: &str) -> Option<Arc<ToolSpec>> {
        if visit.target == Target::All && name == connections::NAME {
            return self.is_in_use().await.then(connections::spec);
        }
        let upstream = match visit.target {
            Target::One(only) => self.visible_one(visit, only).await?,
            Target::All => self.visible_one(visit, names::upstream_of(name)?).await?,
        };
        let look = self.inner.catalogue(&upstream, &visit.caller.person).await;
        if let Some(catalogue) = &look.catalogue {
            return if visit.target == Target::All {
                catalogue.public(name)
            } else {
                catalogue.own(name)
            }
            .cloned();
        }
        let own_names = visit.target != Target::All;
        let hint = look.problem == Some(LinkError::Connect) && upstream.needs_connection();
        // What was approved before can be asked for while the upstream cannot be listed; the call
        // then says what is the matter.
        let pinned = self.inner.pinned(&upstream, hint).await;
        let pinned = if own_names { catalogue::under_own_names(&pinned) } else { pinned };
        // Whatever else is asked of an upstream that nobody connected yet, the first thing is to
        // connect.
        pinned
            .into_iter()
            .find(|spec| spec.name() == name)
            .or_else(|| hint.then(|| Arc::new(connections::placeholder(&upstream))))
    }

    async fn find_prompt(&self, visit: &Visit, name: &str) -> Option<ItemSpec> {
        let upstream = match visit.target {
            Target::One(only) => self.visible_one(visit, only).await?,
            Target::All => self.visible_one(visit, names::upstream_of(name)?).await?,
        };
        let look = self.inner.catalogue(&upstream, &visit.caller.person).await;
        let catalogue = look.catalogue?;
        let same = |prompt: &&Prompt| {
            if visit.target == Target::All {
                names::public(upstream.name, &prompt.name) == name
            } else {
                prompt.name == name
            }
        };
        let own = catalogue.prompts.iter().find(same)?;
        Some(upstream.item(Kind::Prompt, &own.name))
    }

    async fn call_tool(&self, call: ToolCall) -> Result<CallToolResponse, ToolError> {
        let Some(name) = call.spec.upstream else { return self.call_connections(call).await };
        let upstream = self.visible_one(&call.visit, name).await.ok_or_else(gone)?;
        if self.asked_before(&call.visit, &upstream, &call.params) == Some(Answered::Accepted) {
            self.wait_until_connected(&call.visit, &upstream).await?;
        }
        if connections::is_placeholder(&upstream, &call.spec) {
            if self.is_connected(&upstream, &call.visit.caller.person).await? {
                return Err(ToolError::Busy(
                    format!("{} is connected now; make the call again", upstream.title),
                    1,
                ));
            }
            let (visit, params) = (call.visit.clone(), call.params.clone());
            return self.ask_to_connect(&visit, &upstream, &params).await;
        }
        if upstream.kind.name != "openapi" {
            return self.call_mcp(call, &upstream).await;
        }
        let look = self.inner.catalogue(&upstream, &call.visit.caller.person).await;
        let Some(catalogue) = look.catalogue else {
            return Err(ToolError::Failed(format!(
                "{} cannot be read at the moment",
                upstream.title
            )));
        };
        match catalogue.operation(&call.spec.own_name).cloned() {
            Some(operation) => self.call_api(call, &upstream, &operation).await,
            None => Err(gone()),
        }
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
            id: self.inner.upstream_id(upstream.name),
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

    async fn call_mcp(
        &self,
        call: ToolCall,
        upstream: &Shared,
    ) -> Result<CallToolResponse, ToolError> {
        let ToolCall { spec, params, visit, progress, cancelled, .. } = call;
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
                        names::in_result(upstream.name, &mut result);
                    }
                    Ok(result.into())
                }
                ServerResult::CreateTaskResult(_) => Err(ToolError::Failed(format!(
                    "{} answered with a task, which is not passed on",
                    upstream.title
                ))),
                _ => Err(ToolError::Failed(format!(
                    "{} answered with something that is no result of a tool",
                    upstream.title
                ))),
            },
            Err(Failed::Link(LinkError::Connect)) => {
                self.ask_to_connect(&visit, upstream, &params).await
            }
            Err(Failed::Link(LinkError::MoreScope)) if upstream.needs_connection() => {
                self.ask_to_connect(&visit, upstream, &params).await
            }
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

fn wrong_answer(upstream: &Upstream) -> ToolError {
    ToolError::Failed(format!("{} answered with something else than was asked for", upstream.title))
}

fn gone() -> ToolError {
    ToolError::Failed("there is no such item any more".to_owned())
}

impl Upstream {
    /// Something of it besides tools, as it is judged.
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
    /// A list of every visible upstream, each item under the name that it has at this visit's
    /// address.
    async fn lists<T: Clone>(
        &self,
        visit: &Visit,
        kind: Kind,
        of: impl Fn(&Catalogue) -> &[T],
        name: impl Fn(&mut T) -> &mut String,
    ) -> Unjudged<Listed<T>> {
        let mut all = Vec::new();
        for (upstream, look) in self.looks(visit).await {
            let Some(catalogue) = look.catalogue else { continue };
            all.extend(of(&catalogue).iter().cloned().map(|mut shown| {
                let shown_name = name(&mut shown);
                let item = upstream.item(kind, shown_name);
                if visit.target == Target::All {
                    shown_name.clone_from(&item.listed_as);
                }
                Listed { item, shown }
            }));
        }
        Unjudged::new(all)
    }

    async fn get_prompt(
        &self,
        errand: Admitted<'_>,
        params: GetPromptRequestParams,
    ) -> Result<Answer, ToolError> {
        let Admitted { visit, upstream, own, progress } = errand;
        let parcel = Parcel {
            progress,
            about: format!("prompts/get {own}"),
            meta: params.meta.clone(),
            responses: params.input_responses.clone(),
            state: params.request_state.clone(),
        };
        let request = |responses: Option<InputResponses>, state: Option<String>| {
            let mut asked = params.clone();
            asked.meta = None;
            own.clone_into(&mut asked.name);
            asked.input_responses = responses;
            asked.request_state = state;
            ClientRequest::GetPromptRequest(GetPromptRequest::new(asked))
        };
        match self.carry(visit, upstream, parcel, request).await {
            Ok(Outcome::InputRequired(required)) => Ok(Answer::Prompt(required.into())),
            Ok(Outcome::Done(result)) => match *result {
                ServerResult::GetPromptResult(mut result) => {
                    result.result_type.get_or_insert(ResultType::COMPLETE);
                    if visit.target == Target::All {
                        for message in &mut result.messages {
                            names::in_block(upstream.name, &mut message.content);
                        }
                    }
                    Ok(Answer::Prompt(result.into()))
                }
                _ => Err(wrong_answer(upstream)),
            },
            Err(error) => Err(self.refusal(visit, upstream, error)),
        }
    }

    async fn read_resource(
        &self,
        errand: Admitted<'_>,
        params: ReadResourceRequestParams,
    ) -> Result<Answer, ToolError> {
        let Admitted { visit, upstream, own, progress } = errand;
        let parcel = Parcel {
            progress,
            about: format!("resources/read {own}"),
            meta: params.meta.clone(),
            responses: params.input_responses.clone(),
            state: params.request_state.clone(),
        };
        let request = |responses: Option<InputResponses>, state: Option<String>| {
            let mut asked = params.clone();
            asked.meta = None;
            own.clone_into(&mut asked.uri);
            asked.input_responses = responses;
            asked.request_state = state;
            ClientRequest::ReadResourceRequest(ReadResourceRequest::new(asked))
        };
        match self.carry(visit, upstream, parcel, request).await {
            Ok(Outcome::InputRequired(required)) => Ok(Answer::Resource(required.into())),
            Ok(Outcome::Done(result)) => match *result {
                ServerResult::ReadResourceResult(mut result) => {
                    result.result_type.get_or_insert(ResultType::COMPLETE);
                    if visit.target == Target::All {
                        result
                            .contents
                            .iter_mut()
                            .for_each(|contents| names::in_contents(upstream.name, contents));
                    }
                    Ok(Answer::Resource(result.into()))
                }
                _ => Err(wrong_answer(upstream)),
            },
            Err(error) => Err(self.refusal(visit, upstream, error)),
        }
    }

    async fn complete(
        &self,
        errand: Admitted<'_>,
        mut params: CompleteRequestParams,
    ) -> Result<Answer, ToolError> {
        let Admitted { visit, upstream, own, progress } = errand;
        params.meta = None;
        match &mut params.r#ref {
            Reference::Prompt(prompt) => own.clone_into(&mut prompt.name),
            Reference::Resource(resource) => own.clone_into(&mut resource.uri),
            _ => return Err(gone()),
        }
        let parcel = Parcel {
            progress,
            about: "completion/complete".to_owned(),
            meta: None,
            responses: None,
            state: None,
        };
        let request = |_: Option<InputResponses>, _: Option<String>| {
            ClientRequest::CompleteRequest(CompleteRequest::new(params.clone()))
        };
        match self.carry(visit, upstream, parcel, request).await {
            Ok(Outcome::Done(result)) => match *result {
                ServerResult::CompleteResult(mut result) => {
                    result.result_type.get_or_insert(ResultType::COMPLETE);
                    Ok(Answer::Completion(result))
                }
                _ => Err(wrong_answer(upstream)),
            },
            Ok(Outcome::InputRequired(_)) => Err(wrong_answer(upstream)),
            Err(error) => Err(self.refusal(visit, upstream, error)),
        }
    }

    async fn watch(&self, errand: Admitted<'_>, on: bool) -> Result<Answer, ToolError> {
        let Admitted { visit, upstream, own, .. } = errand;
        let failed = |error: LinkError| self.refusal(visit, upstream, Failed::Link(error));
        let link = self.link(visit, upstream).await.map_err(failed)?;
        if link.modern {
            // A stream that is not wanted any more ends with the connection.
            if on {
                let audience = self.inner.audience(upstream, &visit.caller.person);
                listen::resource(&link, own.to_owned(), audience)
                    .await
                    .map_err(|error| self.refusal(visit, upstream, error))?;
            }
            return Ok(Answer::Done);
        }
        let request = if on {
            ClientRequest::SubscribeRequest(SubscribeRequest::new(SubscribeRequestParams::new(own)))
        } else {
            ClientRequest::UnsubscribeRequest(UnsubscribeRequest::new(
                UnsubscribeRequestParams::new(own),
            ))
        };
        match link.ask(request).await {
            Ok(_) => Ok(Answer::Done),
            Err(rmcp::service::ServiceError::McpError(error)) => {
                Err(self.refusal(visit, upstream, Failed::Upstream(error)))
            }
            Err(error) => Err(failed(LinkError::of(&error))),
        }
    }

    async fn set_level(
        &self,
        errand: Admitted<'_>,
        level: LoggingLevel,
    ) -> Result<Answer, ToolError> {
        let Admitted { visit, upstream, .. } = errand;
        // Only where the session is this person's own: others may want another level.
        if !upstream.links_are_personal() || upstream.kind.name == "openapi" {
            return Ok(Answer::Done);
        }
        let link = self
            .link(visit, upstream)
            .await
            .map_err(|error| self.refusal(visit, upstream, Failed::Link(error)))?;
        if !link.modern && link.info().is_some_and(|info| info.capabilities.logging.is_some()) {
            let request = ClientRequest::SetLevelRequest(SetLevelRequest::new(
                SetLevelRequestParams::new(level),
            ));
            link.ask(request).await.map_err(|error| {
                self.refusal(visit, upstream, Failed::Link(LinkError::of(&error)))
            })?;
        }
        Ok(Answer::Done)
    }
}

/// What an admitted operation is about: the upstream as it is now, and the item's name there.
struct Admitted<'a> {
    visit: &'a Visit,
    upstream: &'a Shared,
    own: &'a str,
    progress: Progress,
}

impl ToolSource for Gateway {
    fn tools<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Unjudged<Arc<ToolSpec>>> {
        Box::pin(async move {
            let mut tools = Vec::new();
            for (upstream, look) in self.looks(visit).await {
                tools.extend(self.tools_of(visit, &upstream, &look).await);
            }
            if visit.target == Target::All && self.is_in_use().await {
                tools.push(connections::spec());
            }
            Unjudged::new(tools)
        })
    }

    fn prompts<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Unjudged<Listed<Prompt>>> {
        Box::pin(self.lists(
            visit,
            Kind::Prompt,
            |catalogue| &catalogue.prompts,
            |prompt| &mut prompt.name,
        ))
    }

    fn resources<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Unjudged<Listed<Resource>>> {
        Box::pin(self.lists(
            visit,
            Kind::Resource,
            |catalogue| &catalogue.resources,
            |resource| &mut resource.uri,
        ))
    }

    fn templates<'a>(
        &'a self,
        visit: &'a Visit,
    ) -> BoxFuture<'a, Unjudged<Listed<ResourceTemplate>>> {
        Box::pin(self.lists(
            visit,
            Kind::Template,
            |catalogue| &catalogue.templates,
            |template| &mut template.uri_template,
        ))
    }

    fn offers<'a>(&'a self, visit: &'a Visit) -> BoxFuture<'a, Unjudged<Listed<Offers>>> {
        Box::pin(async move {
            let looks = self.looks(visit).await;
            let offers = |(upstream, look): (Shared, Look)| {
                Some(Listed {
                    item: upstream.item(Kind::Upstream, ""),
                    shown: look.catalogue?.offers.clone(),
                })
            };
            Unjudged::new(looks.into_iter().filter_map(offers).collect())
        })
    }

    fn may_offer(&self) -> bool {
        !self.inner.configured.is_empty()
            || !self
                .inner
                .stored
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .upstreams
                .is_empty()
    }

    fn find<'a>(&'a self, visit: &'a Visit, wanted: Wanted<'a>) -> BoxFuture<'a, Option<Item>> {
        Box::pin(async move {
            let other = |spec: ItemSpec| Item::Other(Arc::new(spec));
            match wanted {
                Wanted::Tool(name) => self.find_tool(visit, name).await.map(Item::Tool),
                Wanted::Prompt(name) => self.find_prompt(visit, name).await.map(other),
                Wanted::Resource(uri) => self
                    .owner_of_resource(visit, uri)
                    .await
                    .map(|(upstream, own)| other(upstream.item(Kind::Resource, &own))),
                Wanted::Template(uri) => self
                    .owner_of_resource(visit, uri)
                    .await
                    .map(|(upstream, own)| other(upstream.item(Kind::Template, &own))),
                Wanted::Upstream(name) => self
                    .visible_one(visit, name)
                    .await
                    .map(|upstream| other(upstream.item(Kind::Upstream, ""))),
            }
        })
    }

    fn run(&self, permit: Permit) -> BoxFuture<'_, Result<Answer, ToolError>> {
        Box::pin(async move {
            let permit = match permit.into_call() {
                Ok(call) => return self.call_tool(call).await.map(Answer::Tool),
                Err(permit) => *permit,
            };
            let Item::Other(item) = &permit.item else { return Err(gone()) };
            let upstream = self.visible_one(&permit.visit, item.upstream).await.ok_or_else(gone)?;
            let errand = Admitted {
                visit: &permit.visit,
                upstream: &upstream,
                own: &item.own_name,
                progress: permit.progress,
            };
            match permit.operation {
                Operation::GetPrompt(params) => self.get_prompt(errand, params).await,
                Operation::ReadResource(params) => self.read_resource(errand, params).await,
                Operation::Complete(params) => self.complete(errand, params).await,
                Operation::Watch { on, .. } => self.watch(errand, on).await,
                Operation::SetLevel(_, level) => self.set_level(errand, level).await,
                Operation::CallTool(_) => Err(gone()),
            }
        })
    }
}
