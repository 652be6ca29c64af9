//! One connection to an upstream MCP server, and the conversations that run over it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use doorward_mcp::{Change, Changed, Changes, apps};
use doorward_model::{Live, UserId};
use futures_util::future::BoxFuture;
use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
        CustomRequest, CustomResult, ElicitRequestParams, ElicitResult, ElicitationCapability,
        FormElicitationCapability, Implementation, ListRootsResult, ProtocolVersion,
        ResourceUpdatedNotificationParam, RootsCapabilities, SamplingCapability, ServerPeerInfo,
        SubscriptionFilter, UrlElicitationCapability,
    },
    service::{
        ClientLifecycleMode, ClientServiceExt, NotificationContext, Peer, RequestContext,
        RunningService, ServiceError, Subscription,
    },
};
use serde_json::Value;

use crate::{
    conversations::Conversations,
    foreign,
    in_order::{Answer, Awaited, InOrder},
    link_error::LinkError,
    upstream::{Shared, Upstream},
    wire::{LONGEST_URI, Wire, refused},
};

/// Time that a user may take to answer a question of an upstream.
const PATIENCE: Duration = Duration::from_mins(10);

/// The handler of messages that an upstream sends by itself.
pub(crate) struct Handler {
    upstream: Shared,
    user: Option<UserId>,
    conversations: Arc<Conversations>,
    changes: Changes,
    stale: Arc<AtomicBool>,
    config: ClientConfig,
}

impl Handler {
    fn changed(&self, what: Changed) {
        self.stale.store(true, Ordering::Release);
        self.changes.tell(Change {
            upstream: Some(self.upstream.name),
            user: self.user.clone(),
            what,
        });
    }
}

/// The answer that a question of the upstream waits for.
fn awaited(context: &RequestContext<RoleClient>) -> Result<Answer, ErrorData> {
    context
        .extensions
        .get::<Awaited>()
        .and_then(Awaited::take)
        .unwrap_or_else(|| Err(ErrorData::invalid_request("the question was already asked", None)))
}

/// Waits for an answer.
async fn answer(answered: Answer) -> Result<Value, ErrorData> {
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(answer)) => answer,
        _ => Err(ErrorData::invalid_request("the question was not answered", None)),
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, ErrorData> {
    serde_json::from_value(answer)
        .map_err(|_| ErrorData::internal_error("the answer does not conform to the protocol", None))
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        answer(awaited(&context)?).await.and_then(read)
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        answer(awaited(&context)?).await.and_then(read)
    }

    async fn list_roots(
        &self,
        context: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        // Many servers request roots right after initialization, outside of any call: there are
        // none then, which is no error.
        match awaited(&context) {
            Ok(answered) if self.upstream.capabilities.roots => {
                answer(answered).await.and_then(read)
            }
            _ => Ok(ListRootsResult::default()),
        }
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleClient>,
    ) -> Result<CustomResult, ErrorData> {
        Err(refused::error_of(request))
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        if params.uri.len() > LONGEST_URI {
            return;
        }
        self.changes.tell(Change {
            upstream: Some(self.upstream.name),
            user: self.user.clone(),
            what: Changed::Resource(params.uri),
        });
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed(Changed::Tools);
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed(Changed::Prompts);
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changed(Changed::Resources);
    }
}

/// This server's capabilities for an upstream: those of any client behind a call. Each call states
/// those of its own client.
pub(crate) fn all_capabilities() -> ClientCapabilities {
    let mut capabilities = ClientCapabilities::default();
    capabilities.elicitation = Some(
        ElicitationCapability::new()
            .with_form(FormElicitationCapability::default())
            .with_url(UrlElicitationCapability::default()),
    );
    capabilities.sampling = Some(SamplingCapability::default());
    capabilities.roots = Some(RootsCapabilities::default());
    // Servers offer their user interfaces only to clients that announce the extension.
    let settings = serde_json::json!({"mimeTypes": [apps::HTML]});
    capabilities.extensions = settings
        .as_object()
        .map(|settings| [(apps::UI.to_owned(), settings.clone())].into_iter().collect());
    capabilities
}

/// One connection.
pub(crate) struct Link {
    /// The upstream, as it is set now.
    pub(crate) upstream: Live<Upstream>,
    // Everything that comes from here passes `foreign`.
    pub(crate) peer: Peer<RoleClient>,
    pub(crate) modern: bool,
    pub(crate) conversations: Arc<Conversations>,
    pub(crate) wire: Arc<Wire>,
    /// True if the upstream announced a change of its lists.
    pub(crate) stale: Arc<AtomicBool>,
    /// The time of the last use, in seconds of the clock.
    pub(crate) used_at: AtomicI64,
    running: Mutex<Option<RunningService<RoleClient, Handler>>>,
    // Ends with the link.
    _held: Option<Box<dyn Send + Sync>>,
}

