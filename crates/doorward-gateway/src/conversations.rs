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
    ErrorData,
    model::{
        InputRequest, LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken,
        RequestId,
    },
    service::InboundStreamOrigin,
};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

/// Maximum number of messages of one conversation that wait to be read, and of their bytes. Beyond
/// it the oldest progress or log message is dropped: the newest progress replaces those before it.
const SAID: usize = 4096;
const SAID_BYTES: usize = 4 * 1024 * 1024;
/// Maximum number of questions of one conversation that wait to be read.
const MOST_ASKED: usize = 8;
/// Maximum number of cancelled and unanswered requests before a connection is replaced.
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

impl UpstreamMessage {
    /// About how many bytes it holds.
    fn bytes(&self) -> usize {
        match self {
            Self::Progress(progress) => progress.message.as_ref().map_or(0, String::len),
            // Its values were cleaned, which bounds them.
            Self::Log(log) => log.data.to_string().len(),
            Self::Asks(..) => 0,
        }
    }

    fn can_be_dropped(&self) -> bool {
        matches!(self, Self::Progress(_) | Self::Log(_))
    }
}

/// The messages that wait, and about how many bytes they hold.
#[derive(Default)]
struct WaitingMessages {
    all: VecDeque<UpstreamMessage>,
    bytes: usize,
    // One was dropped, which was reported.
    dropped: bool,
}

impl WaitingMessages {
    fn is_full(&self) -> bool {
        self.all.len() >= SAID || self.bytes >= SAID_BYTES
    }

    fn remove(&mut self, at: usize) -> Option<UpstreamMessage> {
        let said = self.all.remove(at)?;
        self.bytes = self.bytes.saturating_sub(said.bytes());
        Some(said)
    }
}

/// The messages of one conversation, in the order in which they arrived, until they are read.
#[derive(Default)]
pub(crate) struct Mailbox {
    said: Mutex<WaitingMessages>,
    arrived: Notify,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, WaitingMessages> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in progress or a log message. `false` if it is the first one for which another was
    /// dropped.
    pub(crate) fn put(&self, said: UpstreamMessage) -> bool {
        let mut waiting = self.lock();
        let mut has_room = true;
        while waiting.is_full() {
            has_room = false;
            let oldest = waiting.all.iter().position(UpstreamMessage::can_be_dropped);
            if oldest.and_then(|oldest| waiting.remove(oldest)).is_none() {
                break;
            }
        }
        let is_first = !has_room && !waiting.dropped;
        waiting.dropped |= !has_room;
        if !waiting.is_full() {
            waiting.bytes += said.bytes();
            waiting.all.push_back(said);
        }
        drop(waiting);
        self.arrived.notify_one();
        !is_first
    }

    /// Adds a question. `false` if too many messages wait.
    pub(crate) fn ask(&self, question: UpstreamMessage) -> bool {
        let mut waiting = self.lock();
        let asked = waiting.all.iter().filter(|said| !said.can_be_dropped()).count();
        if waiting.is_full() || asked >= MOST_ASKED {
            return false;
        }
        waiting.all.push_back(question);
        drop(waiting);
        self.arrived.notify_one();
        true
    }

    /// Waits for the next message.
    async fn take(&self) -> UpstreamMessage {
        loop {
            if let Some(said) = self.lock().remove(0) {
                return said;
            }
            self.arrived.notified().await;
        }
    }
}

/// The destination of messages about a request.
enum Recipient {
    /// To the client that made it.
    Open(Arc<Mailbox>),
    /// To none: its client went away, or it is a request of Doorward's own.
    Closed,
}

/// Users who have used a connection.
#[derive(Default)]
enum Users {
    #[default]
    None,
    One(UserId),
    Several,
}

#[derive(Default)]
struct Table {
    by_request: HashMap<RequestId, Recipient>,
    by_token: HashMap<ProgressToken, RequestId>,
    users: Users,
}

impl Table {
    fn open(&self, id: &RequestId) -> Option<Arc<Mailbox>> {
        match self.by_request.get(id) {
            Some(Recipient::Open(mailbox)) => Some(Arc::clone(mailbox)),
            Some(Recipient::Closed) | None => None,
        }
    }

    fn named(&self, named: &MessageReference) -> Option<Arc<Mailbox>> {
        match named {
            MessageReference::Token(token) => self.by_token.get(token).and_then(|id| self.open(id)),
            MessageReference::Request(id) => self.open(id),
            MessageReference::Not => self.only(),
        }
    }

    /// The only request there is, if it is open and the connection is one user's.
    fn only(&self) -> Option<Arc<Mailbox>> {
        let mut all = self.by_request.values();
        match (all.next(), all.next(), &self.users) {
            (Some(Recipient::Open(mailbox)), None, Users::None | Users::One(_)) => {
                Some(Arc::clone(mailbox))
            }
            _ => None,
        }
    }
}

