//! The channel to a client while its request is open: notifications and questions in the stream of
//! the response.
//!
//! No part of it needs a session. A question carries an unguessable id; the answer comes in a
//! request of its own, is accepted from the same user and client alone, and is delivered to the
//! request that waits for it (CA24, CA25, G15).

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use doorward_model::{Entropy, UserId, id::random_text};
use doorward_transport::media_type;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep},
};

use crate::{
    Caller, Mcp,
    questions::{AskError, PATIENCE, QuestionRecipient, Questions, Relay},
};

/// Number of messages that may wait for a slow reader.
const QUEUE: usize = 64;
/// The time without output after which a waiting client gets a comment: proxies cut connections
/// that are silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The parts of a channel.
#[derive(Clone)]
pub(crate) struct ChannelContext {
    pub(crate) user_id: UserId,
    /// The client or personal access token, by its identifier.
    pub(crate) program: String,
    pub(crate) questions: Arc<Questions>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The relay of answers that reach another replica; `None` without one.
    pub(crate) relay: Option<Relay>,
    pub(crate) out: mpsc::Sender<Bytes>,
}

/// Speaks to the client behind one request. Cheap to clone.
#[derive(Clone)]
pub struct Channel(Option<Arc<ChannelContext>>);

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Channel(open)" } else { "Channel(none)" })
    }
}

impl Channel {
    /// A channel without a recipient.
    pub fn none() -> Self {
        Self(None)
    }
    pub(crate) fn new(ends: ChannelContext) -> Self {
        Self(Some(Arc::new(ends)))
    }
    /// The channel of a caller's request, into the stream behind `out`.
    pub(crate) fn of(mcp: &Mcp, caller: &Caller, out: mpsc::Sender<Bytes>) -> Self {
        let services = &mcp.inner.services;
        Self::new(ChannelContext {
            user_id: caller.user_id().clone(),
            program: caller.program().to_string(),
            questions: Arc::clone(&mcp.inner.questions),
            entropy: Arc::clone(&services.entropy),
            relay: Some(Relay::of(&mcp.inner.services)),
            out,
        })
    }

    /// Sends a notification into the stream of the request. A missing recipient is no error.
    pub async fn notify(&self, method: &str, params: Value) {
        if let Some(ends) = &self.0 {
            let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
            // A client that disconnected needs no notification.
            let _ = ends.out.send(event(&message.to_string())).await;
        }
    }

    /// Sends a request to the client and waits for its answer. Only for clients that keep a stream
    /// open and declared support for it; newer ones receive an `input_required` result instead.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, AskError> {
        let ends = self.0.as_ref().ok_or(AskError::Gone)?;
        let asker = QuestionRecipient { user_id: &ends.user_id, program: &ends.program };
        let random = random_text(ends.entropy.as_ref(), 18);
        let id =
            ends.relay.as_ref().map_or_else(|| random.clone(), |relay| relay.id(&asker, &random));
        // Before the question is sent, so that no answer is missed.
        let relayed = ends.relay.as_ref().and_then(Relay::listen);
        let question = ends.questions.enter(&asker, id)?;
        let message =
            json!({"jsonrpc": "2.0", "id": question.id(), "method": method, "params": params});
        ends.out.send(event(&message.to_string())).await.map_err(|_| AskError::Gone)?;
        let elsewhere = async {
            match (&ends.relay, relayed) {
                (Some(relay), Some(relayed)) => relay.wait(&asker, question.id(), relayed).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            answer = question.answer() => answer,
            answer = elsewhere => answer,
            () = ends.out.closed() => Err(AskError::Gone),
            () = tokio::time::sleep(PATIENCE) => Err(AskError::Timeout),
        }
    }
}

