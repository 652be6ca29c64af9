//! The only route to an upstream: every operation of a client passes [`Mcp::perform`], which finds
//! the item, judges it, asks the user, queues it, bounds time and size, and records it in the
//! audit. A source accepts nothing but a [`Permit`], which only this file makes.

use std::{borrow::Cow, sync::Arc, time::Duration};

use doorward_store::StoreError;
use rmcp::{ErrorData, RoleServer, model::RequestMetaObject, service::RequestContext};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    InboundRequest, Mcp, Subject, Surface, Verdict,
    call::CallFacts,
    confirm::{Confirmation, cannot_be_asked},
    item::{CallLimits, Facts, Item, Judged, Kind, Unjudged},
    kept, older,
    operation::{Answer, ItemName, Operation},
    surface,
    tools::{Progress, ToolCall, ToolError, ToolSource},
};

/// The mark of a permit. It can be made in this file only.
struct Admitted;

/// An operation that was admitted: it may go to its source.
pub struct Permit {
    /// The caller, and the channel to it.
    pub inbound: InboundRequest,
    /// The item that it is about.
    pub item: Item,
    /// The remedy.
    pub operation: Operation,
    /// The recipient of progress.
    pub progress: Progress,
    /// Cancelled when the client cancels the request or disconnects.
    pub cancelled: CancellationToken,
    _admitted: Admitted,
}

impl Permit {
    /// The permit as the call of a tool, if it is one.
    ///
    /// # Errors
    ///
    /// The permit itself, if it is for anything else.
    pub fn into_call(self) -> Result<ToolCall, Box<Self>> {
        match (self.item, self.operation) {
            (Item::Tool(spec), Operation::CallTool(params)) => Ok(ToolCall {
                spec,
                params,
                inbound: self.inbound,
                progress: self.progress,
                cancelled: self.cancelled,
            }),
            (item, operation) => Err(Box::new(Self { item, operation, ..self })),
        }
    }
}

/// The route of a call to its tool.
enum CallRoute {
    /// By the tool's own name.
    Direct,
    /// Through `call_tool`.
    Search,
    /// It was one of the three search tools, and this is its result.
    Answered(Answer),
}

/// An answer before its length is judged.
struct MeasuredAnswer {
    answer: Answer,
    bytes: usize,
    /// A long result is shortened for this client.
    shortens: bool,
}

/// An item that is not judged yet.
pub(crate) struct Found<'m> {
    /// The source that carries operations on it out.
    pub(crate) source: &'m Arc<dyn ToolSource>,
    pub(crate) item: Item,
}

