//! Style sheet, icons and the one script, compiled in.

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use doorward_model::routes;

use crate::Web;

const FILES: &[(&str, &str, &str)] = &[
    ("doorward.css", "text/css; charset=utf-8", include_str!("../assets/doorward.css")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ("copy.js", "text/javascript; charset=utf-8", include_str!("../assets/copy.js")),
    ("passkeys.js", "text/javascript; charset=utf-8", include_str!("../assets/passkeys.js")),
];

/// The signs on the buttons of providers: kind, colour, and the path of a sign drawn on 24 by 24.
/// They are ours, not the brands'.
const SIGNS: &[(&str, &str, &str)] = &[
    ("oidc", "#5a6469", KEY),
    ("oauth2", "#5a6469", KEY),
    ("google", "#3b6fd4", "M17 12h-5v2.2h2.6a3 3 0 1 1-.7-4l1.6-1.6a5.2 5.2 0 1 0 1.6 3.9z"),
    (
        "entra",
        "#2b6cb0",
        "M6 6h5.4v5.4H6zM12.6 6H18v5.4h-5.4zM6 12.6h5.4V18H6zM12.6 12.6H18V18h-5.4z",
    ),
    ("okta", "#30415d", "M12 6a6 6 0 1 0 0 12a6 6 0 1 0 0-12m0 3a3 3 0 1 1 0 6a3 3 0 1 1 0-6"),
    (
        "keycloak",
        "#3d5a73",
        "M8.5 6h7l3.5 6l-3.5 6h-7L5 12zm1.2 2.2L7.5 12l2.2 3.8h4.6l2.2-3.8l-2.2-3.8z",
    ),
    ("gitlab", "#b34a1f", "M12 18.5L5 13.2l2-6.7l2 4.6h6l2-4.6l2 6.7z"),
    (
        "github",
        "#24292f",
        "M7 6l2.2 1.3a8 8 0 0 1 5.6 0L17 6v4a4.6 4.6 0 0 1-3.2 5.2V19h-3.6v-1.4c-2 .4-2.6-.8-3.4-1.8l1-.6c.6.8 1 1.400 2.400 1A4.600 4.600 0 0 1 7 10z",
    ),
    (
        "mattermost",
        "#1e3a73",
        "M12 5.500a6.500 6.500 0 1 0 6.500 6.500c0-2.400-1.200-4.400-3-5.600l.2 3.200a4.200 4.200 0 1 1-5.400-1.700z",
    ),
    ("passkey", "#1c6b72", KEY),
];

/// A key.
const KEY: &str = "M9 7a4 4 0 1 0 3.700 5.500H15V15h2.500v-2.500H19v-2h-6.300A4 4 0 0 0 9 7m0 2.500a1.500 1.500 0 1 1 0 3a1.500 1.500 0 1 1 0-3";

fn sign(name: &str) -> Option<String> {
    let kind = name.strip_prefix("provider-")?.strip_suffix(".svg")?;
    let (_, colour, path) = SIGNS.iter().find(|(known, ..)| *known == kind)?;
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

#[cfg(test)]
mod tests {
    use super::SIGNS;

    #[test]
    fn every_kind_of_provider_has_a_sign() {
        for kind in doorward_federation::kinds::KINDS {
            assert!(SIGNS.iter().any(|(name, ..)| *name == kind.name), "{}", kind.name);
        }
    }
}
