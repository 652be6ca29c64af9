//! Answers in the forms that clients expect.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_model::OAuthErrorCode;

/// An OAuth error in JSON (RFC 6749 §5.2), never cached.
pub fn oauth_error(status: StatusCode, code: OAuthErrorCode, description: &str) -> Response {
    json(status, &serde_json::json!({ "error": code.as_str(), "error_description": description }))
}

/// JSON that must not be stored.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (status, headers, Json(body)).into_response()
}

/// JSON that everybody may keep for `seconds`.
pub fn public_json(body: &serde_json::Value, seconds: u32) -> Response {
    (StatusCode::OK, [(header::CACHE_CONTROL, format!("public, max-age={seconds}"))], Json(body))
        .into_response()
}

/// A redirect that turns any method into GET (303). A target that cannot stand in a header answers
/// 500.
pub fn see_other(target: &str) -> Response {
    match HeaderValue::try_from(target) {
        Ok(location) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            response.headers_mut().insert(header::LOCATION, location);
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Says in how many seconds to come again.
pub fn retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Headers that every answer carries.
pub fn harden(headers: &mut HeaderMap) {
    let always: [(HeaderName, &'static str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in always {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}

/// What a page may do beyond showing itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PagePolicy {
    /// Its form leads to another origin. This leaves `form-action` out of the policy: Chromium
    /// applies it to the redirect that follows a form, and the consent form's redirect leads to the
    /// client (I14).
    pub submits_elsewhere: bool,
    /// It has a script of ours: only passkeys need one.
    pub scripts: bool,
}

/// A page.
pub fn page(status: StatusCode, html: String, allowed: PagePolicy) -> Response {
    let mut policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'".to_owned();
    if !allowed.submits_elsewhere {
        policy.push_str("; form-action 'self'");
    }
    if allowed.scripts {
        policy.push_str("; script-src 'self'");
    }
    let policy =
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")],
        Body::from(html),
    )
        .into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
