//! The registration endpoint, and the registration of one client.

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
};
use doorward_model::{ConnectStep, Members, OAuthErrorCode, Reason, StepKind, routes};
use doorward_transport::routing::{delete, get, post, put};
use doorward_transport::{
    Budget, ClientAddress, ParamsError,
    answer::{self, oauth_error},
    bearer, cors, media_type,
    params::read_body,
};
use serde_json::{Map, Value, json};

use crate::{
    Registration,
    dynamic::RegisterError,
    management::{ManageError, Managed},
};

/// Maximum number of bytes of a registration request.
const MAX_BYTES: usize = 64 * 1024;

/// `POST /oauth/register`, and the registration of one client below it. While registration is
/// disabled, the response to new ones and to changes is 404, and attempts are noted.
pub fn router(registration: Registration) -> Router {
    Router::new()
        .route(routes::REGISTER, post(register))
        .route(routes::REGISTRATION, get(show).merge(put(replace)).merge(delete(deregister)))
        .layer(middleware::from_fn(cors::open))
        .with_state(registration)
}

fn switched_off(registration: &Registration) -> Response {
    registration
        .store
        .note_step(ConnectStep::new(StepKind::Registered).refused(Reason::RegistrationOff));
    oauth_error(
        StatusCode::NOT_FOUND,
        OAuthErrorCode::InvalidRequest,
        "clients cannot register themselves on this server; an administrator can add them",
    )
}

/// Reads the metadata of a request.
async fn read(request: Request<Body>) -> Result<Map<String, Value>, Response> {
    let invalid = |why: &str| {
        oauth_error(StatusCode::BAD_REQUEST, OAuthErrorCode::InvalidClientMetadata, why)
    };
    if !media_type::is(request.headers(), media_type::JSON) {
        return Err(invalid("the body must be application/json"));
    }
    let body = match read_body(request.into_body(), MAX_BYTES).await {
        Ok(body) => body,
        Err(ParamsError::TooLarge) => {
            return Err(oauth_error(
                StatusCode::PAYLOAD_TOO_LARGE,
                OAuthErrorCode::InvalidClientMetadata,
                "the body is too long",
            ));
        }
        Err(_) => {
            return Err(oauth_error(
                StatusCode::REQUEST_TIMEOUT,
                OAuthErrorCode::InvalidClientMetadata,
                "the body did not arrive in time",
            ));
        }
    };
    Budget::of_record(body.len())
        .count_json(&body)
        .map_err(|_| invalid("the body has too many values, or is nested too deep"))?;
    // Each member once: another reader of the same text would take another one of two.
    Members::Body.read_json(&body).map_err(|why| invalid(&why))
}

/// The answer where a registration that is permitted cannot be stored.
fn unavailable(error: &RegisterError) -> Response {
    let full = matches!(error, RegisterError::Full);
    let (why, seconds) = if full {
        tracing::error!(%error, "registration refused");
        ("no further registrations are accepted at the moment", 3600)
    } else {
        tracing::error!(%error, "registration failed");
        ("try again shortly", 5)
    };
    let answer =
        oauth_error(StatusCode::SERVICE_UNAVAILABLE, OAuthErrorCode::TemporarilyUnavailable, why);
    answer::retry_after(answer, seconds)
}

