//! The one URL here that programs use: back-channel logout.

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_model::{OAuthErrorCode, routes};
use doorward_transport::routing::post;
use doorward_transport::{Params, answer};

use crate::{federation::Federation, logout::LogoutTokenRefusal};

/// The routes.
pub fn router(federation: Federation) -> Router {
    Router::new().route(routes::LOGIN_BACKCHANNEL, post(back_channel_logout)).with_state(federation)
}

async fn back_channel_logout(
    State(federation): State<Federation>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let refused =
        |status, why: &str| answer::oauth_error(status, OAuthErrorCode::InvalidRequest, why);
    let provider = match federation.provider(&name).await {
        Ok(Some(provider)) => provider,
        Ok(None) => return refused(StatusCode::NOT_FOUND, "there is no such provider"),
        Err(error) => {
            tracing::error!(%error, "a back-channel logout could not be processed");
            return answer::retry_after(
                answer::oauth_error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    OAuthErrorCode::TemporarilyUnavailable,
                    "try again shortly",
                ),
                5,
            );
        }
    };
    let params = match Params::from_form(request).await {
        Ok(params) => params,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let Some(token) = params.get("logout_token") else {
        return refused(StatusCode::BAD_REQUEST, "logout_token is missing");
    };
    match federation.back_channel_logout(&provider, token).await {
        Ok(()) => {
            let mut response = StatusCode::OK.into_response();
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(LogoutTokenRefusal::Unavailable(error)) => {
            tracing::error!(provider = name, %error, "a back-channel logout could not be checked");
            answer::retry_after(
                answer::oauth_error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    OAuthErrorCode::TemporarilyUnavailable,
                    "try again shortly",
                ),
                5,
            )
        }
        Err(error) => {
            tracing::warn!(provider = name, %error, "a logout token was refused");
            refused(StatusCode::BAD_REQUEST, "the logout token is not valid")
        }
    }
}
