//! Offers tools of upstreams (local and remote MCP servers, REST APIs) as this server's own, to
//! exactly the users, clients and scopes that may use them, with each user's own access at the
//! upstream. The client's own token never leaves this server.
#![allow(
    deprecated,
    reason = "logging, sampling and roots leave the protocol, and older upstreams use them still"
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

mod access;
mod approval;
mod catalogue;
mod catalogues;
mod config;
mod connections;
mod conversation;
mod conversations;
mod definition;
mod directory;
#[cfg(feature = "knowledge")]
mod embedding;
mod exchange;
mod explained;
mod failed;
mod finding;
mod foreign;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
mod in_order;
mod indexes;
mod json_schema;
mod left_out;
mod link;
mod link_error;
mod listed;
mod listen;
mod listing;
mod log_limit;
#[cfg(feature = "knowledge")]
mod mirrors;
mod names;
mod noted;
mod oauth;
mod pins;
mod pool;
mod reach;
mod review;
mod revocation;
mod setting_url;
mod settings;
mod source;
#[cfg(feature = "knowledge")]
mod source_settings;
mod status;
mod toolsets;
mod trust;
mod turns;
mod uploads;
mod upstream;
pub mod upstreams;
mod visible;
mod warning;
mod wire;

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use doorward_keys::{KeyRing, MasterKey};
use doorward_mcp::Changes;
use doorward_model::{
    Clock, Entropy, Live, PublicUrl, ResourceTable, UpstreamId, UpstreamName, UserId, routes,
};
use doorward_store::Store;
use doorward_transport::{Outbound, OutboundConfig};

pub use access::{NotAsserted, UserAssertions, WantedAssertion};
pub use config::{ConfiguredUpstreamError, SettingError, UpstreamConfig};
pub use connections::NAME as CONNECTIONS_TOOL;
pub use definition::Difference;
pub use directory::{ConfiguredUpstreams, PreparedUpstream, UpstreamChangeError};
pub use explained::{Condition, ExplainedUpstream, Met};
pub use finding::{CheckSubject, Finding};
pub use left_out::{LeftOut, Why};
#[cfg(feature = "knowledge")]
pub use mirrors::MirrorPlan;
pub use oauth::{ConnectError, ConnectingUser, OAuthError, PendingConnection};
pub use review::{Decision, ReviewState, ReviewedTool, ToolChangeError};
pub use settings::check_configured;
pub use source::KnownTools;
pub use status::{ConnectionState, Problem, UserUpstream};
pub use trust::ServerChangeError;
pub use upstream::{Source, Upstream};
pub use upstreams::stdio::PROCESS_LOG;
pub use warning::Warning;

/// The services that the gateway works with.
pub struct GatewayServices {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The signing keys, for tokens that name a user to an upstream.
    pub keys: Arc<KeyRing>,
    /// The master key, which seals stored secrets.
    pub master: Arc<MasterKey>,
    /// The guarded client.
    pub outbound: Outbound,
    /// The recipient of notifications about changes.
    pub changes: Changes,
    /// The identity providers that assert users to upstreams; `None` in commands.
    pub assertions: Option<Arc<dyn UserAssertions>>,
}

/// The settings of the gateway that hold for all upstreams.
pub struct GatewaySettings {
    /// Its general settings.
    pub outbound_config: OutboundConfig,
    /// This server's public URL.
    pub public_url: PublicUrl,
    /// This server's name, for upstreams' consent pages.
    pub name: String,
    /// The resources that tokens may be for; the gateway keeps the upstreams among them.
    pub resources: ResourceTable,
    /// This program, which ends local processes when the server has ended; `None` to start them
    /// directly.
    pub supervisor: Option<PathBuf>,
}

