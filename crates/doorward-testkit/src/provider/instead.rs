//! Answers of a provider in place of those that were asked for.

use serde_json::json;

use super::{
    misbehaviour::{Misbehaviour, Place},
    response::{Response, json_of, raw},
};

impl Misbehaviour {
    /// Returns a response that replaces the requested one.
    #[expect(clippy::too_many_lines, reason = "one line for each misbehaviour")]
    pub(super) fn instead(self, place: Place) -> Option<Response> {
        let tokens = matches!(place, Place::Code | Place::Refresh);
        let wanted = match self {
            Self::UserinfoUnauthorized
            | Self::UserinfoBadRequest
            | Self::UserinfoRefusedWithOk
            | Self::UserinfoUserDisabled
            | Self::UserinfoUserNotFound
            | Self::UserinfoServerError
            | Self::UserinfoTooMany
            | Self::UserinfoPage
            | Self::UserinfoErrors
            | Self::UserinfoForbiddenText
            | Self::UserinfoChallenges
            | Self::UserinfoList
            | Self::UserinfoNumberedCode
            | Self::UserinfoScope
            | Self::UserinfoFirewallText
            | Self::UserinfoEmpty
            | Self::UserinfoNameless => place == Place::Userinfo,
            _ => tokens,
        };
        if !wanted {
            return None;
        }
        let page = "<!doctype html><title>Sign in</title>";
        Some(match self {
            Self::InvalidGrant => json_of(400, &json!({"error": "invalid_grant"})),
            Self::EmptyBadRequest | Self::UserinfoBadRequest => raw(400, "text/plain", "", ""),
            Self::TextBadRequest => raw(400, "text/plain", "Bad Request", ""),
            Self::RefusedWithOk => json_of(200, &json!({"error": "bad_refresh_token"})),
            Self::ErrorObject => {
                json_of(400, &json!({"error": {"code": 190, "type": "OAuthException"}}))
            }
            Self::ErrorForm => {
                raw(400, "application/x-www-form-urlencoded", "error=invalid_grant", "")
            }
            Self::OwnCode => {
                json_of(400, &json!({"error": "user_was_deleted", "message": "deleted"}))
            }
            Self::UserBlocked => json_of(
                401,
                &json!({"error": "unauthorized", "error_description": "user is blocked"}),
            ),
            Self::UserDisabledMessage => json_of(401, &json!({"message": "User is disabled"})),
            Self::UserDeactivatedText => {
                raw(401, "text/plain", "Your account has been deactivated.", "")
            }
            Self::UserinfoUserDisabled => json_of(
                400,
                &json!({"error": "invalid_request", "error_description": "User disabled"}),
            ),
            Self::UserinfoUserNotFound => json_of(404, &json!({"message": "User not found"})),
            Self::AccessDeniedClient => json_of(
                401,
                &json!({"error": "access_denied", "error_description": "Unauthorized"}),
            ),
            Self::ClientSuspended => json_of(200, &json!({"error": "application_suspended"})),
            Self::EmptyForbidden => json_of(403, &json!({})),
            Self::UserinfoUnauthorized => json_of(401, &json!({})),
            Self::UserinfoRefusedWithOk => {
                json_of(200, &json!({"ok": false, "error": "invalid_auth"}))
            }
            Self::ServerError => json_of(500, &json!({"error": "server_error"})),
            Self::BadGateway | Self::UserinfoServerError => raw(502, "text/html", page, ""),
            Self::Busy => json_of(400, &json!({"error": "temporarily_unavailable"})),
            Self::InvalidClient => json_of(401, &json!({"error": "invalid_client"})),
            Self::EmptyUnauthorized => raw(401, "text/plain", "", ""),
            Self::TooMany | Self::UserinfoTooMany => {
                raw(429, "text/plain", "slow down", "retry-after: 600\r\n")
            }
            Self::TooManyForever => raw(429, "text/html", page, ""),
            Self::RateLimit => {
                let headers = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 900\r\n";
                raw(403, "application/json", r#"{"message":"API rate limit exceeded"}"#, headers)
            }
            Self::ForbiddenForNow => raw(403, "text/html", page, "retry-after: 700\r\n"),
            Self::Maintenance => raw(503, "text/html", page, "retry-after: 1800\r\n"),
            Self::Exhausted => json_of(
                403,
                &json!({"error": {"code": 403, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}),
            ),
            Self::UserRate => json_of(
                403,
                &json!({"error": {"code": 403, "errors": [{"reason": "userRateLimitExceeded"}]}}),
            ),
            Self::LimitedWithOk => json_of(200, &json!({"ok": false, "error": "ratelimited"})),
            Self::OwnLimit => json_of(400, &json!({"error": "rate_limit_exceeded"})),
            Self::InternalWithOk => json_of(200, &json!({"ok": false, "error": "internal_error"})),
            Self::UnavailableForbidden => json_of(403, &json!({"error": "Service Unavailable"})),
            Self::SlowDown => json_of(400, &json!({"error": "slow_down"})),
            Self::Page | Self::UserinfoPage => raw(200, "text/html", page, ""),
            Self::ForbiddenPage => raw(403, "text/html", page, ""),
            Self::EmptyObject => json_of(200, &json!({})),
            Self::Redirect => raw(302, "text/html", "", "location: https://login.example/\r\n"),
            Self::NotFound => raw(404, "text/plain", "", ""),
            Self::BrokenJson => raw(200, "application/json", r#"{"access_token": "a"#, ""),
            Self::InvalidRequestToken => json_of(
                400,
                &json!({"error": "invalid_request", "error_description": "Value passed for the token was invalid."}),
            ),
            Self::InvalidGrantCapitals => json_of(400, &json!({"error": "INVALID_GRANT"})),
            Self::InvalidGrantUnauthorized => json_of(401, &json!({"error": "invalid_grant"})),
            Self::NestedGrant => {
                json_of(400, &json!({"error": {"code": "invalid_grant", "message": "no"}}))
            }
            Self::ExpiredMessage => json_of(401, &json!({"message": "Refresh token expired"})),
            Self::UserinfoErrors => json_of(
                401,
                &json!([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}]),
            ),
            Self::UserinfoForbiddenText => raw(403, "text/plain", "Bad_OAuth_Token", ""),
            Self::UserinfoChallenges => {
                let headers = "www-authenticate: Basic realm=\"a\"\r\nwww-authenticate: BEARER error = invalid_token, realm=\"b\"\r\n";
                raw(400, "text/plain", "", headers)
            }
            Self::MissingParameter => json_of(
                400,
                &json!({"error": "invalid_request", "error_description": "Missing required parameter: refresh_token"}),
            ),
            Self::ClientAssertion => json_of(
                400,
                &json!({"error": "invalid_request", "error_description": "client_assertion: the JWT token has expired"}),
            ),
            Self::RequestTimeout => raw(408, "text/plain", "", ""),
            Self::TooManyFraction => raw(429, "text/plain", "", "retry-after: 599.5\r\n"),
            Self::TooManyStandard => raw(429, "text/plain", "", "ratelimit-reset: 450\r\n"),
            Self::Calm => raw(420, "text/plain", "", "retry-after: 600\r\n"),
            Self::NoContent => raw(204, "text/plain", "", ""),
            Self::ListOfTokens => json_of(200, &json!([{"access_token": "at"}])),
            Self::OtherTokens => {
                json_of(200, &json!({"access_token": "at", "token_type": "mac", "mac_key": "k"}))
            }
            Self::Teapot => raw(418, "text/plain", "short and stout", ""),
            Self::UserinfoList => json_of(200, &json!([{"sub": "u-1"}])),
            Self::UserinfoEmpty => raw(200, "application/json", "", ""),
            Self::UserinfoNameless => json_of(200, &json!({"email": "a@corp.example"})),
            other => return other.of_product(),
        })
    }
}
