//! Style sheet and icon, compiled in.

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use doorward_model::routes;

const FILES: &[(&str, &str, &str)] =
    &[("doorward.css", "text/css; charset=utf-8", include_str!("../assets/doorward.css")), ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg"))];

pub(crate) fn router() -> Router {
    Router::new().route(routes::ASSETS, get(file))
}

async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, media_type, text)) => ([(header::CONTENT_TYPE, *media_type), (header::CACHE_CONTROL, "public, max-age=3600")], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