impl Mcp {
    /// The requested item, for this caller. It is not judged yet.
    pub(crate) async fn find(
        &self,
        inbound: &InboundRequest,
        wanted: ItemName<'_>,
    ) -> Result<Option<Found<'_>>, StoreError> {
        for source in &self.inner.services.sources {
            if let Some(item) = source.find(inbound, wanted).await?
                && self.inner.judge.has(inbound, &item.facts())
            {
                return Ok(Some(Found { source, item }));
            }
        }
        Ok(None)
    }

    /// The items of a list that this caller may see.
    pub(crate) fn allowed<T: Judged>(
        &self,
        inbound: &InboundRequest,
        items: Unjudged<T>,
    ) -> Vec<T> {
        items.judged(|facts| self.inner.judge.judge(inbound, facts) != Verdict::Refuse)
    }

    /// The items that a user may see through a client whose token has every scope of theirs: the
    /// decision of a listing, before the client has a token.
    pub fn permitted<T: Judged>(&self, subject: Subject<'_>, items: Unjudged<T>) -> Vec<T> {
        items.judged(|facts| self.inner.judge.decide(subject, facts) != Verdict::Refuse)
    }

    /// True if this caller may use an item now, without a confirmation.
    pub(crate) fn may_use(&self, inbound: &InboundRequest, facts: &Facts<'_>) -> bool {
        self.inner.judge.judge(inbound, facts) == Verdict::Allow
            && inbound.caller.scopes.allows(facts.scope)
    }

    /// Performs a client's operation, and records it.
    pub(crate) async fn perform(
        &self,
        inbound: InboundRequest,
        mut operation: Operation,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, ToolError> {
        operation.carry(&context.meta);
        let mut noting = self.begin_noting(&inbound, &operation);
        let outcome = self.admit(inbound, operation, context, &mut noting.noted).await;
        noting.end(&outcome, context.ct.is_cancelled()).await;
        outcome
    }

    /// The name of the tool that is asked for, if it waits for an administrator's decision and may
    /// otherwise be used.
    async fn waiting(
        &self,
        inbound: &InboundRequest,
        operation: &Operation,
    ) -> Result<Option<String>, StoreError> {
        let Some(ItemName::Tool(name)) = operation.item_name() else { return Ok(None) };
        for source in &self.inner.services.sources {
            if let Some(item) = source.waiting(inbound, name).await? {
                let verdict = self.inner.judge.judge(inbound, &item.facts());
                return Ok((verdict != Verdict::Refuse).then(|| name.to_owned()));
            }
        }
        Ok(None)
    }

    /// The error for an item that was not found: it waits for a decision, its upstream is only
    /// starting, or there is none.
    async fn not_found(
        &self,
        inbound: &InboundRequest,
        operation: &Operation,
        searched: bool,
    ) -> Result<ToolError, StoreError> {
        if let Some(name) = self.waiting(inbound, operation).await? {
            return Ok(waits(&name, searched));
        }
        let Some(wanted) = operation.item_name() else {
            return Ok(no_such_item(operation, searched));
        };
        for source in &self.inner.services.sources {
            let Some((upstream, error)) = source.unlisted(inbound, wanted).await? else { continue };
            if self.inner.judge.judge(inbound, &upstream.facts()) != Verdict::Refuse {
                return Ok(error);
            }
        }
        Ok(no_such_item(operation, searched))
    }

    async fn admit(
        &self,
        inbound: InboundRequest,
        mut operation: Operation,
        context: &RequestContext<RoleServer>,
        noted: &mut CallFacts,
    ) -> Result<Answer, ToolError> {
        let searched = match self.way(&inbound, &mut operation).await? {
            CallRoute::Direct => false,
            CallRoute::Search => true,
            CallRoute::Answered(answer) => return Ok(answer),
        };
        let found = match operation.item_name() {
            Some(wanted) => self.find(&inbound, wanted).await?,
            None => None,
        };
        let Some(Found { source, item }) = found else {
            return Err(self.not_found(&inbound, &operation, searched).await?);
        };
        noted.item = Some(item.clone());
        let facts = item.facts();
        // The guard refused most of this already with an HTTP challenge; every path is judged again
        // at the point of use.
        let verdict = self.inner.judge.judge(&inbound, &facts);
        if verdict == Verdict::Refuse {
            let told = format!(
                "the user that you act for may not use the {} {} with this client",
                facts.kind.noun(),
                facts.listed_as
            );
            return Err(ToolError::Protocol(ErrorData::invalid_request(told, None)));
        }
        if !inbound.caller.scopes.allows(facts.scope) {
            return Err(ToolError::Protocol(ErrorData::invalid_request(
                format!("insufficient_scope: this requires the scope {}", facts.scope.name()),
                None,
            )));
        }
        let limits = &*self.inner.settings.limits.now();
        let size = operation.bytes();
        noted.request_bytes = i64::try_from(size).unwrap_or(i64::MAX);
        if size > limits.argument_bytes {
            return Err(ToolError::Arguments(format!(
                "the arguments have {size} bytes; at most {} are accepted",
                limits.argument_bytes
            )));
        }
        let given = match self.confirmation(&inbound, &item, verdict, &mut operation).await? {
            Confirmation::NotNeeded => None,
            Confirmation::Given(given) => Some(given),
            Confirmation::Asked(required) => {
                return operation.requires(*required).ok_or_else(|| cannot_be_asked(&facts));
            }
        };
        let turn = self.inner.limits.admit(limits, &inbound, facts.upstream, facts.limits).await?;
        let seconds =
            if facts.limits.seconds > 0 { facts.limits.seconds } else { limits.call_seconds };
        let permit = Permit {
            item: item.clone(),
            operation,
            progress: context
                .meta
                .get_progress_token()
                .map_or_else(Progress::none, |token| Progress::new(inbound.channel.clone(), token)),
            inbound: inbound.clone(),
            cancelled: context.ct.clone(),
            _admitted: Admitted,
        };
        let answer = tokio::time::timeout(Duration::from_secs(seconds), source.run(permit)).await;
        drop(turn);
        let late = |_| {
            Err(ToolError::Failed(format!(
                "{} did not respond within {seconds} s",
                facts.listed_as
            )))
        };
        let mut answer = self.readable(&inbound, answer.unwrap_or_else(late)?).await;
        if let (Some(given), Some(required)) = (&given, answer.required()) {
            self.carry_on(&inbound, given, required);
        }
        let Some(bytes) = answer.bytes() else { return Ok(answer) };
        noted.response_bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        // The agent shortens for its model itself.
        let searched = searched && inbound.caller.agent.is_none();
        let shortens = searched || shortens(&inbound, &item, &context.meta);
        self.sized(&inbound, &facts, MeasuredAnswer { answer, bytes, shortens }).await
    }

    /// Removes references to user interfaces that this caller may not read from a result.
    async fn readable(&self, inbound: &InboundRequest, mut answer: Answer) -> Answer {
        if let Answer::Tool(rmcp::model::CallToolResponse::Complete(result)) = &mut answer {
            self.without_hidden_views(inbound, result).await;
        }
        answer
    }

    /// Passes an answer on if it is not too long; where the client wants that, it is shortened.
    async fn sized(
        &self,
        inbound: &InboundRequest,
        facts: &Facts<'_>,
        measured: MeasuredAnswer,
    ) -> Result<Answer, ToolError> {
        let MeasuredAnswer { mut answer, bytes, shortens } = measured;
        let limits = &*self.inner.settings.limits.now();
        let most = if facts.limits.result_bytes > 0 {
            facts.limits.result_bytes.min(limits.result_bytes)
        } else {
            limits.result_bytes
        };
        if facts.upstream.is_some() && bytes > most {
            return Err(ToolError::Failed(format!(
                "the result has {bytes} bytes; at most {most} are forwarded. Request less, or a part"
            )));
        }
        if let Answer::Tool(rmcp::model::CallToolResponse::Complete(result)) = &mut answer
            && !inbound.client.modern
        {
            older::result(result);
        }
        match answer {
            Answer::Tool(rmcp::model::CallToolResponse::Complete(result)) if shortens => {
                Ok(Answer::Tool(self.preview(inbound, facts.listed_as, result).await.into()))
            }
            answer => Ok(answer),
        }
    }

    /// Returns the search tools, and puts the tool that `call_tool` names in its place.
    async fn way(
        &self,
        inbound: &InboundRequest,
        operation: &mut Operation,
    ) -> Result<CallRoute, ToolError> {
        let Operation::CallTool(params) = operation else { return Ok(CallRoute::Direct) };
        if !surface::is_one(&params.name) {
            return Ok(CallRoute::Direct);
        }
        if params.name == surface::CALL {
            *params = surface::inner(params)?;
            if surface::is_one(&params.name) {
                return Err(ToolError::Arguments(
                    "call_tool does not call itself or search_tools; call them by their own names"
                        .to_owned(),
                ));
            }
            return Ok(CallRoute::Search);
        }
        let _turn = self
            .inner
            .limits
            .admit(&self.inner.settings.limits.now(), inbound, None, CallLimits::default())
            .await?;
        let arguments = params.arguments.take().unwrap_or_default();
        let result = self.searched(inbound, &params.name, arguments).await?;
        Ok(CallRoute::Answered(Answer::Tool(result.into())))
    }
}

