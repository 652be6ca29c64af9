//! The outermost layer of every MCP URL: it responds before any other layer reads a request.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::Response,
};
use doorward_model::{Reason, ToolsetName, UpstreamName, routes};
use doorward_store::origin;
use doorward_transport::{ParamsError, cors, media_type, params::read_body};
use serde_json::Value;

use crate::{
    BearerRefusal, Caller, Calling, InboundRequest, Mcp, Principal, Surface, Target, Verdict,
    challenge::{
        empty, keep_private, no_such_address, role_refusal, rpc_refusal, switched_off,
        without_discovery,
    },
    channel::{Channel, merge_streams, pipe},
    envelope::{self, Envelope, MessageKind},
    in_flight::InFlight,
    item::Judged,
    lease,
    session::{self, PresentedSession},
};

/// Middleware: switch, origin and host, bearer, session, scope; then the handler. Also while a
/// request is refused, browsers may read why.
pub(crate) async fn guard(State(mcp): State<Mcp>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return cors::preflight(request.headers());
    }
    let endpoint = McpEndpoint::of(&request);
    let proves = request.headers().contains_key("dpop");
    let mut response = match endpoint {
        Some(endpoint) => guarded(&mcp, endpoint, request, next).await,
        None => no_such_address(),
    };
    if endpoint.is_some_and(|endpoint| endpoint.keyed) {
        without_discovery(&mut response);
    }
    if proves {
        mcp.offer_nonce(response.headers_mut());
    }
    cors::allow_any(response.headers_mut());
    keep_private(&mut response);
    response
}

/// An MCP URL, as the router matched it. Its parts are not searched for in the path: the name of an
/// upstream may look like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct McpEndpoint {
    /// It takes personal and service tokens only.
    keyed: bool,
    /// Its offers.
    offers: EndpointOffers,
}

/// The offers of an MCP URL, as far as its pattern tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndpointOffers {
    /// Everything.
    All,
    /// One upstream, which its last part names.
    Upstream,
    /// One toolset, which its last part names.
    Toolset,
}

/// The patterns of all MCP URLs. A longer one precedes those that are its suffixes.
const ENDPOINTS: &[(&str, McpEndpoint)] = &[
    (routes::MCP_KEY_TOOLSET, McpEndpoint { keyed: true, offers: EndpointOffers::Toolset }),
    (routes::MCP_TOOLSET, McpEndpoint { keyed: false, offers: EndpointOffers::Toolset }),
    (routes::MCP_KEY_UPSTREAM, McpEndpoint { keyed: true, offers: EndpointOffers::Upstream }),
    (routes::MCP_UPSTREAM, McpEndpoint { keyed: false, offers: EndpointOffers::Upstream }),
    (routes::MCP_KEY, McpEndpoint { keyed: true, offers: EndpointOffers::All }),
    (routes::MCP_SSE, McpEndpoint { keyed: false, offers: EndpointOffers::All }),
    (routes::MCP_MESSAGES, McpEndpoint { keyed: false, offers: EndpointOffers::All }),
    (routes::MCP, McpEndpoint { keyed: false, offers: EndpointOffers::All }),
];

impl McpEndpoint {
    /// The path that the router matched. Its pattern may be below the path of the public URL.
    fn of(request: &Request) -> Option<Self> {
        let pattern = request.extensions().get::<MatchedPath>()?.as_str().trim_end_matches('/');
        ENDPOINTS
            .iter()
            .find(|(address, _)| pattern.ends_with(address))
            .map(|(_, endpoint)| *endpoint)
    }

    /// The offers of the URL, if there is such a URL.
    fn target(self, mcp: &Mcp, path: &str) -> Option<Target> {
        let name = path.trim_end_matches('/').rsplit('/').next()?;
        match self.offers {
            EndpointOffers::All => Some(Target::All),
            EndpointOffers::Upstream => mcp.target_of_upstream(name),
            EndpointOffers::Toolset => mcp.target_of_toolset(name),
        }
    }
}

impl Mcp {
    /// The offers of the URL of an upstream, if there is one of this name.
    pub(crate) fn target_of_upstream(&self, name: &str) -> Option<Target> {
        let name = UpstreamName::parse(name).ok()?;
        self.inner.settings.resources.has_upstream(name).then_some(Target::One(name))
    }

    /// The offers of the URL of a toolset, if there is one of this name.
    pub(crate) fn target_of_toolset(&self, name: &str) -> Option<Target> {
        let name = ToolsetName::parse(name).ok()?;
        self.inner.settings.resources.toolset(name).map(|_| Target::Set(name))
    }
}

fn surface(query: Option<&str>) -> Surface {
    match query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("surface="))) {
        Some("search") => Surface::Search,
        Some("direct") => Surface::Direct,
        _ => Surface::Automatic,
    }
}

/// True if a client asks for previews of all long results (`?results=preview`).
fn wants_previews(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "results=preview"))
}

