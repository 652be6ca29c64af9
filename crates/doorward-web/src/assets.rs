//! Style sheet, icons and the one script, compiled in.

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use doorward_federation::kinds::{self, Sign};
use doorward_model::routes;

use crate::Web;

const FILES: &[(&str, &str, &str)] = &[
    ("doorward.css", "text/css; charset=utf-8", include_str!("../assets/doorward.css")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ("copy.js", "text/javascript; charset=utf-8", include_str!("../assets/copy.js")),
    ("passkeys.js", "text/javascript; charset=utf-8", include_str!("../assets/passkeys.js")),
];

/// The sign on the button of a passkey, which belongs to no provider.
const PASSKEY: Sign = Sign { colour: "#1c6b72", ..Sign::KEY };

fn sign(name: &str) -> Option<String> {
    let kind = name.strip_prefix("provider-")?.strip_suffix(".svg")?;
    let sign = match kind {
        "passkey" => PASSKEY,
        kind => kinds::named(kind)?.sign,
    };
    let Sign { colour, path } = sign;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\"><rect width=\"24\" height=\"24\" rx=\"6\" fill=\"{colour}\"/><path d=\"{path}\" fill=\"#fff\" fill-rule=\"evenodd\"/></svg>"
    ))
}

pub(crate) fn router(web: Web) -> Router {
    Router::new().route(routes::ASSETS, get(file)).with_state(web)
}

async fn file(State(web): State<Web>, Path(name): Path<String>) -> Response {
    if let Some((media_type, bytes)) = web.parts.brand.file(&name) {
        return (
            [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "public, max-age=3600")],
            bytes,
        )
            .into_response();
    }
    if let Some(sign) = sign(&name) {
        return (
            [
                (header::CONTENT_TYPE, "image/svg+xml"),
                (header::CACHE_CONTROL, "public, max-age=86400"),
            ],
            sign,
        )
            .into_response();
    }
    match FILES.iter().find(|(file, ..)| *file == name) {
        Some((_, media_type, text)) => (
            [(header::CONTENT_TYPE, *media_type), (header::CACHE_CONTROL, "public, max-age=3600")],
            *text,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
