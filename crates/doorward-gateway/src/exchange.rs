//! One request of a client, carried to an upstream and back, between any two revisions.
//!
//! A question of an upstream in between reaches the client in the form that its revision defines:
//! for older revisions a request on the stream of the call, for newer ones a result that states the
//! required input. In the same way, input that a newer upstream requires is requested from an older
//! client. A question that waits for a newer client's retry is parked here, with the upstream's
//! request still open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use doorward_mcp::{AskError, InboundRequest, Progress, ToolError, apps, missing_capability};
use doorward_model::{Sealed, UpstreamId, UpstreamName, id::random_text};
use rmcp::{
    ErrorData,
    model::{
        ClientCapabilities, ClientRequest, InputRequest, InputRequests, InputRequiredResult,
        InputResponses, LoggingLevel, RequestMetaObject, ServerResult,
    },
    service::ServiceError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    Inner,
    conversation::{Conversation, ConversationEvent},
    conversations::UpstreamMessage,
    failed::Failed,
    foreign,
    link::Link,
    link_error::LinkError,
    pool::Connector,
    upstream::Upstream,
};

/// Maximum number of rounds of questions in one request.
const MOST_ROUNDS: usize = 10;
/// Time that a question waits for a client's retry with the answer.
const PARKED_FOR: Duration = Duration::from_mins(10);
/// Maximum number of parked questions, in all and for one user.
const MOST_PARKED: usize = 1000;
const MOST_PARKED_EACH: usize = 16;
/// The beginning of the state of a request that continues.
const STATE: &str = "up.";
/// The key of a parked question among a result's input requests.
const PARKED_QUESTION: &str = "question";

/// The outcome of a request.
pub(crate) enum Outcome {
    /// The upstream's result.
    Done(Box<ServerResult>),
    /// The client has to provide input and repeat the request.
    InputRequired(InputRequiredResult),
}

/// The error for an item that was removed between the check and the call.
pub(crate) fn gone() -> ToolError {
    ToolError::Failed("there is no such item".to_owned())
}

/// The state that a client carries from one round to the next. It is sealed for one user, client
/// and request (MCP-20).
#[derive(Serialize, Deserialize)]
struct Carried {
    user: String,
    client: String,
    upstream: String,
    about: String,
    until: i64,
    // The upstream's own state, as it gave it.
    state: Option<String>,
    // A question that is parked here.
    parked: Option<String>,
}

/// The parts of a request that differ between its rounds: answers to questions, and the upstream's
/// state.
type Round = (Option<InputResponses>, Option<String>);

struct Waiting {
    conversation: Conversation,
    answer: oneshot::Sender<Result<Value, ErrorData>>,
    since: Instant,
    user: String,
}

/// The questions that wait for a client's retry.
#[derive(Default)]
pub(crate) struct Parked(Mutex<HashMap<String, Waiting>>);

impl Parked {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Gives up requests without an answer in time; the upstream's request is cancelled.
    pub(crate) fn forget_old(&self) {
        self.lock().retain(|_, waiting| waiting.since.elapsed() < PARKED_FOR);
    }
}

/// A request on its way to an upstream.
pub(crate) struct UpstreamRequest<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    pub(crate) connector: &'a dyn Connector,
    pub(crate) link: Arc<Link>,
    pub(crate) upstream: UpstreamName,
    /// The identity of the upstream when the request arrived.
    pub(crate) id: UpstreamId,
    pub(crate) inbound: &'a InboundRequest,
    pub(crate) progress: Progress,
    /// The subject of the request, such as `tools/call NAME`: a state for one is not valid for
    /// another.
    pub(crate) about: String,
    /// The metadata of the client's request.
    pub(crate) meta: Option<RequestMetaObject>,
    pub(crate) responses: Option<InputResponses>,
    pub(crate) state: Option<String>,
}

/// The members of a client's metadata that mean something beyond this hop.
fn passed_on(meta: Option<RequestMetaObject>) -> RequestMetaObject {
    let mut meta = meta.unwrap_or_default();
    for own in [
        "progressToken",
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientInfo",
        "io.modelcontextprotocol/clientCapabilities",
    ] {
        meta.0.remove(own);
    }
    meta
}

