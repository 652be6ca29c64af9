//! The requests under way on one connection, and the request of each of the upstream's messages.
//!
//! A message that names its request (a progress token, the HTTP stream of the request) belongs to
//! that request. One that names none, as every message of a local process, belongs to the only
//! request there is: if there are several, or if more than one user has used the connection, it
//! belongs to none and is delivered to none. A request of a client that went away counts until the
//! upstream answers it, so that the upstream's later messages about it are not attributed to
//! another request.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use doorward_model::UserId;
use rmcp::{
    ErrorData, RoleClient,
    model::{
        CancelledNotification, CancelledNotificationParam, CustomNotification, InputRequest,
        LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken, RequestId,
        ServerResult,
    },
    service::{InboundStreamOrigin, RequestHandle, ServiceError},
};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use crate::{foreign, link::Link, wire::Wire};

/// How many messages of one conversation may wait to be read. Beyond it the oldest progress or log
/// message is dropped: the newest progress replaces those before it.
const SAID: usize = 256;
/// How long a cancelled request is kept on a connection of one user if the upstream does not answer
/// it.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// How long an upstream may take to be told that a request was taken back.
const TOLD_WITHIN: Duration = Duration::from_secs(10);
/// The most questions of one conversation that wait to be read.
const MOST_ASKED: usize = 8;
/// The most cancelled and unanswered requests before a connection is replaced.
const MOST_CLOSED: usize = 1000;

/// The messages of an upstream while it works on a request.
#[derive(Debug)]
pub(crate) enum UpstreamMessage {
    /// The progress of the request.
    Progress(ProgressNotificationParam),
    /// A log message.
    Log(LoggingMessageNotificationParam),
    /// A question to the client or its user, and the recipient of the answer.
    Asks(Box<InputRequest>, oneshot::Sender<Result<Value, ErrorData>>),
}

/// The messages of one conversation, in the order in which they arrived, until they are read.
#[derive(Default)]
pub(crate) struct Mailbox {
    said: Mutex<VecDeque<UpstreamMessage>>,
    arrived: Notify,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<UpstreamMessage>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in progress or a log message.
    pub(crate) fn put(&self, said: UpstreamMessage) {
        let mut waiting = self.lock();
        if waiting.len() >= SAID {
            let oldest = waiting.iter().position(|said| {
                matches!(said, UpstreamMessage::Progress(_) | UpstreamMessage::Log(_))
            });
            match oldest {
                Some(oldest) => drop(waiting.remove(oldest)),
                None => return,
            }
        }
        waiting.push_back(said);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Adds a question. `false` if too many messages wait.
    pub(crate) fn ask(&self, question: UpstreamMessage) -> bool {
        let mut waiting = self.lock();
        let asked = waiting.iter().filter(|said| matches!(said, UpstreamMessage::Asks(..))).count();
        if waiting.len() >= SAID || asked >= MOST_ASKED {
            return false;
        }
        waiting.push_back(question);
        drop(waiting);
        self.arrived.notify_one();
        true
    }

    /// Waits for the next message.
    async fn take(&self) -> UpstreamMessage {
        loop {
            if let Some(said) = self.lock().pop_front() {
                return said;
            }
            self.arrived.notified().await;
        }
    }
}

/// The destination of messages about a request.
enum Party {
    /// To the client that made it.
    Open(Arc<Mailbox>),
    /// To none: its client went away, or it is a request of Doorward's own.
    Closed,
}

/// Which users have used a connection.
#[derive(Default)]
enum Users {
    #[default]
    None,
    One(UserId),
    Several,
}

#[derive(Default)]
struct Table {
    by_request: HashMap<RequestId, Party>,
    by_token: HashMap<ProgressToken, RequestId>,
    users: Users,
}

impl Table {
    fn open(&self, id: &RequestId) -> Option<Arc<Mailbox>> {
        match self.by_request.get(id) {
            Some(Party::Open(mailbox)) => Some(Arc::clone(mailbox)),
            Some(Party::Closed) | None => None,
        }
    }

    fn named(&self, named: &Named) -> Option<Arc<Mailbox>> {
        match named {
            Named::Token(token) => self.by_token.get(token).and_then(|id| self.open(id)),
            Named::Request(id) => self.open(id),
            Named::Not => self.only(),
        }
    }

