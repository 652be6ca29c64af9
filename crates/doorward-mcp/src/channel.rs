//! The way back to a client while its request is open: notifications and questions in the stream of
//! the answer.
//!
//! Nothing of it needs a session. A question carries an id that no one can guess; the answer comes
//! in a request of its own, is accepted from the same person and client alone, and goes to whoever
//! waits for it (CA24, CA25, G15).

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use doorward_model::{Entropy, Program, UserId, id::random_text};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Map, Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Sleep},
};

/// How many messages may wait for a slow reader.
const QUEUE: usize = 64;
/// After how long without a word a waiting client gets a sign of life: proxies cut connections that
/// are silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The longest that a person may take to answer.
const PATIENCE: Duration = Duration::from_mins(10);
/// The most questions that wait for an answer, of all people together and of one.
const MOST_QUESTIONS: usize = 10_000;
const MOST_QUESTIONS_EACH: usize = 64;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// The client is gone, or its request is.
    #[error("the client went away")]
    Gone,
    /// No one answered in time.
    #[error("the client did not answer in time")]
    Timeout,
    /// Too many questions wait already.
    #[error("too many questions are waiting for an answer")]
    Busy,
    /// The client answered with an error.
    #[error("the client refused: {0}")]
    Refused(Value),
}

struct Question {
    user_id: UserId,
    program: String,
    answer: oneshot::Sender<Result<Value, Value>>,
}

/// The questions that wait for an answer.
#[derive(Default)]
pub(crate) struct Questions(Mutex<HashMap<String, Question>>);

impl Questions {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Question>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an answer to whoever asked. `false` if this person and client were asked nothing of
    /// the kind.
    pub(crate) fn answered(
        &self,
        user_id: &UserId,
        program: Program<'_>,
        message: &Map<String, Value>,
    ) -> bool {
        let Some(id) = message.get("id").and_then(Value::as_str) else { return false };
        let mut waiting = self.lock();
        let theirs = waiting.get(id).is_some_and(|question| {
            question.user_id == *user_id && question.program == program.as_str()
        });
        let Some(question) = waiting.remove(id).filter(|_| theirs) else { return false };
        let answer = match (message.get("result"), message.get("error")) {
            (Some(result), _) => Ok(result.clone()),
            (None, error) => Err(error.cloned().unwrap_or_default()),
        };
        question.answer.send(answer).is_ok()
    }
}

/// Forgets a question that no one waits for any more.
struct Asked<'a> {
    questions: &'a Questions,
    id: String,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.questions.lock().remove(&self.id);
    }
}

/// The parts of a channel.
#[derive(Clone)]
pub(crate) struct Ends {
    pub(crate) user_id: UserId,
    /// The client or personal access token, by its identifier.
    pub(crate) program: String,
    pub(crate) questions: Arc<Questions>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) out: mpsc::Sender<Bytes>,
}

/// Speaks to the client behind one request. Cheap to clone.
#[derive(Clone)]
pub struct Channel(Option<Arc<Ends>>);

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Channel(open)" } else { "Channel(none)" })
    }
}

impl Channel {
    /// A channel to no one.
    pub fn none() -> Self {
        Self(None)
    }
    pub(crate) fn new(ends: Ends) -> Self {
        Self(Some(Arc::new(ends)))
    }

    /// Sends a notification into the stream of the request. No one there is no error.
    pub async fn notify(&self, method: &str, params: Value) {
        if let Some(ends) = &self.0 {
            let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
            // A client that went away needs no notification.
            let _ = ends.out.send(event(&message.to_string())).await;
        }
    }

