//! Reasons for which an upstream cannot be spoken to, or left a request without an answer, in words
//! that name the upstream and no library.

use std::error::Error;

use doorward_mcp::ToolError;
use doorward_model::foreign;
use rmcp::{
    model::ProtocolVersion,
    service::{ClientInitializeError, ServiceError},
    transport::streamable_http_client::StreamableHttpError,
};

/// Maximum number of characters of an upstream's own words in a reason.
pub(crate) const WORDS: usize = 300;

/// The pause that a client is given for an upstream that states none, in seconds.
const WAIT: u64 = 30;

/// Reason for which an upstream cannot be spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// The user has to connect with their own account first, or again.
    #[error("the user must connect first")]
    Connect,
    /// The upstream requires more scopes than the user gave.
    #[error("the upstream requires more access than the user gave")]
    MoreScope,
    /// No connection could be made: no other request would get an answer.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with something that is no answer. The text follows the upstream's name.
    #[error("it {0}")]
    Answer(String),
    /// The session no longer exists at the upstream: it did nothing, and the request can be
    /// repeated in a new one.
    #[error("it {0}")]
    Session(String),
    /// It demands a pause, of so many seconds if it states them. The text follows the upstream's
    /// name.
    #[error("it {1}")]
    Wait(Option<u64>, String),
    /// It did not work, for this reason.
    #[error("{0}")]
    Failed(String),
    /// It failed a moment ago; the number is the seconds until the next attempt.
    #[error("it failed a moment ago; the next attempt is in {0} s: {1}")]
    Waiting(u64, String),
}

impl LinkError {
    /// The reason within an error of the protocol library.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(current) = next {
            if let Some(ours) = current.downcast_ref::<Self>() {
                return ours.clone();
            }
            if let Some(http) = current.downcast_ref::<StreamableHttpError<Self>>() {
                return of_http(http);
            }
            if let Some(service) = current.downcast_ref::<ServiceError>() {
                return of_service(service);
            }
            if let Some(greeting) = current.downcast_ref::<ClientInitializeError>() {
                return of_greeting(greeting);
            }
            next = current.source();
        }
        Self::Failed("the connection failed".to_owned())
    }

    /// Reports a failure after which the upstream may still answer a request of another revision.
    pub(crate) fn may_be_the_revision(&self) -> bool {
        match self {
            Self::Answer(_) | Self::Session(_) | Self::Failed(_) | Self::MoreScope => true,
            Self::Connect | Self::Unreachable(_) | Self::Wait(..) | Self::Waiting(..) => false,
        }
    }

    /// The error of a call to the upstream of this title.
    pub(crate) fn into_tool_error(self, title: &str) -> ToolError {
        match self {
            Self::Waiting(seconds, why) => ToolError::Busy(
                format!("{title} cannot be reached: {why}; the next attempt is in {seconds} s"),
                seconds,
            ),
            Self::Wait(seconds, why) => {
                ToolError::Busy(format!("{title} {why}"), seconds.unwrap_or(WAIT))
            }
            Self::Answer(why) | Self::Session(why) => ToolError::Failed(format!("{title} {why}")),
            error @ (Self::Connect | Self::MoreScope | Self::Unreachable(_) | Self::Failed(_)) => {
                ToolError::Failed(format!("{title} cannot be reached: {error}"))
            }
        }
    }

    /// The reason where two ways to begin failed.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            // The first way may have ended with the second one already.
            (Self::Answer(one), Self::Answer(other)) if one.contains(&other) => Self::Answer(one),
            (Self::Answer(one), Self::Answer(other)) => Self::Answer(format!(
                "{} to server/discover, and {} to initialize",
                one.trim_end_matches('.'),
                other
            )),
            (_, other) => other,
        }
    }
}

fn of_http(error: &StreamableHttpError<LinkError>) -> LinkError {
    let failed = |words: &str| LinkError::Failed(words.to_owned());
    match error {
        StreamableHttpError::Client(ours) => ours.clone(),
        StreamableHttpError::AuthRequired(_) => LinkError::Connect,
        StreamableHttpError::InsufficientScope(_) => LinkError::MoreScope,
        StreamableHttpError::ControlRequestTimeout => failed("it did not accept a message in time"),
        StreamableHttpError::ReservedHeaderConflict(header) => LinkError::Failed(format!(
            "the header {header} of its settings belongs to the protocol"
        )),
        StreamableHttpError::Sse(_) => failed("its stream broke off"),
        _ => failed("the connection was closed"),
    }
}

fn of_service(error: &ServiceError) -> LinkError {
    let failed = |words: &str| LinkError::Failed(words.to_owned());
    match error {
        ServiceError::McpError(told) => LinkError::Failed(told.message.to_string()),
        ServiceError::TransportSend(sending) => LinkError::of(sending.error.as_ref()),
        ServiceError::TransportClosed => {
            failed("the connection was closed before the response came")
        }
        ServiceError::UnexpectedResponse => {
            LinkError::Answer("returned something else than requested".to_owned())
        }
        ServiceError::SubscriptionLagged { .. } => {
            failed("it reports more changes than can be processed")
        }
        ServiceError::Cancelled { .. } => failed("the request was cancelled"),
        ServiceError::Timeout { .. } => failed("it did not respond in time"),
        _ => failed("the request received no response"),
    }
}

fn of_greeting(error: &ClientInitializeError) -> LinkError {
    match error {
        ClientInitializeError::TransportError { error, .. } => LinkError::of(error.error.as_ref()),
        ClientInitializeError::JsonRpcError(told) => LinkError::Answer(format!(
            "returned an error: {}",
            foreign::quoted(&told.message, WORDS)
        )),
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let all: Vec<&str> = server_supported.iter().map(ProtocolVersion::as_str).collect();
            LinkError::Answer(format!(
                "supports no revision of the protocol that Doorward supports; it names {}",
                foreign::quoted(&all.join(", "), WORDS)
            ))
        }
        ClientInitializeError::LegacyFallbackFailed { discover, fallback } => {
            of_greeting(discover).and(of_greeting(fallback))
        }
        ClientInitializeError::ConnectionClosed(_) => {
            LinkError::Failed("the connection was closed before the first response came".to_owned())
        }
        _ => LinkError::Answer("responded to the first request with something else".to_owned()),
    }
}
