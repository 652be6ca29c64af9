//! One line a request, and an identifier that joins all lines of it.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use doorward_model::Entropy;
use tracing::Instrument;

use crate::{ClientAddress, answer};

/// The request's id. Handlers find it among the request's extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Middleware: gives the request an id, answers it as `X-Request-Id`, and logs method, path (never
/// the query), status and time.
pub async fn log(
    State(entropy): State<Arc<dyn Entropy>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = doorward_model::id::random_text(entropy.as_ref(), 9);
    let address = request
        .extensions()
        .get::<ClientAddress>()
        .map(|address| address.0.to_string())
        .unwrap_or_default();
    let path: String = request.uri().path().chars().take(200).collect();
    // Paths may hold the secret of a one-time link.
    let secret = ["/admin/link/", "/login/reset/"]
        .iter()
        .find_map(|place| path.split_once(place).map(|(base, _)| format!("{base}{place}…")));
    let path = secret.unwrap_or(path);
    let span = tracing::info_span!("request", id, method = %request.method(), path, address);
    request.extensions_mut().insert(RequestId(id.clone()));
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    answer::harden(response.headers_mut());
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), micros, "answered"));
    response
}
