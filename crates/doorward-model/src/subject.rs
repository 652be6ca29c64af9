//! Subjects: the accounts as which codes, grants and tokens act.

use crate::{Authentication, IdentityId, Timestamp, id::UserId};

/// The subject of a code or grant, as it was when access was given (RFC 9068 §2.2 `sub`).
///
/// A subject is a user or a service. Both have an account, to which roles, rules, limits,
/// connections and the audit refer; a service's account cannot sign in. A user authenticates by
/// signing in, a service by the authentication of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The account.
    pub account: UserId,
    /// The time of the subject's last authentication.
    pub auth_time: Timestamp,
    /// The method of that authentication.
    pub authentication: Authentication,
    /// The account at an identity provider with which a user signed in. Its end at the provider
    /// ends everything that began with it.
    pub identity: Option<IdentityId>,
    /// The browser session in which a user signed in to a relying party, as that one knows it
    /// (`sid`, OpenID Connect Back-Channel Logout §2.1).
    pub sid: Option<String>,
}
