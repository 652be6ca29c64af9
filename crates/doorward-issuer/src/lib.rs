//! Decides the next step of an authorization and turns grants into tokens.
//!
//! `checks` holds the pure checks of client input, `oxide` the rules of the code flow (the only
//! module that names `oxide-auth`), `authorization` the browser's half of the flow, `grants` one
//! file for each grant type of the token endpoint, and `token` the order in which it decides.
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

mod assertion;
mod at_resource;
mod authorization;
mod backchannel;
mod checks;
mod client_auth;
mod client_keys;
mod config;
mod device;
mod end_session;
mod enterprise;
pub mod grants;
pub mod http;
mod introspection;
mod issue;
mod kept_tokens;
mod metadata;
mod openid;
mod oxide;
mod possession;
mod pushed;
mod reach;
mod revocation;
mod service_grants;
mod session;
mod token;
mod userinfo;

use std::sync::Arc;

use doorward_keys::{KeyRing, MasterKey, Proofs};
use doorward_model::{
    Client, ClientId, Clock, Entropy, Live, OAuthErrorCode, PublicUrl, Reason, ResourceTable, Rules,
};
use doorward_store::{Store, StoreError};
use doorward_transport::{AddressLimiter, ClientAddress, Outbound};
use futures_util::future::BoxFuture;

pub use assertion::Verifier;
pub use at_resource::{Belonging, Passage, PassageKind, ResourceUser};
pub use authorization::{
    Approver, AuthorizationRequest, AuthorizeRefusal, ErrorAnswer, ReopenError,
};
pub use config::Config;
pub use device::{DeviceRefusal, DeviceRequest};
pub use end_session::LogoutRequest;
pub use enterprise::Asserters;

/// The source of clients. `doorward` connects the registration crate here, so that this one does
/// not depend on it.
pub trait ClientDirectory: Send + Sync + 'static {
    /// The client with this id. `address` is the IP address of the request: the lookup may cause a
    /// fetch.
    fn find<'a>(
        &'a self,
        id: &'a ClientId,
        address: ClientAddress,
    ) -> BoxFuture<'a, Result<Arc<Client>, DirectoryError>>;
}

/// The reason for which a client could not be found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DirectoryError {
    /// There is none, or it may not be used.
    #[error("{why}")]
    Unknown {
        /// The text for users.
        why: String,
        /// The reason, for the timeline.
        reason: Reason,
    },
    /// It cannot be found out now.
    #[error("{why}")]
    Unavailable {
        /// The text for the log.
        why: String,
        /// The reason, for the timeline.
        reason: Reason,
    },
}

/// The services that the issuer works with.
pub struct IssuerServices {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The signing keys.
    pub keys: Arc<KeyRing>,
    /// The master key, for sealing requests and deriving refresh tokens.
    pub master: Arc<MasterKey>,
    /// Judges proofs of keys.
    pub proofs: Arc<Proofs>,
    /// For the key sets of clients.
    pub outbound: Outbound,
    /// For relying parties, which an administrator added: they may be in the operator's networks.
    pub to_relying_parties: Outbound,
}

/// The other parts of the server, as the issuer asks them: clients, and users of other issuers.
pub struct IssuerPorts {
    /// The source of clients.
    pub clients: Arc<dyn ClientDirectory>,
    /// Verifies tokens of other issuers.
    pub verifier: Arc<dyn Verifier>,
    /// Identity providers that assert users.
    pub asserters: Arc<dyn Asserters>,
}

/// The settings of the issuer.
pub struct IssuerSettings {
    /// The issuer identifier.
    pub public_url: PublicUrl,
    /// The resources that tokens may be for; the first is the default.
    pub resources: ResourceTable,
    /// The permissions of roles, and the ways in which clients may come to be known.
    pub rules: Live<Rules>,
    /// Lifetimes.
    pub config: Config,
}

