//! The outermost layer of every MCP address: it answers before anything else looks at a request.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use doorward_transport::{ParamsError, cors, params::read_body};

use crate::{
    Caller, Mcp,
    challenge::{keep_private, role_refusal, rpc_refusal, switched_off},
    envelope::{self, Peeked},
    lease,
};

/// Middleware: switch, origin and host, bearer, scope; then the handler. Also while a request is refused, browsers may read why.
pub(crate) async fn guard(State(mcp): State<Mcp>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return cors::preflight(request.headers());
    }
    let mut response = guarded(&mcp, request, next).await;
    cors::allow_any(response.headers_mut());
    keep_private(&mut response);
    response
}

async fn guarded(mcp: &Mcp, mut request: Request, next: Next) -> Response {
    match mcp.is_enabled().await {
        Ok(true) => {}
        Ok(false) => return switched_off(),
        Err(error) => return mcp.refuse(&error.into()),
    }
    let hosts = &mcp.inner.hosts;
    if !hosts.accepts_host(request.uri(), request.headers()) {
        tracing::warn!(host = ?request.headers().get("host"), "MCP request refused: the Host is not one of server.public_url and server.allowed_hosts");
        return rpc_refusal(StatusCode::FORBIDDEN, -32000, "the Host header is not accepted");
    }
    if !hosts.accepts_origin(request.headers()) {
        tracing::warn!(origin = ?request.headers().get("origin"), "MCP request refused: the Origin is not one of mcp.allowed_origins");
        return rpc_refusal(StatusCode::FORBIDDEN, -32000, "the Origin header is not accepted");
    }
    let caller = match mcp.authenticate(request.headers(), request.uri()).await {
        Ok(caller) => caller,
        Err(refusal) => return mcp.refuse(&refusal),
    };
    request.extensions_mut().insert(caller.clone());
    let request = if request.method() == Method::POST {
        match check_scope(mcp, &caller, request).await {
            Ok(request) => request,
            Err(response) => return *response,
        }
    } else {
        request
    };
    lease::hold(mcp, caller, next.run(request).await)
}

/// Reads a message, refuses a call whose scope the token lacks, and puts the message back.
async fn check_scope(mcp: &Mcp, caller: &Caller, request: Request) -> Result<Request, Box<Response>> {
    let (parts, body) = request.into_parts();
    let body = read_body(body, mcp.inner.parts.config.max_message_bytes).await.map_err(|error| match error {
        ParamsError::TooLarge => rpc_refusal(StatusCode::PAYLOAD_TOO_LARGE, -32600, "the message is too long"),
        _ => rpc_refusal(StatusCode::REQUEST_TIMEOUT, -32600, "the message did not arrive in time"),
    })?;
    match envelope::peek(&body) {
        Peeked::Batch => return Err(Box::new(rpc_refusal(StatusCode::BAD_REQUEST, -32600, "batches are not supported; send one message a request"))),
        Peeked::Message(envelope) => {
            if let Some((tool, needed)) = envelope.tool().and_then(|tool| Some((tool, mcp.needed_scope(tool)?))) {
                // Asking for more scopes would not help somebody whose roles do not reach so far.
                if !mcp.roles_allow(caller, tool, needed) {
                    tracing::info!(person = %caller.user_id, client = %caller.client_id, grant = %caller.grant_id, tool, "tool refused: the person's roles do not allow it");
                    return Err(Box::new(role_refusal(tool, &envelope.id)));
                }
                if caller.scopes.allows(needed) {
                    return Ok(Request::from_parts(parts, Body::from(body)));
                }
                // An elevation that may follow is joined to this line by person, client and grant (R14).
                tracing::info!(person = %caller.user_id, client = %caller.client_id, grant = %caller.grant_id, tool = envelope.tool(), needed = needed.name(), held = %caller.scopes, "step-up asked");
                return Err(Box::new(mcp.step_up(needed, &envelope.id)));
            }
        }
        Peeked::Other => {}
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}
