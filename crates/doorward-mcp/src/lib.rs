//! Serves tools to callers that the co-located issuer authorized, over every revision of the Model
//! Context Protocol.
//!
//! It trusts the issuer by sharing its keys and store: there is no request to ourselves and no edge
//! to the issuer's code.
#![allow(
    deprecated,
    reason = "logging, sampling and roots leave the protocol, and older clients and servers use them still"
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by a panic"
    )
)]

mod admission;
mod agent;
mod agent_pass;
pub mod apps;
mod available;
mod bearer;
mod call;
mod canonical;
mod challenge;
mod channel;
mod config;
mod confirm;
mod envelope;
mod explanation;
mod foreign;
mod guard;
pub mod http;
mod hub;
mod in_flight;
mod in_place;
mod inbound;
mod item;
mod judge;
mod kept;
mod lease;
mod limits;
mod lists;
mod metadata;
mod older;
mod operation;
mod questions;
mod reading;
mod results;
mod server;
mod session;
mod size;
mod sse;
mod streams;
mod surface;
pub mod tools;
mod trial;
pub mod uri;
mod within;

use std::sync::{Arc, OnceLock};

use doorward_keys::{KeyRing, MasterKey, Proofs};
use doorward_model::{
    AccessToken, Actor, Authentication, Clock, Entropy, Grant, GrantId, Live, Pattern, Program,
    PublicUrl, Resource, ResourceTable, Rules, ScopeSet, SessionId, Timestamp, UpstreamName, User,
    UserId,
};
use doorward_store::{Store, StoreError};
use doorward_transport::{answer::Document, host::HostPolicy};
use tokio_util::sync::CancellationToken;

pub use admission::Permit;
pub use agent::AgentCall;
pub use agent_pass::AgentPass;
pub use available::UsableTool;
pub use bearer::{BearerRefusal, Calling};
pub use call::record_place;
pub use canonical::write_sorted;
pub use challenge::{as_dpop, proof_error};
pub use channel::Channel;
pub use config::{Config, ToolLimit, tool_limits};
pub use confirm::page::Pending as PendingConfirmation;
pub use explanation::Step;
pub use hub::{Change, Changed, Changes};
pub use inbound::{ClientFacts, InboundRequest, Surface, Target, missing_capability};
pub use item::{CallLimits, Facts, Item, ItemSpec, Judged, Kind, Listed, ToolSpec, Unjudged};
pub use judge::{Judge, Judgement, Subject, Verdict, questioned};
pub use limits::LimitsConfig;
pub use operation::{Answer, ItemName, Operation};
pub use questions::AskError;
pub use reading::{ListedResource, ReadContent, ReadFault, Reading};
pub use results::{structured_result, text_result};
pub use tools::{
    AskAnswer, AskCitation, AskRequest, AskTools, Assistant, Offers, Progress, SourceRead,
    ToolCall, ToolError, ToolSource,
};
pub use trial::{CONSOLE, ConsoleSession, Trial, TrialCall};
pub use within::{Acting, AskedCall, CallText, ReadPart, ReadResult, ToolText, Within};

/// The highest log levels of the protocol library, as log directives: it names session ids at INFO
/// and prints codes at DEBUG, so no filter of the operator's can raise it above this. Its workers
/// complain of every stream that ends.
pub const QUIET_LOGS: [&str; 2] = ["rmcp=error", "rmcp::transport::worker=off"];

/// The program that calls, with its authorization.
#[derive(Clone, Debug)]
pub enum Principal {
    /// A client, by the grant behind its access token, which names it.
    Client(Arc<Grant>),
    /// A personal access token, with its own limits.
    Token(Arc<AccessToken>),
    /// The console in the user's browser, by which an administrator tries a tool.
    Console(Arc<ConsoleSession>),
}