/// The gateway. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) services: GatewayServices,
    pub(crate) settings: GatewaySettings,
    pub(crate) configured: Live<Vec<Arc<Upstream>>>,
    pub(crate) stored: Mutex<directory::StoredUpstreams>,
    pub(crate) taking_up: tokio::sync::Mutex<()>,
    pub(crate) pool: pool::Pool,
    pub(crate) catalogues: catalogues::Catalogues,
    /// The collections of documents.
    #[cfg(feature = "knowledge")]
    pub(crate) knowledge: upstreams::knowledge::Collections,
    /// The order in which listings are stored.
    pub(crate) turns: turns::Turns,
    pub(crate) parked: exchange::Parked,
    pub(crate) short_lived: access::ShortLived,
    pub(crate) last_found: access::LastFound,
    /// The nonces that servers want in proofs.
    pub(crate) nonces: access::Nonces,
    /// Refreshes and exchanges of tokens under way.
    pub(crate) flights: access::Flights,
    /// Registrations and connections under way.
    pub(crate) oauth: oauth::Flights,
    /// The scopes that upstreams required of users in vain.
    pub(crate) waits: access::Waits,
    pub(crate) wanted: access::RequiredScopes,
    /// Wakes the task that revokes tokens at their issuers.
    pub(crate) revocations: tokio::sync::Notify,
    /// True in a server, which warns of what a command need not repeat.
    pub(crate) serves: AtomicBool,
    /// The places of upstreams without TLS of which it warned.
    pub(crate) warned: Mutex<HashSet<String>>,
}

impl Inner {
    /// This server's redirect URI at an upstream's authorization server.
    pub(crate) fn redirect_uri(&self, upstream: &Upstream) -> String {
        self.settings.public_url.at(&routes::of_upstream(routes::CONNECT_CALLBACK, upstream.name))
    }

    /// The identity of an upstream, which is bound into the values sealed for it. A deleted
    /// upstream has a unique identity.
    pub(crate) fn upstream_id(&self, name: UpstreamName) -> UpstreamId {
        let known = self.settings.resources.upstream_id(name);
        known.unwrap_or_else(|| UpstreamId::random(self.services.entropy.as_ref()))
    }

    /// All such redirect URIs, for this server's client metadata document.
    pub(crate) fn redirect_uris(&self) -> Vec<String> {
        let stored = self.stored.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let configured = self.configured.now();
        let all = configured.iter().chain(stored.upstreams.iter().map(|(_, upstream)| upstream));
        all.filter(|upstream| upstream.needs_connection())
            .map(|upstream| self.redirect_uri(upstream))
            .collect()
    }
}

impl Gateway {
    /// Sets the gateway up. Nothing is asked of any upstream yet, and there are none of the configuration
    /// file until [`Gateway::configure`].
    pub fn new(services: GatewayServices, settings: GatewaySettings) -> Self {
        let inner = Inner {
            configured: Live::default(),
            stored: Mutex::default(),
            taking_up: tokio::sync::Mutex::default(),
            pool: pool::Pool::default(),
            catalogues: catalogues::Catalogues::default(),
            #[cfg(feature = "knowledge")]
            knowledge: upstreams::knowledge::Collections::default(),
            turns: turns::Turns::default(),
            parked: exchange::Parked::default(),
            short_lived: access::ShortLived::default(),
            last_found: access::LastFound::default(),
            nonces: access::Nonces::default(),
            flights: access::Flights::default(),
            oauth: oauth::Flights::default(),
            waits: access::Waits::default(),
            wanted: access::RequiredScopes::default(),
            revocations: tokio::sync::Notify::new(),
            serves: AtomicBool::new(false),
            warned: Mutex::default(),
            services,
            settings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Closes idle connections, forgets requests that waited too long, and stores omissions that were
    /// noted. To be called every few seconds.
    pub async fn tidy(&self) {
        match self.upstreams().await {
            Ok(upstreams) => {
                for upstream in upstreams {
                    self.keep_noted(&upstream).await;
                }
            }
            Err(error) => tracing::error!(%error, "the upstreams could not be read"),
        }
        self.inner.pool.close_idle(self.inner.services.clock.now());
        self.inner.parked.forget_old();
    }

    /// Begins no more work with authorization servers and waits for the work under way, so that no
    /// issued token is lost when the server stops.
    pub async fn finish(&self) {
        self.inner.flights.finish().await;
        self.inner.oauth.finish().await;
    }

    /// Closes every connection and ends every process.
    pub fn close(&self) {
        self.inner.pool.close_all();
    }

    /// Closes one user's connections to an upstream, and forgets the lists obtained for them.
    pub(crate) fn forget_user(&self, name: UpstreamName, user_id: &UserId) {
        self.inner.pool.close_for(name, Some(user_id));
        self.inner.catalogues.forget(name, Some(user_id));
        self.inner.short_lived.forget(user_id, name);
    }
}
