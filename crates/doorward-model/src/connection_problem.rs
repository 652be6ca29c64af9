//! Reasons for which connections to upstreams end without their users.

use std::fmt;

/// A reason for which a connection ended without its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionProblem {
    /// The access expired, and there is no refresh token.
    Expired,
    /// The upstream no longer accepts the refresh token.
    Refused,
    /// The upstream refuses the registration of this server.
    UnknownClient,
    /// The upstream refused the access token in a call.
    CallRefused,
    /// The registration of this server at the upstream no longer exists here.
    RegistrationGone,
}

impl ConnectionProblem {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Expired,
        Self::Refused,
        Self::UnknownClient,
        Self::CallRefused,
        Self::RegistrationGone,
    ];

    /// The stored code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::UnknownClient => "unknown_client",
            Self::CallRefused => "call_refused",
            Self::RegistrationGone => "registration_gone",
        }
    }
    /// Reads the stored code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.as_str() == code)
    }
}

impl fmt::Display for ConnectionProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Expired => "the access expired, and the upstream issued no refresh token",
            Self::Refused => "the upstream no longer accepts the access that you gave",
            Self::UnknownClient => "the upstream no longer knows this server",
            Self::CallRefused => "the upstream refused the access",
            Self::RegistrationGone => "the registration of this server at the upstream was deleted",
        })
    }
}
