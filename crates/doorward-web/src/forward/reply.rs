//! The answers to a proxy.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_issuer::{Failure, ResourceUser};
use doorward_model::{ClientId, ExternalResource, Role};
use doorward_transport::answer;
use serde_json::json;

use super::asked::Redirects;
use crate::Web;

/// The answer about a request.
#[derive(Debug)]
pub(super) enum Reply {
    /// It may pass, as this user.
    Pass(Box<ResourceUser>),
    /// It needs a token, or another one.
    Challenge {
        /// A token was presented that does not count.
        invalid: bool,
    },
    /// It needs these scopes.
    Insufficient(String),
    /// The browser goes elsewhere, with a cookie of the resource server's host.
    Redirect { to: String, cookie: Option<String> },
    /// It may not pass, whatever is presented.
    Forbidden(&'static str),
    /// This cannot be found out now.
    Failed(Failure),
}

/// The header with the target of a redirect, for proxies that pass on no redirects.
const LOCATION: HeaderName = HeaderName::from_static("x-doorward-location");

/// The headers that tell the program behind the proxy about the user. Every one is in each answer
/// that lets a request pass, so that the proxy replaces what a client sent under these names.
const SUBJECT: HeaderName = HeaderName::from_static("x-doorward-subject");
const USER: HeaderName = HeaderName::from_static("x-doorward-user");
const EMAIL: HeaderName = HeaderName::from_static("x-doorward-email");
const ROLES: HeaderName = HeaderName::from_static("x-doorward-roles");
const SCOPES: HeaderName = HeaderName::from_static("x-doorward-scopes");
const CLIENT: HeaderName = HeaderName::from_static("x-doorward-client");
const IDENTITY: HeaderName = HeaderName::from_static("x-doorward-identity");

/// Sets a header. A value that no header can have becomes an empty one; it is in the signed token.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let value = if plain { value } else { "" };
    headers.insert(name, HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")));
}

/// A request that may not pass.
pub(super) fn refused(why: &str) -> Response {
    let body = json!({"error": "access_denied", "error_description": why});
    answer::json(StatusCode::FORBIDDEN, &body)
}

/// A decision that cannot be made now.
pub(super) fn failed(failure: &Failure) -> Response {
    tracing::error!(why = %failure.why, "forward authentication failed");
    let response = answer::oauth_error(StatusCode::SERVICE_UNAVAILABLE, failure.code, &failure.why);
    answer::retry_after(response, 5)
}

fn challenge(resource: &ExternalResource, error: Option<(&str, &str)>, scope: &str) -> String {
    let metadata = resource.metadata_url();
    match error {
        None => format!("Bearer resource_metadata=\"{metadata}\", scope=\"{scope}\""),
        Some((error, description)) => format!(
            "Bearer error=\"{error}\", error_description=\"{description}\", resource_metadata=\"{metadata}\", scope=\"{scope}\""
        ),
    }
}

/// An answer with a challenge (RFC 6750 §3, RFC 9728 §5.1).
fn challenged(
    resource: &ExternalResource,
    status: StatusCode,
    error: Option<(&str, &str)>,
    scope: &str,
) -> Response {
    let (code, why) = error.unwrap_or((
        "unauthorized",
        "an access token is needed; the WWW-Authenticate header says where to get one",
    ));
    let mut response = answer::json(status, &json!({"error": code, "error_description": why}));
    let text = challenge(resource, error, scope);
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// An answer that redirects a browser.
fn redirected(to: &str, cookie: Option<&str>, redirects: Redirects) -> Response {
    let mut response = match redirects {
        Redirects::AsSent => answer::see_other(to),
        Redirects::InHeader => {
            let body =
                json!({"error": "unauthorized", "error_description": "the user signs in first"});
            let mut response = answer::json(StatusCode::UNAUTHORIZED, &body);
            set(response.headers_mut(), LOCATION, to);
            response
        }
    };
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn passed(
    web: &Web,
    resource: &ExternalResource,
    guest: &ResourceUser,
) -> Result<Response, Failure> {
    let identity = web.services.issuer.identity_token(resource, guest).await?;
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let roles: Vec<_> = guest.user.all_roles().map(Role::as_str).collect();
    set(headers, SUBJECT, guest.user.id.as_str());
    set(headers, USER, guest.user.name.as_str());
    set(headers, EMAIL, guest.user.email.as_deref().unwrap_or_default());
    set(headers, ROLES, &roles.join(" "));
    set(headers, SCOPES, &guest.scopes.to_string());
    set(headers, CLIENT, guest.client.as_ref().map_or("", ClientId::as_str));
    set(headers, IDENTITY, &identity);
    Ok(response)
}

impl Reply {
    /// The response.
    pub(super) async fn respond(
        self,
        web: &Web,
        resource: &ExternalResource,
        redirects: Redirects,
    ) -> Response {
        let basic = resource.scopes.first().map(|scope| scope.name()).unwrap_or_default();
        match self {
            Self::Pass(guest) => match passed(web, resource, &guest).await {
                Ok(response) => response,
                Err(failure) => failed(&failure),
            },
            Self::Challenge { invalid } => {
                let why = "the access token is not valid here";
                let error = invalid.then_some(("invalid_token", why));
                challenged(resource, StatusCode::UNAUTHORIZED, error, &basic)
            }
            Self::Insufficient(scope) => {
                let error = ("insufficient_scope", "more scope is needed");
                challenged(resource, StatusCode::FORBIDDEN, Some(error), &scope)
            }
            Self::Redirect { to, cookie } => redirected(&to, cookie.as_deref(), redirects),
            Self::Forbidden(why) => refused(why),
            Self::Failed(failure) => failed(&failure),
        }
    }
}
