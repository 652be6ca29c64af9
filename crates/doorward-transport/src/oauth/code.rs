//! Errors that servers state.

use doorward_model::foreign;
use serde_json::{Map, Value};

/// An error as a server states it. Its texts are cleaned and shortened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The code; empty if there is none.
    pub code: String,
    /// The description; may be empty.
    pub description: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code.as_str(), self.description.as_str()) {
            ("", "") => write!(f, "HTTP {}", self.status),
            ("", description) => write!(f, "HTTP {}: {description}", self.status),
            (code, "") => write!(f, "{code} (HTTP {})", self.status),
            (code, description) => write!(f, "{code}: {description} (HTTP {})", self.status),
        }
    }
}

/// Subject of a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// The code, token or user that was presented.
    Grant,
    /// The client.
    Client,
    /// The request: a parameter, a scope.
    Request,
    /// The server itself.
    Server,
    /// The pace of the requests.
    Slower,
    /// A code that is not known here.
    Unknown,
}

/// Codes beyond those of the specifications are ones that providers are known to send.
const CODES: &[(&str, Complaint)] = &[
    ("invalid_grant", Complaint::Grant),
    ("access_denied", Complaint::Grant),
    ("invalid_token", Complaint::Grant),
    ("expired_token", Complaint::Grant),
    ("login_required", Complaint::Grant),
    ("consent_required", Complaint::Grant),
    ("interaction_required", Complaint::Grant),
    ("account_selection_required", Complaint::Grant),
    ("bad_verification_code", Complaint::Grant),
    ("bad_refresh_token", Complaint::Grant),
    ("invalid_code", Complaint::Grant),
    ("invalid_refresh_token", Complaint::Grant),
    ("token_expired", Complaint::Grant),
    ("token_revoked", Complaint::Grant),
    ("invalid_auth", Complaint::Grant),
    ("account_inactive", Complaint::Grant),
    ("invalid_client", Complaint::Client),
    ("unauthorized_client", Complaint::Client),
    ("incorrect_client_credentials", Complaint::Client),
    ("invalid_client_id", Complaint::Client),
    ("bad_client_secret", Complaint::Client),
    ("invalid_client_secret", Complaint::Client),
    ("insufficient_scope", Complaint::Request),
    ("invalid_request", Complaint::Request),
    ("invalid_scope", Complaint::Request),
    ("invalid_target", Complaint::Request),
    ("invalid_redirect_uri", Complaint::Request),
    ("redirect_uri_mismatch", Complaint::Request),
    ("unsupported_grant_type", Complaint::Request),
    ("unsupported_response_type", Complaint::Request),
    ("invalid_client_metadata", Complaint::Request),
    ("server_error", Complaint::Server),
    ("temporarily_unavailable", Complaint::Server),
    ("internal", Complaint::Server),
    ("internal_error", Complaint::Server),
    ("internal_server_error", Complaint::Server),
    ("fatal_error", Complaint::Server),
    ("backend_error", Complaint::Server),
    ("unavailable", Complaint::Server),
    ("service_unavailable", Complaint::Server),
    ("timeout", Complaint::Server),
    ("request_timeout", Complaint::Server),
    ("gateway_timeout", Complaint::Server),
    ("deadline_exceeded", Complaint::Server),
    ("maintenance", Complaint::Server),
    ("slow_down", Complaint::Slower),
    ("rate_limited", Complaint::Slower),
    ("rate_limit", Complaint::Slower),
    ("rate_limit_exceeded", Complaint::Slower),
    ("user_rate_limit_exceeded", Complaint::Slower),
    ("daily_limit_exceeded", Complaint::Slower),
    ("limit_exceeded", Complaint::Slower),
    ("quota_exceeded", Complaint::Slower),
    ("resource_exhausted", Complaint::Slower),
    ("throttled", Complaint::Slower),
    ("throttling", Complaint::Slower),
    ("too_many_requests", Complaint::Slower),
    ("too_many_attempts", Complaint::Slower),
];

/// Compares codes as they are written: `too_many_requests`, `TooManyRequests`, `ratelimited`.
fn is_code(told: &str, known: &str) -> bool {
    let letters = |code: &'_ str| {
        code.bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|byte| byte.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    letters(told) == letters(known)
}

impl Told {
    /// The error in the members of an answer: a text (RFC 6749 §5.2), a number, or an object with a
    /// code in it. An `error` that is null, false, zero or empty is none.
    pub fn of(status: u16, members: &Map<String, Value>) -> Option<Self> {
        let clean = |text: &str| foreign::line(text, foreign::LINE).into_owned();
        let text = |value: Option<&Value>| match value? {
            Value::String(text) if !text.trim().is_empty() => Some(clean(text.trim())),
            Value::Number(number) if number.as_f64() != Some(0.0) => Some(number.to_string()),
            _ => None,
        };
        let described = ["error_description", "error_message", "message", "errmsg"];
        let described = described.iter().find_map(|name| text(members.get(*name)));
        let (code, description) = match members.get("error")? {
            Value::Object(inner) => {
                let named = ["status", "type", "code", "error", "id"];
                let code = named.iter().find_map(|name| {
                    text(inner.get(*name)).filter(|code| code.parse::<f64>().is_err())
                });
                // Google's older interfaces have the code in a list.
                let listed = || text(inner.get("errors")?.get(0)?.get("reason"));
                let code = code.or_else(listed).or_else(|| text(inner.get("code")));
                (code.unwrap_or_else(|| "error".to_owned()), text(inner.get("message")))
            }
            Value::Bool(true) => ("error".to_owned(), None),
            other => (text(Some(other))?, None),
        };
        let description = description.or(described).unwrap_or_default();
        Some(Self { status, code, description })
    }

    /// The subject of the complaint.
    pub fn complaint(&self) -> Complaint {
        let known = CODES.iter().find(|(code, _)| is_code(&self.code, code));
        known.map_or(Complaint::Unknown, |(_, complaint)| *complaint)
    }
}
