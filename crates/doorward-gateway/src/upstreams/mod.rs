//! The kinds of upstreams: one file and one line in [`KINDS`] each.

pub(crate) mod http;
mod mcp;
pub(crate) mod openapi;
pub(crate) mod sse;
pub(crate) mod stdio;

pub use crate::upstream::Kind;

/// All kinds.
pub static KINDS: &[&Kind] = &[&http::KIND, &sse::KIND, &stdio::KIND, &openapi::KIND];
