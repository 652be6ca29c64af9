//! Questions to clients that wait for an answer, here and at other replicas.
//!
//! An answer comes in a request of its own, which may reach another replica than the one that
//! asked. That replica stores it, sealed, in the database; the replica that asked is notified and
//! takes it. An identifier proves that Doorward asked this very user and client, so that a replica
//! keeps no answers to questions that were never asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use doorward_keys::MasterKey;
use doorward_model::{
    Clock, HashedToken, PlainToken, Sealed, UpstreamChange, UserId, upstream::KeptResult,
};
use doorward_store::{KeptAnswer, Store, StoreError};
use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, oneshot};

use crate::{Caller, Mcp, McpServices};

/// Maximum number of questions that wait for an answer, of all users together and of one.
const MOST_QUESTIONS: usize = 10_000;
pub(crate) const MOST_QUESTIONS_EACH: usize = 64;
/// The beginning of the identifiers of questions.
const PREFIX: &str = "dw-";
/// The name under which answers are kept. No tool has such a name.
const KEPT_AS: &str = "(answer)";
/// The longest identifier, in bytes.
const LONGEST_ID: usize = 512;

/// The longest that a user may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// Reason for which a question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AskError {
    /// The client has disconnected, or its request has ended.
    #[error("the client disconnected")]
    Gone,
    /// No answer in time.
    #[error("the client did not respond in time")]
    Timeout,
    /// Too many questions wait already.
    #[error("too many questions await an answer")]
    Busy,
    /// The client answered with an error.
    #[error("the client refused: {0}")]
    Refused(Value),
}

/// The user and the client that a question goes to: no others can answer it.
pub(crate) struct QuestionRecipient<'a> {
    pub(crate) user_id: &'a UserId,
    /// The client or personal access token, by its identifier.
    pub(crate) program: &'a str,
}

impl QuestionRecipient<'_> {
    fn place(&self, random: &str) -> String {
        format!("question/{}/{}/{random}", self.user_id, self.program)
    }
}

struct Question {
    user_id: UserId,
    program: String,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Value, Value>;

/// The answer in a message.
fn answer_in(message: &Map<String, Value>) -> Answer {
    match (message.get("result"), message.get("error")) {
        (Some(result), _) => Ok(result.clone()),
        (None, error) => Err(error.cloned().unwrap_or_default()),
    }
}

/// The questions of this replica that wait for an answer.
#[derive(Default)]
pub(crate) struct Questions(Mutex<HashMap<String, Question>>);

impl Questions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Question>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of questions that wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Enters a question.
    pub(crate) fn enter(
        &self,
        asker: &QuestionRecipient<'_>,
        id: String,
    ) -> Result<PendingQuestion<'_>, AskError> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.lock();
        // A request that waits for its user has no turn yet, so that no other limit bounds these.
        let own = waiting.values().filter(|question| question.user_id == *asker.user_id).count();
        if waiting.len() >= MOST_QUESTIONS || own >= MOST_QUESTIONS_EACH {
            return Err(AskError::Busy);
        }
        let question =
            Question { user_id: asker.user_id.clone(), program: asker.program.to_owned(), answer };
        waiting.insert(id.clone(), question);
        Ok(PendingQuestion { questions: self, id, answered: Mutex::new(Some(answered)) })
    }

    /// Delivers an answer to the request that asked. `false` if this user and client received no
    /// such question from this replica.
    fn answered(&self, asker: &QuestionRecipient<'_>, message: &Map<String, Value>) -> bool {
        let Some(id) = message.get("id").and_then(Value::as_str) else { return false };
        let mut waiting = self.lock();
        let theirs = waiting.get(id).is_some_and(|question| {
            question.user_id == *asker.user_id && question.program == asker.program
        });
        let Some(question) = waiting.remove(id).filter(|_| theirs) else { return false };
        question.answer.send(answer_in(message)).is_ok()
    }
}

/// A pending question. Dropping it removes it.
pub(crate) struct PendingQuestion<'a> {
    questions: &'a Questions,
    id: String,
    answered: Mutex<Option<oneshot::Receiver<Answer>>>,
}

impl PendingQuestion<'_> {
    /// Its identifier.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
    /// Waits for an answer that reaches this replica.
    pub(crate) async fn answer(&self) -> Result<Value, AskError> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answered {
            Some(answered) => {
                answered.await.map_err(|_| AskError::Gone)?.map_err(AskError::Refused)
            }
            None => Err(AskError::Gone),
        }
    }
}

impl Drop for PendingQuestion<'_> {
    fn drop(&mut self) {
        self.questions.lock().remove(&self.id);
    }
}

