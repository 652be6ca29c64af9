//! Answers in the forms that clients expect.

use std::sync::{PoisonError, RwLock};

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_model::OAuthErrorCode;

/// An OAuth error in JSON (RFC 6749 §5.2), never cached.
pub fn oauth_error(status: StatusCode, code: OAuthErrorCode, description: &str) -> Response {
    json(status, &serde_json::json!({ "error": code.as_str(), "error_description": description }))
}

/// JSON that must not be stored.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (status, headers, Json(body)).into_response()
}

/// JSON that any cache may keep for `seconds`.
pub fn public_json(body: &serde_json::Value, seconds: u32) -> Response {
    (StatusCode::OK, [(header::CACHE_CONTROL, format!("public, max-age={seconds}"))], Json(body))
        .into_response()
}

/// A JSON document that any cache may keep for a while, as bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Document {
    body: Bytes,
    etag: HeaderValue,
    cache_control: HeaderValue,
}

impl Document {
    /// The document, to be kept for `seconds`.
    pub fn new(body: &serde_json::Value, seconds: u32) -> Self {
        let text = body.to_string();
        let header = |text: String| {
            HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"))
        };
        Self {
            etag: header(format!("\"{}\"", doorward_model::id::etag(&[&text]))),
            cache_control: header(format!("public, max-age={seconds}")),
            body: text.into(),
        }
    }

    /// The answer to a request with these headers: the document, or that the caller has it already
    /// (RFC 9110 §13.1.2).
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let held = request
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .map(|tag| tag.strip_prefix(b"W/").unwrap_or(tag))
            .any(|tag| tag == b"*" || tag == self.etag.as_bytes());
        let (status, body) = if held {
            (StatusCode::NOT_MODIFIED, Body::empty())
        } else {
            (StatusCode::OK, Body::from(self.body.clone()))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        headers.insert(header::ETAG, self.etag.clone());
        if !held {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        response
    }
}

/// A document that is made again only when its source changed.
#[derive(Debug)]
pub struct Kept<K>(RwLock<Option<(K, Document)>>);

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}

impl<K: PartialEq> Kept<K> {
    /// The document made of `from`.
    pub fn get(&self, from: K, make: impl FnOnce() -> Document) -> Document {
        if let Some((held, document)) = &*self.0.read().unwrap_or_else(PoisonError::into_inner)
            && *held == from
        {
            return document.clone();
        }
        let document = make();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some((from, document.clone()));
        document
    }
}

/// A redirect that turns any method into GET (303). A target that is not valid in a header answers
/// 500.
pub fn see_other(target: &str) -> Response {
    match HeaderValue::try_from(target) {
        Ok(location) => {
            let mut response = StatusCode::SEE_OTHER.into_response();
            response.headers_mut().insert(header::LOCATION, location);
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// States the seconds until the next attempt.
pub fn retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Headers that every answer carries.
pub fn harden(headers: &mut HeaderMap) {
    let always: [(HeaderName, &'static str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in always {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}

/// The scripts of a page, which are this server's own: only passkeys need one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scripts {
    /// None.
    #[default]
    None,
    /// Scripts that request nothing.
    Own,
    /// Scripts of which one requests pages of this server.
    Requesting,
}

impl Scripts {
    /// Scripts that request nothing, where the page needs them.
    pub const fn where_needed(needed: bool) -> Self {
        if needed { Self::Own } else { Self::None }
    }
}

/// The permissions of a page beyond showing itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PagePolicy {
    /// Its form redirects to another origin. This leaves `form-action` out of the policy: Chromium
    /// applies it to the redirect that follows a form, and the consent form's redirect leads to the
    /// client (I14).
    pub submits_elsewhere: bool,
    /// The scripts that it has.
    pub scripts: Scripts,
    /// It shows images that it carries in itself: the result of a tool.
    pub data_images: bool,
}

/// A page.
pub fn page(status: StatusCode, html: String, allowed: PagePolicy) -> Response {
    let mut policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'".to_owned();
    if !allowed.submits_elsewhere {
        policy.push_str("; form-action 'self'");
    }
    if allowed.data_images {
        policy = policy.replace("img-src 'self'", "img-src 'self' data:");
    }
    policy.push_str(match allowed.scripts {
        Scripts::None => "",
        Scripts::Own => "; script-src 'self'",
        Scripts::Requesting => "; script-src 'self'; connect-src 'self'",
    });
    let policy =
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")],
        Body::from(html),
    )
        .into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_not_sent_again_to_those_who_have_it_and_is_made_again_when_its_source_changed()
    {
        let kept = Kept::default();
        let of = |number: u64| {
            kept.get(number, || Document::new(&serde_json::json!({ "number": number }), 300))
        };
        let first = of(1).answer(&HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CACHE_CONTROL], "public, max-age=300");
        let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for (held, status) in [
            (etag.clone(), 304),
            (format!("\"other\", W/{etag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
            (etag.trim_matches('"').to_owned(), 200),
        ] {
            let request = HeaderMap::from_iter([(
                header::IF_NONE_MATCH,
                HeaderValue::try_from(&held).unwrap(),
            )]);
            let response = of(1).answer(&request);
            assert_eq!(response.status().as_u16(), status, "{held}");
            assert_eq!(response.headers()[header::ETAG], etag);
            assert_eq!(of(2).answer(&request).status() == StatusCode::OK, held != "*");
        }
    }
}
