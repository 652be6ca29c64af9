//! The whole router: the routes of every crate, health, and the layers around all of them.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use doorward_model::routes;
use doorward_store::origin::{self, Origin};
use doorward_transport::routing::get;
use doorward_transport::{
    ClientAddress, address, answer, cors, request_log, request_log::RequestId,
};
use futures_util::FutureExt;
use serde_json::json;
use tracing::Instrument;

use crate::{app::App, metrics, numbers, programs::is_for_programs};

impl App {
    /// The whole HTTP surface.
    pub fn router(self: &Arc<Self>) -> Router {
        router(self)
    }
}

fn router(app: &Arc<App>) -> Router {
    let inner = Router::new()
        .route(routes::HEALTHZ, get(healthz))
        .route(routes::READYZ, get(readyz))
        .route(routes::CONNECT_CLIENT, get(connect_client))
        .with_state(Arc::clone(app))
        .merge(doorward_issuer::http::router(
            app.issuer.clone(),
            &[routes::MCP, routes::MCP_UPSTREAM, routes::MCP_TOOLSET],
        ))
        .merge(doorward_registration::http::router(app.registration.clone()))
        .merge(doorward_federation::http::router(app.federation.clone()))
        .merge(doorward_mcp::http::router(&app.mcp))
        .merge(app.console.router())
        .merge(app.web.router());
    #[cfg(feature = "connectors")]
    let inner = match &app.connectors {
        Some(connectors) => inner.merge(doorward_connectors::http::router(connectors.clone())),
        None => inner,
    };
    let path = app.public_url.path();
    let inner = if path.is_empty() {
        inner
    } else {
        let at_root = doorward_issuer::http::root_router(app.issuer.clone(), path)
            .merge(doorward_mcp::http::metadata_router(&app.mcp, path));
        let at_root = at_root.merge(app.console.root_router(path));
        Router::new().nest(path, inner).merge(at_root)
    };
    let (missing, wrong_method) = (Arc::clone(app), Arc::clone(app));
    inner
        .method_not_allowed_fallback(move |request: Request| {
            method_not_allowed(Arc::clone(&wrong_method), request)
        })
        .fallback(move |request: Request| not_found(Arc::clone(&missing), request))
        .layer(middleware::from_fn_with_state(Arc::clone(app), outermost))
}

/// The one layer around all routes: each further one would clone all routes for every request. From
/// the outside in: the client's IP address, the line in the log, the origin for the audit, the
/// handling of panics, the metrics, the limits of callers, the names of this machine.
async fn outermost(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    address::find(&app.proxies, &mut request);
    let line = request_log::Line::begin(app.entropy.as_ref(), &mut request);
    let origin = Arc::new(origin_of(&request));
    // On the heap: with all that it passes through it is large.
    let served = Box::pin(metrics::count(&app.metrics, request, |request| {
        app.entries.limit(request, |request| {
            let (numbers, public_url) = (&app.numbers, &app.public_url);
            numbers::answer(numbers, public_url, request, |request| follow(&app, request, next))
        })
    }));
    let mut response = origin::serving(origin, catch_panic(served)).instrument(line.span()).await;
    line.end(&mut response);
    response
}

/// Takes up upstreams that a command added or deleted, before the routes are read.
async fn follow(app: &App, request: Request, next: Next) -> Response {
    if let Err(error) = app.gateway.follow().await {
        tracing::debug!(%error, "the upstreams could not be read; those read before stay in effect");
    }
    next.run(request).await
}

fn origin_of(request: &Request) -> Origin {
    let agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let address = request
        .extensions()
        .get::<ClientAddress>()
        .map(|address| address.0.to_string())
        .unwrap_or_default();
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    Origin::new(
        id,
        address,
        agent.chars().filter(|character| !character.is_control()).take(120).collect(),
    )
}

/// A handler that panics costs its own request only.
async fn catch_panic(served: impl Future<Output = Response>) -> Response {
    if let Ok(response) = AssertUnwindSafe(served).catch_unwind().await {
        response
    } else {
        tracing::error!("a request handler panicked");
        answer::json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": "server_error", "error_description": "internal error; try again"}),
        )
    }
}

async fn not_found(app: Arc<App>, request: Request) -> Response {
    if is_for_programs(request.uri().path()) {
        let mut response = answer::json(
            StatusCode::NOT_FOUND,
            &json!({"error": "not_found", "error_description": "there is nothing at this URL"}),
        );
        cors::allow_any(response.headers_mut());
        return response;
    }
    doorward_web::not_found(&app.web, request.headers()).await
}

async fn method_not_allowed(_: Arc<App>, request: Request) -> Response {
    if is_for_programs(request.uri().path()) {
        // Endpoints with one method have no OPTIONS of their own.
        if request.method() == Method::OPTIONS {
            return cors::preflight(request.headers());
        }
        return answer::json(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({"error": "invalid_request", "error_description": "this URL does not accept this method"}),
        );
    }
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

async fn healthz() -> Response {
    answer::json(StatusCode::OK, &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

async fn connect_client(State(app): State<Arc<App>>) -> Response {
    answer::public_json(&app.gateway.client_document(), 300)
}

async fn readyz(State(app): State<Arc<App>>) -> Response {
    match app.admin.health.readiness().await {
        Ok(()) => answer::json(StatusCode::OK, &json!({"status": "ready"})),
        Err(error) => {
            tracing::error!(%error, "not ready");
            answer::retry_after(
                answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "not ready"})),
                5,
            )
        }
    }
}