/// The capabilities of a client that an upstream may use: those that the client has and the
/// upstream's settings permit.
fn askable(inbound: &InboundRequest, upstream: &Upstream) -> ClientCapabilities {
    let mut capabilities = ClientCapabilities::default();
    // An older client can be asked only on the stream of a request with a session.
    if inbound.client.modern || inbound.session.is_some() {
        capabilities.elicitation.clone_from(&inbound.client.capabilities.elicitation);
        capabilities.sampling.clone_from(&inbound.client.capabilities.sampling);
        capabilities.roots.clone_from(&inbound.client.capabilities.roots);
        let extensions = apps::passed_on(inbound.client.capabilities.extensions.as_ref());
        capabilities.extensions = Some(extensions).filter(|all| !all.is_empty());
    }
    foreign::permitted(upstream, capabilities)
}

/// The capability that a question needs, if the client does not have it.
fn lacking(
    inbound: &InboundRequest,
    upstream: &Upstream,
    request: &InputRequest,
) -> Option<ClientCapabilities> {
    let can = askable(inbound, upstream);
    let mut needed = ClientCapabilities::default();
    let all = crate::link::all_capabilities();
    let has = match request {
        InputRequest::Elicitation(elicitation) => {
            needed.elicitation = all.elicitation;
            let url = serde_json::to_value(&elicitation.params)
                .is_ok_and(|params| params.get("mode").is_some_and(|mode| mode == "url"));
            can.elicitation.is_some()
                && if url { inbound.client.elicits_urls() } else { inbound.client.elicits_forms() }
        }
        InputRequest::CreateMessage(_) => {
            needed.sampling = all.sampling;
            can.sampling.is_some()
        }
        InputRequest::ListRoots(_) => {
            needed.roots = all.roots;
            can.roots.is_some()
        }
        _ => false,
    };
    (!has).then_some(needed)
}

/// A question in the form for an older client.
fn method_and_params(request: &InputRequest) -> (String, Value) {
    let value = serde_json::to_value(request).unwrap_or_default();
    let method = value.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
    (method, value.get("params").cloned().unwrap_or_else(|| json!({})))
}

fn of_ask(error: AskError) -> ErrorData {
    match error {
        AskError::Refused(value) => serde_json::from_value(value)
            .unwrap_or_else(|_| ErrorData::invalid_request("the client refused", None)),
        error => ErrorData::invalid_request(error.to_string(), None),
    }
}

