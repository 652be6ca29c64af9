//! One connection to an upstream MCP server, and the conversations that run over it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use doorward_mcp::{Change, Changed, Changes};
use doorward_model::{UpstreamName, UserId};
use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ClientRequest, CreateMessageRequest, CreateMessageRequestParams, CreateMessageResult, ElicitRequest,
        ElicitRequestParams, ElicitResult, ElicitationCapability, FormElicitationCapability, Implementation, InputRequest, ListRootsRequest, ListRootsResult,
        LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken, ProtocolVersion, RequestId, RequestMetaObject,
        ResourceUpdatedNotificationParam, RootsCapabilities, SamplingCapability, ServerPeerInfo, ServerResult, UrlElicitationCapability,
    },
    service::{
        ClientInitializeError, ClientLifecycleMode, ClientServiceExt, InboundStreamOrigin, NotificationContext, Peer, PeerRequestOptions, RequestContext,
        RequestHandle, RunningService, ServiceError,
    },
    transport::streamable_http_client::{AuthRequiredError, InsufficientScopeError},
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::{
    upstream::{Shared, Upstream},
    upstreams::http::CONNECT_FIRST,
};

/// How many things an upstream may say in one conversation before somebody listens.
const SAID: usize = 256;
/// How long a person may take to answer what an upstream asks.
const PATIENCE: Duration = Duration::from_mins(10);

/// Why an upstream cannot be spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// The person has to connect with their own account first, or anew.
    #[error("the person has to connect first")]
    Connect,
    /// The upstream wants more scopes than the person gave.
    #[error("the upstream wants more access than the person gave")]
    MoreScope,
    /// It did not work, for this reason.
    #[error("{0}")]
    Failed(String),
    /// It failed a moment ago; the number says in how many seconds it is tried again.
    #[error("it failed a moment ago and is tried again in {0} s: {1}")]
    Waiting(u64, String),
}

impl LinkError {
    /// What the errors of the protocol library come to.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = Some(error);
        while let Some(current) = source {
            if current.downcast_ref::<AuthRequiredError>().is_some() {
                return Self::Connect;
            }
            if current.downcast_ref::<InsufficientScopeError>().is_some() {
                return Self::MoreScope;
            }
            let told = current.to_string();
            if told.contains(CONNECT_FIRST) {
                return Self::Connect;
            }
            if !text.contains(&told) {
                text = format!("{text}: {told}");
            }
            source = current.source();
        }
        if text.contains("Auth required") || text.contains("HTTP 401") {
            return Self::Connect;
        }
        if text.contains("Insufficient scope") {
            return Self::MoreScope;
        }
        Self::Failed(text.chars().take(400).collect())
    }
}

/// What an upstream says while it works on a request.
#[derive(Debug)]
pub(crate) enum Said {
    /// How far it is.
    Progress(ProgressNotificationParam),
    /// A log message.
    Log(LoggingMessageNotificationParam),
    /// A question to the client or its person, and where the answer goes.
    Asks(Box<InputRequest>, oneshot::Sender<Result<Value, ErrorData>>),
}

#[derive(Default)]
struct Table {
    by_request: HashMap<RequestId, mpsc::Sender<Said>>,
    by_token: HashMap<ProgressToken, RequestId>,
}

/// The conversations under way on one connection.
#[derive(Default)]
pub(crate) struct Conversations {
    table: Mutex<Table>,
    // Requests that were sent and are not in the table yet.
    arriving: AtomicUsize,
}

