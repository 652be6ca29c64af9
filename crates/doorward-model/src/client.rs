//! Clients: the programs that act for users (RFC 6749 §2, RFC 7591).

use crate::{
    ClientRules, ExchangeRule, GrantType, GrantTypes, HashedToken, RedirectUri, RelyingParty,
    ScopeSet, Timestamp, TrustRule,
    id::{ClientId, UserId},
};

/// The source of a client's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSource {
    /// An administrator made it.
    Administrator,
    /// Its client_id is the URL of a Client ID Metadata Document, fetched and checked.
    MetadataDocument,
    /// It registered dynamically (RFC 7591). Its statements about itself are not verified.
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

/// A client's authentication at the token endpoint (RFC 7591 §2 `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthMethod {
    /// A public client: PKCE and the redirect URI bind it.
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
    /// The source of its metadata.
    pub source: ClientSource,
    /// The display name, as the client states it: show it as text, never trust it.
    pub name: String,
    /// The registered redirect URIs, at least one, except for the client of a service.
    pub redirect_uris: Vec<RedirectUri>,
    /// Its authentication at the token endpoint.
    pub auth_method: ClientAuthMethod,
    /// The hash of its secret, for the two methods that have one.
    pub secret: Option<HashedToken>,
    /// The grant types that it may use. Without `refresh_token` no refresh token is issued (N5).
    pub grant_types: GrantTypes,
    /// The scopes that it may be granted.
    pub scopes: ScopeSet,
    /// The account of the service as which it acts, with `client_credentials` or by a trust rule.
    pub service: Option<UserId>,
    /// The tokens of another issuer with which a workload acts as the service, for a client that an
    /// administrator added for one.
    pub trust: Option<TrustRule>,
    /// Its settings as a relying party, for a client through which users sign in to another
    /// application.
    pub openid: Option<RelyingParty>,
    /// Its own page, if it named one.
    pub client_uri: Option<String>,
    /// Its public keys as a JWK Set in JSON, for `private_key_jwt`.
    pub jwks: Option<String>,
    /// The URL of its JWK Set, for `private_key_jwt`.
    pub jwks_uri: Option<String>,
    /// The metadata that registration echoes, as JSON. Empty for the other sources.
    pub metadata: String,
    /// The time at which it was first stored.
    pub created_at: Timestamp,
    /// The time of the first consent. Registrations with a value here are never deleted as unused
    /// (I13).
    pub authorized_at: Option<Timestamp>,
    /// The time at which an administrator disabled it.
    pub disabled_at: Option<Timestamp>,
    /// Until when a fetched metadata document may be used without fetching it again.
    pub fresh_until: Option<Timestamp>,
    /// The time of an administrator's approval. It matters only where the configuration demands
    /// approval.
    pub approved_at: Option<Timestamp>,
    /// The time at which an administrator pinned its metadata document: a changed document is then
    /// refused.
    pub pinned_at: Option<Timestamp>,
    /// The permission to exchange tokens (RFC 8693), which only an administrator gives.
    pub exchange: Option<ExchangeRule>,
    /// The stricter rules that its requests are held to.
    pub rules: ClientRules,
    /// The hash of the token by which it manages its registration (RFC 7592 §3); `None` for one
    /// that did not register itself, or did so before there were such tokens.
    pub registration_token: Option<HashedToken>,
}

impl Client {
    /// True for a relying party with pairwise subjects. It signs users in and gets no token for
    /// another resource, which would name them by the identifier that the subjects hide.
    pub fn has_pairwise_subjects(&self) -> bool {
        self.openid.as_ref().is_some_and(|openid| openid.sector.is_some())
    }

    /// Identifies the state that an administrator saw, so that no other is decided on. Uses by
    /// users do not change it.
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
            &self.trust.as_ref().map(TrustRule::to_text).unwrap_or_default(),
            &self.openid.as_ref().map(RelyingParty::to_text).unwrap_or_default(),
            self.jwks.as_deref().unwrap_or_default(),
            self.jwks_uri.as_deref().unwrap_or_default(),
            &states.join(" "),
            &self.exchange.as_ref().map(ExchangeRule::to_text).unwrap_or_default(),
            &self.rules.to_text(),
        ])
    }
    /// True if it may use this grant type. A client that an administrator added and that
    /// authenticates may present assertions of identity providers, which name it.
    pub fn may_use(&self, grant: GrantType) -> bool {
        let may_present = grant == GrantType::JwtBearer
            && self.source == ClientSource::Administrator
            && self.service.is_none()
            && self.auth_method != ClientAuthMethod::None;
        self.grant_types.contains(grant) || may_present
    }
    /// True if an administrator or a user has dealt with this client. Until then, its redirect URIs
    /// are untrusted input, and a browser is redirected to one only after its user has seen the
    /// target (RFC 9700 §4.11.2).
    pub fn is_introduced(&self) -> bool {
        self.source == ClientSource::Administrator || self.authorized_at.is_some()
    }
    /// True if a response to `redirect_uri` can only reach this client, so that repeated consent is
    /// not needed (RFC 8252 §8.6). An administrator must have made the client; then either it
    /// authenticates at the token endpoint, or the redirect is a claimed https URL. Any program on
    /// the user's machine can listen on a loopback port or claim a private-use scheme.
    pub fn is_assured_at(&self, redirect_uri: &str) -> bool {
        self.source == ClientSource::Administrator
            && (self.auth_method != ClientAuthMethod::None || redirect_uri.starts_with("https://"))
    }
    /// The name that the software states in its metadata beside its display name.
    fn software_id(&self) -> Option<String> {
        let metadata: serde_json::Value = serde_json::from_str(&self.metadata).ok()?;
        metadata.get("software_id")?.as_str().map(str::to_owned)
    }
    /// True if this is a later registration of the software that registered `other`: both answer to
    /// the same name and lead to the same hosts on the web, which are of one program. A program of
    /// the user's machine has other installations, which must not take each other's place, and any
    /// program there can state its name.
    pub fn is_software_of(&self, other: &Self) -> bool {
        let hosted = |client: &Self| {
            client.source == ClientSource::Registration
                && !client.redirect_uris.is_empty()
                && client.redirect_uris.iter().all(|uri| !uri.is_native())
        };
        let leads_to = |one: &Self, uris: &[RedirectUri]| {
            uris.iter().all(|uri| one.redirect_uris.contains(uri))
        };
        hosted(self)
            && hosted(other)
            && self.name == other.name
            && self.auth_method == other.auth_method
            && leads_to(self, &other.redirect_uris)
            && leads_to(other, &self.redirect_uris)
            && self.software_id() == other.software_id()
    }
    /// True if every redirect leads to the user's own machine, so that any program there could
    /// pose as this client (A14).
    pub fn is_localhost_only(&self) -> bool {
        !self.redirect_uris.is_empty() && self.redirect_uris.iter().all(RedirectUri::is_loopback)
    }
}
