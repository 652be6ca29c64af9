//! The access of one user at one resource, and the reasons for which there is none.

use doorward_model::{UpstreamId, UpstreamName, UserId};
use doorward_store::StoreError;
use doorward_transport::FlightError;

use crate::{Inner, upstream::Upstream};

/// Reason for which there is no token.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoToken {
    /// The user has to connect; the text states the reason.
    #[error("{0}")]
    Connect(String),
    /// It could not be had now.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for NoToken {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<FlightError> for NoToken {
    fn from(error: FlightError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The access of one user, or of this server, at one resource, issued by one authorization server.
/// Access for another user, resource or issuer has another key, and so has that to another upstream
/// of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AccessKey {
    /// The user; `None` for the access of this server itself.
    pub(crate) user_id: Option<UserId>,
    pub(crate) upstream: UpstreamName,
    /// The identity of the upstream; `None` for one that is not offered.
    pub(crate) id: Option<UpstreamId>,
    pub(crate) resource: String,
    pub(crate) issuer: String,
}

impl AccessKey {
    /// The access of a user at an upstream as it is now.
    pub(crate) fn of(
        gateway: &Inner,
        user_id: Option<&UserId>,
        upstream: &Upstream,
        issuer: &str,
    ) -> Self {
        Self {
            user_id: user_id.cloned(),
            upstream: upstream.name,
            id: gateway.settings.resources.upstream_id(upstream.name),
            resource: upstream.location.clone(),
            issuer: issuer.to_owned(),
        }
    }
}
