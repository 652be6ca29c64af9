//! Requests to the model's endpoint or to the back end: sent within bounds, again where that repeats
//! nothing, and their responses read as they arrive.

use std::time::Duration;

use doorward_model::{SecretSetting, foreign};
use doorward_transport::{
    Budget, Outbound, OutboundConfig, media_type,
    oauth::{Pause, pause},
    outbound::Streams,
};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use url::Url;

use crate::{
    AgentConfig, Listener, SettingError, Step, Unavailable, config,
    reader::{Reader, Sign, Unusable},
    spending::Spending,
    sse::Events,
};

/// Maximum number of bytes of a response.
const MOST: usize = 8 * 1024 * 1024;
/// Maximum number of bytes of the report of a failure.
const MOST_REPORT: usize = 64 * 1024;
/// The longest silence of the endpoint, unless the caller of the agent has more time.
const SILENCE: Duration = Duration::from_mins(2);
/// Maximum number of times that a request is sent.
const TRIES: u32 = 3;
/// The longest wait before another try, in seconds.
const LONGEST_WAIT: u64 = 30;

/// The longest silence of the endpoint where the answer may take so many seconds: models think and
/// read for long without a word. It leaves the time to ask once more.
pub(crate) fn patience(seconds: u64) -> Duration {
    SILENCE.max(Duration::from_secs(seconds / 2))
}

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
    /// It would have to be asked again, and the user has no tokens left for that.
    #[error("no tokens are left")]
    Spent,
    /// The tokens cannot be counted.
    #[error(transparent)]
    Uncounted(#[from] Unavailable),
}

/// The end of one try.
enum Failure {
    Final(Fault),
    /// The endpoint has done nothing. It may be tried again, after so many seconds if it states
    /// them.
    Unbegun(String, Option<u64>),
    /// It may have begun.
    Begun(String),
}

/// A request in the format of the endpoint.
pub(crate) trait Asking: Sync {
    /// The reader of its response.
    type Reader: Reader;
    /// The body as it is sent now.
    fn body(&self) -> Value;
    /// A new reader.
    fn reader(&self) -> Self::Reader;
    /// Takes another form after a complaint of the endpoint; false if there is none.
    fn adapts(&self, complaint: &str) -> bool;
    /// Notes that the endpoint took the request in this form.
    fn was_taken(&self);
    /// Reports that a second request does nothing twice.
    fn may_repeat(&self) -> bool;
    /// A text of the endpoint without what is secret in the request.
    fn hide(&self, text: String) -> String;
    /// The longest silence.
    fn patience(&self) -> Duration;
}

/// The connection to the endpoint.
pub(crate) struct Wire {
    streams: Streams,
    url: Url,
    key: SecretSetting,
}