impl Conversations {
    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a conversation up, waiting a moment for one that is just being entered.
    async fn find(&self, look: impl Fn(&Table) -> Option<mpsc::Sender<Said>>) -> Option<mpsc::Sender<Said>> {
        for _ in 0..50 {
            let found = look(&self.lock());
            if found.is_some() || self.arriving.load(Ordering::Acquire) == 0 {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        None
    }

    async fn by_token(&self, token: &ProgressToken) -> Option<mpsc::Sender<Said>> {
        self.find(|table| table.by_token.get(token).and_then(|id| table.by_request.get(id)).cloned()).await
    }

    /// The conversation that something belongs to: the one on whose stream it came, or the only one there is. Where there are several
    /// and nothing tells which, it belongs to none: it must not reach somebody else.
    async fn by_origin(&self, origin: Option<&InboundStreamOrigin>) -> Option<mpsc::Sender<Said>> {
        self.find(|table| {
            if let Some(InboundStreamOrigin::OutboundRequest(id)) = origin {
                return table.by_request.get(id).cloned();
            }
            let mut all = table.by_request.values();
            all.next().filter(|_| all.next().is_none()).cloned()
        })
        .await
    }
}

/// What the protocol library calls when an upstream says something by itself.
pub(crate) struct Handler {
    upstream: UpstreamName,
    person: Option<UserId>,
    conversations: Arc<Conversations>,
    changes: Changes,
    stale: Arc<AtomicBool>,
    config: ClientConfig,
}

impl Handler {
    async fn ask(&self, request: InputRequest, context: &RequestContext<RoleClient>) -> Result<Value, ErrorData> {
        let nobody = || ErrorData::invalid_request("nobody can be asked: the request belongs to no call that is under way", None);
        let conversation = self.conversations.by_origin(context.extensions.get::<InboundStreamOrigin>()).await.ok_or_else(nobody)?;
        let (answer, answered) = oneshot::channel();
        conversation.send(Said::Asks(Box::new(request), answer)).await.map_err(|_| nobody())?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(ErrorData::invalid_request("nobody answered", None)),
        }
    }

    fn changed(&self, what: Changed) {
        self.stale.store(true, Ordering::Release);
        self.changes.tell(Change { upstream: Some(self.upstream), person: self.person.clone(), what });
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, ErrorData> {
    serde_json::from_value(answer).map_err(|error| ErrorData::internal_error(format!("the answer cannot be read: {error}"), None))
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn create_elicitation(&self, params: ElicitRequestParams, context: RequestContext<RoleClient>) -> Result<ElicitResult, ErrorData> {
        self.ask(InputRequest::Elicitation(ElicitRequest::new(params)), &context).await.and_then(read)
    }

    async fn create_message(&self, params: CreateMessageRequestParams, context: RequestContext<RoleClient>) -> Result<CreateMessageResult, ErrorData> {
        self.ask(InputRequest::CreateMessage(CreateMessageRequest::new(params)), &context).await.and_then(read)
    }

    async fn list_roots(&self, context: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        // Many servers ask for roots right after they are greeted, outside of any call: there are none then, which is no error.
        if self.conversations.by_origin(context.extensions.get::<InboundStreamOrigin>()).await.is_none() {
            return Ok(ListRootsResult::default());
        }
        self.ask(InputRequest::ListRoots(ListRootsRequest::default()), &context).await.and_then(read)
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        if let Some(conversation) = self.conversations.by_token(&params.progress_token).await {
            // Progress that nobody takes in time is worth nothing.
            let _ = conversation.try_send(Said::Progress(params));
        }
    }

    async fn on_logging_message(&self, params: LoggingMessageNotificationParam, context: NotificationContext<RoleClient>) {
        if let Some(conversation) = self.conversations.by_origin(context.extensions.get::<InboundStreamOrigin>()).await {
            let _ = conversation.try_send(Said::Log(params));
        }
    }

    async fn on_resource_updated(&self, params: ResourceUpdatedNotificationParam, _: NotificationContext<RoleClient>) {
        self.changes.tell(Change { upstream: Some(self.upstream), person: self.person.clone(), what: Changed::Resource(params.uri) });
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

/// What we can do for an upstream: whatever the client behind a call can do. Which of it, each call says.
pub(crate) fn all_capabilities() -> ClientCapabilities {
    let mut capabilities = ClientCapabilities::default();
    capabilities.elicitation = Some(ElicitationCapability::new().with_form(FormElicitationCapability::default()).with_url(UrlElicitationCapability::default()));
    capabilities.sampling = Some(SamplingCapability::default());
    capabilities.roots = Some(RootsCapabilities::default());
    capabilities
}

/// One connection.
pub(crate) struct Link {
    pub(crate) peer: Peer<RoleClient>,
    pub(crate) modern: bool,
    pub(crate) conversations: Arc<Conversations>,
    /// Whether the upstream said that its lists changed.
    pub(crate) stale: Arc<AtomicBool>,
    /// When it was last used, in seconds of the clock.
    pub(crate) used_at: AtomicI64,
    running: Mutex<Option<RunningService<RoleClient, Handler>>>,
    // Ends with the link.
    _process: Option<crate::upstreams::stdio::Process>,
}

/// Which revisions an upstream speaks, as far as it is known (G10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    Unknown,
    Legacy,
    Modern,
}

/// What a link is made with.
pub(crate) struct Making {
    pub(crate) upstream: Shared,
    pub(crate) person: Option<UserId>,
    pub(crate) changes: Changes,
    pub(crate) era: Era,
}

impl Making {
    fn handler(&self) -> Handler {
        let mut config = ClientConfig::default();
        config.client_info = Implementation::new("doorward", env!("CARGO_PKG_VERSION"));
        config.capabilities = all_capabilities();
        config.protocol_version = ProtocolVersion::V_2025_11_25;
        Handler {
            upstream: self.upstream.name,
            person: self.person.clone(),
            conversations: Arc::default(),
            changes: self.changes.clone(),
            stale: Arc::default(),
            config,
        }
    }

    /// Agrees on a revision with the upstream behind a transport.
    pub(crate) async fn greet<T, E, A>(self, transport: T, process: Option<crate::upstreams::stdio::Process>) -> Result<Link, LinkError>
    where
        T: rmcp::transport::IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let handler = self.handler();
        let (conversations, stale) = (Arc::clone(&handler.conversations), Arc::clone(&handler.stale));
        let modern_versions = vec![ProtocolVersion::V_2026_07_28];
        let lifecycle = match self.era {
            Era::Legacy => ClientLifecycleMode::Initialize,
            Era::Modern => ClientLifecycleMode::Discover { preferred_versions: modern_versions },
            Era::Unknown => ClientLifecycleMode::Auto { preferred_versions: modern_versions, legacy_version: Some(ProtocolVersion::V_2025_11_25) },
        };
        let running = handler.serve_with_lifecycle(transport, lifecycle).await.map_err(|error| of_greeting(&error))?;
        let peer = running.peer().clone();
        let modern = peer.peer_info().is_some_and(|info| !info.protocol_version.has_initialize());
        // Lists are kept by us, per person; a second cache below would only be one more place that can be stale.
        Ok(Link { peer, modern, conversations, stale, used_at: AtomicI64::new(0), running: Mutex::new(Some(running)), _process: process })
    }
}

fn of_greeting(error: &ClientInitializeError) -> LinkError {
    if error.auth_challenge().is_some() || error.is_authorization_required() {
        return match LinkError::of(error) {
            LinkError::MoreScope => LinkError::MoreScope,
            _ => LinkError::Connect,
        };
    }
    LinkError::of(error)
}

/// A request that was sent upstream, and what is said about it.
pub(crate) struct Conversation {
    link: Arc<Link>,
    handle: Option<RequestHandle<RoleClient>>,
    pub(crate) said: mpsc::Receiver<Said>,
    id: RequestId,
    token: ProgressToken,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let mut table = self.link.conversations.lock();
        table.by_request.remove(&self.id);
        table.by_token.remove(&self.token);
        drop(table);
        // Whoever goes away before the answer came takes the request back.
        if let Some(handle) = self.handle.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                let _ = handle.cancel(Some("the client took the request back".to_owned())).await;
            });
        }
    }
}