impl UpstreamRequest<'_> {
    fn place(&self) -> String {
        format!("request_state/{}/{}/{}", self.inbound.caller.user_id(), self.upstream, self.id)
    }

    fn carry(&self, state: Option<String>, parked: Option<String>) -> String {
        let carried = Carried {
            user: self.inbound.caller.user_id().to_string(),
            client: self.inbound.caller.program().to_string(),
            upstream: self.upstream.to_string(),
            about: self.about.clone(),
            until: self
                .inner
                .services
                .clock
                .now()
                .plus(i64::try_from(PARKED_FOR.as_secs()).unwrap_or(600))
                .0,
            state,
            parked,
        };
        let sealed = self
            .inner
            .services
            .master
            .seal(&self.place(), &serde_json::to_vec(&carried).unwrap_or_default());
        format!("{STATE}{}", sealed.as_str())
    }

    fn carried(&self) -> Result<Option<Carried>, Failed> {
        let Some(state) = &self.state else { return Ok(None) };
        let wrong = || {
            Failed::Client(ErrorData::invalid_params(
                "requestState is not valid for this request; send the request again without it",
                None,
            ))
        };
        let sealed = state.strip_prefix(STATE).ok_or_else(wrong)?;
        let plain = self
            .inner
            .services
            .master
            .open(&self.place(), &Sealed::from_stored(sealed.to_owned()))
            .map_err(|_| wrong())?;
        let carried: Carried = serde_json::from_slice(&plain).map_err(|_| wrong())?;
        let caller = &self.inbound.caller;
        let fits = carried.user == caller.user_id().as_str()
            && carried.client == caller.program().as_str()
            && carried.upstream == self.upstream.as_str()
            && carried.about == self.about
            && self.inner.services.clock.now().0 < carried.until;
        if fits { Ok(Some(carried)) } else { Err(wrong()) }
    }

    /// Carries the request. `request` makes it, with the answers to an earlier round.
    pub(crate) async fn run(
        mut self,
        request: impl Fn(Option<InputResponses>, Option<String>) -> ClientRequest,
    ) -> Result<Outcome, Failed> {
        let carried = self.carried()?;
        let mut responses = self.responses.take();
        let mut state = None;
        if let Some(carried) = carried {
            if let Some(id) = carried.parked {
                let conversation = self.unpark(&id, responses.take())?;
                return self.follow_and_translate(conversation, &request, None).await;
            }
            state = carried.state;
        }
        let round = (responses, state);
        let conversation = self.begin(request(round.0.clone(), round.1.clone())).await?;
        self.follow_and_translate(conversation, &request, Some(round)).await
    }

    /// Takes another connection: the session of this one no longer exists at the upstream, as after
    /// a restart, and its offers may have changed.
    async fn renew(&mut self) -> Result<(), Failed> {
        self.link.wire.lose();
        self.link.stale.store(true, std::sync::atomic::Ordering::Release);
        let upstream = self.link.upstream.now();
        tracing::info!(upstream = %upstream.name, "an upstream lost a session; the request is repeated in a new one");
        let user = &self.inbound.caller.user;
        let link = self.inner.link(self.connector, &upstream, user).await;
        self.link = link.map_err(Failed::Link)?;
        Ok(())
    }

    async fn begin(&self, request: ClientRequest) -> Result<Conversation, Failed> {
        self.link
            .begin(
                self.inbound.caller.user_id(),
                request,
                passed_on(self.meta.clone()),
                &askable(self.inbound, &self.link.upstream.now()),
            )
            .await
            .map_err(Failed::Link)
    }

    fn unpark(&self, id: &str, responses: Option<InputResponses>) -> Result<Conversation, Failed> {
        let gone = || {
            Failed::Client(ErrorData::invalid_params(
                "the question no longer awaits an answer; send the request again",
                None,
            ))
        };
        let user = self.inbound.caller.user_id().as_str();
        let mut parked = self.inner.parked.lock();
        if parked.get(id).is_none_or(|waiting| waiting.user != user) {
            return Err(gone());
        }
        let Some(answer) = responses.and_then(|mut responses| responses.remove(PARKED_QUESTION))
        else {
            return Err(Failed::Client(ErrorData::invalid_params(
                format!("inputResponses must answer {PARKED_QUESTION:?}"),
                None,
            )));
        };
        let waiting = parked.remove(id).ok_or_else(gone)?;
        drop(parked);
        waiting.answer.send(Ok(answer)).map_err(|_| gone())?;
        Ok(waiting.conversation)
    }

    /// Follows a request to its end. `round` holds its parameters, with which it can be repeated
    /// once.
    async fn follow_and_translate(
        &mut self,
        mut conversation: Conversation,
        request: &impl Fn(Option<InputResponses>, Option<String>) -> ClientRequest,
        mut round: Option<Round>,
    ) -> Result<Outcome, Failed> {
        let mut renewed = false;
        for _ in 0..MOST_ROUNDS {
            let mut result = match self.follow(conversation).await {
                Ok(RoundOutcome::Result(result)) => result,
                Ok(RoundOutcome::Parked(required)) => return Ok(Outcome::InputRequired(required)),
                Err(Failed::Link(LinkError::Session(_))) if !renewed && round.is_some() => {
                    renewed = true;
                    self.renew().await?;
                    let (responses, state) = round.clone().unwrap_or_default();
                    conversation = self.begin(request(responses, state)).await?;
                    continue;
                }
                Err(failed) => return Err(failed),
            };
            let ServerResult::InputRequiredResult(required) = &mut *result else {
                return Ok(Outcome::Done(result));
            };
            let requests = required.input_requests.take().unwrap_or_default();
            if let Some(needed) = requests
                .values()
                .find_map(|request| lacking(self.inbound, &self.link.upstream.now(), request))
            {
                return Err(Failed::Client(missing_capability(&needed)));
            }
            if self.inbound.client.modern {
                let mut passed = InputRequiredResult::new(
                    (!requests.is_empty()).then_some(requests),
                    Some(self.carry(required.request_state.take(), None)),
                );
                passed.meta = required.meta.take();
                return Ok(Outcome::InputRequired(passed));
            }
            // An older client: request the required input from it, and repeat the request
            // ourselves.
            let mut answers = InputResponses::new();
            for (key, question) in requests {
                let (method, params) = method_and_params(&question);
                let answer = self
                    .inbound
                    .channel
                    .ask(&method, params)
                    .await
                    .map_err(|error| Failed::Client(of_ask(error)))?;
                answers.insert(key, answer);
            }
            let state = required.request_state.take();
            round = Some((Some(answers.clone()), state.clone()));
            conversation = self.begin(request(Some(answers), state)).await?;
        }
        Err(Failed::Upstream(ErrorData::internal_error(
            format!(
                "{} asked for input in more than {MOST_ROUNDS} rounds",
                self.link.upstream.now().title
            ),
            None,
        )))
    }

    async fn follow(&self, mut conversation: Conversation) -> Result<RoundOutcome, Failed> {
        loop {
            match conversation.next().await {
                ConversationEvent::Answered(answer) => {
                    return match *answer {
                        Ok(result) => Ok(RoundOutcome::Result(Box::new(result))),
                        Err(ServiceError::McpError(error)) => Err(Failed::Upstream(error)),
                        Err(error) => Err(Failed::Link(LinkError::of(&error))),
                    };
                }
                ConversationEvent::UpstreamMessage(UpstreamMessage::Progress(progress)) => {
                    self.progress.report(progress.progress, progress.total, progress.message).await;
                }
                ConversationEvent::UpstreamMessage(UpstreamMessage::Log(log)) => {
                    self.log(log).await;
                }
                ConversationEvent::UpstreamMessage(UpstreamMessage::Asks(request, answer)) => {
                    if lacking(self.inbound, &self.link.upstream.now(), &request).is_some() {
                        // The upstream decides how to treat that.
                        let (method, _) = method_and_params(&request);
                        let _ = answer.send(Err(ErrorData::invalid_request(
                            format!("the client does not support {method}"),
                            None,
                        )));
                    } else if self.inbound.client.modern {
                        return self.park(conversation, *request, answer).map(RoundOutcome::Parked);
                    } else {
                        let (method, params) = method_and_params(&request);
                        let asked = self.inbound.channel.ask(&method, params).await;
                        let _ = answer.send(asked.map_err(of_ask));
                    }
                }
            }
        }
    }

    async fn log(&self, log: rmcp::model::LoggingMessageNotificationParam) {
        // T26: the newer revisions get log messages only where the request demands them, from the
        // level that it names.
        if self.inbound.client.modern {
            let wanted: Option<LoggingLevel> =
                self.meta.as_ref().and_then(RequestMetaObject::log_level);
            if wanted.is_none_or(|wanted| (log.level as u8) < wanted as u8) {
                return;
            }
        }
        let Ok(mut params) = serde_json::to_value(&log) else { return };
        if let Value::Object(members) = &mut params {
            members.remove("_meta");
        }
        self.inbound.channel.notify("notifications/message", params).await;
    }

    fn park(
        &self,
        conversation: Conversation,
        request: InputRequest,
        answer: oneshot::Sender<Result<Value, ErrorData>>,
    ) -> Result<InputRequiredResult, Failed> {
        let busy = || {
            Failed::Client(ErrorData::internal_error(
                "too many questions await an answer; answer those first",
                None,
            ))
        };
        let user = self.inbound.caller.user_id().to_string();
        let id = random_text(self.inner.services.entropy.as_ref(), 18);
        let mut parked = self.inner.parked.lock();
        if parked.len() >= MOST_PARKED
            || parked.values().filter(|waiting| waiting.user == user).count() >= MOST_PARKED_EACH
        {
            return Err(busy());
        }
        parked.insert(id.clone(), Waiting { conversation, answer, since: Instant::now(), user });
        drop(parked);
        let requests: InputRequests = InputRequests::from([(PARKED_QUESTION.to_owned(), request)]);
        Ok(InputRequiredResult::new(Some(requests), Some(self.carry(None, Some(id)))))
    }
}

enum RoundOutcome {
    Result(Box<ServerResult>),
    Parked(InputRequiredResult),
}
