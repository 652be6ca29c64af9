//! Clients: the programs that act for people (RFC 6749 §2, RFC 7591).

use crate::{
    GrantTypes, HashedToken, RedirectUri, ScopeSet, Timestamp,
    id::{ClientId, UserId},
};

/// Where a client's metadata came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSource {
    /// An administrator made it.
    Administrator,
    /// Its client_id is the address of a Client ID Metadata Document, fetched and checked.
    MetadataDocument,
    /// It registered itself (RFC 7591). Nothing that it says about itself is verified.
    Registration,
}

impl ClientSource {
    /// The stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::MetadataDocument => "metadata_document",
            Self::Registration => "registration",
        }
    }
    /// Reads the stored form.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Administrator, Self::MetadataDocument, Self::Registration]
            .into_iter()
            .find(|source| source.as_str() == text)
    }
}

/// How a client proves itself at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthMethod {
    /// A public client: PKCE and the redirect URI are what binds it.
    None,
    /// The secret in an HTTP Basic header.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
}

impl ClientAuthMethod {
    /// Every method, in the order of preference in which metadata lists them.
    pub const ALL: [Self; 4] =
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
    /// The method of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
    /// True if the client holds a shared secret.
    pub fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// A registered client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its identifier.
    pub id: ClientId,
    /// Where its metadata came from.
    pub source: ClientSource,
    /// The name that people see. It is whatever the client said: show it as text, never trust it.
    pub name: String,
    /// The registered redirect URIs, at least one, except for the client of a service.
    pub redirect_uris: Vec<RedirectUri>,
    /// How it authenticates at the token endpoint.
    pub auth_method: ClientAuthMethod,
    /// The hash of its secret, for the two methods that have one.
    pub secret: Option<HashedToken>,
    /// The grant types that it may use. Without `refresh_token` no refresh token is issued (N5).
    pub grant_types: GrantTypes,
    /// The scopes that it may be granted.
    pub scopes: ScopeSet,
    /// The account of the service as which it acts with `client_credentials`.
    pub service: Option<UserId>,
    /// Its own page, if it named one.
    pub client_uri: Option<String>,
    /// Its public keys as a JWK Set in JSON, for `private_key_jwt`.
    pub jwks: Option<String>,
    /// Where its JWK Set is published, for `private_key_jwt`.
    pub jwks_uri: Option<String>,
    /// The metadata that registration echoes, as JSON. Empty for the other sources.
    pub metadata: String,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When a person first allowed it anything. Registrations that have this are never collected
    /// (I13).
    pub authorized_at: Option<Timestamp>,
    /// When an administrator disabled it.
    pub disabled_at: Option<Timestamp>,
    /// Until when a fetched metadata document may be used without fetching it again.
    pub fresh_until: Option<Timestamp>,
    /// When an administrator approved it. It matters only where the configuration asks for it.
    pub approved_at: Option<Timestamp>,
    /// When an administrator pinned what its metadata document said: a changed document is then
    /// refused.
    pub pinned_at: Option<Timestamp>,
}

impl Client {
    /// Names the state that an administrator saw, so that nothing else is decided on. Uses by
    /// people do not change it.
    pub fn etag(&self) -> String {
        let uris: Vec<&str> = self.redirect_uris.iter().map(RedirectUri::as_str).collect();
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let states = [text(self.disabled_at), text(self.approved_at), text(self.pinned_at)];
        crate::id::etag(&[
            self.id.as_str(),
            &self.name,
            &uris.join(" "),
            &self.scopes.to_string(),
            self.auth_method.as_str(),
            &self.grant_types.names().collect::<Vec<_>>().join(" "),
            self.service.as_ref().map_or("", UserId::as_str),
            self.jwks.as_deref().unwrap_or_default(),
            self.jwks_uri.as_deref().unwrap_or_default(),
            &states.join(" "),
        ])
    }
    /// True if an administrator or a user has dealt with this client. Until then, its redirect URIs
    /// are addresses that a stranger wrote, and a browser is not sent there before its user has
    /// seen where it leads (RFC 9700 §4.11.2).
    pub fn is_introduced(&self) -> bool {
        self.source == ClientSource::Administrator || self.authorized_at.is_some()
    }
    /// True if an answer sent to `redirect_uri` can only reach this client, so that nothing need be
    /// asked of the user again (RFC 8252 §8.6). An administrator must have made the client; then
    /// either it proves itself at the token endpoint, or the redirect is a claimed https address.
    /// Any program on the user's machine can listen on a loopback port or claim a private-use
    /// scheme.
    pub fn is_assured_at(&self, redirect_uri: &str) -> bool {
        self.source == ClientSource::Administrator
            && (self.auth_method != ClientAuthMethod::None || redirect_uri.starts_with("https://"))
    }
    /// True if every redirect leads to the person's own machine, so that any program there could
    /// pose as this client (A14).
    pub fn is_localhost_only(&self) -> bool {
        !self.redirect_uris.is_empty() && self.redirect_uris.iter().all(RedirectUri::is_loopback)
    }
}