    /// Asks the client something and waits for its answer. Only for clients that keep a stream open
    /// and declared that they can be asked this; newer ones are asked by an `input_required` result
    /// instead.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, AskError> {
        let ends = self.0.as_ref().ok_or(AskError::Gone)?;
        let id = format!("dw-{}", random_text(ends.entropy.as_ref(), 18));
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = ends.questions.lock();
            // A request that waits for its person has no turn yet, so that no other limit bounds
            // these.
            let own = waiting.values().filter(|question| question.user_id == ends.user_id).count();
            if waiting.len() >= MOST_QUESTIONS || own >= MOST_QUESTIONS_EACH {
                return Err(AskError::Busy);
            }
            waiting.insert(
                id.clone(),
                Question { user_id: ends.user_id.clone(), program: ends.program.clone(), answer },
            );
        }
        let asked = Asked { questions: &ends.questions, id };
        let message = json!({"jsonrpc": "2.0", "id": asked.id, "method": method, "params": params});
        ends.out.send(event(&message.to_string())).await.map_err(|_| AskError::Gone)?;
        tokio::select! {
            answer = answered => match answer {
                Ok(answer) => answer.map_err(AskError::Refused),
                Err(_) => Err(AskError::Gone),
            },
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

/// The sending end and what [`weave`] reads.
pub(crate) fn pipe() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(QUEUE)
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;
type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, axum::Error>> + Send>>;

struct Woven {
    answering: Option<Answering>,
    said: mpsc::Receiver<Bytes>,
    rest: Option<Chunks>,
    quiet: Pin<Box<Sleep>>,
}

/// Runs a handler while what is said through its channel goes out before its answer. An answer to
/// which nothing was said goes out as it is; otherwise the answer becomes an event stream that ends
/// with it.
pub(crate) async fn weave(mut answering: Answering, mut said: mpsc::Receiver<Bytes>) -> Response {
    let mut quiet = Box::pin(tokio::time::sleep(KEEP_ALIVE));
    let first = tokio::select! {
        biased;
        Some(message) = said.recv() => message,
        response = &mut answering => match said.try_recv() {
            Ok(message) => {
                let woven = Woven { answering: Some(Box::pin(async move { response })), said, rest: None, quiet };
                return streamed(message, woven);
            }
            Err(_) => return response,
        },
        () = &mut quiet => {
            quiet.as_mut().reset(Instant::now() + KEEP_ALIVE);
            Bytes::from_static(b": still here\n\n")
        }
    };
    streamed(first, Woven { answering: Some(answering), said, rest: None, quiet })
}

fn streamed(first: Bytes, woven: Woven) -> Response {
    let rest =
        stream::unfold(
            woven,
            |mut woven| async move { woven.next().await.map(|chunk| (chunk, woven)) },
        );
    let body = stream::once(async { Ok::<_, axum::Error>(first) }).chain(rest);
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

impl Woven {
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
                    // What was said last comes before the answer.
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
    let streams = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    let (status, body) = (response.status(), response.into_body());
    if streams {
        return Box::pin(body.into_data_stream());
    }
    Box::pin(stream::once(async move {
        let bytes = axum::body::to_bytes(body, usize::MAX).await?;
        if status != StatusCode::OK {
            tracing::debug!(%status, "an answer with this status ended a stream that had begun");
        }
        Ok(event(&String::from_utf8_lossy(&bytes)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_person_cannot_take_the_places_of_all_questions() {
        let questions = Arc::new(Questions::default());
        let channel = |user: &str| {
            let (out, said) = pipe();
            let entropy = Arc::new(doorward_keys::SystemEntropy);
            let ends = Ends {
                user_id: UserId::from_text(user),
                program: "c".to_owned(),
                questions: Arc::clone(&questions),
                entropy,
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
        while questions.lock().len() < MOST_QUESTIONS_EACH {
            tokio::task::yield_now().await;
        }
        assert_eq!(ann.ask("elicitation/create", json!({})).await, Err(AskError::Busy));
        let (bob, heard) = channel("u_2");
        drop(heard);
        assert_eq!(
            bob.ask("elicitation/create", json!({})).await,
            Err(AskError::Gone),
            "another person is asked, and is not there"
        );
        asked.iter().for_each(tokio::task::JoinHandle::abort);
        for one in asked {
            assert!(one.await.is_err());
        }
        assert_eq!(questions.lock().len(), 0, "a question that is not waited for is forgotten");
        reading.abort();
    }
}
