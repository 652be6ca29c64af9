//! The machine-facing endpoints of the authorization server. The authorization endpoint itself is a
//! page and lives with the pages.

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::Response,
    routing::{get, post},
};
use doorward_model::{ConnectStep, OAuthErrorCode, StepKind, routes};
use doorward_transport::{ClientAddress, Params, ParamsError, allowance::Taken, answer, cors};
use serde_json::json;

use crate::{
    Failure, Issuer,
    client_auth::{self, AuthenticatedClient, ClientAuthFailure, Endpoint},
};

/// For how many seconds metadata and keys may be cached. Keys are published ahead by longer than
/// that.
const CACHE_SECONDS: u32 = 300;

/// Metadata, keys, token, revocation and introspection. `paths` are the paths of the protected
/// resources, under which clients also look for metadata.
pub fn router(issuer: Issuer, paths: &[&str]) -> Router {
    let mut router = Router::new()
        .route(routes::TOKEN, post(token))
        .route(routes::REVOKE, post(revoke))
        .route(routes::INTROSPECT, post(introspect))
        .route(routes::JWKS, get(jwks))
        .route(routes::AUTHORIZATION_SERVER_METADATA, get(metadata))
        .route(routes::OPENID_CONFIGURATION, get(openid_configuration));
    for path in paths {
        router = router
            .route(&format!("{}{path}", routes::AUTHORIZATION_SERVER_METADATA), get(metadata))
            .route(&format!("{}{path}", routes::OPENID_CONFIGURATION), get(openid_configuration))
            .route(&format!("{path}{}", routes::AUTHORIZATION_SERVER_METADATA), get(metadata))
            .route(&format!("{path}{}", routes::OPENID_CONFIGURATION), get(openid_configuration));
    }
    router.layer(middleware::from_fn(cors::open)).with_state(issuer)
}

/// The two metadata documents at the host's root, for a public URL with a path (RFC 8414 §3.1: the
/// path follows the suffix).
pub fn root_router(issuer: Issuer, path: &str) -> Router {
    Router::new()
        .route(&format!("{}{path}", routes::AUTHORIZATION_SERVER_METADATA), get(metadata))
        .route(&format!("{}{path}", routes::OPENID_CONFIGURATION), get(openid_configuration))
        .layer(middleware::from_fn(cors::open))
        .with_state(issuer)
}

async fn metadata(State(issuer): State<Issuer>) -> Response {
    issuer.parts.store.note_step(ConnectStep::new(StepKind::ServerMetadata));
    answer::public_json(&issuer.metadata(false), CACHE_SECONDS)
}

async fn openid_configuration(State(issuer): State<Issuer>) -> Response {
    issuer.parts.store.note_step(ConnectStep::new(StepKind::ServerMetadata));
    answer::public_json(&issuer.metadata(true), CACHE_SECONDS)
}

async fn jwks(State(issuer): State<Issuer>) -> Response {
    match issuer.follow_keys().await {
        Ok(()) => {
            answer::public_json(&issuer.parts.keys.jwks(issuer.parts.clock.now()), CACHE_SECONDS)
        }
        Err(failure) => refusal(&failure, false),
    }
}

fn refusal(failure: &Failure, basic: bool) -> Response {
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

fn bad_form(error: &ParamsError) -> Response {
    let status = match error {
        ParamsError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ParamsError::Slow => StatusCode::REQUEST_TIMEOUT,
        // RFC 6749 §5.2 knows one answer for what cannot be read, a wrong media type included.
        ParamsError::MediaType | ParamsError::Repeated(_) | ParamsError::NotText => {
            StatusCode::BAD_REQUEST
        }
    };
    answer::oauth_error(status, OAuthErrorCode::InvalidRequest, &error.to_string())
}

/// Reads a form and makes sure of the client that sends it.
async fn receive(
    issuer: &Issuer,
    endpoint: Endpoint,
    address: ClientAddress,
    request: Request<Body>,
) -> Result<(AuthenticatedClient, Params), Response> {
    let headers = request.headers().clone();
    let taken = request.extensions().get::<Taken>().cloned();
    let params = Params::from_form(request).await.map_err(|error| bad_form(&error))?;
    if let Some(taken) = taken
        && let Some(client) = client_auth::claimed(&headers, &params)
        && !taken.for_client(&client)
    {
        let told = "too many requests of this client from this address were refused; try again in a minute";
        return Err(answer::retry_after(
            answer::oauth_error(
                StatusCode::TOO_MANY_REQUESTS,
                OAuthErrorCode::TemporarilyUnavailable,
                told,
            ),
            60,
        ));
    }
    let client = issuer.authenticate(endpoint, &headers, &params, address).await;
    client
        .map(|client| (client, params))
        .map_err(|ClientAuthFailure { failure, basic }| refusal(&failure, basic))
}

async fn token(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    let (client, params) = match receive(&issuer, Endpoint::Token, address, request).await {
        Ok(received) => received,
        Err(response) => return response,
    };
    match issuer.token(&client, &params).await {
        Ok(tokens) => {
            let mut body = json!({
                "access_token": tokens.access_token, "token_type": "Bearer", "expires_in": tokens.expires_in, "scope": tokens.scope.to_string(),
            });
            if let (Some(refresh), Some(members)) = (&tokens.refresh_token, body.as_object_mut()) {
                members.insert("refresh_token".to_owned(), refresh.reveal().into());
            }
            answer::json(StatusCode::OK, &body)
        }
        Err(failure) => refusal(&failure, false),
    }
}

async fn revoke(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    match receive(&issuer, Endpoint::Revocation, address, request).await {
        Ok((client, params)) => match issuer.revoke(&client, &params).await {
            Ok(()) => answer::json(StatusCode::OK, &json!({})),
            Err(failure) => refusal(&failure, false),
        },
        Err(response) => response,
    }
}

async fn introspect(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    match receive(&issuer, Endpoint::Introspection, address, request).await {
        Ok((client, params)) => match issuer.introspect(&client, &params).await {
            Ok(body) => answer::json(StatusCode::OK, &body),
            Err(failure) => refusal(&failure, false),
        },
        Err(response) => response,
    }
}