/// The way of answers between replicas.
#[derive(Clone)]
pub(crate) struct Relay {
    store: Store,
    master: Arc<MasterKey>,
    clock: Arc<dyn Clock>,
}

impl Relay {
    pub(crate) fn of(services: &McpServices) -> Self {
        Self {
            store: services.store.clone(),
            master: Arc::clone(&services.master),
            clock: Arc::clone(&services.clock),
        }
    }

    /// Makes an identifier that proves the question.
    pub(crate) fn id(&self, asker: &QuestionRecipient<'_>, random: &str) -> String {
        let until = self.clock.now().plus(i64::try_from(PATIENCE.as_secs()).unwrap_or(i64::MAX)).0;
        let proof = self.master.seal(&asker.place(random), until.to_string().as_bytes());
        format!("{PREFIX}{random}.{}", proof.as_str())
    }

    /// Reports an identifier of a question to this user and client that may still be answered.
    fn proves(&self, asker: &QuestionRecipient<'_>, id: &str) -> bool {
        let parts = id.strip_prefix(PREFIX).filter(|_| id.len() <= LONGEST_ID);
        let Some((random, proof)) = parts.and_then(|rest| rest.split_once('.')) else {
            return false;
        };
        self.master
            .open(&asker.place(random), &Sealed::from_stored(proof.to_owned()))
            .ok()
            .and_then(|until| std::str::from_utf8(&until).ok()?.parse::<i64>().ok())
            .is_some_and(|until| self.clock.now().0 < until)
    }

    /// Subscribes to answers that reach other replicas; `None` where there are none.
    pub(crate) fn listen(&self) -> Option<broadcast::Receiver<KeptAnswer>> {
        self.store.answers()
    }

    /// Keeps an answer for the replica that asked. `false` if no question of this user and client
    /// has the identifier, or there are no other replicas.
    async fn keep(
        &self,
        asker: &QuestionRecipient<'_>,
        message: &Map<String, Value>,
    ) -> Result<bool, StoreError> {
        let Some(id) = message.get("id").and_then(Value::as_str) else { return Ok(false) };
        if self.store.answers().is_none() || !self.proves(asker, id) {
            return Ok(false);
        }
        let told = match answer_in(message) {
            Ok(result) => json!({ "result": result }),
            Err(error) => json!({ "error": error }),
        };
        let (plain, now) = (told.to_string(), self.clock.now());
        let kept = KeptResult {
            id: hashed(id),
            user_id: asker.user_id.clone(),
            tool: KEPT_AS.to_owned(),
            size: i64::try_from(plain.len()).unwrap_or(i64::MAX),
            body: self.master.seal(&asker.place(id), plain.as_bytes()),
            created_at: now,
            expires_at: now.plus(i64::try_from(PATIENCE.as_secs()).unwrap_or(i64::MAX)),
        };
        self.store.apply(UpstreamChange::RelayAnswer(Box::new(kept))).await?;
        Ok(true)
    }

    /// Waits for an answer that reaches another replica.
    pub(crate) async fn wait(
        &self,
        asker: &QuestionRecipient<'_>,
        id: &str,
        mut relayed: broadcast::Receiver<KeptAnswer>,
    ) -> Result<Value, AskError> {
        let hashed = hashed(id);
        loop {
            match relayed.recv().await {
                Ok(KeptAnswer::One(arrived)) if arrived != hashed.as_str() => continue,
                // Of those that were missed, one may be this one.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
            let found = self.store.kept_result(asker.user_id, &hashed, self.clock.now()).await;
            let row = match found {
                Ok(Some(row)) => row,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(%error, "an answer that reached another replica could not be \
                        read");
                    continue;
                }
            };
            let told = self
                .master
                .open(&asker.place(id), &row.body)
                .ok()
                .and_then(|plain| serde_json::from_slice::<Map<String, Value>>(&plain).ok());
            if let Some(told) = told {
                return answer_in(&told).map_err(AskError::Refused);
            }
        }
    }
}

fn hashed(id: &str) -> HashedToken {
    PlainToken::presented(id).hashed()
}

/// Reports a row that is an answer and not a result.
pub(crate) fn is_answer(tool: &str) -> bool {
    tool == KEPT_AS
}

impl Mcp {
    /// Takes a client's answer to a question, of this replica or another one. `false` if the client
    /// received no such question.
    pub(crate) async fn take_answer(
        &self,
        caller: &Caller,
        message: &Map<String, Value>,
    ) -> Result<bool, StoreError> {
        let program = caller.program().to_string();
        let asker = QuestionRecipient { user_id: caller.user_id(), program: &program };
        Ok(self.inner.questions.answered(&asker, message)
            || Relay::of(&self.inner.services).keep(&asker, message).await?)
    }
}
