//! Personal and service access tokens: for programs that cannot sign in with a browser.

use crate::{
    Authentication, HashedToken, IdentityId, ScopeSet, Timestamp, UpstreamName,
    id::{AccessTokenId as Id, UserId},
};

pub use crate::id::AccessTokenId;

/// A token that a user made for a program of theirs, or an administrator for a service. It acts for
/// its user, within its scopes and the present permissions of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Its handle: its name on pages, in commands and in the audit. It proves nothing.
    pub id: Id,
    /// The hash of its value, which was shown once.
    pub token: HashedToken,
    /// The user that it acts for.
    pub user_id: UserId,
    /// The name that its user gave it. Shown as text.
    pub name: String,
    /// The scopes that it allows, without implied ones.
    pub scopes: ScopeSet,
    /// The upstreams that it reaches; none means all, and the built-in tools.
    pub upstreams: Vec<UpstreamName>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last replacement of its value.
    pub rotated_at: Option<Timestamp>,
    /// The time of expiry.
    pub expires_at: Timestamp,
    /// The time of the last use, to within some minutes.
    pub last_used_at: Option<Timestamp>,
    /// The time of revocation.
    pub revoked_at: Option<Timestamp>,
    /// The authentication of the user who made it, at the time. Operations that need a second
    /// factor need it here.
    pub authentication: Authentication,
    /// The account at a provider by which they had signed in. The token ends with it.
    pub identity: Option<IdentityId>,
}

impl AccessToken {
    /// Maximum number of tokens that one user may have.
    pub const MOST: usize = 100;
    /// The longest name, in characters.
    pub const LONGEST_NAME: usize = 80;
    /// The method that every token names besides those of its maker.
    pub const METHOD: &str = "pat";
    /// The longest life, in days.
    pub const LONGEST_DAYS: u32 = 3660;

    /// True if it counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// True if it reaches an upstream's tools; `None` means the built-in tools.
    pub fn reaches_upstream(&self, upstream: Option<UpstreamName>) -> bool {
        self.upstreams.is_empty() || upstream.is_some_and(|name| self.upstreams.contains(&name))
    }
}
