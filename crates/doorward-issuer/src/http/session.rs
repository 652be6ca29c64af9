//! `/api/session`: an application asks about the session of its user, and ends it.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_transport::{answer, bearer};
use serde_json::json;

use super::refusal::refusal;
use crate::Issuer;

/// The answer to a request without a session that counts (RFC 6750 §3).
fn none() -> Response {
    let body = json!({"error": "invalid_token", "error_description": "there is no such session, or it has ended"});
    let mut response = answer::json(StatusCode::UNAUTHORIZED, &body);
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

pub(super) async fn ask(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    let Some(token) = bearer::token(&headers) else { return none() };
    match issuer.session(token).await {
        Ok(Some(body)) => answer::json(StatusCode::OK, &body),
        Ok(None) => none(),
        Err(failure) => refusal(&failure, false),
    }
}

pub(super) async fn close(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    let Some(token) = bearer::token(&headers) else { return none() };
    match issuer.close_session(token).await {
        Ok(true) => {
            let headers = [(header::CACHE_CONTROL, "no-store")];
            (StatusCode::NO_CONTENT, headers).into_response()
        }
        Ok(false) => none(),
        Err(failure) => refusal(&failure, false),
    }
}
