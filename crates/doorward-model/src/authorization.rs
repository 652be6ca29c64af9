//! Records between a client's request and its grant.

use crate::{
    HashedToken, KeyThumbprint, Resource, ScopeSet, Subject, Timestamp,
    id::{ClientId, GrantId},
};

/// An authorization code as it is stored (RFC 6749 §4.1.2, OAuth 2.1 §4.1.3).
#[derive(Clone, Debug)]
pub struct AuthorizationCode {
    /// The code's hash.
    pub token: HashedToken,
    /// The grant that redeeming it makes. It is fixed here so that a replay can revoke it.
    pub grant_id: GrantId,
    /// The only client that may redeem it.
    pub client_id: ClientId,
    /// The user who gave consent.
    pub subject: Subject,
    /// The redirect URI of the authorization request, as presented.
    pub redirect_uri: String,
    /// The allowed scopes, without those that are implied.
    pub scopes: ScopeSet,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// The PKCE challenge in oxide-auth's stored form (RFC 7636, S256 only).
    pub challenge: String,
    /// The value that binds an ID token to the request (OpenID Connect Core §2).
    pub nonce: Option<String>,
    /// The key by whose owner alone it may be redeemed (RFC 9449 §10).
    pub key: Option<KeyThumbprint>,
    /// The time of expiry.
    pub expires_at: Timestamp,
    /// The time of redemption. Spent codes are kept for as long as their tokens may live, so that a
    /// replay is detected.
    pub consumed_at: Option<Timestamp>,
}

/// A link that does one thing once.
#[derive(Clone, Debug)]
pub struct OneTimeLink {
    /// The hash of the secret in the link.
    pub token: HashedToken,
    /// The time of expiry.
    pub expires_at: Timestamp,
    /// The time of use.
    pub consumed_at: Option<Timestamp>,
}
