//! The identity of an upstream, and the authorization server that it was first seen with: users are
//! sent to no other, and their tokens to no other resource.

use crate::{
    Resource, Sealed, Timestamp, UpstreamName,
    id::{UpstreamId, UserId},
};

/// An authorization server as an upstream names it, with the scopes that the upstream requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPin {
    /// The issuer (RFC 8414).
    pub issuer: String,
    /// The resource that the upstream names (RFC 9728); `None` where it names none, and where only
    /// the issuer of older connections is known.
    pub resource: Option<String>,
    /// The scopes that it requires.
    pub scopes: Vec<String>,
}

impl ServerPin {
    /// Reports another authorization server, or another resource, than this one. A trailing slash
    /// is no difference between issuers. A resource that was never named is none either.
    pub fn differs_from(&self, other: &Self) -> bool {
        let other_resource =
            self.resource.is_some() && other.resource.is_some() && self.resource != other.resource;
        !self.is_issued_by(&other.issuer) || other_resource
    }

    /// Reports that this is the issuer.
    pub fn is_issued_by(&self, issuer: &str) -> bool {
        self.issuer.trim_end_matches('/') == issuer.trim_end_matches('/')
    }

    /// Identifies this server, so that only the one that was shown is accepted.
    pub fn etag(&self) -> String {
        crate::id::etag(&[
            &self.issuer,
            self.resource.as_deref().unwrap_or_default(),
            &self.scopes.join(" "),
        ])
    }
}

/// The identity of an upstream and its pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTrust {
    /// The upstream.
    pub upstream: UpstreamName,
    /// Its identity.
    pub id: UpstreamId,
    /// Its place in the operator's settings: the resource for its users' tokens.
    pub location: String,
    /// The authorization server that it was first seen with, or that an administrator accepted.
    pub server: Option<ServerPin>,
    /// Another one that it names now. Users are not redirected to it.
    pub named: Option<ServerPin>,
    /// Since when it has this identity.
    pub since: Timestamp,
}

/// Reason for the end of an upstream's dependents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is deleted. `stored` is true of one that was added by command, and false of one that left
    /// the configuration file.
    Deleted {
        /// It was added by command.
        stored: bool,
    },
    /// The operator set another place or another issuer for it.
    Moved(UpstreamTrust),
    /// An administrator accepted the authorization server that it names.
    Accepted(UpstreamTrust),
}

/// The end of everything that depends on an upstream: connections and registrations, whose tokens
/// are then revoked at their issuer, pending attempts to connect, grants and access tokens for it
/// alone. Decisions about definitions of its tools stay.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The upstream.
    pub upstream: UpstreamName,
    /// Its identity, as it was seen; `None` if it never had one.
    pub id: Option<UpstreamId>,
    /// The other server that it must still name. Compared where that one is accepted.
    pub named: Option<ServerPin>,
    /// The resource here that covers it alone.
    pub resource: Resource,
    /// The reason.
    pub why: Ended,
    /// Access to its authorization servers after its deletion, with the configured client
    /// registration.
    pub access: Option<Sealed>,
    /// The time of the event.
    pub at: Timestamp,
}

/// Tokens that are to be revoked at their issuer (RFC 7009).
#[derive(Clone, Debug)]
pub struct Revocation {
    /// Its name.
    pub id: String,
    /// The upstream that they were for.
    pub upstream: UpstreamName,
    /// The user.
    pub user_id: UserId,
    /// Their issuer.
    pub issuer: String,
    /// The resource that they were obtained for.
    pub resource: Option<String>,
    /// The tokens, sealed as in the connection.
    pub tokens: Sealed,
    /// The registration at the issuer, sealed as it was stored.
    pub registration: Option<Sealed>,
    /// Access to the issuer.
    pub access: Option<Sealed>,
    /// The number of attempts.
    pub tries: i64,
    /// The time at which it is due.
    pub due_at: Timestamp,
}
