//! The response to a request: its answer, or the reason for which it has none.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use doorward_model::Timestamp;
use doorward_transport::{
    OutboundError, media_type,
    oauth::{self, Pause},
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderMap, Method, StatusCode};
use rmcp::{
    model::{ClientRequest, JsonRpcMessage, JsonRpcRequest, RequestId},
    transport::streamable_http_client::{SseError, StreamableHttpPostResponse},
};
use serde_json::json;
use sse_stream::Sse;

use super::{
    client::{Events, Http, SESSION},
    early::Early,
    request::Request,
};
use crate::{
    link_error::LinkError,
    wire::{
        MOST_BYTES, Message, Wire,
        events::{Broken, Event, events},
        read::{self, ReadText},
        words,
    },
};

/// Maximum number of bytes that are read of a response that refuses, and for how long.
const MOST_WORDS: usize = 64 * 1024;
const WORDS_WITHIN: Duration = Duration::from_secs(5);
/// Time that an upstream may take to answer the check of its session.
const PING_WITHIN: Duration = Duration::from_secs(5);

/// Reads a body up to a number of bytes.
pub(in crate::upstreams) async fn body(
    response: reqwest::Response,
    most: usize,
) -> Result<Vec<u8>, LinkError> {
    let mut read = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|error| LinkError::Failed(broken(&error)))?;
        if read.len() + chunk.len() > most {
            return Err(LinkError::Answer(format!("returned more than {most} bytes")));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

/// The words for a body that has no end.
fn broken(error: &reqwest::Error) -> String {
    match doorward_transport::outbound::reason(error) {
        error @ OutboundError::Garbled => error.to_string(),
        _ => "its response broke off".to_owned(),
    }
}

/// Reads the beginning of a body, for its words.
async fn beginning(response: reqwest::Response) -> Vec<u8> {
    let mut read = Vec::new();
    let mut chunks = response.bytes_stream();
    let reading = async {
        while read.len() < MOST_WORDS {
            let Some(Ok(chunk)) = chunks.next().await else { break };
            let chunk: Bytes = chunk;
            read.extend_from_slice(&chunk);
        }
    };
    // The part read until then suffices for the message.
    let _ = tokio::time::timeout(WORDS_WITHIN, reading).await;
    read.truncate(MOST_WORDS);
    read
}

/// The pause that a response demands. `now` is the time of one without a `Date`.
fn pause(response: &reqwest::Response, now: Timestamp) -> Option<Pause> {
    oauth::pause(response.status().as_u16(), response.headers(), Some(now))
}

fn asks_to_wait(Pause(seconds): Pause, status: StatusCode, told: &str) -> LinkError {
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let time = seconds.map_or_else(
        || "a while; it does not state how long".to_owned(),
        |seconds| format!("{seconds} second{}", if seconds == 1 { "" } else { "s" }),
    );
    LinkError::Wait(seconds, format!("asks to wait {time} ({}{told})", words::status(status)))
}

/// The reason within a response that is not valid for the request.
pub(in crate::upstreams) async fn of_refusal(
    response: reqwest::Response,
    now: Timestamp,
) -> LinkError {
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        return LinkError::Connect;
    }
    let pause = pause(&response, now);
    let body = beginning(response).await;
    let told = words::of_body(&body);
    match pause {
        Some(pause) => asks_to_wait(pause, status, &told),
        None if status.is_success() => LinkError::Answer(format!(
            "returned {} with {}{told}",
            words::status(status),
            words::form(&body)
        )),
        None => LinkError::Answer(format!("returned {}{told}", words::status(status))),
    }
}

/// Reports a body that is a stream of events, although its header does not say so.
fn looks_like_events(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    ["data:", "event:", "id:", "retry:", ":"].iter().any(|name| body.starts_with(name.as_bytes()))
}

/// A request as it was sent.
#[derive(Clone, Copy)]
pub(super) struct SentRequest<'r> {
    pub(super) uri: &'r str,
    pub(super) request: &'r Request,
    pub(super) with_session: bool,
}

/// The form in which an answer is passed to the protocol library.
fn answer(message: Message, session: Option<String>) -> StreamableHttpPostResponse {
    StreamableHttpPostResponse::Json(message, session)
}

