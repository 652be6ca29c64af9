//! The machine-facing endpoints of the authorization server. The authorization endpoint itself is a
//! page and lives with the pages.

mod refusal;
mod session;
mod userinfo;

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware,
    response::Response,
};
use doorward_model::{ConnectStep, OAuthErrorCode, Resource, StepKind, routes};
use doorward_transport::routing::{delete, get, post};
use doorward_transport::{
    ClientAddress, Params, ParamsError,
    allowance::Taken,
    answer::{self, Document, Kept},
    cors,
};
use serde_json::Value;

use self::refusal::{refusal, with_nonce};
use crate::{
    Issuer,
    client_auth::{self, RequestFailure},
    pushed,
};

/// For how many seconds metadata and keys may be cached. Keys are published ahead by longer than
/// that.
const CACHE_SECONDS: u32 = 300;

/// Metadata, keys, token, revocation and introspection. `paths` are the paths of the protected
/// resources, under which clients also request metadata.
pub fn router(issuer: Issuer, paths: &[&str]) -> Router {
    let mut router = Router::new()
        .route(routes::TOKEN, post(token))
        .route(routes::DEVICE_AUTHORIZATION, post(device_authorization))
        .route(routes::PUSHED_REQUEST, post(push))
        .route(routes::REVOKE, post(revoke))
        .route(routes::INTROSPECT, post(introspect))
        .route(routes::USERINFO, get(userinfo::endpoint).merge(post(userinfo::endpoint)))
        .route(
            routes::API_SESSION,
            get(session::ask).merge(post(open_session)).merge(delete(session::close)),
        )
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

/// The frequently requested documents, as bytes.
#[derive(Default)]
pub(crate) struct Documents {
    metadata: Kept<(Arc<[Resource]>, bool)>,
    openid: Kept<(Arc<[Resource]>, bool, Vec<String>)>,
    jwks: Kept<(u64, usize)>,
}

async fn metadata(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    issuer.services.store.note_step(ConnectStep::new(StepKind::ServerMetadata));
    // Without the database, the document names the resources that were known last.
    let _ = issuer.follow_resources().await;
    let assertions = issuer.ports.asserters.exist().await;
    let make = || Document::new(&issuer.metadata(assertions), CACHE_SECONDS);
    let from = (issuer.settings.resources.snapshot(), assertions);
    issuer.documents.metadata.get(from, make).answer(&headers)
}

async fn openid_configuration(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    issuer.services.store.note_step(ConnectStep::new(StepKind::ServerMetadata));
    // Without the database, the document names the resources that were known last.
    let _ = issuer.follow_resources().await;
    let assertions = issuer.ports.asserters.exist().await;
    // Without the database, it names the keys that were known last too.
    let _ = issuer.follow_keys().await;
    let algorithms = issuer.services.keys.algorithms(issuer.services.clock.now());
    let make = || Document::new(&issuer.openid_metadata(assertions, &algorithms), CACHE_SECONDS);
    let from = (issuer.settings.resources.snapshot(), assertions, algorithms.clone());
    issuer.documents.openid.get(from, make).answer(&headers)
}

async fn jwks(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    match issuer.follow_keys().await {
        Ok(()) => {
            let (keys, now) = (&issuer.services.keys, issuer.services.clock.now());
            let make = || Document::new(&keys.jwks(now), CACHE_SECONDS);
            issuer.documents.jwks.get(keys.jwks_version(now), make).answer(&headers)
        }
        Err(failure) => refusal(&failure, false),
    }
}

fn bad_form(error: &ParamsError) -> Response {
    let status = match error {
        ParamsError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ParamsError::Slow => StatusCode::REQUEST_TIMEOUT,
        // RFC 6749 §5.2 has one error for unreadable requests, a wrong media type included.
        ParamsError::MediaType | ParamsError::Repeated(_) | ParamsError::NotText => {
            StatusCode::BAD_REQUEST
        }
    };
    answer::oauth_error(status, OAuthErrorCode::InvalidRequest, &error.to_string())
}

/// Reads a form, unless its client had too many requests refused.
async fn receive(request: Request<Body>) -> Result<(HeaderMap, Params), Response> {
    let headers = request.headers().clone();
    let taken = request.extensions().get::<Taken>().cloned();
    let params = Params::from_form(request).await.map_err(|error| bad_form(&error))?;
    if let Some(taken) = taken
        && let Some(client) = client_auth::claimed(&headers, &params)
        && !taken.for_client(&client)
    {
        let told = "too many requests of this client from this IP address were refused; try again \
            in a minute";
        return Err(too_many(told));
    }
    Ok((headers, params))
}

fn respond(done: Result<Value, RequestFailure>) -> Response {
    match done {
        Ok(body) => answer::json(StatusCode::OK, &body),
        Err(RequestFailure { failure, basic }) => refusal(&failure, basic),
    }
}

/// The answer where an authorization begins without a browser.
fn begun(done: Result<Value, RequestFailure>) -> Response {
    match done {
        Err(RequestFailure { failure, .. }) if failure.code == OAuthErrorCode::SlowDown => {
            too_many(&failure.why)
        }
        done => respond(done),
    }
}

fn too_many(told: &str) -> Response {
    let code = OAuthErrorCode::TemporarilyUnavailable;
    answer::retry_after(answer::oauth_error(StatusCode::TOO_MANY_REQUESTS, code, told), 60)
}

async fn push(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    let (headers, params) = match receive(request).await {
        Ok(received) => received,
        Err(response) => return response,
    };
    if params.encode().len() > pushed::MOST_BYTES {
        return bad_form(&ParamsError::TooLarge);
    }
    let response = match issuer.push(&headers, &params, address).await {
        Ok(body) => answer::json(StatusCode::CREATED, &body),
        refused @ Err(_) => begun(refused),
    };
    with_nonce(&issuer, response)
}

async fn token(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    let taken = request.extensions().get::<Taken>().cloned();
    match receive(request).await {
        Ok((headers, params)) => {
            let done = issuer.token(&headers, &params, address).await;
            // A device that waits for its user polls as it is told, and a client that is told the
            // nonce asks again: that is no refusal.
            if let (Err(RequestFailure { failure, .. }), Some(taken)) = (&done, taken)
                && matches!(
                    failure.code,
                    OAuthErrorCode::AuthorizationPending | OAuthErrorCode::UseDpopNonce
                )
            {
                taken.give_back();
            }
            with_nonce(&issuer, respond(done))
        }
        Err(response) => response,
    }
}

async fn device_authorization(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    match receive(request).await {
        Ok((headers, params)) => {
            begun(issuer.device_authorization(&headers, &params, address).await)
        }
        Err(response) => response,
    }
}

async fn revoke(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    match receive(request).await {
        Ok((headers, params)) => respond(issuer.revoke(&headers, &params, address).await),
        Err(response) => response,
    }
}

async fn open_session(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    match receive(request).await {
        Ok((headers, params)) => respond(issuer.open_session(&headers, &params, address).await),
        Err(response) => response,
    }
}

async fn introspect(
    State(issuer): State<Issuer>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    match receive(request).await {
        Ok((headers, params)) => respond(issuer.introspect(&headers, &params, address).await),
        Err(response) => response,
    }
}