/// What happens next in a conversation.
pub(crate) enum Turn {
    /// The upstream said something.
    Said(Said),
    /// It answered.
    Answered(Box<Result<ServerResult, ServiceError>>),
}

impl Conversation {
    /// Waits for what happens next.
    pub(crate) async fn next(&mut self) -> Turn {
        let Some(handle) = self.handle.as_mut() else { return Turn::Answered(Box::new(Err(ServiceError::TransportClosed))) };
        tokio::select! {
            biased;
            Some(said) = self.said.recv() => Turn::Said(said),
            answer = &mut handle.rx => {
                self.handle = None;
                Turn::Answered(Box::new(answer.unwrap_or(Err(ServiceError::TransportClosed))))
            }
        }
    }
}

impl Link {
    /// Sends a request. `meta` is what the client said besides; `capabilities` is what the client behind it can do.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        request: ClientRequest,
        mut meta: RequestMetaObject,
        capabilities: &ClientCapabilities,
    ) -> Result<Conversation, LinkError> {
        if self.modern {
            meta.set_client_capabilities(capabilities.clone());
        }
        let options = PeerRequestOptions::no_options().with_meta(meta);
        self.conversations.arriving.fetch_add(1, Ordering::AcqRel);
        let sent = self.peer.send_cancellable_request(request, options).await;
        let entered = sent.map(|handle| {
            let (sender, said) = mpsc::channel(SAID);
            let mut table = self.conversations.lock();
            table.by_request.insert(handle.id.clone(), sender);
            table.by_token.insert(handle.progress_token.clone(), handle.id.clone());
            drop(table);
            Conversation { link: Arc::clone(self), id: handle.id.clone(), token: handle.progress_token.clone(), handle: Some(handle), said }
        });
        self.conversations.arriving.fetch_sub(1, Ordering::AcqRel);
        entered.map_err(|error| LinkError::of(&error))
    }

    /// Sends a request that says nothing in between, and waits for the answer.
    pub(crate) async fn ask(self: &Arc<Self>, request: ClientRequest) -> Result<ServerResult, ServiceError> {
        self.peer.send_request(request).await
    }

    /// What the upstream said of itself.
    pub(crate) fn info(&self) -> Option<Arc<ServerPeerInfo>> {
        self.peer.peer_info()
    }

    /// Whether nothing can be sent any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.peer.is_transport_closed()
    }

    /// Whether a conversation is under way.
    pub(crate) fn is_busy(&self) -> bool {
        !self.conversations.lock().by_request.is_empty()
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

/// Makes the link that an MCP upstream needs.
pub(crate) async fn connect(making: Making, auth: Arc<crate::access::LinkAuth>, supervisor: Option<&std::path::Path>) -> Result<Link, LinkError> {
    let upstream: Arc<Upstream> = Arc::clone(&making.upstream);
    let http = |url: &url::Url| {
        let client = upstream.outbound.streams_to(url).map_err(|error| LinkError::Failed(error.to_string()))?;
        Ok::<_, LinkError>(crate::upstreams::http::Http { client, auth: Arc::clone(&auth) })
    };
    match (upstream.kind.name, &upstream.url) {
        ("http", Some(url)) => making.greet(crate::upstreams::http::transport(http(url)?, url, &upstream.auth), None).await,
        ("sse", Some(url)) => {
            let pair = crate::upstreams::sse::open(http(url)?, url, &upstream.auth).await?;
            Making { era: Era::Legacy, ..making }.greet(pair, None).await
        }
        ("stdio", _) => {
            let token = auth.token().await.map_err(|error| match error {
                crate::access::NoToken::Connect(_) => LinkError::Connect,
                crate::access::NoToken::Unavailable(why) => LinkError::Failed(why),
            })?;
            let (process, pipes) = crate::upstreams::stdio::spawn(&upstream, token.as_deref(), supervisor)?;
            making.greet(pipes, Some(process)).await
        }
        (kind, _) => Err(LinkError::Failed(format!("an upstream of kind {kind} has no connection"))),
    }
}
