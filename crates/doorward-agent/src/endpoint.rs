//! The chat endpoint (`POST /chat/completions` of OpenAI, as others offer it too).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use doorward_model::{SecretSetting, foreign};
use doorward_transport::{
    Budget, Outbound, OutboundConfig, media_type,
    oauth::{Pause, pause},
    outbound::Streams,
};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use url::Url;

use crate::{
    AgentConfig, Listener, SettingError, Step, config,
    message::Message,
    reply::{Arriving, Reply, Unusable},
    sse::Events,
};

/// The most bytes of a response.
const MOST: usize = 8 * 1024 * 1024;
/// The most bytes of the report of a failure.
const MOST_REPORT: usize = 64 * 1024;
/// The longest silence of the endpoint.
const SILENCE: Duration = Duration::from_mins(2);
/// The most times that a request is sent.
const TRIES: u32 = 3;
/// The longest wait before another try, in seconds.
const LONGEST_WAIT: u64 = 30;

/// The reason for which there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The endpoint refuses the request, as it would a repetition.
    #[error("the model's endpoint refused the request with status {0}")]
    Refused(u16),
    /// It asks to wait for so many seconds.
    #[error("the model's endpoint asks to wait for {0} s")]
    Busy(u64),
    /// It does not respond usefully, also not when it is asked again.
    #[error("the model's endpoint cannot be used: {0}")]
    Unavailable(String),
}

/// The end of one try.
enum Failure {
    Final(Fault),
    /// It may be tried again, after so many seconds if the endpoint states them.
    Again(String, Option<u64>),
    /// It may be tried again at once in this form.
    Otherwise(Form),
}

/// The form of requests, in which endpoints differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Form {
    /// The endpoint knows the limit of a reply by its newer name alone.
    newer_limit: bool,
    /// It does not know how usage is asked for.
    without_usage: bool,
}

impl Form {
    /// The form after a complaint about a member; `None` where it is that one already.
    fn after(self, complaint: &str) -> Option<Self> {
        let limit = Self { newer_limit: true, ..self };
        let usage = Self { without_usage: true, ..self };
        let named = [("max_tokens", limit), ("stream_options", usage)];
        let found =
            named.into_iter().find(|(word, form)| complaint.contains(word) && *form != self);
        found.map(|(_, form)| form)
    }

    fn with(self, other: Self) -> Self {
        Self {
            newer_limit: self.newer_limit || other.newer_limit,
            without_usage: self.without_usage || other.without_usage,
        }
    }
}

/// A request to the model.
pub(crate) struct Request<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [Value],
    /// No call is wanted any more.
    pub(crate) must_answer: bool,
}

/// The endpoint.
pub(crate) struct Endpoint {
    streams: Streams,
    url: Url,
    model: String,
    key: SecretSetting,
    answer_tokens: u32,
    /// The form in which it took a request.
    form: Mutex<Form>,
}

