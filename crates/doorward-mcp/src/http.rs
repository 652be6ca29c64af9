//! The MCP endpoints.

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware,
    response::Response,
};
use doorward_model::{ConnectStep, StepKind, routes};
use doorward_transport::routing::{any, get, post};
use doorward_transport::{
    answer::{self, Document},
    cors,
    host::ReachedAs,
    media_type,
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};

use crate::{
    Mcp, Target,
    challenge::{empty, switched_off},
    guard, hub,
    in_place::InPlace,
    server::Server,
    sse,
};

type Service = StreamableHttpService<Server, NeverSessionManager>;

#[derive(Clone)]
struct Streamable {
    service: Service,
    in_place: InPlace,
    mcp: Mcp,
}

/// The MCP endpoints with their guard, and the metadata without.
pub fn router(mcp: &Mcp) -> Router {
    let settings = &mcp.inner.settings;
    // Host and Origin are checked by the guard against the public URL; no sessions, so that any
    // replica serves any request.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_max_request_body_bytes(settings.config.max_message_bytes);
    let factory = {
        let mcp = mcp.clone();
        move || Ok(Server::new(mcp.clone()))
    };
    let service = StreamableHttpService::new(
        factory,
        std::sync::Arc::new(NeverSessionManager::default()),
        config,
    );
    let mut streamable = Router::new();
    for route in [
        routes::MCP,
        routes::MCP_UPSTREAM,
        routes::MCP_TOOLSET,
        routes::MCP_KEY,
        routes::MCP_KEY_UPSTREAM,
        routes::MCP_KEY_TOOLSET,
    ] {
        streamable = streamable
            .route(route, any(streamable_http))
            .route(&format!("{route}/"), any(streamable_http));
    }
    let streamable = streamable.with_state(Streamable {
        service,
        in_place: InPlace::new(mcp.clone()),
        mcp: mcp.clone(),
    });
    let deprecated = Router::new()
        .route(routes::MCP_SSE, get(sse::open))
        .route(routes::MCP_MESSAGES, post(sse::message))
        .with_state(mcp.clone());
    let guarded = streamable
        .merge(deprecated)
        .layer(middleware::from_fn_with_state(mcp.clone(), guard::guard));
    guarded.merge(metadata_router(mcp, ""))
}

/// The metadata documents; `path` is the public URL's own path for the forms at the host's root
/// (RFC 9728 §3.1).
pub fn metadata_router(mcp: &Mcp, path: &str) -> Router {
    let base = format!("{}{path}", routes::PROTECTED_RESOURCE_METADATA);
    let mut router = Router::new();
    for suffix in ["", routes::MCP, "/mcp/", routes::MCP_SSE] {
        let address = if path.is_empty() && suffix.is_empty() {
            base.clone()
        } else {
            format!("{base}{suffix}")
        };
        router = router.route(&address, get(metadata));
    }
    let one = format!("{base}{}", routes::MCP_UPSTREAM);
    router =
        router.route(&one, get(metadata_of_one)).route(&format!("{one}/"), get(metadata_of_one));
    let set = format!("{base}{}", routes::MCP_TOOLSET);
    router =
        router.route(&set, get(metadata_of_set)).route(&format!("{set}/"), get(metadata_of_set));
    router.layer(middleware::from_fn(cors::open)).with_state(mcp.clone())
}

type Reached = Option<Extension<ReachedAs>>;

async fn metadata(State(mcp): State<Mcp>, reached: Reached, headers: HeaderMap) -> Response {
    document(&mcp, Target::All, reached, &headers).await
}

async fn metadata_of_one(
    State(mcp): State<Mcp>,
    Path(name): Path<String>,
    reached: Reached,
    headers: HeaderMap,
) -> Response {
    match mcp.target_of_upstream(&name) {
        Some(target) => document(&mcp, target, reached, &headers).await,
        None => empty(StatusCode::NOT_FOUND),
    }
}

async fn metadata_of_set(
    State(mcp): State<Mcp>,
    Path(name): Path<String>,
    reached: Reached,
    headers: HeaderMap,
) -> Response {
    match mcp.target_of_toolset(&name) {
        Some(target) => document(&mcp, target, reached, &headers).await,
        None => empty(StatusCode::NOT_FOUND),
    }
}

async fn document(mcp: &Mcp, target: Target, reached: Reached, headers: &HeaderMap) -> Response {
    let reached = reached.map(|Extension(reached)| reached);
    match mcp.is_enabled().await {
        Ok(true) => {
            mcp.inner.services.store.note_step(ConnectStep::new(StepKind::ResourceMetadata));
            let make = || Document::new(&mcp.resource_metadata(target, reached.as_ref()), 300);
            match (target, &reached) {
                (Target::All, None) => mcp.inner.metadata.get_or_init(make).answer(headers),
                (Target::All | Target::One(_) | Target::Set(_), _) => make().answer(headers),
            }
        }
        Ok(false) => switched_off(),
        Err(error) => {
            tracing::error!(%error, "the state of the MCP server could not be read");
            answer::retry_after(empty(StatusCode::SERVICE_UNAVAILABLE), 5)
        }
    }
}

async fn streamable_http(State(streamable): State<Streamable>, mut request: Request) -> Response {
    if request.method() == Method::GET {
        return hub::open(State(streamable.mcp), request).await;
    }
    spell_media_types(request.headers_mut());
    if request.method() != Method::POST {
        return streamable.service.handle(request).await.map(Body::new);
    }
    // The guard read the message already, within its bound.
    let (parts, body) = request.into_parts();
    let most = streamable.mcp.inner.settings.config.max_message_bytes;
    let Ok(body) = to_bytes(body, most).await else { return empty(StatusCode::BAD_REQUEST) };
    match streamable.in_place.answer(parts, &body).await {
        Ok(response) => response,
        Err(parts) => {
            let request = Request::from_parts(*parts, Body::from(body));
            streamable.service.handle(request).await.map(Body::new)
        }
    }
}

/// Spells the media types of a request as the protocol library compares them: it supports no
/// ranges, no missing `Accept`, and one spelling of JSON.
fn spell_media_types(headers: &mut HeaderMap) {
    if media_type::accepts(headers, media_type::JSON)
        && media_type::accepts(headers, media_type::EVENT_STREAM)
    {
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
    }
    if media_type::is(headers, media_type::JSON) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::JSON));
    }
}
