//! Order of an upstream's messages: everything that belongs to a request enters its conversation as
//! it arrives, before the answer that follows it.
//!
//! The protocol library handles each notification and each question in a task of its own, and an
//! answer without one, so that an answer could overtake the progress that was written before it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use doorward_model::Live;
use rmcp::{
    ErrorData, RoleClient,
    model::{
        CreateMessageRequest, ElicitRequest, GetExtensions, InputRequest, JsonRpcMessage,
        ListRootsRequest, RequestId, ServerNotification, ServerRequest,
    },
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    conversations::{Conversations, MessageReference, UpstreamMessage},
    foreign,
    upstream::Upstream,
    wire::{Wire, early, notices, refused::unasked},
};

type Message = RxJsonRpcMessage<RoleClient>;

/// The answer that a question of the upstream waits for, or the reason that there is none. It
/// travels in the question's extensions, from the arrival of the question to its answer.
#[derive(Clone)]
pub(crate) struct Awaited(Arc<Mutex<Option<Result<Answer, ErrorData>>>>);

/// The receiving end of an answer.
pub(crate) type Answer = oneshot::Receiver<Result<Value, ErrorData>>;

impl Awaited {
    fn new(answer: Result<Answer, ErrorData>) -> Self {
        Self(Arc::new(Mutex::new(Some(answer))))
    }
    /// Takes the answer; `None` if it was taken before.
    pub(crate) fn take(&self) -> Option<Result<Answer, ErrorData>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A transport with messages that enter their conversations in the order of their arrival.
pub(crate) struct InOrder<T> {
    inner: T,
    upstream: Live<Upstream>,
    conversations: Arc<Conversations>,
    wire: Arc<Wire>,
    // A message that arrived and is not delivered yet: `receive` may be dropped while it waits.
    arrived: Option<Message>,
    unanswered: Unanswered,
    /// Number of requests that were answered before a revision was agreed on.
    early: usize,
}

/// Maximum number of requests of an upstream that are worked on at once.
const MOST_UNANSWERED: usize = 64;
/// Maximum number of bytes of a question.
const LONGEST_QUESTION: usize = 256 * 1024;

impl<T> InOrder<T> {
    pub(crate) fn new(
        inner: T,
        upstream: Live<Upstream>,
        conversations: Arc<Conversations>,
        wire: Arc<Wire>,
    ) -> Self {
        Self {
            inner,
            upstream,
            conversations,
            wire,
            arrived: None,
            unanswered: Unanswered::default(),
            early: 0,
        }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for InOrder<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.wire.send(&item);
        self.unanswered.send(&item);
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<Message> {
        self.next().await
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}

/// The requests of the upstream that are not answered yet.
#[derive(Default)]
struct Unanswered(HashSet<RequestId>);

impl Unanswered {
    /// Notes an answer of ours.
    fn send(&mut self, message: &TxJsonRpcMessage<RoleClient>) {
        let id = match message {
            JsonRpcMessage::Response(answer) => Some(&answer.id),
            JsonRpcMessage::Error(answer) => answer.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        if let Some(id) = id {
            self.0.remove(id);
        }
    }

    /// Counts a request. One beyond the limit is passed over: each would take a task, and an answer
    /// that the upstream may not read.
    fn admits(&mut self, message: &Message) -> bool {
        match message {
            JsonRpcMessage::Request(request) => {
                self.0.len() < MOST_UNANSWERED && self.0.insert(request.id.clone())
            }
            JsonRpcMessage::Notification(notification) => {
                if let ServerNotification::CancelledNotification(taken_back) =
                    &notification.notification
                    && let Some(id) = &taken_back.params.request_id
                {
                    self.0.remove(id);
                }
                true
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => true,
        }
    }
}

/// Reports a question of a size that is passed on.
fn is_short(question: &InputRequest) -> bool {
    serde_json::to_vec(question).is_ok_and(|written| written.len() <= LONGEST_QUESTION)
}

impl<T: Transport<RoleClient>> InOrder<T> {
    /// Answers a request that came before a revision is agreed on; returns every other message.
    fn without_early(&mut self, message: Message) -> Option<Message> {
        let request = match message {
            JsonRpcMessage::Request(request) if !self.wire.has_begun() => request,
            other => return Some(other),
        };
        self.early += 1;
        if self.early <= early::MOST {
            let sending = self.inner.send(early::answer(request.request, request.id));
            // Whatever becomes of it: the upstream waits for it, and nothing here does.
            tokio::spawn(async move { drop(sending.await) });
        }
        None
    }

    /// Waits for the next message that is not taken by a conversation.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if self.arrived.is_none() {
                let message = self.inner.receive().await?;
                let Some(message) = self.without_early(message) else { continue };
                if self.unanswered.admits(&message) {
                    self.arrived = Some(message);
                } else if self.wire.may_log() {
                    tracing::warn!(upstream = %self.upstream.now().name, "an upstream asks more at once than is answered, or twice under one ID; its request is ignored");
                }
            }
            let Some(named) = self.arrived.as_ref().map(named) else { continue };
            let mailbox = match named {
                Some(named) => self.conversations.find(&named).await,
                None => return self.arrived.take(),
            };
            // No await from here on: the message is entered once.
            let Some(message) = self.arrived.take() else { continue };
            match message {
                JsonRpcMessage::Notification(notification) => {
                    let Some(mailbox) = mailbox else { continue };
                    let upstream = self.upstream.now();
                    let Some(said) = said(&upstream, notification.notification) else { continue };
                    if !mailbox.put(said) && self.wire.may_log() {
                        tracing::info!(upstream = %upstream.name, "an upstream writes more progress and log messages than its client reads; the oldest are dropped");
                    }
                }
                JsonRpcMessage::Request(mut request) => {
                    let awaited = match question(&request.request) {
                        Some(asked) if !is_short(&asked) => Err(ErrorData::invalid_request(
                            "the question is not forwarded: it is too long",
                            None,
                        )),
                        Some(asked) => {
                            foreign::question(&self.upstream.now(), asked).and_then(|asked| {
                                let (answer, answered) = oneshot::channel();
                                mailbox
                                    .filter(|mailbox| {
                                        mailbox.ask(UpstreamMessage::Asks(Box::new(asked), answer))
                                    })
                                    .map(|_| answered)
                                    .ok_or_else(unasked)
                            })
                        }
                        None => Err(unasked()),
                    };
                    request.request.extensions_mut().insert(Awaited::new(awaited));
                    return Some(JsonRpcMessage::Request(request));
                }
                other => return Some(other),
            }
        }
    }
}

/// A notification as a client gets it; `None` for those that no client gets.
fn said(upstream: &Upstream, notification: ServerNotification) -> Option<UpstreamMessage> {
    match notification {
        ServerNotification::ProgressNotification(progress) => {
            Some(UpstreamMessage::Progress(foreign::progress(upstream, progress.params)))
        }
        ServerNotification::LoggingMessageNotification(log) => {
            Some(UpstreamMessage::Log(foreign::log(upstream, log.params)))
        }
        _ => None,
    }
}

/// The reference of a message to its request; `None` for messages without one.
fn named(message: &Message) -> Option<MessageReference> {
    match message {
        JsonRpcMessage::Notification(notification) => match &notification.notification {
            ServerNotification::ProgressNotification(progress) => {
                Some(MessageReference::Token(progress.params.progress_token.clone()))
            }
            ServerNotification::LoggingMessageNotification(log) => {
                let request = notices::origin_of(log);
                Some(request.map_or(MessageReference::Not, MessageReference::Request))
            }
            _ => None,
        },
        JsonRpcMessage::Request(request) => match &request.request {
            ServerRequest::ElicitRequest(_)
            | ServerRequest::CreateMessageRequest(_)
            | ServerRequest::ListRootsRequest(_) => {
                Some(MessageReference::by_origin(request.request.extensions().get()))
            }
            _ => None,
        },
        JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => None,
    }
}

/// A request of an upstream that is passed to its client; `None` for those that Doorward answers.
fn question(request: &ServerRequest) -> Option<InputRequest> {
    match request {
        ServerRequest::ElicitRequest(asked) => {
            Some(InputRequest::Elicitation(ElicitRequest::new(asked.params.clone())))
        }
        ServerRequest::CreateMessageRequest(asked) => {
            Some(InputRequest::CreateMessage(CreateMessageRequest::new(asked.params.clone())))
        }
        ServerRequest::ListRootsRequest(_) => {
            Some(InputRequest::ListRoots(ListRootsRequest::default()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::ElicitRequestParams;
    use serde_json::json;

    use super::*;

    fn ping(id: i64) -> Message {
        serde_json::from_value(json!({"jsonrpc": "2.0", "id": id, "method": "ping"})).unwrap()
    }

    #[test]
    fn an_upstream_asks_no_more_at_once_than_is_answered() {
        let mut unanswered = Unanswered::default();
        let admitted = (0..1000).filter(|id| unanswered.admits(&ping(*id))).count();
        assert_eq!(admitted, 64);
        let answer = |id| {
            JsonRpcMessage::response(rmcp::model::ClientResult::empty(()), RequestId::Number(id))
        };
        unanswered.send(&answer(7));
        unanswered.send(&answer(2000));
        assert!(!unanswered.admits(&ping(6)), "it was already asked");
        assert!(unanswered.admits(&ping(7)) && !unanswered.admits(&ping(8000)));
        let taken_back: Message = serde_json::from_value(
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}),
        )
        .unwrap();
        assert!(unanswered.admits(&taken_back));
        assert!(unanswered.admits(&ping(8000)));
    }

    #[test]
    fn a_question_is_no_longer_than_is_passed_on() {
        let question = |size: usize| {
            let params: ElicitRequestParams = serde_json::from_value(json!({
                "mode": "form", "message": "x".repeat(size),
                "requestedSchema": {"type": "object", "properties": {}},
            }))
            .unwrap();
            InputRequest::Elicitation(ElicitRequest::new(params))
        };
        assert!(is_short(&question(200_000)));
        assert!(!is_short(&question(300_000)));
    }
}