/// The protocol revision of an upstream, as far as it is known (G10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Unknown,
    Legacy,
    Modern,
    /// It refuses the newest revision with `initialize`, or a capability: it is greeted with the
    /// first revision, and without capabilities.
    Oldest,
}

/// The parts of a new link.
pub(crate) struct NewLink {
    pub(crate) upstream: Shared,
    pub(crate) user: Option<UserId>,
    pub(crate) changes: Changes,
    pub(crate) era: Era,
    pub(crate) wire: Arc<Wire>,
}

impl NewLink {
    fn handler(&self) -> Handler {
        let mut config = ClientConfig::default();
        config.client_info = Implementation::new("doorward", env!("CARGO_PKG_VERSION"));
        if self.era == Era::Oldest {
            config.protocol_version = ProtocolVersion::V_2024_11_05;
        } else {
            config.capabilities = foreign::permitted(&self.upstream, all_capabilities());
            config.protocol_version = ProtocolVersion::V_2025_11_25;
        }
        Handler {
            upstream: Arc::clone(&self.upstream),
            user: self.user.clone(),
            conversations: Arc::new(Conversations::new(self.user.is_none())),
            changes: self.changes.clone(),
            stale: Arc::default(),
            config,
        }
    }

    /// Agrees on a revision with the upstream behind a transport. `held` is dropped with the link,
    /// such as the process at the other end.
    pub(crate) async fn greet<T, E, A>(
        self,
        transport: T,
        held: Option<Box<dyn Send + Sync>>,
    ) -> Result<Link, LinkError>
    where
        T: rmcp::transport::IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let handler = self.handler();
        let (conversations, stale) =
            (Arc::clone(&handler.conversations), Arc::clone(&handler.stale));
        let modern_versions = vec![ProtocolVersion::V_2026_07_28];
        let lifecycle = match self.era {
            Era::Legacy | Era::Oldest => ClientLifecycleMode::Initialize,
            Era::Modern => ClientLifecycleMode::Discover { preferred_versions: modern_versions },
            Era::Unknown => ClientLifecycleMode::Auto {
                preferred_versions: modern_versions,
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            },
        };
        let upstream = Live::new(Arc::clone(&self.upstream));
        let transport = InOrder::new(
            transport.into_transport(),
            upstream.clone(),
            Arc::clone(&conversations),
            Arc::clone(&self.wire),
        );
        // Boxed, since the compiler cannot prove of the whole type that it may move between
        // threads.
        let starting: BoxFuture<'_, _> =
            Box::pin(handler.serve_with_lifecycle(transport, lifecycle));
        let running = starting.await.map_err(|error| self.wire.why_not_begun(&error))?;
        let peer = running.peer().clone();
        let modern = peer.peer_info().is_some_and(|info| !info.protocol_version.has_initialize());
        // Lists are cached by this server, for each user; a second cache below would only be one
        // more that can be stale.
        Ok(Link {
            upstream,
            peer,
            modern,
            conversations,
            wire: self.wire,
            stale,
            used_at: AtomicI64::new(0),
            running: Mutex::new(Some(running)),
            _held: held,
        })
    }
}

impl Link {
    /// Subscribes to notifications of an upstream of the stateless revisions.
    pub(crate) async fn listen(
        &self,
        filter: SubscriptionFilter,
    ) -> Result<Subscription, ServiceError> {
        self.peer.listen(filter).await.map_err(|error| match error {
            ServiceError::McpError(error) => {
                ServiceError::McpError(foreign::error(&self.upstream.now(), error))
            }
            error => error,
        })
    }

    /// The upstream's description of itself.
    pub(crate) fn info(&self) -> Option<Arc<ServerPeerInfo>> {
        self.peer.peer_info()
    }

    /// Reports a connection that takes no more requests: it has ended, or its upstream leaves too
    /// many unanswered.
    pub(crate) fn is_closed(&self) -> bool {
        self.peer.is_transport_closed() || self.conversations.is_worn() || self.wire.is_lost()
    }

    /// Reports a conversation that is waited for.
    pub(crate) fn is_busy(&self) -> bool {
        self.conversations.is_busy()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Ends the task that reads, which ends the session at the upstream.
        if let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            running.cancellation_token().cancel();
        }
    }
}