impl Endpoint {
    pub(crate) fn new(
        settings: &AgentConfig,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Self, SettingError> {
        let url = config::endpoint(settings)?;
        let guarded = config::server(settings).streams(outbound, general)?;
        let streams = guarded
            .streams_to(&url)
            .map_err(|error| SettingError { key: "url", message: error.to_string() })?;
        Ok(Self {
            streams,
            url,
            model: settings.model.clone(),
            key: settings.api_key.clone(),
            answer_tokens: settings.answer_tokens,
            form: Mutex::default(),
        })
    }

    /// Asks the model. A request that failed for a reason that passes is sent again; what arrived
    /// of its response is dropped.
    pub(crate) async fn ask(
        &self,
        request: &Request<'_>,
        listener: &dyn Listener,
    ) -> Result<Reply, Fault> {
        let mut generating = false;
        let mut form = Form::default();
        for tried in 1..=TRIES {
            form = form.with(*self.form());
            let (why, wait) = match self.once(request, form, listener, &mut generating).await {
                Ok(reply) => {
                    // Not for a complaint alone: a user can cause one by the length of a question.
                    *self.form() = form;
                    return Ok(reply);
                }
                Err(Failure::Final(fault)) => return Err(fault),
                Err(Failure::Again(why, wait)) => (why, wait),
                Err(Failure::Otherwise(other)) => {
                    form = other;
                    ("it knows another form of requests".to_owned(), Some(0))
                }
            };
            tracing::warn!(tried, why, "the model did not reply");
            let wait = wait.unwrap_or(1 << (tried - 1));
            if wait > LONGEST_WAIT {
                return Err(Fault::Busy(wait));
            }
            if tried == TRIES {
                return Err(Fault::Unavailable(why));
            }
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
        Err(Fault::Unavailable("it did not reply".to_owned()))
    }

    fn form(&self) -> std::sync::MutexGuard<'_, Form> {
        self.form.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn body(&self, request: &Request<'_>, form: Form) -> Value {
        let messages: Vec<Value> = request.messages.iter().map(Message::value).collect();
        let mut body = json!({"model": self.model, "messages": messages, "stream": true});
        if let Value::Object(members) = &mut body {
            let limit = if form.newer_limit { "max_completion_tokens" } else { "max_tokens" };
            members.insert(limit.to_owned(), self.answer_tokens.into());
            if !form.without_usage {
                members.insert("stream_options".to_owned(), json!({"include_usage": true}));
            }
            if !request.tools.is_empty() {
                let choice = if request.must_answer { "none" } else { "auto" };
                members.insert("tools".to_owned(), request.tools.into());
                members.insert("tool_choice".to_owned(), choice.into());
            }
        }
        body
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = HeaderValue::from_static("text/event-stream, application/json");
        headers.insert(header::ACCEPT, accept);
        if !self.key.is_empty() {
            let bearer = HeaderValue::try_from(format!("Bearer {}", self.key.reveal()));
            let unusable =
                |_| Failure::Final(Fault::Unavailable("its key is no header".to_owned()));
            let mut bearer = bearer.map_err(unusable)?;
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        Ok(headers)
    }

    async fn once(
        &self,
        request: &Request<'_>,
        form: Form,
        listener: &dyn Listener,
        generating: &mut bool,
    ) -> Result<Reply, Failure> {
        let silent = || Failure::Again("it does not respond".to_owned(), None);
        let body = self.body(request, form).to_string().into();
        let sent = self.streams.send(Method::POST, self.url.clone(), self.headers()?, Some(body));
        let response = tokio::time::timeout(SILENCE, sent).await.map_err(|_| silent())?;
        let response = response.map_err(|failed| Failure::Again(failed.error.to_string(), None))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let is_stream = media_type::is(&headers, media_type::EVENT_STREAM);
        let mut chunks = response.bytes_stream();
        let (mut events, mut arriving, mut total) = (Events::default(), Arriving::default(), 0);
        let mut whole = Vec::new();
        loop {
            let chunk = tokio::time::timeout(SILENCE, chunks.next()).await.map_err(|_| silent())?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|_| unusable(&Unusable::Truncated))?;
            total += chunk.len();
            let most = if (200..300).contains(&status) { MOST } else { MOST_REPORT };
            if total > most {
                return Err(unusable(&Unusable::TooLong));
            }
            if !is_stream || !(200..300).contains(&status) {
                whole.extend_from_slice(&chunk);
                continue;
            }
            let found = events.take(&chunk).map_err(|_| unusable(&Unusable::TooLong))?;
            for data in found {
                if data == b"[DONE]" {
                    return arriving.end().map_err(|why| unusable(&why));
                }
                if take(&mut arriving, &data)? && !*generating {
                    *generating = true;
                    listener.tell(Step::Generating).await;
                }
            }
        }
        if !(200..300).contains(&status) {
            let refusal = Refusal { status, headers: &headers, body: &whole };
            return Err(self.refused(&refusal, form));
        }
        if is_stream {
            if let Some(data) = events.end().filter(|data| data != b"[DONE]") {
                take(&mut arriving, &data)?;
            }
            return arriving.end().map_err(|why| unusable(&why));
        }
        let reply = Arriving::whole(&read(&whole)?).map_err(|why| unusable(&why))?;
        if !reply.text.is_empty() && !*generating {
            *generating = true;
            listener.tell(Step::Generating).await;
        }
        Ok(reply)
    }

    /// The failure of a response with another status than success, to a request of this form.
    fn refused(&self, refusal: &Refusal<'_>, form: Form) -> Failure {
        let Refusal { status, headers, body } = *refusal;
        let told = read(body).ok();
        let message = told.as_ref().and_then(|told| {
            let text = told.pointer("/error/message").or_else(|| told.get("message"));
            text.and_then(Value::as_str)
        });
        let message = message.unwrap_or_default();
        if matches!(status, 400 | 422)
            && let Some(other) = form.after(message)
        {
            return Failure::Otherwise(other);
        }
        if let Some(Pause(seconds)) = pause(status, headers, None) {
            let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
            return Failure::Again(format!("it answered with status {status}"), seconds);
        }
        if status >= 500 || status == 408 {
            return Failure::Again(format!("it answered with status {status}"), None);
        }
        let message = shown(message, self.key.reveal());
        tracing::error!(status, message, "the model's endpoint refused a request");
        Failure::Final(Fault::Refused(status))
    }
}

/// A response with another status than success.
struct Refusal<'a> {
    status: u16,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

/// A message of the endpoint for the log, without the key that some of them repeat.
fn shown(message: &str, key: &str) -> String {
    // Before it is cut: a part of the key would be left.
    let message = if key.is_empty() { message.to_owned() } else { message.replace(key, "…") };
    foreign::line(&message, 200).into_owned()
}

fn unusable(why: &Unusable) -> Failure {
    Failure::Again(why.to_string(), None)
}

fn read(bytes: &[u8]) -> Result<Value, Failure> {
    let read = Budget::new(MOST, 200_000, 64).lenient_json(bytes);
    read.map(|read| read.value)
        .map_err(|_| Failure::Again("its response cannot be read".to_owned(), None))
}

/// Takes an event; `true` if text arrived with it.
fn take(arriving: &mut Arriving, data: &[u8]) -> Result<bool, Failure> {
    arriving.take(&read(data)?).map_err(|why| unusable(&why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_changes_the_form_once_and_no_part_of_a_key_is_logged() {
        let first = Form::default();
        let second = first.after("Unsupported parameter: 'max_tokens'").unwrap();
        assert_eq!(second, Form { newer_limit: true, without_usage: false });
        assert_eq!(second.after("max_tokens is too large: your messages have 9000 tokens"), None);
        assert_eq!(first.after("there is no such model"), None);
        let key = "sk-0123456789abcdef0123456789abcdef";
        for before in [0, 150, 180, 199, 300] {
            let told = shown(&format!("{} {key} is unknown", "x".repeat(before)), key);
            assert!(!told.contains("sk-0"), "{before}: {told}");
        }
    }
}
