//! The access of one user at one resource, and the reasons for which there is none.

use doorward_model::{UpstreamName, UserId};
use doorward_store::StoreError;
use doorward_transport::FlightError;

use crate::upstream::Upstream;

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

/// The access of one user at one resource, issued by one authorization server. Access for another
/// user, resource or issuer has another key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AccessKey {
    pub(crate) user_id: UserId,
    pub(crate) upstream: UpstreamName,
    pub(crate) resource: String,
    pub(crate) issuer: String,
}

impl AccessKey {
    /// The access of a user at an upstream as it is now.
    pub(crate) fn of(user_id: &UserId, upstream: &Upstream, issuer: &str) -> Self {
        Self {
            user_id: user_id.clone(),
            upstream: upstream.name,
            resource: upstream.location.clone(),
            issuer: issuer.to_owned(),
        }
    }
}
