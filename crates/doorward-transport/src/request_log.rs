//! One line a request, and an identifier that joins all lines of it.

use std::{sync::LazyLock, time::Instant};

use axum::{extract::Request, http::HeaderValue, response::Response};
use doorward_model::{Entropy, routes};
use tracing::Span;

use crate::{ClientAddress, answer};

/// The beginnings of paths that end in the secret of a one-time link.
static SECRET: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let places = routes::ALL.iter().filter_map(|(path, _)| path.split_once("{secret}"));
    places.map(|(place, _)| place).collect()
});

/// The path of a request, as logs show it.
fn shown(path: &str) -> String {
    let secret = SECRET
        .iter()
        .find_map(|place| path.split_once(place).map(|(base, _)| format!("{base}{place}…")));
    secret.unwrap_or_else(|| path.chars().take(200).collect())
}

/// The request's id. Handlers find it among the request's extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The line of a request: it gives the request an id, answers it as `X-Request-Id`, and logs
/// method, path (never the query), status and time.
pub struct Line {
    id: String,
    span: Span,
    started: Instant,
}

impl Line {
    /// Begins the line. The work on the request belongs into [`Line::span`].
    pub fn begin(entropy: &dyn Entropy, request: &mut Request) -> Self {
        let id = doorward_model::id::random_text(entropy, 9);
        let address = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0.to_string())
            .unwrap_or_default();
        let path = shown(request.uri().path());
        let span = tracing::info_span!("request", id, method = %request.method(), path, address);
        request.extensions_mut().insert(RequestId(id.clone()));
        Self { id, span, started: Instant::now() }
    }

    /// The span of everything that is logged for the request.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Ends the line with the response.
    pub fn end(self, response: &mut Response) {
        let Self { id, span, started } = self;
        answer::harden(response.headers_mut());
        if let Ok(value) = HeaderValue::try_from(id) {
            response.headers_mut().insert("x-request-id", value);
        }
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        span.in_scope(|| tracing::debug!(status = response.status().as_u16(), micros, "answered"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca53_the_secret_of_a_link_is_in_no_log() {
        assert_eq!(SECRET.len(), 3, "{SECRET:?}");
        for place in SECRET.iter() {
            for base in ["", "/doorward"] {
                let told = shown(&format!("{base}{place}v1.secret"));
                assert_eq!(told, format!("{base}{place}…"));
            }
        }
        assert_eq!(shown("/account/chats"), "/account/chats");
        assert_eq!(shown(&"/x".repeat(500)).len(), 200);
    }
}
