//! Reasons for which a user could not be signed in, or an account not be checked.

use doorward_store::StoreError;
use doorward_transport::{OutboundError, oauth::Failure};

/// A text that others wrote, fit for one line of a log.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .take(500)
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}

/// Reason for which a user of the provider is not admitted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// Their organisation or e-mail domain is not one of those that may.
    #[error("not in an allowed domain")]
    Domain,
    /// The user is in none of the allowed groups.
    #[error("in none of the allowed groups")]
    Group,
    /// A required claim does not hold.
    #[error("a required claim does not match")]
    Claim,
    /// Only invited users may, and they were not.
    #[error("not invited")]
    NotInvited,
    /// The settings do not state which users may sign up, and anyone can have an account at the
    /// provider.
    #[error("its settings do not state which users may sign up")]
    Undecided,
    /// Their account here is disabled.
    #[error("disabled on this server")]
    Disabled,
    /// The account at the provider belongs to another user here.
    #[error("linked to another user here")]
    LinkedElsewhere,
}

/// Reason for a failure. The texts are for the log; pages tell users what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FederationError {
    /// No request reaches the provider.
    #[error("{at} cannot be reached: {}", plain(&.error.to_string()))]
    Unreachable {
        /// The URL.
        at: String,
        /// The reason.
        error: OutboundError,
    },
    /// The provider does not answer, or not in time, or fails.
    #[error("the provider does not respond as specified: {}", plain(.0))]
    Unavailable(String),
    /// The provider demands a pause.
    #[error("the provider asks to wait: {}", plain(.why))]
    Wait {
        /// The number of seconds, if stated.
        seconds: Option<i64>,
        /// Its status and words.
        why: String,
    },
    /// The provider answers, and the answer makes no sense.
    #[error("the provider's response is not valid: {}", plain(.0))]
    Nonsense(String),
    /// The provider refused this user, or this sign-in.
    #[error("the provider refused: {}", plain(.0))]
    Refused(String),
    /// A response is not valid for the request, or not from the issuer that it names.
    #[error("the response was not accepted: {}", plain(.0))]
    Untrusted(String),
    /// The discovery document cannot be used.
    #[error("the discovery document cannot be used: {}", plain(.0))]
    Document(String),
    /// The discovery document is another issuer's.
    #[error("the discovery document names the issuer {}, not {}", plain(.told), plain(.expected))]
    OtherIssuer {
        /// The issuer in the document.
        told: String,
        /// The configured one.
        expected: String,
    },
    /// The provider does not accept this client.
    #[error("the provider does not accept this server as its client: {}", plain(.0))]
    Misconfigured(String),
    /// The sign-in is unknown, over, used, or another browser's.
    #[error("the sign-in cannot be completed: {0}")]
    NotAwaited(&'static str),
    /// Too many sign-ins begin at one IP address.
    #[error("too many sign-ins at once")]
    Limited,
    /// The user is not admitted.
    #[error("not admitted: {0}")]
    NotAdmitted(#[from] NotAdmitted),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FederationError {
    /// A request to this URL without a response.
    pub(crate) fn outbound(at: &str, error: OutboundError) -> Self {
        match error {
            OutboundError::TooLong(_) | OutboundError::Coding { .. } | OutboundError::Garbled => {
                Self::Nonsense(format!("{at}: {error}"))
            }
            OutboundError::Scheme
            | OutboundError::Address(_)
            | OutboundError::PlainAddress(_)
            | OutboundError::Timeout
            | OutboundError::Busy
            | OutboundError::Certificate(_)
            | OutboundError::Failed(_) => Self::Unreachable { at: at.to_owned(), error },
        }
    }

    /// A response of this URL without the requested content.
    pub(crate) fn answered(at: &str, failure: Failure) -> Self {
        match failure {
            Failure::Refused(told) => Self::Refused(format!("{at} returned {told}")),
            Failure::Client(told) => Self::Misconfigured(format!("{at} returned {told}")),
            Failure::Wait { seconds, told } => {
                Self::Wait { seconds, why: format!("{at} returned {told}") }
            }
            Failure::Silent(why) => Self::Unavailable(format!("{at} returned {why}")),
            Failure::Nonsense(why) => Self::Nonsense(format!("{at} returned {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops03_what_a_provider_says_stays_on_one_line_of_the_log() {
        let error = FederationError::Refused(format!(
            "no\r\n2026 INFO forged \u{1b}[31m{}",
            "x".repeat(5000)
        ));
        let text = error.to_string();
        assert!(!text.contains(['\n', '\r', '\u{1b}']) && text.len() < 1000, "{text}");
    }
}