/// The reference of a message to its request.
pub(crate) enum MessageReference {
    /// By the request's progress token.
    Token(ProgressToken),
    /// By the HTTP stream of the request on which it came.
    Request(RequestId),
    /// Not at all: it belongs to the only request there is.
    Not,
}

impl MessageReference {
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
    pub(crate) async fn find(&self, named: &MessageReference) -> Option<Arc<Mailbox>> {
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
    pub(crate) fn enter(self, id: RequestId, token: ProgressToken, listening: bool) -> Entry {
        let said = Arc::<Mailbox>::default();
        let mut table = self.0.lock();
        table.by_request.insert(
            id.clone(),
            if listening { Recipient::Open(Arc::clone(&said)) } else { Recipient::Closed },
        );
        if listening {
            table.by_token.insert(token.clone(), id.clone());
        }
        drop(table);
        self.0.open.fetch_add(1, Ordering::AcqRel);
        Entry { conversations: Arc::clone(&self.0), said, id, token }
    }
}

/// A request in the table, with the messages about it.
pub(crate) struct Entry {
    conversations: Arc<Conversations>,
    said: Arc<Mailbox>,
    id: RequestId,
    token: ProgressToken,
}

impl Entry {
    /// The identifier of the request.
    pub(crate) fn id(&self) -> &RequestId {
        &self.id
    }

    /// Waits for the next message.
    pub(crate) async fn next(&self) -> UpstreamMessage {
        self.said.take().await
    }

    /// Leaves the table, after the answer.
    pub(crate) fn leave(&self) {
        self.conversations.open.fetch_sub(1, Ordering::AcqRel);
        let mut table = self.conversations.lock();
        table.by_token.remove(&self.token);
        table.by_request.remove(&self.id);
    }

    /// Takes no more messages, and keeps the place of the request until the upstream answers it.
    pub(crate) fn close(&self) -> ClosedRequest {
        self.conversations.open.fetch_sub(1, Ordering::AcqRel);
        let mut table = self.conversations.lock();
        table.by_token.remove(&self.token);
        // The messages that follow find no request, and no message without origin finds another
        // request instead.
        table.by_request.insert(self.id.clone(), Recipient::Closed);
        self.conversations.closed.fetch_add(1, Ordering::AcqRel);
        ClosedRequest { conversations: Arc::clone(&self.conversations), id: self.id.clone() }
    }
}

/// The place of a request that is no longer waited for.
pub(crate) struct ClosedRequest {
    conversations: Arc<Conversations>,
    id: RequestId,
}

impl ClosedRequest {
    /// Reports a connection that several users share.
    pub(crate) fn is_shared(&self) -> bool {
        self.conversations.shared
    }

    /// Gives the place up: the upstream answered, or will not.
    pub(crate) fn leave(self) {
        self.conversations.lock().by_request.remove(&self.id);
        self.conversations.closed.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ListRootsRequest, LoggingLevel};

    use super::*;

    #[test]
    fn few_questions_of_one_conversation_wait() {
        let mailbox = Mailbox::default();
        let ask = || {
            let question = InputRequest::ListRoots(ListRootsRequest::default());
            mailbox.ask(UpstreamMessage::Asks(Box::new(question), oneshot::channel().0))
        };
        assert_eq!((0..20).filter(|_| ask()).count(), 8);
        mailbox.lock().remove(0);
        assert!(ask() && !ask());
    }

    #[test]
    fn thousands_of_messages_wait_and_of_more_the_newest_are_kept() {
        let log = |number: usize, bytes: usize| {
            let data = serde_json::json!([number, "x".repeat(bytes)]);
            UpstreamMessage::Log(LoggingMessageNotificationParam::new(LoggingLevel::Info, data))
        };
        let mailbox = Mailbox::default();
        for number in 0..4096 {
            assert!(mailbox.put(log(number, 1)), "{number}");
        }
        assert!(!mailbox.put(log(4096, 1)), "the first that is dropped is reported");
        assert!(mailbox.put(log(4097, 1)), "and no other");
        let numbers = |mailbox: &Mailbox| -> Vec<u64> {
            let number = |said: &UpstreamMessage| match said {
                UpstreamMessage::Log(log) => log.data[0].as_u64(),
                UpstreamMessage::Progress(_) | UpstreamMessage::Asks(..) => None,
            };
            mailbox.lock().all.iter().filter_map(number).collect()
        };
        let kept = numbers(&mailbox);
        assert_eq!((kept.len(), kept[0], kept[4095]), (4096, 2, 4097));
        // Large ones are bounded by their bytes, and a place that was read is free again.
        let mailbox = Mailbox::default();
        let all = (0..40).filter(|number| mailbox.put(log(*number, 200_000))).count();
        assert_eq!(all, 39);
        assert!(numbers(&mailbox).len() < 24 && numbers(&mailbox).last() == Some(&39));
        while mailbox.lock().remove(0).is_some() {}
        assert_eq!(mailbox.lock().bytes, 0);
    }
}
