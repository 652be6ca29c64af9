//! The reason for which a request has no result.

use doorward_mcp::ToolError;
use rmcp::ErrorData;

use crate::link_error::LinkError;

/// The reason for which a request has no result.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The upstream cannot be spoken to.
    Link(LinkError),
    /// It answered with an error.
    Upstream(ErrorData),
    /// The client does not support the upstream's request, or its answer does not fit.
    Client(ErrorData),
}

impl Failed {
    pub(crate) fn into_tool_error(self, title: &str) -> ToolError {
        match self {
            Self::Upstream(error) => ToolError::Upstream(error),
            Self::Client(error) => ToolError::Protocol(error),
            Self::Link(error) => error.into_tool_error(title),
        }
    }
}
