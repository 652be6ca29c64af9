//! Access to the API: an administrator, through a client that was allowed to administer or by a
//! token of their own.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use doorward_mcp::{BearerRefusal, Calling, as_dpop, proof_error};
use doorward_model::{AuditEvent, AuditKind, Outcome, Resource, routes};
use doorward_store::origin;

use super::{
    described::Described,
    operation::{Needs, Readers, Refused},
};
use crate::Console;

/// The conditions of an operation.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) console: Arc<Console>,
    pub(super) needs: Needs,
    pub(super) readers: Readers,
    pub(super) described: Described,
}

/// Refuses a caller whose role does not permit the operation, or whose token lacks the scopes that
/// it needs.
pub(super) async fn guard(
    State(Entry { console, needs, readers, described }): State<Entry>,
    mut request: Request,
    next: Next,
) -> Response {
    let resource = Resource::admin(&console.public_url);
    let calling =
        Calling { method: request.method(), uri: request.uri(), headers: request.headers() };
    let caller = match console.mcp.caller(&resource, calling).await {
        Ok(caller) => caller,
        Err(BearerRefusal::Missing) => {
            return challenged(
                &console,
                needs,
                StatusCode::UNAUTHORIZED,
                None,
                "an access token is required",
            );
        }
        Err(BearerRefusal::Malformed(why)) => return Refused::bad(why).into_response(),
        Err(BearerRefusal::Invalid { why, .. }) => {
            tracing::info!(why, "access token refused by the administration API");
            return challenged(
                &console,
                needs,
                StatusCode::UNAUTHORIZED,
                Some("invalid_token"),
                "the access token expired or is not valid here",
            );
        }
        Err(BearerRefusal::Unproved(refusal)) => {
            tracing::info!(why = %refusal, "access token refused by the administration API");
            let error = Some(proof_error(refusal));
            let status = StatusCode::UNAUTHORIZED;
            let mut response = challenged(&console, needs, status, error, &refusal.to_string());
            console.mcp.offer_nonce(response.headers_mut());
            as_dpop(&mut response);
            return response;
        }
        Err(BearerRefusal::Unavailable(why)) => {
            tracing::error!(why, "an access token could not be checked");
            return Refused::unavailable().into_response();
        }
    };
    origin::acting(caller.actor());
    if !readers.admit(&caller.user)
        || !needs.iter().any(|scope| caller.scopes.allows(*scope))
        || !caller.reaches(None)
    {
        if let Err(error) = console
            .store
            .note(AuditEvent::new(AuditKind::AdminRefused).ended(Outcome::Refused))
            .await
        {
            tracing::debug!(%error, "an entry of the audit could not be stored");
        }
        let names: Vec<_> = needs.iter().map(|scope| scope.name()).collect();
        let told = format!(
            "this requires the scope {}, which {} can grant",
            names.join(" or "),
            readers.named()
        );
        return challenged(
            &console,
            needs,
            StatusCode::FORBIDDEN,
            Some("insufficient_scope"),
            &told,
        );
    }
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(described);
    next.run(request).await
}

fn challenged(
    console: &Console,
    needs: Needs,
    status: StatusCode,
    error: Option<&'static str>,
    told: &str,
) -> Response {
    let metadata = console.public_url.at(&format!(
        "{}{}",
        routes::PROTECTED_RESOURCE_METADATA,
        routes::API_ADMIN
    ));
    let error_part = error.map(|error| format!("error=\"{error}\", ")).unwrap_or_default();
    let scope = needs.first().map(|scope| scope.name()).unwrap_or_default();
    let challenge =
        format!("Bearer {error_part}resource_metadata=\"{metadata}\", scope=\"{scope}\"");
    let mut response = Refused::new(status, error.unwrap_or("unauthorized"), told).into_response();
    if let Ok(value) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}
