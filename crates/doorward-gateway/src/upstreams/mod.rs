//! The kinds of upstreams: one file and one line in [`KINDS`] each.

pub(crate) mod http;
pub(crate) mod openapi;
pub(crate) mod sse;
pub(crate) mod stdio;

/// What a kind needs to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An address.
    Address,
    /// A command.
    Process,
    /// A document.
    Document,
}

/// One kind.
#[derive(Debug)]
pub struct Kind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it is, in words.
    pub summary: &'static str,
    /// What it needs to be told.
    pub shape: Shape,
}

/// All kinds.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "http",
        summary: "An MCP server over Streamable HTTP, of every revision from 2025-03-26 to 2026-07-28; which one it speaks is found out.",
        shape: Shape::Address,
    },
    Kind {
        name: "sse",
        summary: "An MCP server over the old HTTP+SSE transport (2024-11-05).",
        shape: Shape::Address,
    },
    Kind {
        name: "stdio",
        summary: "An MCP server that runs as a local process.",
        shape: Shape::Process,
    },
    Kind {
        name: "openapi",
        summary: "A REST API that is described by an OpenAPI 3 or Swagger 2.0 document; each operation becomes a tool.",
        shape: Shape::Document,
    },
];
