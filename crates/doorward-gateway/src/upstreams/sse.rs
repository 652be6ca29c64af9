//! The old HTTP+SSE transport (2024-11-05): a stream that names the URL for POST requests, and
//! those requests.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use rmcp::{
    RoleClient,
    model::{JsonRpcMessage, RequestId},
    service::TxJsonRpcMessage,
    transport::Transport,
};
use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::http::{self, Http, headers, refusal, request::Request};
use crate::{
    link::{Era, Link, NewLink},
    link_error::LinkError,
    pool::{Connecting, Connector},
    upstream::{Kind, Setup},
    wire::{
        Message, Wire,
        events::{Broken, Event},
        ids,
        read::ReadText,
    },
};

/// HTTP+SSE.
pub(crate) static KIND: Kind = Kind {
    name: "sse",
    summary: "An MCP server over the old HTTP+SSE transport (2024-11-05).",
    is_process: false,
    begins_with_stream: true,
    driver: &HttpSse,
};

struct HttpSse;

impl Setup for HttpSse {}

impl Connector for HttpSse {
    fn connect<'a>(&'a self, connecting: Connecting<'a>) -> BoxFuture<'a, Result<Link, LinkError>> {
        Box::pin(async move {
            let Connecting { making, auth, .. } = connecting;
            let url = http::url(&making)?;
            let http = Http::to(&making, &url, auth)?;
            let held = http.held();
            let old = open(http, &url).await?;
            // The newest revision was never spoken over it.
            let era = if making.era == Era::Oldest { Era::Oldest } else { Era::Legacy };
            NewLink { era, ..making }.greet(old, Some(held)).await
        })
    }
}

/// Time that the upstream may take to name the URL for POST requests.
const ENDPOINT_WITHIN: Duration = Duration::from_secs(10);
/// Time that a post is waited for. Some servers end its response after the answer on the stream:
/// from then on it counts as accepted.
const POST_WITHIN: Duration = Duration::from_secs(30);
/// Maximum number of bytes that are read of the response to a post.
const MOST_BYTES: usize = 1024 * 1024;
/// Maximum number of messages of one event or response that wait to be delivered.
const WAITING: usize = 64;

/// A connection: the stream, and the data needed for POST requests.
struct SseTransport {
    http: Http,
    target: Arc<Url>,
    incoming: BoxStream<'static, Result<Event, Broken>>,
    read: VecDeque<Message>,
    // The reading of an event. `receive` may be dropped while it waits.
    reading: Option<BoxFuture<'static, Vec<ReadText>>>,
    // Answers that came in the response to a POST request, where some servers put them.
    posted: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
}

/// Reads the URL for POST requests: relative to that of the stream and on the same origin, since
/// the upstream's token is sent to it. Some servers put it between quotation marks.
fn endpoint(url: &Url, told: &str) -> Result<Url, LinkError> {
    let told = told.trim().trim_matches('"');
    let shown = doorward_model::foreign::quoted(told, 200);
    let target = url.join(told).map_err(|_| {
        LinkError::Answer(format!("names {shown} as the URL to post to, which is not a URL"))
    })?;
    if target.origin() != url.origin() {
        return Err(LinkError::Answer(format!(
            "names a URL of another origin to post to, {}",
            target.origin().ascii_serialization()
        )));
    }
    Ok(target)
}

/// Opens the stream and reads the URL for POST requests.
async fn open(http: Http, url: &Url) -> Result<SseTransport, LinkError> {
    let mut incoming = http.old_stream(url).await?;
    let told = tokio::time::timeout(ENDPOINT_WITHIN, async {
        while let Some(event) = incoming.next().await {
            let event = event.map_err(|broken| LinkError::Failed(broken.to_string()))?;
            if event.kind == "endpoint" {
                return Ok(event.data.unwrap_or_default());
            }
        }
        Err(LinkError::Answer("ended its stream before it named a URL to post to".to_owned()))
    })
    .await
    .unwrap_or_else(|_| {
        Err(LinkError::Answer(
            "did not name a URL to post to; if it uses Streamable HTTP, set `kind = \"http\"`"
                .to_owned(),
        ))
    })?;
    let target = Arc::new(endpoint(url, &told)?);
    Ok(SseTransport {
        http,
        target,
        incoming,
        read: VecDeque::new(),
        reading: None,
        posted: mpsc::channel(WAITING),
    })
}

impl Transport<RoleClient> for SseTransport {
    type Error = LinkError;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), LinkError>> + Send + 'static {
        let (http, target, posted) =
            (self.http.clone(), Arc::clone(&self.target), self.posted.0.clone());
        let (wire, id) = (Arc::clone(&http.wire), asked_by(&message).cloned());
        let posting =
            async move { http.while_held(Box::pin(post(&http, &target, &message))).await };
        accepted(posting, POST_WITHIN, wire, id, posted)
    }

    async fn receive(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.read.pop_front() {
                return Some(message);
            }
            if let Some(reading) = &mut self.reading {
                let heard = reading.await;
                self.reading = None;
                self.read.extend(heard.into_iter().filter_map(ReadText::into_message));
                continue;
            }
            let event = tokio::select! {
                biased;
                event = self.incoming.next() => event,
                Some(posted) = self.posted.1.recv() => return Some(posted),
            };
            let wire = &self.http.wire;
            let event = match event {
                Some(Ok(event)) => event,
                Some(Err(broken)) => {
                    wire.end(LinkError::Failed(broken.to_string()));
                    return None;
                }
                None => {
                    wire.end(LinkError::Failed("it ended its stream".to_owned()));
                    return None;
                }
            };
            if !event.is_message() {
                continue;
            }
            let data = event.data.unwrap_or_default();
            if data.trim().is_empty() {
                continue;
            }
            self.reading = Some(Arc::clone(wire).read_apart(data.into(), None).boxed());
        }
    }

    async fn close(&mut self) -> Result<(), LinkError> {
        Ok(())
    }
}