/// The caller that a bearer token proved. It is made once for a request and shared by reference.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The program.
    pub principal: Principal,
    /// The agent of this server, where it calls for the user of the program.
    pub agent: Option<AgentCall>,
    /// The present scopes of the token: its own, as far as the user's roles and factors allow.
    pub scopes: ScopeSet,
    /// The user for whom the program acts, with their present roles.
    pub user: Arc<User>,
    /// The time of the token's end, in seconds since 1970.
    pub expires_at: i64,
}

impl Caller {
    /// The identifier of the user.
    pub fn user_id(&self) -> &UserId {
        &self.user.id
    }

    /// The program that calls, by its identifier.
    pub fn program(&self) -> Program<'_> {
        match &self.agent {
            Some(agent) => Program::Client(&agent.client_id),
            None => self.origin(),
        }
    }

    /// The program of the user, also where the agent calls for them.
    pub fn origin(&self) -> Program<'_> {
        match &self.principal {
            Principal::Client(grant) => Program::Client(&grant.client_id),
            Principal::Token(token) => Program::Token(&token.id),
            Principal::Console(console) => Program::Client(&console.client_id),
        }
    }

    /// The grant behind a client's access token.
    pub fn grant(&self) -> Option<&GrantId> {
        match &self.principal {
            Principal::Client(grant) => Some(&grant.id),
            Principal::Token(_) | Principal::Console(_) => None,
        }
    }

    /// The personal access token, if it is one.
    pub fn token(&self) -> Option<&AccessToken> {
        match &self.principal {
            Principal::Client(_) | Principal::Console(_) => None,
            Principal::Token(token) => Some(token),
        }
    }

    /// Reports the token of an AI back end, which reaches nothing beyond its scopes: it cannot ask
    /// for more.
    pub fn is_back_end(&self) -> bool {
        let Principal::Client(grant) = &self.principal else { return false };
        grant.delegation.as_ref().is_some_and(|it| it.back_end_at.is_some())
    }

    /// Reports a program that cannot ask the user for more than it has: what lies beyond its scopes
    /// does not exist for it.
    pub fn cannot_ask_for_more(&self) -> bool {
        self.agent.is_some() || self.is_back_end()
    }

    /// The user's authentication before they allowed the client or made the token.
    pub fn authentication(&self) -> &Authentication {
        match &self.principal {
            Principal::Client(grant) => &grant.subject.authentication,
            Principal::Token(token) => &token.authentication,
            Principal::Console(console) => &console.session.authentication,
        }
    }

    /// The time of the authentication.
    pub fn auth_time(&self) -> Timestamp {
        match &self.principal {
            Principal::Client(grant) => grant.subject.auth_time,
            Principal::Token(token) => token.created_at,
            Principal::Console(console) => console.session.auth_time,
        }
    }

    /// Reports that this caller's token reaches an upstream; `None` means the built-in tools.
    pub fn reaches(&self, upstream: Option<UpstreamName>) -> bool {
        self.token().is_none_or(|token| token.reaches_upstream(upstream))
    }

    /// The acting party, for the audit.
    pub fn actor(&self) -> Actor {
        let (client_id, grant_id, token_id) = match &self.principal {
            Principal::Client(grant) => {
                (Some(grant.client_id.to_string()), Some(grant.id.to_string()), None)
            }
            Principal::Token(token) => (None, None, Some(token.id.to_string())),
            Principal::Console(console) => (Some(console.client_id.to_string()), None, None),
        };
        let session_id = match &self.principal {
            Principal::Console(console) => Some(console.session.id.to_string()),
            Principal::Client(_) | Principal::Token(_) => None,
        };
        let client_id = match &self.agent {
            Some(agent) => Some(agent.client_id.to_string()),
            None => client_id,
        };
        Actor {
            user_id: Some(self.user_id().to_string()),
            user_name: Some(self.user.name.to_string()),
            client_id,
            session_id,
            token_id,
            grant_id,
        }
    }
}