impl Http {
    /// The response to a request.
    pub(super) async fn answered(
        &self,
        asked: &JsonRpcRequest<ClientRequest>,
        sent: SentRequest<'_>,
        response: reqwest::Response,
    ) -> Result<StreamableHttpPostResponse, LinkError> {
        let status = response.status();
        if !status.is_success() {
            return self.refused(asked, sent, response).await;
        }
        let session = response
            .headers()
            .get(SESSION)
            .and_then(|session| session.to_str().ok())
            .map(str::to_owned);
        if media_type::is(response.headers(), media_type::EVENT_STREAM) {
            let early = self.early(asked, sent, session.as_deref());
            let events = self.events(asked, early, self.events_of(response));
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Err(LinkError::Answer(format!(
                "returned {} without a result",
                words::status(status)
            )));
        }
        let body = Bytes::from(body(response, MOST_BYTES).await?);
        match self.wire.read_answer(body.clone(), &asked.id).await {
            ReadText::Message(message) => Ok(answer(*message, session)),
            ReadText::NoAnswer(why) => Err(why),
            ReadText::Nothing if looks_like_events(&body) => {
                let whole = stream::iter([Ok::<_, LinkError>(body)]);
                let early = self.early(asked, sent, session.as_deref());
                let events = self.events(asked, early, events(whole));
                Ok(StreamableHttpPostResponse::Sse(events, session))
            }
            ReadText::Nothing => Err(LinkError::Answer(format!(
                "returned {} with {}{}",
                words::status(status),
                words::form(&body),
                words::of_body(&body)
            ))),
        }
    }

    /// A response that is no success: its error in the terms of the protocol, or the reason for
    /// which the request has no answer.
    async fn refused(
        &self,
        asked: &JsonRpcRequest<ClientRequest>,
        sent: SentRequest<'_>,
        response: reqwest::Response,
    ) -> Result<StreamableHttpPostResponse, LinkError> {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            return Err(LinkError::Connect);
        }
        let pause = pause(&response, self.now());
        let body = beginning(response).await;
        let told = words::of_body(&body);
        if let Some(pause) = pause {
            return Err(asks_to_wait(pause, status, &told));
        }
        let refused = format!("returned {}{told}", words::status(status));
        // The protocol names 404 for a session that is not known; many servers answer 400, some
        // 410. Each may also be about the request, which the server may have carried out then.
        let may_be_lost = sent.with_session
            && matches!(status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::GONE);
        if may_be_lost && self.refuses_ping(sent.uri, &sent.request.headers).await {
            return Err(LinkError::Session(refused));
        }
        // A body with an error of its own form is no message of the protocol.
        if !read::is_message(&body) {
            return Err(LinkError::Answer(refused));
        }
        match self.wire.read_answer(body.into(), &asked.id).await {
            ReadText::Message(message) if matches!(*message, JsonRpcMessage::Error(_)) => {
                Ok(answer(*message, None))
            }
            ReadText::Message(_) | ReadText::NoAnswer(_) | ReadText::Nothing => {
                Err(LinkError::Answer(refused))
            }
        }
    }

    /// Checks if the upstream refuses everything in a session: only then did it not carry out a
    /// request of this session that it refused. A ping without an answer proves nothing.
    pub(in crate::upstreams) async fn refuses_ping(&self, uri: &str, headers: &HeaderMap) -> bool {
        let ping = json!({"jsonrpc": "2.0", "id": read::PING_ID, "method": "ping"});
        let request = Request {
            method: Method::POST,
            headers: headers.clone(),
            body: Some(ping.to_string().into()),
        };
        let sent = tokio::time::timeout(PING_WITHIN, self.send(uri, &request)).await;
        matches!(
            sent.map(|sent| sent.map(|response| response.status())),
            Ok(Ok(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE))
        )
    }

    /// The answers to requests of the upstream before the response to this request; `None` if it is
    /// not the first.
    fn early(
        &self,
        asked: &JsonRpcRequest<ClientRequest>,
        sent: SentRequest<'_>,
        session: Option<&str>,
    ) -> Option<Early> {
        matches!(
            asked.request,
            ClientRequest::InitializeRequest(_) | ClientRequest::DiscoverRequest(_)
        )
        .then(|| Early::new(self, sent.uri, sent.request, session))
    }

    /// The stream that answers a request. If it ends without the answer and cannot be resumed, the
    /// request ends too.
    fn events(
        &self,
        asked: &JsonRpcRequest<ClientRequest>,
        early: Option<Early>,
        events: BoxStream<'static, Result<Event, Broken>>,
    ) -> Events {
        let reading = Reading {
            wire: Arc::clone(&self.wire),
            id: asked.id.clone(),
            early,
            resumable: false,
            answered: false,
            told: String::new(),
        };
        let state = (events, reading, false);
        let read = stream::unfold(state, |(mut events, mut reading, over)| async move {
            if over {
                return None;
            }
            let (read, over) = match events.next().await {
                Some(Ok(event)) => (reading.take(event).await, false),
                Some(Err(broken)) => (reading.end(Some(broken)), true),
                None => (reading.end(None), true),
            };
            Some((stream::iter(read), (events, reading, over)))
        });
        read.flatten().boxed()
    }
}