    /// The only request there is, if it is open and the connection is one user's.
    fn only(&self) -> Option<Arc<Mailbox>> {
        let mut all = self.by_request.values();
        match (all.next(), all.next(), &self.users) {
            (Some(Party::Open(mailbox)), None, Users::None | Users::One(_)) => {
                Some(Arc::clone(mailbox))
            }
            _ => None,
        }
    }
}

/// The reference of a message to its request.
pub(crate) enum Named {
    /// By the request's progress token.
    Token(ProgressToken),
    /// By the HTTP stream of the request on which it came.
    Request(RequestId),
    /// Not at all: it belongs to the only request there is.
    Not,
}

impl Named {
    /// The name that the origin of a message gives it.
    pub(crate) fn by_origin(origin: Option<&InboundStreamOrigin>) -> Self {
        match origin {
            Some(InboundStreamOrigin::OutboundRequest(id)) => Self::Request(id.clone()),
            Some(InboundStreamOrigin::Unassociated) | None => Self::Not,
        }
    }
}

/// The conversations under way on one connection.
pub(crate) struct Conversations {
    table: Mutex<Table>,
    // Requests that were sent and are not in the table yet.
    arriving: AtomicUsize,
    // Requests in the table that are open, and requests that are closed and not answered.
    open: AtomicUsize,
    closed: AtomicUsize,
    // The connection is not bound to a user.
    shared: bool,
}

impl Conversations {
    /// Those of a connection that is bound to a user, or is not.
    pub(crate) fn new(shared: bool) -> Self {
        Self {
            table: Mutex::default(),
            arriving: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            shared,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a conversation up, waiting a moment for one that is just being entered. `None` if the
    /// message belongs to no request, or to one that takes no messages.
    pub(crate) async fn find(&self, named: &Named) -> Option<Arc<Mailbox>> {
        for _ in 0..50 {
            let found = self.lock().named(named);
            if found.is_some() || self.arriving.load(Ordering::Acquire) == 0 {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        None
    }

    /// Reports a conversation that is waited for.
    pub(crate) fn is_busy(&self) -> bool {
        self.open.load(Ordering::Acquire) > 0
    }

    /// Reports a connection with so many unanswered requests that another connection replaces it.
    pub(crate) fn is_worn(&self) -> bool {
        self.closed.load(Ordering::Acquire) >= MOST_CLOSED
    }

    /// Notes that a request is about to be sent on behalf of a user; `None` for Doorward's own.
    pub(crate) fn arrive(self: &Arc<Self>, user: Option<&UserId>) -> EnteringRequest {
        self.arriving.fetch_add(1, Ordering::AcqRel);
        if let Some(user) = user {
            let mut table = self.lock();
            let several = match &table.users {
                Users::None => false,
                Users::One(known) if known == user => return EnteringRequest(Arc::clone(self)),
                Users::One(_) | Users::Several => true,
            };
            table.users =
                if several && self.shared { Users::Several } else { Users::One(user.clone()) };
        }
        EnteringRequest(Arc::clone(self))
    }
}

/// A request on its way into the table.
pub(crate) struct EnteringRequest(Arc<Conversations>);

impl Drop for EnteringRequest {
    fn drop(&mut self) {
        self.0.arriving.fetch_sub(1, Ordering::AcqRel);
    }
}

impl EnteringRequest {
    /// Enters the request. `listening` where a client can receive the upstream's messages about it.
    pub(crate) fn enter(
        self,
        link: &Arc<Link>,
        handle: RequestHandle<RoleClient>,
        listening: bool,
    ) -> Conversation {
        let said = Arc::<Mailbox>::default();
        let (id, token) = (handle.id.clone(), handle.progress_token.clone());
        let mut table = self.0.lock();
        table.by_request.insert(
            id.clone(),
            if listening { Party::Open(Arc::clone(&said)) } else { Party::Closed },
        );
        if listening {
            table.by_token.insert(token.clone(), id.clone());
        }
        drop(table);
        self.0.open.fetch_add(1, Ordering::AcqRel);
        Conversation { link: Arc::clone(link), handle: Some(handle), said, id, token }
    }
}

/// A request sent to the upstream, with the messages about it.
pub(crate) struct Conversation {
    link: Arc<Link>,
    handle: Option<RequestHandle<RoleClient>>,
    said: Arc<Mailbox>,
    id: RequestId,
    token: ProgressToken,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let conversations = Arc::clone(&self.link.conversations);
        conversations.open.fetch_sub(1, Ordering::AcqRel);
        let unanswered = self.handle.take().zip(tokio::runtime::Handle::try_current().ok());
        let mut table = conversations.lock();
        table.by_token.remove(&self.token);
        if unanswered.is_some() {
            // The messages that follow find no request, and no message without origin finds another
            // request instead.
            table.by_request.insert(self.id.clone(), Party::Closed);
            conversations.closed.fetch_add(1, Ordering::AcqRel);
        } else {
            table.by_request.remove(&self.id);
        }
        drop(table);
        if let Some((handle, runtime)) = unanswered {
            runtime.spawn(outlive(handle, conversations, Arc::clone(&self.link.wire)));
        }
    }
}

/// Takes back a request of a client that went away, and keeps its place until the upstream answers
/// it or the connection ends. On a connection of one user it is kept no longer than a question may
/// wait.
async fn outlive(
    handle: RequestHandle<RoleClient>,
    conversations: Arc<Conversations>,
    wire: Arc<Wire>,
) {
    let RequestHandle { rx, peer, id, .. } = handle;
    // An ended connection cancels nothing; the receiver reports that too. The protocol library
    // forgets a request with its own kind of this notification, and the answer would be lost.
    let told = json!({"requestId": id, "reason": "the client cancelled the request"});
    let notification = CustomNotification::new("notifications/cancelled", Some(told));
    let telling = peer.send_notification(notification.into());
    let _ = tokio::time::timeout(TOLD_WITHIN, telling).await;
    if conversations.shared {
        drop(peer);
        let _ = rx.await;
    } else if tokio::time::timeout(KEPT_FOR, rx).await.is_err() {
        // From now on no answer is waited for: the protocol library forgets the request, and with it
        // its stream.
        let given_up = CancelledNotificationParam::new(Some(id.clone()), None);
        let telling = peer.send_notification(CancelledNotification::new(given_up).into());
        let _ = tokio::time::timeout(TOLD_WITHIN, telling).await;
    }
    conversations.lock().by_request.remove(&id);
    wire.forget(&id);
    conversations.closed.fetch_sub(1, Ordering::AcqRel);
}

/// The next event of a conversation.
pub(crate) enum Turn {
    /// The upstream said something.
    UpstreamMessage(UpstreamMessage),
    /// It answered.
    Answered(Box<Result<ServerResult, ServiceError>>),
}

impl Conversation {
    /// Waits for the next event.
    pub(crate) async fn next(&mut self) -> Turn {
        let Some(handle) = self.handle.as_mut() else {
            return Turn::Answered(Box::new(Err(ServiceError::TransportClosed)));
        };
        tokio::select! {
            biased;
            said = self.said.take() => Turn::UpstreamMessage(said),
            answer = &mut handle.rx => {
                self.handle = None;
                let answer = answer.unwrap_or(Err(ServiceError::TransportClosed));
                let answer =
                    answer.map_err(|error| self.link.wire.explained(&self.id, error));
                Turn::Answered(Box::new(self.link.labelled(answer)))
            }
        }
    }

    /// Waits for the answer alone.
    pub(crate) async fn answer(mut self) -> Result<ServerResult, ServiceError> {
        loop {
            if let Turn::Answered(answer) = self.next().await {
                return *answer;
            }
        }
    }
}

impl Link {
    /// An answer of the upstream as it may be passed on.
    pub(crate) fn labelled(
        &self,
        answer: Result<ServerResult, ServiceError>,
    ) -> Result<ServerResult, ServiceError> {
        match answer {
            Ok(result) => {
                foreign::result(&self.upstream.now(), result).map_err(ServiceError::McpError)
            }
            Err(ServiceError::McpError(error)) => {
                Err(ServiceError::McpError(foreign::error(&self.upstream.now(), error)))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::ListRootsRequest;

    use super::*;

    #[test]
    fn few_questions_of_one_conversation_wait() {
        let mailbox = Mailbox::default();
        let ask = || {
            let question = InputRequest::ListRoots(ListRootsRequest::default());
            mailbox.ask(UpstreamMessage::Asks(Box::new(question), oneshot::channel().0))
        };
        assert_eq!((0..20).filter(|_| ask()).count(), 8);
        mailbox.lock().pop_front();
        assert!(ask() && !ask());
    }
}