/// The services that the MCP server works with.
pub struct McpServices {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The signing keys, to verify tokens.
    pub keys: Arc<KeyRing>,
    /// The master key, which seals the state that clients carry.
    pub master: Arc<MasterKey>,
    /// Judges proofs of the keys that tokens are bound to.
    pub proofs: Arc<Proofs>,
    /// The sources of tools.
    pub sources: Vec<Arc<dyn ToolSource>>,
    /// The channel on which sources announce changes.
    pub changes: Changes,
    /// Ends all streams when the server stops.
    pub stop: CancellationToken,
}

/// The settings of the MCP server.
pub struct McpSettings {
    /// This server's public URL.
    pub public_url: PublicUrl,
    /// Hosts that requests may name besides the public URL's.
    pub allowed_hosts: Vec<String>,
    /// The permissions of roles, and which tools, for whom.
    pub rules: Live<Rules>,
    /// The resources of this moment.
    pub resources: ResourceTable,
    /// The limits of calls.
    pub limits: Live<LimitsConfig>,
    /// Calls of these tools are recorded with their arguments and results.
    pub recorded: Vec<Pattern>,
    /// The configuration.
    pub config: Config,
}

/// The MCP server. Cheap to clone.
#[derive(Clone)]
pub struct Mcp {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) services: McpServices,
    pub(crate) settings: McpSettings,
    pub(crate) judge: Judge,
    pub(crate) indexes: surface::Indexes,
    pub(crate) tool_limits: Vec<ToolLimit>,
    pub(crate) confirm_in_band: Vec<Pattern>,
    pub(crate) limits: limits::Limits,
    pub(crate) questions: Arc<questions::Questions>,
    pub(crate) in_flight: in_flight::InFlight,
    pub(crate) sessions: quick_cache::sync::Cache<session::SessionKey, session::OpenedSession>,
    pub(crate) watched: hub::Watched,
    pub(crate) listening: hub::Listening,
    pub(crate) hosts: HostPolicy,
    pub(crate) verified: bearer::VerifiedTokens,
    pub(crate) streams: sse::Streams,
    pub(crate) open_streams: Arc<streams::OpenStreams>,
    /// The metadata of the resource that is all of this server. It follows from the configuration.
    pub(crate) metadata: OnceLock<Document>,
}

impl Mcp {
    /// Sets the MCP server up.
    pub fn new(services: McpServices, settings: McpSettings) -> Self {
        let inner = Inner {
            judge: Judge::new(settings.rules.clone()).with_toolsets(settings.resources.clone()),
            indexes: surface::Indexes::default(),
            tool_limits: config::tool_limits(&settings.config.tool_limits).unwrap_or_default(),
            confirm_in_band: settings.config.confirm_in_band.iter().map(Pattern::new).collect(),
            limits: limits::Limits::default(),
            questions: Arc::default(),
            in_flight: in_flight::InFlight::default(),
            sessions: quick_cache::sync::Cache::new(4096),
            watched: hub::Watched::default(),
            listening: hub::Listening::default(),
            hosts: HostPolicy::new(
                &settings.public_url,
                &settings.allowed_hosts,
                &settings.config.allowed_origins,
            ),
            verified: bearer::VerifiedTokens::new(settings.config.verified_tokens),
            streams: sse::Streams::default(),
            open_streams: Arc::default(),
            metadata: OnceLock::new(),
            services,
            settings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// True if the MCP server is on: as the administrator switched it, or else as configured.
    pub async fn is_enabled(&self) -> Result<bool, StoreError> {
        let switched =
            self.inner.services.store.setting(doorward_model::setting::MCP_ENABLED).await?;
        Ok(switched.map_or(self.inner.settings.config.enabled, |value| value == "true"))
    }

    /// The resource at an MCP URL.
    pub(crate) fn resource(&self, target: Target) -> Resource {
        target.resource(&self.inner.settings.public_url)
    }

    /// The judge of this server.
    pub fn judge(&self) -> &Judge {
        &self.inner.judge
    }

    pub(crate) fn new_stream_id(&self) -> SessionId {
        SessionId::random(self.inner.services.entropy.as_ref())
    }
}
