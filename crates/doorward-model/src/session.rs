//! Browser sessions.

use crate::{
    HashedToken, Timestamp,
    id::{SessionId, UserId},
};

/// A signed-in browser. The cookie holds the token; the store holds its hash.
#[derive(Clone, Debug)]
pub struct Session {
    /// The hash of the cookie's value.
    pub token: HashedToken,
    /// The handle under which pages and tools refer to it.
    pub id: SessionId,
    /// Who is signed in.
    pub user_id: UserId,
    /// When the person last proved who they are (OpenID Connect `auth_time`).
    pub auth_time: Timestamp,
    /// When the session was last used, to within a minute or so.
    pub last_seen_at: Timestamp,
    /// When it ends without further use.
    pub expires_at: Timestamp,
    /// The absolute end, use or no use.
    pub ends_at: Timestamp,
    /// The browser's own description, shortened. Shown as text.
    pub user_agent: String,
    /// The address that it signed in from.
    pub address: String,
}

impl Session {
    /// Whether it counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at && now < self.ends_at
    }
}
