//! We as an OAuth client of an upstream's authorization server, on behalf of one user.

pub(crate) mod by_hand;
mod challenge;
pub(crate) mod client;
mod connect;
mod disconnect;
mod discovery;
mod metadata;
pub(crate) mod refresh;
mod registration;
mod service;
mod trial;

pub(crate) use registration::{document as client_document, opened as opened_registration};

use std::sync::atomic::{AtomicU64, Ordering};

use doorward_transport::{FlightError, OutboundError, SingleFlight, oauth};

pub(crate) use by_hand::{ByHand, Method};
pub(crate) use client::{AsClient, ClientCredentials, NoTokens};
pub use connect::{ConnectError, ConnectingUser, PendingConnection};
pub(crate) use discovery::{Discovered, discover};
pub(crate) use metadata::{covers, revocation_endpoint, server_metadata};

/// Maximum number of bytes of a document or answer of an authorization server.
pub(crate) const MAX_DOCUMENT: usize = 256 * 1024;

/// Maximum number of registrations and connections under way at once.
const MOST_UNDER_WAY: usize = 500;

/// A failure of an authorization server.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OAuthError {
    /// It cannot be reached, or fails.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Its answer cannot be right, or is not safe to use.
    #[error("{0}")]
    Untrusted(String),
    /// It publishes no metadata.
    #[error("{0}")]
    NoMetadata(String),
    /// It answered with an error (RFC 6749 §5.2).
    #[error("it returned {}{}", .0, described(.1))]
    Refused(String, String),
    /// The upstream names another authorization server or resource than the pinned one. Users are
    /// redirected to it once an administrator accepted it.
    #[error("{0}")]
    NamesAnother(String),
    /// A setting of this server is missing.
    #[error("{0}")]
    Misconfigured(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] doorward_store::StoreError),
}

/// The description of an error, after its code.
fn described(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl From<OutboundError> for OAuthError {
    fn from(error: OutboundError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl From<FlightError> for OAuthError {
    fn from(error: FlightError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// The work under way with authorization servers. Each runs in a task, so that its outcome is kept
/// if the request that began it is dropped.
pub(crate) struct Flights {
    registrations:
        SingleFlight<(doorward_model::UpstreamName, String), Result<ClientCredentials, OAuthError>>,
    /// By a number of their own: of two answers to one attempt the store takes one, and neither
    /// browser receives the other's outcome.
    connections: SingleFlight<u64, Result<(), ConnectError>>,
    connection: AtomicU64,
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            registrations: SingleFlight::new(MOST_UNDER_WAY),
            connections: SingleFlight::new(MOST_UNDER_WAY),
            connection: AtomicU64::new(0),
        }
    }
}

impl Flights {
    /// Handles the callback of an authorization server in a task, and waits for it.
    pub(crate) async fn take_up(
        &self,
        work: impl Future<Output = Result<(), ConnectError>> + Send + 'static,
    ) -> Result<(), ConnectError> {
        let number = self.connection.fetch_add(1, Ordering::Relaxed);
        self.connections.run(number, || work).await.map_err(OAuthError::from)?
    }

    /// Begins no more work and waits for the work under way.
    pub(crate) async fn finish(&self) {
        self.registrations.finish().await;
        self.connections.finish().await;
    }
}

/// Tokens of a token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) expires_in: Option<i64>,
    pub(crate) scope: Option<String>,
    id_token: Option<String>,
}

impl Tokens {
    /// The account, if the answer holds an ID token for this client. It came directly from the
    /// token endpoint over TLS, which may replace verification of its signature (OpenID Connect
    /// Core §3.1.3.7, point 6), and it is only shown.
    pub(crate) fn account(&self, issuer: &str, client_id: &str) -> Option<String> {
        let payload = self.id_token.as_ref()?.split('.').nth(1)?;
        let claims = oauth::part_of_token(payload).ok()?;
        let audience = claims.get("aud")?;
        let ours = audience.as_str() == Some(client_id)
            || audience
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one.as_str() == Some(client_id)));
        if claims.get("iss")?.as_str()? != issuer || !ours {
            return None;
        }
        let named = ["email", "preferred_username", "name"]
            .iter()
            .find_map(|name| claims.get(*name)?.as_str().filter(|text| !text.trim().is_empty()));
        named.map(|text| clean(text.trim()))
    }
}

/// A text of an authorization server as it may be shown and logged.
pub(crate) fn clean(text: &str) -> String {
    doorward_model::foreign::line(text, doorward_model::foreign::LINE).into_owned()
}
