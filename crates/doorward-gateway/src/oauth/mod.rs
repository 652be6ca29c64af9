//! We as an OAuth client of an upstream's authorization server, on behalf of one user.

pub(crate) mod by_hand;
mod challenge;
mod connect;
mod discovery;
mod metadata;
pub(crate) mod refresh;
mod registration;
mod service;
mod trial;

pub(crate) use registration::{document as client_document, opened as opened_registration};

use std::sync::atomic::{AtomicU64, Ordering};

use doorward_transport::{
    FlightError, Outbound, OutboundError, SingleFlight,
    oauth::{self, Answer, ErrorSubject, Failure, Lifetime},
};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::upstream::Upstream;

pub(crate) use by_hand::{ByHand, Method};
pub use connect::{ConnectError, ConnectingUser, PendingConnection};
pub(crate) use discovery::{Discovered, discover};
pub(crate) use metadata::{covers, revocation_endpoint, server_metadata};

/// The most bytes of a document or answer of an authorization server.
pub(crate) const MAX_DOCUMENT: usize = 256 * 1024;

/// The most registrations and connections under way at once.
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
    #[error("it returned {0} {1}")]
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

/// This server's credentials at an authorization server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClientCredentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    pub(crate) method: Method,
}

impl ClientCredentials {
    /// The configured credentials.
    pub(crate) fn configured(upstream: &Upstream) -> Self {
        let config = &upstream.config;
        let secret =
            (!config.client_secret.is_empty()).then(|| config.client_secret.reveal().to_owned());
        let usual = if secret.is_some() { Method::ClientSecretBasic } else { Method::None };
        let method = upstream.by_hand.method.unwrap_or(usual);
        Self { client_id: config.client_id.clone(), client_secret: secret, method }
    }
    /// The same with a method that the server takes.
    pub(crate) fn fitting(mut self, supported: Option<&[String]>) -> Self {
        let Some(supported) = supported else { return self };
        let takes = |name: &str| supported.iter().any(|method| method == name);
        if self.client_secret.is_some() {
            self.method = match self.method {
                Method::ClientSecretPost if takes("client_secret_post") => Method::ClientSecretPost,
                _ if takes("client_secret_basic") => Method::ClientSecretBasic,
                _ if takes("client_secret_post") => Method::ClientSecretPost,
                method => method,
            };
        }
        self
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

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A response of a token endpoint without usable tokens, or no response.
#[derive(Debug)]
pub(crate) struct NoTokens {
    /// Its meaning, by the rules that hold for identity providers too.
    pub(crate) failure: Failure,
    /// Its status.
    status: Option<u16>,
    /// The refresh token in it: the previous one may no longer be valid.
    pub(crate) rotated: Option<String>,
}

impl NoTokens {
    /// Reports that the server refuses this client, or this secret.
    pub(crate) fn forgets_client(&self) -> bool {
        match &self.failure {
            // 401 says so without a body (RFC 6749 section 5.2).
            Failure::Client(told) => {
                told.complaint() == ErrorSubject::Client
                    || (told.code.is_empty() && told.status == 401)
            }
            Failure::Refused(_)
            | Failure::Wait { .. }
            | Failure::Silent(_)
            | Failure::Nonsense(_) => false,
        }
    }

    /// Reports a refusal by the status alone, without a message of an authorization server.
    pub(crate) fn refuses_by_status(&self) -> bool {
        matches!(self.status, Some(400 | 401 | 403))
    }

    /// Reports that the endpoint may have moved: its URL is not known to the server, or leads
    /// elsewhere.
    pub(crate) fn may_have_moved(&self) -> bool {
        matches!(self.failure, Failure::Nonsense(_))
            && matches!(self.status, Some(300..=399 | 404 | 405 | 410))
    }
}

impl From<NoTokens> for OAuthError {
    fn from(none: NoTokens) -> Self {
        match none.failure {
            Failure::Refused(told) | Failure::Client(told) => {
                let code =
                    if told.code.is_empty() { format!("HTTP {}", told.status) } else { told.code };
                Self::Refused(code, told.description)
            }
            Failure::Nonsense(why) if none.status.is_some() => Self::Untrusted(why),
            Failure::Nonsense(why) | Failure::Silent(why) => Self::Unreachable(why),
            wait @ Failure::Wait { .. } => Self::Unreachable(wait.to_string()),
        }
    }
}

/// Posts a form to a token endpoint, as this client.
pub(crate) async fn token_request(
    outbound: &Outbound,
    endpoint: &Url,
    client: &ClientCredentials,
    form: Vec<(&'static str, String)>,
) -> Result<Tokens, NoTokens> {
    let none = |failure| NoTokens { failure, status: None, rotated: None };
    let request = as_client(endpoint, client, form)
        .map_err(|error| none(Failure::Silent(error.to_string())))?;
    let answer =
        outbound.send_along(request, MAX_DOCUMENT).await.map_err(|error| none(error.into()))?;
    let status = Some(answer.status);
    let tokens = Answer::of(&answer, None).tokens().map_err(|failed| NoTokens {
        failure: failed.failure,
        status,
        rotated: failed.refresh_token,
    })?;
    for left in &tokens.left_out {
        tracing::info!(%endpoint, %left, "a member of a token response was left out");
    }
    let rotated = tokens.refresh_token.clone();
    usable(tokens).map_err(|failure| NoTokens { failure, status, rotated })
}

/// Tokens of which one opens the upstream.
fn usable(tokens: oauth::Tokens) -> Result<Tokens, Failure> {
    let missing = || Failure::Nonsense("its response has no access token".to_owned());
    Ok(Tokens {
        access_token: tokens.access_token.ok_or_else(missing)?,
        refresh_token: tokens.refresh_token,
        expires_in: match tokens.lifetime {
            Lifetime::Seconds(seconds) => Some(seconds),
            // It is used until the upstream refuses it.
            Lifetime::Unstated | Lifetime::Unreadable => None,
        },
        scope: tokens.scope,
        id_token: tokens.id_token,
    })
}

/// A form for an endpoint of an authorization server, with this client's authentication (RFC 6749
/// §2.3.1).
pub(crate) fn as_client(
    endpoint: &Url,
    client: &ClientCredentials,
    mut form: Vec<(&'static str, String)>,
) -> Result<http::Request<Vec<u8>>, OAuthError> {
    let mut request = http::Request::post(endpoint.as_str())
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    match (client.method, &client.client_secret) {
        (Method::ClientSecretBasic, Some(secret)) => {
            use base64::{Engine, engine::general_purpose::STANDARD};
            // RFC 6749 §2.3.1: form-encoded before they are joined.
            let text = format!(
                "Basic {}",
                STANDARD.encode(format!("{}:{}", encode(&client.client_id), encode(secret)))
            );
            let mut value = http::HeaderValue::try_from(text).map_err(|_| {
                OAuthError::Misconfigured("the client secret cannot be sent".to_owned())
            })?;
            value.set_sensitive(true);
            request = request.header(http::header::AUTHORIZATION, value);
            // Needed nowhere, forbidden nowhere, and missed by some servers (FastMCP).
            form.push(("client_id", client.client_id.clone()));
        }
        (Method::ClientSecretPost, Some(secret)) => {
            form.push(("client_id", client.client_id.clone()));
            form.push(("client_secret", secret.clone()));
        }
        _ => form.push(("client_id", client.client_id.clone())),
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form.iter().map(|(name, value)| (*name, value.as_str())))
        .finish();
    request
        .body(body.into_bytes())
        .map_err(|_| OAuthError::Untrusted(format!("{endpoint} is not a URL to post to")))
}

/// A text of an authorization server as it may be shown and logged.
pub(crate) fn clean(text: &str) -> String {
    doorward_model::foreign::line(text, doorward_model::foreign::LINE).into_owned()
}
