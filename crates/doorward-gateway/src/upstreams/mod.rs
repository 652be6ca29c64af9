//! The kinds of upstreams: one file and one line in [`KINDS`] each.

pub(crate) mod http;
#[cfg(feature = "knowledge")]
pub(crate) mod knowledge;
mod mcp;
pub(crate) mod openapi;
pub(crate) mod sse;
pub(crate) mod stdio;

pub use crate::upstream::Kind;

/// All kinds.
pub static KINDS: &[&Kind] = &[
    &http::KIND,
    &sse::KIND,
    &stdio::KIND,
    &openapi::KIND,
    #[cfg(feature = "knowledge")]
    &knowledge::KIND,
];
