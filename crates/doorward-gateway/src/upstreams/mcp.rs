//! Upstreams that speak MCP: listing, calling and everything else is the same for every transport.
//! A kind only makes the connection ([`Connector`]).

mod listing;
mod request;
mod trial;

use std::sync::{Arc, atomic::Ordering};

use doorward_mcp::{
    Answer, InboundRequest, ItemSpec, Operation, Permit, Progress, ToolCall, ToolError,
};
use doorward_model::User;
use futures_util::future::BoxFuture;
use rmcp::{
    model::{
        CallToolResponse, ClientRequest, LoggingLevel, SetLevelRequest, SetLevelRequestParams,
        SubscribeRequest, SubscribeRequestParams, UnsubscribeRequest, UnsubscribeRequestParams,
    },
    service::ServiceError,
};

use self::request::Request;
use crate::{
    Gateway, Inner,
    exchange::{Outcome, UpstreamRequest, gone},
    failed::Failed,
    finding::Finding,
    link::Link,
    link_error::LinkError,
    listed::Listed,
    listen,
    pool::Connector,
    upstream::{Driver, Shared},
};

impl<C: Connector> Driver for C {
    fn list<'a>(
        &'a self,
        inner: &'a Arc<Inner>,
        upstream: &'a Shared,
        user: &'a Arc<User>,
    ) -> BoxFuture<'a, Result<Listed, LinkError>> {
        Box::pin(async move {
            let link = inner.link(self, upstream, user).await?;
            link.stale.store(false, Ordering::Release);
            match listing::lists(upstream, &link).await {
                // That connection is not used again: the next one has a session of its own.
                Err(LinkError::Session(_)) => {
                    listing::lists(upstream, &inner.link(self, upstream, user).await?).await
                }
                listed => listed,
            }
        })
    }

    fn call<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        call: ToolCall,
    ) -> BoxFuture<'a, Result<CallToolResponse, ToolError>> {
        Box::pin(async move { McpUpstream { connector: self, gateway, upstream }.call(call).await })
    }

    fn perform<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        item: &'a ItemSpec,
        permit: Permit,
    ) -> BoxFuture<'a, Result<Answer, ToolError>> {
        Box::pin(async move {
            let speaker = McpUpstream { connector: self, gateway, upstream };
            let inbound = &permit.inbound;
            let request = match permit.operation {
                Operation::GetPrompt(params) => Request::prompt(params, &item.own_name),
                Operation::ReadResource(params) => Request::resource(params, &item.own_name),
                Operation::Complete(params) => Request::completion(params, &item.own_name)?,
                Operation::Watch { on, .. } => {
                    return speaker.watch(inbound, &item.own_name, on).await;
                }
                Operation::SetLevel(_, level) => return speaker.set_level(inbound, level).await,
                Operation::CallTool(_) => return Err(gone()),
            };
            let answer = speaker.ask(inbound, request, permit.progress).await;
            answer.map_err(|failed| speaker.refusal(inbound, failed))
        })
    }

    fn test<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        user: Option<&'a Arc<User>>,
    ) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move { McpUpstream { connector: self, gateway, upstream }.test(user).await })
    }
}

/// A conversation with one upstream over the connection of its kind.
struct McpUpstream<'a> {
    connector: &'a dyn Connector,
    gateway: &'a Gateway,
    upstream: &'a Shared,
}

/// A request that was answered with something else than an answer of the upstream.
enum Unanswered {
    Failed(Failed),
    /// The answer is of another kind than the request; the text says so.
    Wrong(ToolError),
}