/// Waits until a post is accepted. One that takes longer goes on, and what it brings counts then.
async fn accepted(
    posting: impl Future<Output = Result<Option<Message>, LinkError>> + Send + 'static,
    within: Duration,
    wire: Arc<Wire>,
    id: Option<RequestId>,
    posted: mpsc::Sender<Message>,
) -> Result<(), LinkError> {
    let (done, waited) = oneshot::channel();
    tokio::spawn(async move {
        let (answer, outcome) = match posting.await {
            Ok(answer) => (answer, Ok(())),
            Err(why) => (None, Err(why)),
        };
        let answer = match (done.send(outcome), id) {
            (Err(Err(late)), Some(id)) => Some(wire.unanswered(&id, late)),
            _ => answer,
        };
        if let Some(answer) = answer {
            // The connection may be over already; then nothing waits for it.
            let _ = posted.send(answer).await;
        }
    });
    match tokio::time::timeout(within, waited).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(LinkError::Failed("a message could not be sent".to_owned())),
        Err(_) => Ok(()),
    }
}

/// The ID of a message that asks for something.
fn asked_by(message: &TxJsonRpcMessage<RoleClient>) -> Option<&RequestId> {
    match message {
        JsonRpcMessage::Request(asked) => Some(&asked.id),
        JsonRpcMessage::Notification(_)
        | JsonRpcMessage::Response(_)
        | JsonRpcMessage::Error(_) => None,
    }
}

/// Sends a message by POST. Returns the answer to it, if it came at once.
async fn post(
    http: &Http,
    target: &Url,
    message: &TxJsonRpcMessage<RoleClient>,
) -> Result<Option<Message>, LinkError> {
    let mut all: HeaderMap = headers(&http.auth.upstream.auth).into_iter().collect();
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = ids::written(message)?;
    let request = Request { method: Method::POST, headers: all, body: Some(body.into()) };
    let sent = http.send(target.as_str(), &request).await;
    let Some(id) = asked_by(message) else {
        return http.taken(sent).await.map(|()| None);
    };
    let response = sent?;
    let status = response.status();
    if status.is_success() {
        let body = http::body_of(response, MOST_BYTES).await.unwrap_or_default();
        // Most send an empty body, or a text such as "Accepted".
        if !body.trim_ascii().starts_with(b"{") {
            return Ok(None);
        }
        return match http.wire.read_answer(body.into(), id).await {
            ReadText::Message(message) => Ok(Some(*message)),
            ReadText::NoAnswer(why) => Ok(Some(http.wire.unanswered(id, why))),
            ReadText::Nothing => Ok(None),
        };
    }
    let why = refusal(response, http.now()).await;
    let may_be_lost =
        matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE);
    // The stream that this URL belongs to may be known no more. The refusal of a stream that is
    // known is about the request, which the server may have carried out.
    let lost = may_be_lost
        && (http.wire.has_ended() || http.refuses_ping(target.as_str(), &request.headers).await);
    match why {
        LinkError::Answer(told) if lost => Err(LinkError::Session(told)),
        why => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_posted_to_the_origin_of_the_stream_alone() {
        let url = Url::parse("https://a.example/sse").unwrap();
        for (told, target) in [
            ("/messages?session=1", "https://a.example/messages?session=1"),
            (" messages ", "https://a.example/messages"),
            ("https://a.example:443/m", "https://a.example/m"),
            ("\"/m\"", "https://a.example/m"),
        ] {
            assert_eq!(endpoint(&url, told).unwrap().as_str(), target);
        }
        for told in ["https://b.example/m", "http://a.example/m", "//b.example/m", "https://"] {
            assert!(endpoint(&url, told).is_err(), "{told}");
        }
    }
    #[tokio::test]
    async fn a_post_that_takes_long_counts_as_accepted_and_what_it_brings_counts_then() {
        let id = RequestId::Number(1);
        let within = Duration::from_millis(50);
        for (takes, fails) in [(0, false), (0, true), (300, false), (300, true)] {
            let wire = Wire::new(doorward_model::UpstreamName::parse("wiki").unwrap());
            let (posted, mut brought) = mpsc::channel(1);
            let posting = {
                let (wire, id) = (Arc::clone(&wire), id.clone());
                async move {
                    tokio::time::sleep(Duration::from_millis(takes)).await;
                    let why = LinkError::Answer("returned HTTP 500".to_owned());
                    if fails { Err(why) } else { Ok(Some(wire.unanswered(&id, why))) }
                }
            };
            let taken = accepted(posting, within, wire, Some(id.clone()), posted).await;
            assert_eq!(taken.is_err(), fails && takes == 0, "{takes} {fails}");
            let message = brought.recv().await;
            assert_eq!(message.is_none(), fails && takes == 0, "{takes} {fails}");
        }
    }
}