/// The authorization server. Cheap to clone.
#[derive(Clone)]
pub struct Issuer {
    pub(crate) services: Arc<IssuerServices>,
    pub(crate) ports: Arc<IssuerPorts>,
    pub(crate) settings: Arc<IssuerSettings>,
    /// Key sets of clients.
    pub(crate) client_keys: Arc<client_keys::ClientKeys>,
    pub(crate) documents: Arc<http::Documents>,
    /// Requests that IP addresses push, and devices that they begin for.
    pub(crate) pushes: Arc<AddressLimiter>,
    pub(crate) devices: Arc<AddressLimiter>,
    /// Tokens of AI back ends that were issued a moment ago.
    pub(crate) kept_tokens: Arc<kept_tokens::KeptTokens>,
    /// The grant that each service used last.
    pub(crate) service_grants: Arc<service_grants::ServiceGrants>,
}

impl Issuer {
    /// Sets the issuer up.
    pub fn new(services: IssuerServices, ports: IssuerPorts, settings: IssuerSettings) -> Self {
        let rate = settings.config.begun_per_minute_per_address.max(1);
        Self {
            services: Arc::new(services),
            ports: Arc::new(ports),
            settings: Arc::new(settings),
            client_keys: Arc::new(client_keys::ClientKeys::new()),
            documents: Arc::default(),
            pushes: Arc::new(AddressLimiter::new(rate, rate)),
            devices: Arc::new(AddressLimiter::new(rate, rate)),
            kept_tokens: Arc::default(),
            service_grants: Arc::default(),
        }
    }
    /// The issuer identifier.
    pub fn public_url(&self) -> &PublicUrl {
        &self.settings.public_url
    }
    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.settings.config
    }
}

/// A refusal: the code that the caller gets, and why, for the log and (without secrets) for
/// `error_description`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", code.as_str())]
pub struct Failure {
    /// The code.
    pub code: OAuthErrorCode,
    /// The reason, in words.
    pub why: String,
    /// The reason, for the timeline.
    pub reason: Reason,
    /// The value that was sent, for the timeline. Never a secret.
    pub detail: String,
}

impl Failure {
    pub(crate) fn new(code: OAuthErrorCode, why: impl Into<String>) -> Self {
        let reason = match code {
            OAuthErrorCode::InvalidScope => Reason::Scope,
            OAuthErrorCode::InvalidTarget => Reason::Resource,
            OAuthErrorCode::UnsupportedResponseType => Reason::ResponseType,
            OAuthErrorCode::UnsupportedGrantType | OAuthErrorCode::UnauthorizedClient => {
                Reason::GrantType
            }
            OAuthErrorCode::InvalidClient => Reason::ClientAuth,
            OAuthErrorCode::InvalidGrant => Reason::RefreshUnknown,
            OAuthErrorCode::AccessDenied => Reason::Denied,
            OAuthErrorCode::ExpiredToken => Reason::CodeExpired,
            OAuthErrorCode::ServerError | OAuthErrorCode::TemporarilyUnavailable => Reason::Server,
            _ => Reason::Request,
        };
        Self { code, why: why.into(), reason, detail: String::new() }
    }

    /// True if the timeline has it already, with more than is known here.
    pub(crate) fn is_noted(&self) -> bool {
        matches!(
            self.reason,
            Reason::DocumentUnreachable | Reason::DocumentInvalid | Reason::DocumentPinned
        )
    }

    /// For this reason.
    pub(crate) fn because(self, reason: Reason) -> Self {
        Self { reason, ..self }
    }

    /// About this value.
    pub(crate) fn about(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // The cause is logged here, once; the caller is told to retry.
        tracing::error!(%error, "the store failed");
        Self::new(
            OAuthErrorCode::TemporarilyUnavailable,
            "the server cannot respond at the moment; try again shortly",
        )
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Unknown { why, reason } => {
                Self::new(OAuthErrorCode::InvalidClient, why).because(reason)
            }
            DirectoryError::Unavailable { why, reason } => {
                tracing::warn!(why, "a client could not be looked up");
                Self::new(
                    OAuthErrorCode::TemporarilyUnavailable,
                    "the client cannot be looked up at the moment; try again shortly",
                )
                .because(reason)
            }
        }
    }
}
