//! Style sheets, icons and the few scripts, compiled in. Pages name each by its contents, so that
//! browsers keep it until it changes.

use std::{borrow::Cow, sync::LazyLock};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_federation::kinds::{self, Sign};
use doorward_model::{id::etag, routes};
use doorward_transport::routing::get;

use crate::Web;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: &[(&str, &str, &[u8])] = &[
    ("doorward.css", CSS, include_bytes!("../assets/doorward.css")),
    ("console.css", CSS, include_bytes!("../assets/console.css")),
    ("tables.css", CSS, include_bytes!("../assets/tables.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
    ("icon-180.png", "image/png", include_bytes!("../assets/icon-180.png")),
    ("favicon.ico", "image/vnd.microsoft.icon", include_bytes!("../assets/favicon.ico")),
    ("news.js", SCRIPT, include_bytes!("../assets/news.js")),
    ("copy.js", SCRIPT, include_bytes!("../assets/copy.js")),
    ("passkeys.js", SCRIPT, include_bytes!("../assets/passkeys.js")),
    ("search.js", SCRIPT, include_bytes!("../assets/search.js")),
    ("time.js", SCRIPT, include_bytes!("../assets/time.js")),
];

/// The names of the files with the digests of their contents, in the order of the files.
static HASHED: LazyLock<Vec<String>> =
    LazyLock::new(|| FILES.iter().map(|(name, _, bytes)| hashed(name, bytes)).collect());

/// The sign on the button of a passkey, which belongs to no provider.
const PASSKEY: Sign = Sign { colour: "#1c6b72", ..Sign::KEY };

/// The name of a file with the digest of its contents: `icon.svg` becomes `icon.DIGEST.svg`.
pub(crate) fn hashed(name: &str, bytes: &[u8]) -> String {
    let digest = etag(&[&URL_SAFE_NO_PAD.encode(bytes)]);
    let digest = digest.get(..10).unwrap_or_default();
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{digest}.{extension}"),
        None => name.to_owned(),
    }
}

/// The name under which pages name the file.
pub(crate) fn named(name: &str) -> &str {
    let at = FILES.iter().position(|(file, ..)| *file == name);
    at.and_then(|at| HASHED.get(at)).map_or(name, String::as_str)
}

/// The name without a digest.
fn plain(name: &str) -> Cow<'_, str> {
    match name.split('.').collect::<Vec<_>>().as_slice() {
        [stem, _, extension] => Cow::Owned(format!("{stem}.{extension}")),
        _ => Cow::Borrowed(name),
    }
}

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

/// Time that a browser keeps a file: for ever if the name has the digest of exactly these contents.
/// A page of another release names other contents, which are not kept.
fn kept(asked: &str, hashed: &str, plain: &str) -> &'static str {
    if asked == hashed {
        "public, max-age=31536000, immutable"
    } else if asked == plain {
        "public, max-age=3600"
    } else {
        "no-cache"
    }
}

async fn file(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let plain = plain(&name);
    let answer = |media_type: &'static str, kept: &'static str, bytes: Cow<'static, [u8]>| {
        ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, kept)], bytes).into_response()
    };
    if let Some((media_type, bytes)) = web.settings.brand.file(&plain) {
        let kept = kept(&name, &hashed(&plain, &bytes), &plain);
        return answer(media_type, kept, Cow::Owned(bytes));
    }
    if let Some(sign) = sign(&name) {
        return answer("image/svg+xml", "public, max-age=86400", Cow::Owned(sign.into_bytes()));
    }
    match FILES.iter().find(|(file, ..)| *file == plain) {
        Some((file, media_type, bytes)) => {
            answer(media_type, kept(&name, named(file), file), Cow::Borrowed(*bytes))
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_with_the_digest_of_the_contents_is_kept_for_ever() {
        let name = named("doorward.css");
        assert_eq!(name.len(), "doorward..css".len() + 10);
        assert_eq!(plain(name), "doorward.css");
        assert_eq!(plain("icon-180.png"), "icon-180.png");
        assert!(kept(name, name, "doorward.css").contains("immutable"));
        for other in ["doorward.css", "doorward.0123456789.css"] {
            assert!(!kept(other, name, "doorward.css").contains("immutable"), "{other}");
        }
        assert_ne!(hashed("a.css", b"a"), hashed("a.css", b"b"));
        assert!(FILES.iter().all(|(file, ..)| file.matches('.').count() == 1));
    }

    #[test]
    fn the_script_for_moments_stays_small() {
        assert!(include_str!("../assets/time.js").len() <= 1100);
    }
}
