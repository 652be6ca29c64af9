//! Errors that servers state.

use doorward_model::foreign;
use serde_json::{Map, Value};

/// An error as a server states it. Its texts are cleaned and shortened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatedError {
    /// The status.
    pub status: u16,
    /// The code; empty if there is none.
    pub code: String,
    /// The description; may be empty.
    pub description: String,
}

impl std::fmt::Display for StatedError {
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
pub enum ErrorSubject {
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
const CODES: &[(&str, ErrorSubject)] = &[
    ("invalid_grant", ErrorSubject::Grant),
    ("access_denied", ErrorSubject::Grant),
    ("invalid_token", ErrorSubject::Grant),
    ("expired_token", ErrorSubject::Grant),
    ("login_required", ErrorSubject::Grant),
    ("consent_required", ErrorSubject::Grant),
    ("interaction_required", ErrorSubject::Grant),
    ("account_selection_required", ErrorSubject::Grant),
    ("bad_verification_code", ErrorSubject::Grant),
    ("bad_refresh_token", ErrorSubject::Grant),
    ("invalid_code", ErrorSubject::Grant),
    ("invalid_refresh_token", ErrorSubject::Grant),
    ("token_expired", ErrorSubject::Grant),
    ("token_revoked", ErrorSubject::Grant),
    ("invalid_auth", ErrorSubject::Grant),
    ("account_inactive", ErrorSubject::Grant),
    ("invalid_client", ErrorSubject::Client),
    ("unauthorized_client", ErrorSubject::Client),
    ("incorrect_client_credentials", ErrorSubject::Client),
    ("invalid_client_id", ErrorSubject::Client),
    ("bad_client_secret", ErrorSubject::Client),
    ("invalid_client_secret", ErrorSubject::Client),
    ("deleted_client", ErrorSubject::Client),
    ("disabled_client", ErrorSubject::Client),
    ("application_suspended", ErrorSubject::Client),
    ("access_not_configured", ErrorSubject::Client),
    ("insufficient_scope", ErrorSubject::Request),
    ("invalid_request", ErrorSubject::Request),
    ("invalid_scope", ErrorSubject::Request),
    ("invalid_target", ErrorSubject::Request),
    ("invalid_redirect_uri", ErrorSubject::Request),
    ("redirect_uri_mismatch", ErrorSubject::Request),
    ("unsupported_grant_type", ErrorSubject::Request),
    ("unsupported_response_type", ErrorSubject::Request),
    ("invalid_client_metadata", ErrorSubject::Request),
    ("server_error", ErrorSubject::Server),
    ("temporarily_unavailable", ErrorSubject::Server),
    ("internal", ErrorSubject::Server),
    ("internal_error", ErrorSubject::Server),
    ("internal_server_error", ErrorSubject::Server),
    ("internal_failure", ErrorSubject::Server),
    ("api_error", ErrorSubject::Server),
    ("fatal_error", ErrorSubject::Server),
    ("backend_error", ErrorSubject::Server),
    ("unavailable", ErrorSubject::Server),
    ("service_unavailable", ErrorSubject::Server),
    ("timeout", ErrorSubject::Server),
    ("request_timeout", ErrorSubject::Server),
    ("gateway_timeout", ErrorSubject::Server),
    ("deadline_exceeded", ErrorSubject::Server),
    ("maintenance", ErrorSubject::Server),
    ("slow_down", ErrorSubject::Slower),
    ("rate_limited", ErrorSubject::Slower),
    ("rate_limit", ErrorSubject::Slower),
    ("rate_limit_exceeded", ErrorSubject::Slower),
    ("user_rate_limit_exceeded", ErrorSubject::Slower),
    ("daily_limit_exceeded", ErrorSubject::Slower),
    ("limit_exceeded", ErrorSubject::Slower),
    ("quota_exceeded", ErrorSubject::Slower),
    ("resource_exhausted", ErrorSubject::Slower),
    ("throttled", ErrorSubject::Slower),
    ("throttling", ErrorSubject::Slower),
    ("request_throttled", ErrorSubject::Slower),
    ("request_limit_exceeded", ErrorSubject::Slower),
    ("rate_limiting_error", ErrorSubject::Slower),
    ("rate_limit_error", ErrorSubject::Slower),
    ("overloaded_error", ErrorSubject::Slower),
    ("too_many_requests", ErrorSubject::Slower),
    ("too_many_attempts", ErrorSubject::Slower),
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

impl StatedError {
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
        let is_empty = |error: &Value| match error {
            Value::Object(members) => members.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let Some(error) = members.get("error").filter(|error| !is_empty(error)) else {
            // The forms of interfaces that are not OAuth's own: a code beside the status.
            let code = Self::other_code(members).filter(|_| status >= 400)?;
            return Some(Self {
                status,
                code: clean(&code),
                description: described.unwrap_or_default(),
            });
        };
        let (code, description) = match error {
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

    /// A code in another member than `error`, or in a list of errors. AWS writes the name of a class.
    fn other_code(members: &Map<String, Value>) -> Option<String> {
        let named = |from: &Value| {
            ["error_code", "errorCode", "__type", "code", "type"].iter().find_map(|name| {
                let text = from.get(*name)?.as_str()?;
                let class = text.rsplit('#').next().unwrap_or(text);
                let code = class.strip_suffix("Exception").unwrap_or(class).trim();
                (!code.is_empty() && code.parse::<f64>().is_err()).then(|| code.to_owned())
            })
        };
        let first = || members.get("errors")?.get(0);
        named(&Value::Object(members.clone()))
            .or_else(|| named(first()?))
            .or_else(|| named(first()?.get("extensions")?))
    }

    /// The subject of the complaint.
    pub fn complaint(&self) -> ErrorSubject {
        let known = CODES.iter().find(|(code, _)| is_code(&self.code, code));
        match known {
            Some((_, complaint)) => *complaint,
            // A code for everything, and the subject in words, as Facebook writes it.
            None if self.names_credentials() => ErrorSubject::Client,
            None => ErrorSubject::Unknown,
        }
    }

    /// True if the description is about the credentials of this server.
    fn names_credentials(&self) -> bool {
        let text = self.description.to_ascii_lowercase().replace('_', " ");
        ["client secret", "client credential", "app secret", "application secret"]
            .iter()
            .any(|words| text.contains(words))
    }
}