async fn guarded(mcp: &Mcp, endpoint: McpEndpoint, mut request: Request, next: Next) -> Response {
    let Some(target) = endpoint.target(mcp, request.uri().path()) else { return no_such_address() };
    match mcp.is_enabled().await {
        Ok(true) => {}
        Ok(false) => return mcp.noted(Reason::SwitchedOff, switched_off()),
        Err(error) => return mcp.refuse(target, &error.into()),
    }
    if let Some(refusal) = from_elsewhere(mcp, request.uri(), request.headers()) {
        return refusal;
    }
    let keyed = endpoint.keyed;
    let calling =
        Calling { method: request.method(), uri: request.uri(), headers: request.headers() };
    let caller = match mcp.authenticate(target, calling).await {
        // At a URL without discovery, no OAuth token is accepted: a client that obtained one
        // belongs at the other URL.
        Ok(caller) if keyed && caller.token().is_none() => {
            let refusal = BearerRefusal::Invalid {
                why: "this URL accepts only personal access tokens and service tokens".to_owned(),
                reason: Reason::TokenAudience,
            };
            return mcp.refuse(target, &refusal);
        }
        Ok(caller) => caller,
        Err(BearerRefusal::Missing) if keyed => {
            return mcp.refuse_unnoted(target, &BearerRefusal::Missing);
        }
        Err(refusal) => return mcp.refuse(target, &refusal),
    };
    origin::acting(caller.actor());
    let inbound = match inbound(mcp, &caller, target, request.headers(), request.uri()).await {
        Ok(inbound) => inbound,
        Err(response) => return *response,
    };
    request.extensions_mut().insert(Arc::clone(&caller));
    if request.method() != Method::POST {
        request.extensions_mut().insert(inbound);
        return lease::hold(mcp, caller, next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let body = match read_body(body, mcp.inner.settings.config.max_message_bytes).await {
        Ok(body) => body,
        Err(error) => return unread(&error),
    };
    let response = match envelope::peek(&body) {
        MessageKind::Batch => {
            return rpc_refusal(
                StatusCode::BAD_REQUEST,
                -32600,
                "batches are not supported; send one message per request",
            );
        }
        MessageKind::Answer(members) => match answered(mcp, &inbound, &members, &parts).await {
            Some(response) => return response,
            None => pass(mcp, inbound, None, Request::from_parts(parts, body), next).await,
        },
        MessageKind::Message(envelope) => {
            if let Some(refusal) = refusal(mcp, &inbound, &envelope).await {
                return refusal;
            }
            let request = Request::from_parts(parts, body);
            pass(mcp, inbound, Some(envelope), request, next).await
        }
        MessageKind::Other => {
            pass(mcp, inbound, None, Request::from_parts(parts, body), next).await
        }
    };
    lease::hold(mcp, caller, response)
}

/// The refusal of a request whose Host or Origin is not accepted.
pub(crate) fn from_elsewhere(mcp: &Mcp, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let hosts = &mcp.inner.hosts;
    if !hosts.accepts_host(uri, headers) {
        tracing::warn!(
            host = headers.get("host").and_then(|value| value.to_str().ok()),
            "MCP request refused: the Host is not one of server.public_url and server.allowed_hosts"
        );
        let refusal = rpc_refusal(StatusCode::FORBIDDEN, -32000, "the Host header is not accepted");
        return Some(mcp.noted(Reason::Host, refusal));
    }
    if !hosts.accepts_origin(headers) {
        tracing::warn!(
            origin = headers.get("origin").and_then(|value| value.to_str().ok()),
            "MCP request refused: the Origin is not one of mcp.allowed_origins"
        );
        let refusal =
            rpc_refusal(StatusCode::FORBIDDEN, -32000, "the Origin header is not accepted");
        return Some(mcp.noted(Reason::Origin, refusal));
    }
    None
}

/// The refusal of a message that could not be read.
fn unread(error: &ParamsError) -> Response {
    match error {
        ParamsError::TooLarge => {
            rpc_refusal(StatusCode::PAYLOAD_TOO_LARGE, -32600, "the message is too long")
        }
        _ => rpc_refusal(StatusCode::REQUEST_TIMEOUT, -32600, "the message did not arrive in time"),
    }
}

/// Collects the facts about a request before its message is read.
async fn inbound(
    mcp: &Mcp,
    caller: &Arc<Caller>,
    target: Target,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<InboundRequest, Box<Response>> {
    let version = headers
        .get("mcp-protocol-version")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // The stateless revisions have no sessions and ignore the header (T23).
    let presented = if version >= "2026-07-28" {
        PresentedSession::None
    } else {
        mcp.session(headers, caller, target)
    };
    let (client, session) = match presented {
        PresentedSession::None => (Arc::default(), None),
        PresentedSession::Valid(facts, hash) => (facts, Some(hash)),
        PresentedSession::Unknown => {
            return Err(Box::new(rpc_refusal(
                StatusCode::NOT_FOUND,
                -32001,
                "there is no such session; start a new one with initialize",
            )));
        }
    };
    let registered_name = match &caller.principal {
        Principal::Token(token) => token.name.as_str().into(),
        Principal::Console(_) => crate::CONSOLE.into(),
        Principal::Client(grant) => match mcp.inner.services.store.client(&grant.client_id).await {
            Ok(Some(client)) => client.name.as_str().into(),
            Ok(None) => grant.client_id.as_str().into(),
            Err(error) => return Err(Box::new(mcp.refuse(target, &error.into()))),
        },
    };
    let surface = surface(uri.query());
    Ok(InboundRequest {
        caller: Arc::clone(caller),
        target,
        surface,
        previews: wants_previews(uri.query()),
        client,
        registered_name,
        session,
        channel: Channel::none(),
        origin: origin::current(),
    })
}

/// Takes an answer to a question of this server; `None` if this kind of client sends none.
async fn answered(
    mcp: &Mcp,
    inbound: &InboundRequest,
    members: &serde_json::Map<String, Value>,
    parts: &Parts,
) -> Option<Response> {
    match mcp.take_answer(&inbound.caller, members).await {
        Ok(true) => return Some(empty(StatusCode::ACCEPTED)),
        Ok(false) => {}
        Err(error) => return Some(mcp.refuse(inbound.target, &error.into())),
    }
    let legacy = inbound.session.is_some() || parts.uri.path().ends_with(routes::MCP_MESSAGES);
    legacy.then(|| {
        rpc_refusal(StatusCode::NOT_FOUND, -32001, "no request awaits this answer any more")
    })
}

/// Refuses operations that roles or rules forbid, or for which the token lacks a scope, with the
/// HTTP status that clients act on.
async fn refusal(mcp: &Mcp, inbound: &InboundRequest, envelope: &Envelope) -> Option<Response> {
    let requested = envelope.requested()?;
    let item = match mcp.find(inbound, requested.item_name()?).await {
        Ok(found) => found?.item,
        Err(error) => return Some(mcp.refuse(inbound.target, &error.into())),
    };
    let (caller, facts) = (&inbound.caller, item.facts());
    // More scopes would not help a user without the necessary roles.
    if mcp.inner.judge.judge(inbound, &facts) == Verdict::Refuse {
        tracing::info!(user = %caller.user_id(), client = %caller.program(), grant = caller.grant().map(tracing::field::display), item = %requested.name, "refused: the roles or the policy do not allow it");
        mcp.note_refused(inbound, requested.verb, &facts).await;
        return Some(role_refusal(facts.kind, &requested.name, &envelope.id));
    }
    if caller.scopes.allows(facts.scope) {
        return None;
    }
    // An elevation that may follow is joined to this line by user, client and grant (R14).
    tracing::info!(user = %caller.user_id(), client = %caller.program(), grant = caller.grant().map(tracing::field::display), item = %requested.name, needed = %facts.scope.name(), held = %caller.scopes, "step-up requested");
    mcp.note_refused(inbound, requested.verb, &facts).await;
    Some(if mcp.lacks_second_factor(caller, facts.scope) {
        mcp.authenticate_again(inbound.target, facts.scope, &envelope.id)
    } else {
        mcp.step_up(inbound.target, facts.scope, &envelope.id)
    })
}

/// Passes a message on, with a channel to the client while it is processed.
async fn pass(
    mcp: &Mcp,
    mut inbound: InboundRequest,
    envelope: Option<Envelope>,
    request: Request<Bytes>,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let method = envelope.as_ref().map(|envelope| envelope.method.as_str()).unwrap_or_default();
    let key = InFlight::key(&inbound);
    if let Some(id) = envelope.as_ref().and_then(Envelope::cancels) {
        mcp.inner.in_flight.cancel(&key, id);
    }
    let begins = method == "initialize";
    if begins && let Ok(message) = serde_json::from_slice::<Value>(&body) {
        inbound.client =
            Arc::new(session::introduced(message.get("params").unwrap_or(&Value::Null)));
    }
    let speaks =
        matches!(method, "tools/call" | "prompts/get" | "resources/read" | "completion/complete");
    let is_request = envelope.as_ref().is_some_and(|envelope| !envelope.id.is_null());
    if !speaks || !is_request || parts.uri.path().ends_with(routes::MCP_MESSAGES) {
        let new_session = begins.then(|| {
            mcp.begin_session(&inbound.caller, inbound.target, inbound.client.as_ref().clone())
        });
        parts.extensions.insert(inbound);
        let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
        if let Some(id) = new_session.filter(|_| response.status() == StatusCode::OK)
            && let Ok(value) = HeaderValue::try_from(id)
        {
            response.headers_mut().insert(session::HEADER, value);
        }
        return response;
    }
    let (out, said) = pipe();
    inbound.channel = Channel::of(mcp, &inbound.caller, out);
    parts.extensions.insert(inbound);
    let id = envelope.map(|envelope| envelope.id).unwrap_or_default();
    let flight = mcp.inner.in_flight.begin(key, &id);
    let run = next.run(Request::from_parts(parts, Body::from(body)));
    let answering = Box::pin(async move {
        tokio::select! {
            response = run => response,
            // The client cancelled the request and expects no answer: the stream ends without one.
            () = flight.cancelled() => {
                let mut response = Response::new(Body::from(Bytes::new()));
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::EVENT_STREAM));
                response
            }
        }
    });
    merge_streams(answering, said).await
}
