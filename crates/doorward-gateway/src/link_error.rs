//! The reasons for which an upstream cannot be reached.

use rmcp::transport::streamable_http_client::{AuthRequiredError, InsufficientScopeError};

/// The text of an error of the protocol library that stands for [`LinkError::Connect`]: the library
/// carries texts alone between its tasks.
pub(crate) const CONNECT_FIRST: &str = "doorward: connect first";

/// A reason for which an upstream cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// The person has to connect with their own account first, or anew.
    #[error("the person has to connect first")]
    Connect,
    /// The upstream wants more scopes than the person gave.
    #[error("the upstream wants more access than the person gave")]
    MoreScope,
    /// It did not work, for this reason.
    #[error("{0}")]
    Failed(String),
    /// It failed a moment ago; the number says in how many seconds it is tried again.
    #[error("it failed a moment ago and is tried again in {0} s: {1}")]
    Waiting(u64, String),
}

impl LinkError {
    /// The reason behind an error of the protocol library.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = Some(error);
        while let Some(current) = source {
            if current.downcast_ref::<AuthRequiredError>().is_some() {
                return Self::Connect;
            }
            if current.downcast_ref::<InsufficientScopeError>().is_some() {
                return Self::MoreScope;
            }
            let told = current.to_string();
            if told.contains(CONNECT_FIRST) {
                return Self::Connect;
            }
            if !text.contains(&told) {
                text = format!("{text}: {told}");
            }
            source = current.source();
        }
        if text.contains("Auth required") || text.contains("HTTP 401") {
            return Self::Connect;
        }
        if text.contains("Insufficient scope") {
            return Self::MoreScope;
        }
        Self::Failed(doorward_model::foreign::line(&text, 400).into_owned())
    }
}