/// True if a long result of a tool that is called by its own name is shortened for this client. One
/// with a schema must conform to it.
fn shortens(inbound: &InboundRequest, item: &Item, meta: &RequestMetaObject) -> bool {
    match inbound.surface {
        Surface::Search => true,
        Surface::Automatic | Surface::Direct => {
            (inbound.previews || kept::is_wanted(meta)) && !item.has_output_schema()
        }
    }
}

/// The error for a tool that awaits a decision, in the form of that for an unknown one.
fn waits(name: &str, searched: bool) -> ToolError {
    let told = format!(
        "the tool {name} awaits the approval of an administrator; ask an administrator, and try \
         again afterwards"
    );
    if searched {
        ToolError::Arguments(told)
    } else {
        ToolError::Protocol(ErrorData::invalid_params(told, None))
    }
}

/// The error for an unknown name.
fn no_such_item(operation: &Operation, searched: bool) -> ToolError {
    let (kind, name) = operation.item_name().map_or((Kind::Template, ""), |wanted| wanted.parts());
    let wrong =
        |told: String| ToolError::Protocol(ErrorData::invalid_params(Cow::Owned(told), None));
    match (kind, operation) {
        (Kind::Tool, _) if searched => surface::unknown(name),
        (Kind::Tool, _) => wrong(format!("there is no tool {name:?}; tools/list names them")),
        (_, Operation::Complete(_)) => {
            wrong("there is no such prompt or resource template".to_owned())
        }
        (Kind::Prompt, _) => wrong(format!("there is no prompt {name:?}; prompts/list names them")),
        (Kind::Resource | Kind::Template | Kind::Upstream, _) => {
            ToolError::Protocol(ErrorData::resource_not_found(
                "there is no such resource",
                Some(json!({ "uri": name })),
            ))
        }
    }
}
