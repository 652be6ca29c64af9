//! One request on a connection: its messages and its answer, and its end if no client waits for it
//! any more.

use std::{sync::Arc, time::Duration};

use doorward_model::UserId;
use rmcp::{
    RoleClient,
    model::{
        CancelledNotification, CancelledNotificationParam, ClientCapabilities, ClientRequest,
        CustomNotification, RequestMetaObject, ServerResult,
    },
    service::{PeerRequestOptions, RequestHandle, ServiceError},
};
use serde_json::json;

use crate::{
    conversations::{ClosedRequest, EnteringRequest, Entry, UpstreamMessage},
    foreign,
    left_out::LeftOut,
    link::Link,
    link_error::LinkError,
    wire::Wire,
};

/// Time that a cancelled request is kept on a connection of one user if the upstream does not
/// answer it.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// Time that an upstream may take to be told that a request was taken back.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// A request sent to the upstream, with the messages about it.
pub(crate) struct Conversation {
    link: Arc<Link>,
    handle: Option<RequestHandle<RoleClient>>,
    entry: Entry,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let unanswered = self.handle.take().zip(tokio::runtime::Handle::try_current().ok());
        match unanswered {
            Some((handle, runtime)) => {
                let wire = Arc::clone(&self.link.wire);
                runtime.spawn(outlive(handle, self.entry.close(), wire));
            }
            None => self.entry.leave(),
        }
    }
}

/// Takes back a request of a client that went away, and keeps its place until the upstream answers
/// it or the connection ends. On a connection of one user it is kept no longer than a question may
/// wait.
async fn outlive(handle: RequestHandle<RoleClient>, closed: ClosedRequest, wire: Arc<Wire>) {
    let RequestHandle { rx, peer, id, .. } = handle;
    // An ended connection cancels nothing; the receiver reports that too. The protocol library
    // forgets a request with its own kind of this notification, and the answer would be lost.
    let told = json!({"requestId": id, "reason": "the client cancelled the request"});
    let notification = CustomNotification::new("notifications/cancelled", Some(told));
    let telling = peer.send_notification(notification.into());
    let _ = tokio::time::timeout(TOLD_WITHIN, telling).await;
    if closed.is_shared() {
        drop(peer);
        let _ = rx.await;
    } else if tokio::time::timeout(KEPT_FOR, rx).await.is_err() {
        // From now on no answer is waited for: the protocol library forgets the request, and with
        // it its stream.
        let given_up = CancelledNotificationParam::new(Some(id.clone()), None);
        let telling = peer.send_notification(CancelledNotification::new(given_up).into());
        let _ = tokio::time::timeout(TOLD_WITHIN, telling).await;
    }
    wire.forget(&id);
    closed.leave();
}

/// The next event of a conversation.
pub(crate) enum ConversationEvent {
    /// The upstream said something.
    UpstreamMessage(UpstreamMessage),
    /// It answered.
    Answered(Box<Result<ServerResult, ServiceError>>),
}

impl Conversation {
    fn new(
        link: &Arc<Link>,
        entering: EnteringRequest,
        handle: RequestHandle<RoleClient>,
        listening: bool,
    ) -> Self {
        let entry = entering.enter(handle.id.clone(), handle.progress_token.clone(), listening);
        Self { link: Arc::clone(link), handle: Some(handle), entry }
    }

    /// Waits for the next event.
    pub(crate) async fn next(&mut self) -> ConversationEvent {
        let Some(handle) = self.handle.as_mut() else {
            return ConversationEvent::Answered(Box::new(Err(ServiceError::TransportClosed)));
        };
        tokio::select! {
            biased;
            said = self.entry.next() => ConversationEvent::UpstreamMessage(said),
            answer = &mut handle.rx => {
                self.handle = None;
                let answer = answer.unwrap_or(Err(ServiceError::TransportClosed));
                let answer =
                    answer.map_err(|error| self.link.wire.explained(self.entry.id(), error));
                ConversationEvent::Answered(Box::new(self.link.labelled(answer)))
            }
        }
    }

    /// Waits for the answer alone.
    pub(crate) async fn answer(mut self) -> Result<ServerResult, ServiceError> {
        loop {
            if let ConversationEvent::Answered(answer) = self.next().await {
                return *answer;
            }
        }
    }
}

impl Link {
    /// Sends a request of a user. `meta` is the client's `_meta`; `capabilities` are those of the
    /// client.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        user: &UserId,
        request: ClientRequest,
        mut meta: RequestMetaObject,
        capabilities: &ClientCapabilities,
    ) -> Result<Conversation, LinkError> {
        if self.modern {
            meta.set_client_capabilities(capabilities.clone());
        }
        let options = PeerRequestOptions::no_options().with_meta(meta);
        let arrival = self.conversations.arrive(Some(user));
        let handle = self
            .peer
            .send_cancellable_request(request, options)
            .await
            .map_err(|error| LinkError::of(&error))?;
        Ok(Conversation::new(self, arrival, handle, true))
    }

    /// Sends a request without messages in between, and waits for the answer.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        request: ClientRequest,
    ) -> Result<ServerResult, ServiceError> {
        self.ask_noting(request).await.map(|(answer, _)| answer)
    }

    /// The same, with the list of omissions from the answer.
    pub(crate) async fn ask_noting(
        self: &Arc<Self>,
        request: ClientRequest,
    ) -> Result<(ServerResult, LeftOut), ServiceError> {
        let arrival = self.conversations.arrive(None);
        let handle =
            self.peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await?;
        let id = handle.id.clone();
        let answer = Conversation::new(self, arrival, handle, false).answer().await;
        let left_out = self.wire.left_out(&id);
        if let Err(error) = &answer
            && matches!(LinkError::of(error), LinkError::Session(_))
        {
            self.wire.lose();
        }
        answer.map(|answer| (answer, left_out))
    }

    /// An answer of the upstream as it may be passed on.
    fn labelled(
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
