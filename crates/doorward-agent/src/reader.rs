//! The reading of a response, in pieces or as a whole.

use serde_json::Value;

/// The reason for which a reply cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// The endpoint reports a failure within the stream.
    #[error("it reports a failure within its response")]
    Failure,
    /// The stream ended before the reply did.
    #[error("its response ended early")]
    Truncated,
    /// The reply has neither a text nor a call.
    #[error("its response is empty")]
    Empty,
    /// The reply is longer than any that is useful.
    #[error("its response is too long")]
    TooLong,
    /// The response is not about this request.
    #[error("its response is that to another request")]
    Mismatch,
}

/// A sign of progress in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It writes.
    Generating,
    /// It calls a tool.
    Calling(String),
    /// A tool answered it.
    GotResult(String),
}

/// A response, as it arrives.
pub(crate) trait Reader: Send {
    /// The result at its end.
    type Reply;
    /// Takes an event of the stream.
    fn take(&mut self, event: &Value) -> Result<Option<Sign>, Unusable>;
    /// Reports that nothing of use follows.
    fn is_complete(&self) -> bool;
    /// Takes a response that is no stream.
    fn take_whole(&mut self, response: &Value) -> Result<Option<Sign>, Unusable>;
    /// The reply at the end.
    fn end(self) -> Result<Self::Reply, Unusable>;
}
