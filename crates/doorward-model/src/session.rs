//! Browser sessions.

use crate::{
    Authentication, HashedToken, Sealed, Timestamp,
    id::{SessionId, UserId},
    provider::{IdentityId, ProviderId},
};

/// A signed-in browser. The cookie holds the token; the store holds its hash.
#[derive(Clone, Debug)]
pub struct Session {
    /// The hash of the cookie's value.
    pub token: HashedToken,
    /// The handle under which pages and tools refer to it.
    pub id: SessionId,
    /// The signed-in user.
    pub user_id: UserId,
    /// The time of the user's last authentication (OpenID Connect `auth_time`).
    pub auth_time: Timestamp,
    /// The time of the last use, to within a minute or so.
    pub last_seen_at: Timestamp,
    /// The time of expiry without further use.
    pub expires_at: Timestamp,
    /// The absolute end, use or no use.
    pub ends_at: Timestamp,
    /// The browser's own description, shortened. Shown as text.
    pub user_agent: String,
    /// The IP address of the sign-in.
    pub address: String,
    /// The user's authentication.
    pub authentication: Authentication,
    /// True if the user proved all required factors. A session that waits for a second factor gives
    /// access only to that page.
    pub complete: bool,
    /// The provider's part in it.
    pub upstream: Option<UpstreamSession>,
}

/// The tie of a session to one at an identity provider.
#[derive(Clone, Debug)]
pub struct UpstreamSession {
    /// The provider.
    pub provider: ProviderId,
    /// The account at the identity provider.
    pub identity: IdentityId,
    /// The provider's own session (`sid`, OpenID Connect Back-Channel Logout §2.1).
    pub sid: Option<String>,
    /// The ID token, which the provider requires at logout (`id_token_hint`).
    pub id_token: Option<Sealed>,
}

impl Session {
    /// The purpose for which a session's ID token is sealed.
    pub fn id_token_place(id: &SessionId) -> String {
        format!("session/{id}/id_token")
    }
    /// True if it counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at && now < self.ends_at
    }
}
