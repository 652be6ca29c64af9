//! The answer to a refused request (RFC 6749 §5.2), and the nonce that answers carry.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use doorward_model::OAuthErrorCode;
use doorward_transport::{answer, possession};

use crate::{Failure, Issuer};

/// The answer; `basic` is true if the client authenticated by an Authorization header.
pub(super) fn refusal(failure: &Failure, basic: bool) -> Response {
    tracing::info!(error = failure.code.as_str(), why = %failure.why, "refused");
    let status = match failure.code {
        OAuthErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
        OAuthErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        OAuthErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = answer::oauth_error(status, failure.code, &failure.why);
    if status == StatusCode::UNAUTHORIZED && basic {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"doorward\", charset=\"UTF-8\""),
        );
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer::retry_after(response, 5)
    } else {
        response
    }
}

/// An answer at an endpoint that takes proofs of keys, with the nonce for the next one.
pub(super) fn with_nonce(issuer: &Issuer, mut response: Response) -> Response {
    let services = &issuer.services;
    possession::offer_nonce(response.headers_mut(), &services.proofs, services.clock.now());
    response
}
