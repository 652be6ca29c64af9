//! Cross-origin access for browser-based clients. These endpoints take no cookie, so any origin may
//! call them.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// The headers that clients send (I12). `Mcp-Param-*` names are open-ended: the response to a
/// pre-flight names the requested ones.
const ALLOWED: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, dpop";
/// The headers that clients must be able to read.
const EXPOSED: &str =
    "www-authenticate, mcp-session-id, mcp-protocol-version, dpop-nonce, retry-after";

/// Adds the headers that let any origin read an answer.
pub fn allow_any(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// The answer to a pre-flight request.
pub fn preflight(request: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    allow_any(headers);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    let asked = request
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let params: Vec<String> = asked
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| {
            name.len() <= 128
                && name.starts_with("mcp-param-")
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
        .take(32)
        .collect();
    let allowed = std::iter::once(ALLOWED.to_owned()).chain(params).collect::<Vec<_>>().join(", ");
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::try_from(allowed).unwrap_or(HeaderValue::from_static(ALLOWED)),
    );
    response
}

/// Middleware for endpoints that any origin may call: answers pre-flights without looking further
/// and opens every answer, refusals included.
pub async fn open(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return preflight(request.headers());
    }
    let mut response = next.run(request).await;
    allow_any(response.headers_mut());
    response
}