/// A stream that answers a request, as far as it was read.
struct Reading {
    wire: Arc<Wire>,
    id: RequestId,
    /// The first request of a connection, which is never resumed.
    early: Option<Early>,
    resumable: bool,
    answered: bool,
    /// The words of the last event that reports an error.
    told: String,
}

impl Reading {
    async fn take(&mut self, event: Event) -> Vec<Result<Sse, SseError>> {
        self.resumable |= event.id.as_ref().is_some_and(|id| !id.is_empty());
        if self.answered {
            return Vec::new();
        }
        // Many servers report a failure in an event of its own, and end the stream.
        if event.kind == "error"
            && let Some(data) = &event.data
        {
            self.told = words::of_body(data.as_bytes());
        }
        let (read, answered) =
            of_event(&self.wire, event, Some(&self.id), self.early.as_mut()).await;
        self.answered = answered;
        read
    }

    fn end(&mut self, broken: Option<Broken>) -> Vec<Result<Sse, SseError>> {
        let too_long = broken == Some(Broken::TooLong);
        if self.answered {
            return Vec::new();
        }
        if self.resumable && self.early.is_none() && !too_long {
            return broken
                .map(|broken| Err(SseError::Body(Box::new(broken))))
                .into_iter()
                .collect();
        }
        self.answered = true;
        let why = broken.map_or_else(
            || "its stream ended before the response".to_owned(),
            |broken| format!("{broken} before the response"),
        );
        let why = format!("{why}{}", self.told);
        let ended = self.wire.unanswered(&self.id, LinkError::Failed(why));
        vec![Ok(event_of(&ended))]
    }
}

fn event_of(message: &Message) -> Sse {
    Sse { data: serde_json::to_string(message).ok(), ..Sse::default() }
}

/// The part of an event for the protocol library; also reports that the request on whose response
/// it came has ended.
pub(super) async fn of_event(
    wire: &Arc<Wire>,
    mut event: Event,
    asked: Option<&RequestId>,
    mut early: Option<&mut Early>,
) -> (Vec<Result<Sse, SseError>>, bool) {
    let mut read: Vec<Sse> = Vec::new();
    let mut answered = false;
    let is_message = event.is_message();
    if !is_message {
        tracing::debug!(kind = %doorward_model::foreign::escaped(&event.kind), "an event of an upstream is not a message; it is ignored");
    }
    let data = event.data.take().filter(|data| is_message && !data.trim().is_empty());
    let all = match data {
        Some(data) => Arc::clone(wire).read_apart(data.into(), asked.cloned()).await,
        None => Vec::new(),
    };
    for heard in all {
        match heard {
            ReadText::Message(message) => {
                let message = match (early.as_deref_mut(), *message) {
                    (Some(early), JsonRpcMessage::Request(request)) => {
                        early.answer(request.request, request.id);
                        continue;
                    }
                    (_, message) => message,
                };
                answered |=
                    matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_));
                read.push(event_of(&message));
            }
            ReadText::NoAnswer(why) => {
                if let Some(asked) = asked.filter(|_| !answered) {
                    answered = true;
                    read.push(event_of(&wire.unanswered(asked, why)));
                }
            }
            ReadText::Nothing => {}
        }
    }
    // The position in the stream counts, for every event.
    if event.id.is_some() || event.retry.is_some() {
        if read.is_empty() {
            read.push(Sse::default());
        }
        if let Some(first) = read.first_mut() {
            first.id = event.id;
            first.retry = event.retry.map(super::turns::bounded);
        }
    }
    (read.into_iter().map(Ok).collect(), answered && asked.is_some())
}
