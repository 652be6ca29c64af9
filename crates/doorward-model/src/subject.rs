//! Subjects: the accounts as which codes, grants and tokens act.

use crate::{Authentication, IdentityId, Timestamp, id::UserId};

/// The subject of a code or grant, as it was when access was given (RFC 9068 §2.2 `sub`).
///
/// A subject is a user or a service. Both have an account, which is what roles, rules, limits,
/// connections and the audit refer to; a service's account cannot sign in. A user proves who they
/// are by signing in, a service by the authentication of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The account.
    pub account: UserId,
    /// When the subject last proved who it is.
    pub auth_time: Timestamp,
    /// How it proved that.
    pub authentication: Authentication,
    /// The account at an identity provider by which a user came. What the provider takes back ends
    /// what came by it.
    pub identity: Option<IdentityId>,
}