/// One event of a stream.
pub(crate) fn event(data: &str) -> Bytes {
    let mut text = String::with_capacity(data.len() + 24);
    text.push_str("event: message\n");
    for line in data.split('\n') {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    Bytes::from(text)
}

/// The sending end and the one that [`merge_streams`] reads.
pub(crate) fn pipe() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(QUEUE)
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, axum::Error>> + Send>>;

struct MergedStream {
    answering: Option<Answering>,
    said: mpsc::Receiver<Bytes>,
    rest: Option<Chunks>,
    quiet: Pin<Box<Sleep>>,
}

/// Runs a handler while messages on its channel are sent before its response. A response without
/// such messages is sent unchanged; otherwise it becomes an event stream that ends with the answer.
pub(crate) async fn merge_streams(
    mut answering: Answering,
    mut said: mpsc::Receiver<Bytes>,
) -> Response {
    let mut quiet = Box::pin(tokio::time::sleep(KEEP_ALIVE));
    let first = tokio::select! {
        biased;
        Some(message) = said.recv() => message,
        response = &mut answering => match said.try_recv() {
            Ok(message) => {
                let woven = MergedStream { answering: Some(Box::pin(async move { response })), said, rest: None, quiet };
                return streamed(message, woven);
            }
            Err(_) => return response,
        },
        () = &mut quiet => {
            quiet.as_mut().reset(Instant::now() + KEEP_ALIVE);
            Bytes::from_static(b": still here\n\n")
        }
    };
    streamed(first, MergedStream { answering: Some(answering), said, rest: None, quiet })
}

fn streamed(first: Bytes, woven: MergedStream) -> Response {
    let rest =
        stream::unfold(
            woven,
            |mut woven| async move { woven.next().await.map(|chunk| (chunk, woven)) },
        );
    let body = stream::once(async { Ok::<_, axum::Error>(first) }).chain(rest);
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::EVENT_STREAM));
    response
}

impl MergedStream {
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        loop {
            if let Some(chunks) = &mut self.rest {
                return chunks.next().await;
            }
            let answering = self.answering.as_mut()?;
            self.quiet.as_mut().reset(Instant::now() + KEEP_ALIVE);
            tokio::select! {
                biased;
                Some(message) = self.said.recv() => return Some(Ok(message)),
                response = answering => {
                    self.answering = None;
                    // The last messages precede the answer.
                    let mut last = Vec::new();
                    while let Ok(message) = self.said.try_recv() {
                        last.push(message);
                    }
                    self.rest = Some(Box::pin(stream::iter(last).map(Ok).chain(as_events(response))));
                }
                () = &mut self.quiet => return Some(Ok(Bytes::from_static(b": still here\n\n"))),
            }
        }
    }
}

/// An answer as events: an event stream as it is, anything else as one event.
fn as_events(response: Response) -> Chunks {
    let streams = media_type::is(response.headers(), media_type::EVENT_STREAM);
    let (status, body) = (response.status(), response.into_body());
    if streams {
        return Box::pin(body.into_data_stream());
    }
    Box::pin(stream::once(async move {
        let bytes = axum::body::to_bytes(body, usize::MAX).await?;
        if status != StatusCode::OK {
            tracing::debug!(%status, "a response with this status ended a stream that had begun");
        }
        Ok(event(&String::from_utf8_lossy(&bytes)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::MOST_QUESTIONS_EACH;

    #[tokio::test]
    async fn one_user_cannot_take_the_places_of_all_questions() {
        let questions = Arc::new(Questions::default());
        let channel = |user: &str| {
            let (out, said) = pipe();
            let entropy = Arc::new(doorward_keys::SystemEntropy);
            let ends = ChannelContext {
                user_id: UserId::from_text(user),
                program: "c".to_owned(),
                questions: Arc::clone(&questions),
                entropy,
                relay: None,
                out,
            };
            (Channel::new(ends), said)
        };
        let (ann, mut heard) = channel("u_1");
        let reading = tokio::spawn(async move { while heard.recv().await.is_some() {} });
        let asked: Vec<_> = (0..MOST_QUESTIONS_EACH)
            .map(|_| {
                let ann = ann.clone();
                tokio::spawn(async move { ann.ask("elicitation/create", json!({})).await })
            })
            .collect();
        while questions.len() < MOST_QUESTIONS_EACH {
            tokio::task::yield_now().await;
        }
        assert_eq!(ann.ask("elicitation/create", json!({})).await, Err(AskError::Busy));
        let (bob, heard) = channel("u_2");
        drop(heard);
        assert_eq!(
            bob.ask("elicitation/create", json!({})).await,
            Err(AskError::Gone),
            "another user is asked, and is not there"
        );
        asked.iter().for_each(tokio::task::JoinHandle::abort);
        for one in asked {
            assert!(one.await.is_err());
        }
        assert_eq!(questions.len(), 0, "a question that is not waited for is forgotten");
        reading.abort();
    }
}