impl McpUpstream<'_> {
    async fn link(&self, inbound: &InboundRequest) -> Result<Arc<Link>, LinkError> {
        let (inner, user) = (&self.gateway.inner, &inbound.caller.user);
        let link = inner.link(self.connector, self.upstream, user).await?;
        inner.note_stale(self.upstream, user, &link);
        Ok(link)
    }

    /// The refusal of an operation without a result in which to report it.
    fn refusal(&self, inbound: &InboundRequest, unanswered: Unanswered) -> ToolError {
        match unanswered {
            Unanswered::Failed(failed) => self.gateway.refusal(inbound, self.upstream, failed),
            Unanswered::Wrong(error) => error,
        }
    }

    /// Carries a request to the upstream and its answer back.
    async fn ask(
        &self,
        inbound: &InboundRequest,
        mut request: Request,
        progress: Progress,
    ) -> Result<Answer, Unanswered> {
        let failed = Unanswered::Failed;
        let link = self.link(inbound).await.map_err(|error| failed(Failed::Link(error)))?;
        let inner = &self.gateway.inner;
        let (about, retry) = (request.about(), request.take_retry());
        let errand = UpstreamRequest {
            inner,
            connector: self.connector,
            link: Arc::clone(&link),
            upstream: self.upstream.name,
            id: inner.upstream_id(self.upstream.name),
            inbound,
            progress,
            about,
            meta: retry.meta,
            responses: retry.responses,
            state: retry.state,
        };
        let outcome = errand.run(|responses, state| request.made(responses, state)).await;
        inner.note_stale(self.upstream, &inbound.caller.user, &link);
        match outcome.map_err(failed)? {
            Outcome::InputRequired(required) => request.requires(required),
            Outcome::Done(result) => request.answer(inbound.target, self.upstream.name, *result),
        }
        .map_err(|wrong| Unanswered::Wrong(wrong.told(&self.upstream.title)))
    }

    async fn call(&self, call: ToolCall) -> Result<CallToolResponse, ToolError> {
        let ToolCall { spec, params, inbound, progress, cancelled, .. } = call;
        // An answer to a question of this server is not for the upstream.
        let ours = self.gateway.asked_before(&inbound, self.upstream, &params).is_some();
        let request = Request::tool(&params, &spec.own_name, ours);
        let answer = tokio::select! {
            answer = self.ask(&inbound, request, progress) => answer,
            () = cancelled.cancelled() => return Err(ToolError::Failed("cancelled".to_owned())),
        };
        match answer {
            Ok(Answer::Tool(response)) => Ok(response),
            Ok(_) => Err(gone()),
            Err(Unanswered::Wrong(error)) => Err(error),
            Err(Unanswered::Failed(Failed::Link(LinkError::Connect))) => {
                self.gateway.ask_to_connect(&inbound, self.upstream, &params).await
            }
            Err(Unanswered::Failed(Failed::Link(LinkError::MoreScope)))
                if self.upstream.needs_connection() =>
            {
                self.gateway.ask_to_connect(&inbound, self.upstream, &params).await
            }
            Err(Unanswered::Failed(failed)) => Err(failed.into_tool_error(&self.upstream.title)),
        }
    }

    async fn watch(
        &self,
        inbound: &InboundRequest,
        own: &str,
        on: bool,
    ) -> Result<Answer, ToolError> {
        let refusal = |failed: Failed| self.gateway.refusal(inbound, self.upstream, failed);
        let link = self.link(inbound).await.map_err(|error| refusal(Failed::Link(error)))?;
        if link.modern {
            // A stream that is no longer needed ends with the connection.
            if on {
                let audience = self.gateway.inner.audience(self.upstream, &inbound.caller.user);
                listen::resource(&link, own.to_owned(), audience).await.map_err(refusal)?;
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
            Err(ServiceError::McpError(error)) => Err(refusal(Failed::Upstream(error))),
            Err(error) => Err(refusal(Failed::Link(LinkError::of(&error)))),
        }
    }

    async fn set_level(
        &self,
        inbound: &InboundRequest,
        level: LoggingLevel,
    ) -> Result<Answer, ToolError> {
        // Only in a session of this user alone: others may need another level.
        if !self.upstream.links_are_personal() {
            return Ok(Answer::Done);
        }
        let refusal =
            |error: LinkError| self.gateway.refusal(inbound, self.upstream, Failed::Link(error));
        let link = self.link(inbound).await.map_err(refusal)?;
        if !link.modern && link.info().is_some_and(|info| info.capabilities.logging.is_some()) {
            let request = ClientRequest::SetLevelRequest(SetLevelRequest::new(
                SetLevelRequestParams::new(level),
            ));
            link.ask(request).await.map_err(|error| refusal(LinkError::of(&error)))?;
        }
        Ok(Answer::Done)
    }
}
