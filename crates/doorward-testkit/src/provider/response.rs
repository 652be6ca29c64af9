//! A response of the fake provider.

use serde_json::Value;

/// An answer about to be sent.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) media: String,
    pub(super) body: String,
    pub(super) headers: String,
}

pub(super) fn json_of(status: u16, body: &Value) -> Response {
    raw(status, "application/json", &body.to_string(), "")
}

pub(super) fn raw(status: u16, media: &str, body: &str, headers: &str) -> Response {
    Response { status, media: media.to_owned(), body: body.to_owned(), headers: headers.to_owned() }
}