async fn register(
    State(registration): State<Registration>,
    Extension(address): Extension<ClientAddress>,
    request: Request<Body>,
) -> Response {
    if !registration.config.now().dynamic {
        return switched_off(&registration);
    }
    let noted = |step: ConnectStep| registration.store.note_step(step);
    if !registration.register_limit.now().allows(address) {
        noted(ConnectStep::new(StepKind::Registered).refused(Reason::RegistrationLimited));
        tracing::warn!(address = %address.0, "registration refused: too many from this IP address");
        let busy = oauth_error(
            StatusCode::TOO_MANY_REQUESTS,
            OAuthErrorCode::TemporarilyUnavailable,
            "too many registrations from this IP address; try again later",
        );
        return answer::retry_after(busy, 60);
    }
    let metadata = match read(request).await {
        Ok(metadata) => metadata,
        Err(refusal) => return refusal,
    };
    // As the client calls itself, for users who look for it.
    let name = metadata
        .get("client_name")
        .and_then(Value::as_str)
        .map(|name| doorward_model::foreign::line(name, 100).into_owned());
    match registration.register(&metadata).await {
        Ok(registered) => {
            let text =
                |name: &str| registered.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
            tracing::info!(
                client = text("client_id"),
                name = text("client_name"),
                "client registered"
            );
            noted(
                ConnectStep::new(StepKind::Registered)
                    .client(text("client_id").unwrap_or_default(), text("client_name")),
            );
            answer::json(StatusCode::CREATED, &registered)
        }
        Err(RegisterError::Refused(refusal)) => {
            tracing::info!(error = refusal.code.as_str(), why = %refusal.why, address = %address.0, "registration refused");
            let reason = if refusal.code == OAuthErrorCode::InvalidRedirectUri {
                Reason::RedirectUriRefused
            } else {
                Reason::MetadataRefused
            };
            noted(
                ConnectStep::new(StepKind::Registered)
                    .refused(reason)
                    .named(name)
                    .detail(refusal.why.chars().take(300).collect::<String>()),
            );
            oauth_error(StatusCode::BAD_REQUEST, refusal.code, &refusal.why)
        }
        Err(error @ (RegisterError::Full | RegisterError::Store(_))) => unavailable(&error),
    }
}

/// The registration that a request is about. Refused requests are counted for each IP address
/// before any is answered, so that tokens cannot be tried.
async fn managed(
    registration: &Registration,
    id: &str,
    headers: &HeaderMap,
) -> Result<Managed, Response> {
    let token = bearer::token(headers).filter(|token| token.len() <= 512);
    let found = match token {
        Some(token) => registration.managed(id, token).await,
        None => Err(ManageError::Token),
    };
    found.map_err(|error| unmanaged(registration, &error))
}

/// The answer to a refused request about a registration (RFC 7592 §2).
fn unmanaged(registration: &Registration, error: &ManageError) -> Response {
    tracing::info!(why = %error, "a request about a registration was refused");
    match error {
        ManageError::Token => {
            let body = json!({"error": "invalid_token", "error_description": error.to_string()});
            let mut response = answer::json(StatusCode::UNAUTHORIZED, &body);
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        ManageError::Blocked => oauth_error(
            StatusCode::FORBIDDEN,
            OAuthErrorCode::AccessDenied,
            "an administrator disabled the client",
        ),
        ManageError::Off => switched_off(registration),
        ManageError::Refused(refusal) => {
            oauth_error(StatusCode::BAD_REQUEST, refusal.code, &refusal.why)
        }
        ManageError::Store(error) => {
            tracing::error!(%error, "a registration could not be read or changed");
            let code = OAuthErrorCode::TemporarilyUnavailable;
            let told = oauth_error(StatusCode::SERVICE_UNAVAILABLE, code, "try again shortly");
            answer::retry_after(told, 5)
        }
    }
}

async fn show(
    State(registration): State<Registration>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match managed(&registration, &id, &headers).await {
        Ok(managed) => answer::json(StatusCode::OK, &registration.read(&managed)),
        Err(refusal) => refusal,
    }
}

async fn replace(
    State(registration): State<Registration>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let managed = match managed(&registration, &id, request.headers()).await {
        Ok(managed) => managed,
        Err(refusal) => return refusal,
    };
    let metadata = match read(request).await {
        Ok(metadata) => metadata,
        Err(refusal) => return refusal,
    };
    match registration.replace(&managed, &metadata).await {
        Ok(registered) => answer::json(StatusCode::OK, &registered),
        Err(error) => unmanaged(&registration, &error),
    }
}

async fn deregister(
    State(registration): State<Registration>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let managed = match managed(&registration, &id, &headers).await {
        Ok(managed) => managed,
        Err(refusal) => return refusal,
    };
    match registration.deregister(&managed).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => unmanaged(&registration, &error),
    }
}
