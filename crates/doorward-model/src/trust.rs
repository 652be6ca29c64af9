//! The identity of an upstream, and the authorization server that it was first seen with: users are
//! sent to no other, and their tokens to no other resource.

use crate::{
    Resource, Sealed, Timestamp, UpstreamName,
    id::{UpstreamId, UserId},
};

/// An authorization server as an upstream names it, with what it asks for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPin {
    /// The issuer (RFC 8414).
    pub issuer: String,
    /// The resource that the upstream says it is (RFC 9728); `None` where it cannot say, and where
    /// nothing but the issuer of older connections is known.
    pub resource: Option<String>,
    /// The scopes that it asks for.
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

    /// Names this server, so that nothing else is accepted than was shown.
    pub fn etag(&self) -> String {
        crate::id::etag(&[
            &self.issuer,
            self.resource.as_deref().unwrap_or_default(),
            &self.scopes.join(" "),
        ])
    }
}

/// The identity of an upstream and what is pinned of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTrust {
    /// The upstream.
    pub upstream: UpstreamName,
    /// Its identity.
    pub id: UpstreamId,
    /// Where the operator says that it is: the resource at which its users' tokens are used.
    pub location: String,
    /// The authorization server that it was first seen with, or that an administrator accepted.
    pub server: Option<ServerPin>,
    /// Another one that it names now. Users are not sent there.
    pub named: Option<ServerPin>,
    /// Since when it has this identity.
    pub since: Timestamp,
}

/// Why what depends on an upstream ends.
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
/// are then revoked at their issuer, ways to connect, grants and access tokens for it alone. What
/// was decided about definitions of its tools stays.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The upstream.
    pub upstream: UpstreamName,
    /// Its identity, as it was seen; `None` if it never had one.
    pub id: Option<UpstreamId>,
    /// The other server that it must still name. Compared where that one is accepted.
    pub named: Option<ServerPin>,
    /// The resource here that stands for it alone.
    pub resource: Resource,
    /// Why.
    pub why: Ended,
    /// How its authorization servers are reached, and with which configured client, once it is
    /// gone.
    pub access: Option<Sealed>,
    /// When.
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
    /// How the issuer is reached.
    pub access: Option<Sealed>,
    /// How often it was tried.
    pub tries: i64,
    /// When it is due.
    pub due_at: Timestamp,
}
