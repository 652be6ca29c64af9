//! Answers of products, and of proxies in front of them, in place of tokens or claims.

use serde_json::json;

use super::{
    misbehaviour::Misbehaviour,
    response::{Response, json_of, raw},
};

impl Misbehaviour {
    /// The seconds by which its clock is ahead.
    pub(super) fn skew(self) -> i64 {
        match self {
            Self::ClockAhead => 240,
            Self::ClockBehind => -240,
            _ => 0,
        }
    }

    /// The answer in place of the usual one.
    pub(super) fn of_product(self) -> Option<Response> {
        let late = |headers: &str| raw(429, "application/json", "{}", headers);
        Some(match self {
            Self::SignInAgain => json_of(
                400,
                &json!({"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)", "error_subtype": "invalid_rapt"}),
            ),
            Self::SessionEnded => json_of(
                400,
                &json!({"error": "invalid_grant", "error_description": "Session not active"}),
            ),
            Self::ClassOfError => json_of(
                400,
                &json!({"__type": "NotAuthorizedException", "message": "Refresh Token has been revoked"}),
            ),
            Self::ClassOfLimit => json_of(
                400,
                &json!({"__type": "TooManyRequestsException", "message": "Rate exceeded"}),
            ),
            Self::FormWithOk => raw(
                200,
                "application/x-www-form-urlencoded; charset=utf-8",
                "error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.",
                "",
            ),
            Self::UserinfoNumberedCode => json_of(
                401,
                &json!({"code": 16, "message": "invalid token (AUTHZ-Kes91)", "details": []}),
            ),
            Self::OwnMembers => json_of(
                401,
                &json!({"errorCode": "E0000011", "errorSummary": "Invalid token provided", "errorLink": "E0000011", "errorId": "oae", "errorCauses": []}),
            ),
            Self::FatalWithOk => json_of(200, &json!({"ok": false, "error": "fatal_error"})),
            Self::Starting => json_of(503, &json!({"error": "authentik starting"})),
            Self::NoServers => raw(503, "text/plain", "no healthy upstream", ""),
            Self::LateServer => json_of(504, &json!({"message": "Endpoint request timed out"})),
            Self::ProxyStatus => raw(522, "text/plain", "error code: 522", ""),
            Self::UserinfoScope => raw(
                403,
                "text/plain",
                "",
                "www-authenticate: Bearer error=\"insufficient_scope\", scope=\"profile\"\r\n",
            ),
            Self::LimitInWords => json_of(
                403,
                &json!({"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}),
            ),
            Self::TooManyUnit => late("retry-after: 600s\r\n"),
            Self::TooManyZero => late("retry-after: 0\r\n"),
            Self::TooManyNegative => late("retry-after: -5\r\n"),
            Self::ClientSecretInWords => {
                json_of(403, &json!({"status": 403, "message": "invalid client secret"}))
            }
            Self::ClientInWords => json_of(
                400,
                &json!({"status": "BAD_CLIENT_ID", "message": "missing or unknown client id", "correlationId": "x"}),
            ),
            Self::TooManyUntil => late(
                "date: Mon, 01 Jan 2001 00:00:00 GMT\r\nretry-after: Mon, 01 Jan 2001 00:10:00 GMT\r\n",
            ),
            Self::MaintenanceUntil => raw(
                503,
                "text/html",
                "<html>later</html>",
                "date: Fri, 01 Jan 2100 00:00:00 GMT\r\nretry-after: Fri, 01 Jan 2100 00:30:00 GMT\r\n",
            ),
            Self::TooManyTwice => late("retry-after: 600\r\nretry-after: 900\r\n"),
            Self::FirewallText | Self::UserinfoFirewallText => {
                raw(403, "text/plain; charset=UTF-8", "error code: 1010", "server: cloudflare\r\n")
            }
            Self::MeshText => raw(403, "text/plain", "RBAC: access denied", "server: envoy\r\n"),
            _ => return None,
        })
    }
}