impl Wire {
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
        Ok(Self { streams, url, key: settings.api_key.clone() })
    }

    /// Sends a request. One that failed for a reason that passes is sent again, unless that could do
    /// something twice; what arrived of its response is dropped. The tokens for the first time were
    /// taken; those of a reply are the caller's to note.
    pub(crate) async fn ask<A: Asking>(
        &self,
        asking: &A,
        listener: &dyn Listener,
        spending: &Spending<'_>,
    ) -> Result<<A::Reader as Reader>::Reply, Fault> {
        let mut generating = false;
        for tried in 1..=TRIES {
            if tried > 1 && !spending.reserve().await? {
                return Err(Fault::Spent);
            }
            let failure = match self.once(asking, listener, &mut generating).await {
                Ok(reply) => {
                    asking.was_taken();
                    return Ok(reply);
                }
                Err(failure) => failure,
            };
            match &failure {
                // A refusal costs nothing.
                Failure::Final(_) | Failure::Unbegun(..) => spending.end(0).await,
                Failure::Begun(_) => spending.end_in_failure().await,
            }
            let (why, wait) = match failure {
                Failure::Final(fault) => return Err(fault),
                Failure::Unbegun(why, wait) => (why, wait),
                Failure::Begun(why) if asking.may_repeat() => (why, None),
                Failure::Begun(why) => return Err(Fault::Unavailable(why)),
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

    async fn once<A: Asking>(
        &self,
        asking: &A,
        listener: &dyn Listener,
        generating: &mut bool,
    ) -> Result<<A::Reader as Reader>::Reply, Failure> {
        let silent = || Failure::Begun("it does not respond".to_owned());
        let body = asking.body().to_string().into();
        let sent = self.streams.send(Method::POST, self.url.clone(), self.headers()?, Some(body));
        let patience = asking.patience();
        let response = tokio::time::timeout(patience, sent).await.map_err(|_| silent())?;
        let response = response.map_err(|failed| {
            let why = failed.error.to_string();
            if failed.unconnected { Failure::Unbegun(why, None) } else { Failure::Begun(why) }
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let is_good = (200..300).contains(&status);
        let is_stream = is_good && media_type::is(&headers, media_type::EVENT_STREAM);
        let most = if is_good { MOST } else { MOST_REPORT };
        let mut chunks = response.bytes_stream();
        let (mut events, mut reader, mut total) = (Events::default(), asking.reader(), 0);
        let mut whole = Vec::new();
        loop {
            let chunk =
                tokio::time::timeout(patience, chunks.next()).await.map_err(|_| silent())?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|_| unusable(&Unusable::Truncated))?;
            total += chunk.len();
            if total > most {
                return Err(unusable(&Unusable::TooLong));
            }
            if !is_stream {
                whole.extend_from_slice(&chunk);
                continue;
            }
            let found = events.take(&chunk).map_err(|_| unusable(&Unusable::TooLong))?;
            for data in found {
                if data == b"[DONE]" {
                    return reader.end().map_err(|why| unusable(&why));
                }
                let sign = reader.take(&read(&data)?).map_err(|why| unusable(&why))?;
                tell(listener, sign, generating).await;
                if reader.is_complete() {
                    return reader.end().map_err(|why| unusable(&why));
                }
            }
        }
        if !is_good {
            return Err(self.refused(asking, status, &headers, &whole));
        }
        if is_stream {
            if let Some(data) = events.end().filter(|data| data != b"[DONE]") {
                reader.take(&read(&data)?).map_err(|why| unusable(&why))?;
            }
        } else {
            let sign = reader.take_whole(&read(&whole)?).map_err(|why| unusable(&why))?;
            tell(listener, sign, generating).await;
        }
        reader.end().map_err(|why| unusable(&why))
    }

    /// The failure of a response with another status than success.
    fn refused<A: Asking>(
        &self,
        asking: &A,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Failure {
        let told = read(body).ok();
        let message = told.as_ref().and_then(|told| {
            let text = told.pointer("/error/message").or_else(|| told.get("message"));
            text.and_then(Value::as_str)
        });
        let message = message.unwrap_or_default();
        if matches!(status, 400 | 422) && asking.adapts(message) {
            return Failure::Unbegun("it knows another form of requests".to_owned(), Some(0));
        }
        let why = format!("it answered with status {status}");
        if let Some(Pause(seconds)) = pause(status, headers, None) {
            let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
            return Failure::Unbegun(why, seconds);
        }
        if status >= 500 || status == 408 {
            return Failure::Begun(why);
        }
        let message = shown(asking.hide(message.to_owned()), self.key.reveal());
        tracing::error!(status, message, "the model's endpoint refused a request");
        Failure::Final(Fault::Refused(status))
    }
}

/// A message of the endpoint for the log, without the key that some of them repeat.
fn shown(message: String, key: &str) -> String {
    // Before it is cut: a part of the key would be left.
    let message = if key.is_empty() { message } else { message.replace(key, "…") };
    foreign::line(&message, 200).into_owned()
}

/// Tells the listener; that the model writes, once.
async fn tell(listener: &dyn Listener, sign: Option<Sign>, generating: &mut bool) {
    match sign {
        Some(Sign::Generating) if !*generating => {
            *generating = true;
            listener.tell(Step::Generating).await;
        }
        Some(Sign::Generating) | None => {}
        Some(Sign::Calling(tool)) => listener.tell(Step::Calling(&tool)).await,
        Some(Sign::GotResult(tool)) => listener.tell(Step::GotResult(&tool)).await,
    }
}

fn unusable(why: &Unusable) -> Failure {
    Failure::Begun(why.to_string())
}

fn read(bytes: &[u8]) -> Result<Value, Failure> {
    let read = Budget::new(MOST, 200_000, 64).lenient_json(bytes);
    read.map(|read| read.value)
        .map_err(|_| Failure::Begun("its response cannot be read".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca6_a_model_may_be_silent_for_half_of_the_time_that_its_caller_has() {
        for (seconds, silence) in [(5, 120), (300, 150), (3600, 1800)] {
            assert_eq!(patience(seconds), Duration::from_secs(silence), "{seconds}");
        }
    }

    #[test]
    fn no_part_of_a_key_is_logged() {
        let key = "sk-0123456789abcdef0123456789abcdef";
        for before in [0, 150, 180, 199, 300] {
            let told = shown(format!("{} {key} is unknown", "x".repeat(before)), key);
            assert!(!told.contains("sk-0"), "{before}: {told}");
        }
    }
}
