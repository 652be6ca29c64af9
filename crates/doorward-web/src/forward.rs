//! Forward authentication: a reverse proxy in front of an external resource server asks for each
//! request whether it may pass, and for which user (nginx `auth_request`, Caddy `forward_auth`,
//! Traefik `forwardAuth`, Envoy `ext_authz`).
//!
//! Only a trusted proxy is answered. What it forwards about the request selects a resource server
//! that an administrator added, and nothing else: every URL in an answer is that resource server's
//! or this server's.

mod asked;
mod browser;
mod reply;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use doorward_issuer::{Belonging, Failure, ResourceUser};
use doorward_model::{ConnectStep, ExternalResource, Reason, Scope, StepKind, routes};
use doorward_transport::routing::{any, get};
use doorward_transport::{address::FromTrustedProxy, answer};

use crate::Web;
use asked::{Bearer, ForwardedRequest};
pub(crate) use browser::start;
use reply::Reply;

/// The endpoints for proxies.
pub(crate) fn router(web: &Web) -> Router {
    Router::new()
        .route(routes::AUTH_CHECK, any(check))
        .route(routes::AUTH_CHECK_PATH, any(check))
        .route(routes::AUTH_METADATA, get(metadata))
        .route(routes::AUTH_METADATA_PATH, get(metadata))
        .with_state(web.clone())
}

/// Answers whether a request may pass.
async fn check(State(web): State<Web>, request: Request<Body>) -> Response {
    let (parts, _) = request.into_parts();
    if parts.extensions.get::<FromTrustedProxy>().is_none() {
        tracing::warn!(
            "a request to {} came from no proxy of server.trusted_proxies; it is refused",
            routes::AUTH_CHECK
        );
        return reply::refused("the caller is not one of server.trusted_proxies");
    }
    let (asked, resource) = match select(&web, &parts).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let reply = decide(&web, &parts, &asked, &resource).await;
    let reply = reply.unwrap_or_else(Reply::Failed);
    reply.respond(&web, &resource, asked.redirects).await
}

/// The request that the proxy asks about, and the resource server that it is for.
async fn select(
    web: &Web,
    parts: &Parts,
) -> Result<(ForwardedRequest, ExternalResource), Response> {
    let asked = ForwardedRequest::read(parts)
        .map_err(|unreadable| reply::refused(&unreadable.to_string()))?;
    match web.services.issuer.resource_of(&asked.url).await {
        Ok(Belonging::To(resource)) => Ok((asked, *resource)),
        Ok(Belonging::Ambiguous(ambiguous)) => Err(reply::refused(&ambiguous.to_string())),
        Ok(Belonging::Nowhere) => {
            tracing::info!(
                host = asked.url.host_str(),
                path = asked.url.path(),
                "forward authentication for a URL of no external resource server"
            );
            Err(reply::refused("no external resource server is registered for this URL"))
        }
        Err(failure) => Err(reply::failed(&failure)),
    }
}

async fn decide(
    web: &Web,
    parts: &Parts,
    asked: &ForwardedRequest,
    resource: &ExternalResource,
) -> Result<Reply, Failure> {
    let guest = match asked::bearer(&parts.headers) {
        Bearer::Token(token) => {
            let Some(guest) = web.services.issuer.guest_with_token(resource, token).await? else {
                note(web, StepKind::Called, Some(Reason::TokenForeign));
                return Ok(Reply::Challenge { invalid: true });
            };
            guest
        }
        Bearer::Malformed => return Ok(Reply::Challenge { invalid: true }),
        Bearer::None => match browser::guest(web, parts, asked, resource).await? {
            Ok(guest) => guest,
            Err(reply) => {
                if matches!(reply, Reply::Challenge { .. }) {
                    note(web, StepKind::Challenged, None);
                }
                return Ok(reply);
            }
        },
    };
    Ok(match lacking(&guest, &asked.scopes) {
        Some(scope) => Reply::Insufficient(scope),
        None => Reply::Pass(Box::new(guest)),
    })
}

/// The scopes that the proxy demands, if the guest lacks one.
fn lacking(guest: &ResourceUser, demanded: &[Scope]) -> Option<String> {
    let lacks = demanded.iter().any(|scope| !guest.scopes.allows(*scope));
    lacks.then(|| demanded.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(" "))
}

fn note(web: &Web, kind: StepKind, reason: Option<Reason>) {
    let step = ConnectStep::new(kind);
    web.services.store.note_step(match reason {
        Some(reason) => step.refused(reason),
        None => step,
    });
}

/// The metadata document of the resource server to which the proxy's host and path belong.
async fn metadata(State(web): State<Web>, request: Request<Body>) -> Response {
    let (parts, _) = request.into_parts();
    if parts.extensions.get::<FromTrustedProxy>().is_none() {
        return reply::refused("the caller is not one of server.trusted_proxies");
    }
    let found = match ForwardedRequest::read_metadata(&parts) {
        Ok(url) => web.services.issuer.resource_of(&url).await.map(|found| {
            let bare = |text: &str| text.trim_end_matches('/').to_owned();
            match found {
                Belonging::To(resource) if bare(resource.url.as_str()) == bare(url.as_str()) => {
                    Some(resource)
                }
                Belonging::To(_) | Belonging::Nowhere | Belonging::Ambiguous(_) => None,
            }
        }),
        Err(unreadable) => return reply::refused(&unreadable.to_string()),
    };
    match found {
        Ok(Some(resource)) => {
            web.services.store.note_step(ConnectStep::new(StepKind::ResourceMetadata));
            let mut response =
                answer::public_json(&resource.metadata(&web.settings.public_url), 300);
            doorward_transport::cors::allow_any(response.headers_mut());
            response
        }
        Ok(None) => {
            let body = serde_json::json!({"error": "not_found", "error_description": "no external resource server is registered for this URL"});
            answer::json(StatusCode::NOT_FOUND, &body)
        }
        Err(failure) => reply::failed(&failure),
    }
}
