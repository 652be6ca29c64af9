//! The MCP server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The MCP server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the MCP server is on until an administrator switches it. Off means 404 on every MCP address.
    pub enabled: bool,
    /// Origins of browser-based clients that may call the MCP server, besides its own, such as `https://inspector.example.com`.
    /// While the public URL is a loopback address, every origin on this machine may.
    pub allowed_origins: Vec<String>,
    /// The name that protected resource metadata gives this server (RFC 9728 `resource_name`).
    pub resource_name: String,
    /// A page about this server for the people who connect to it (RFC 9728 `resource_documentation`).
    pub resource_documentation: String,
    /// The most bytes of one message.
    pub max_message_bytes: usize,
    /// How many verified tokens are remembered, so that a signature is checked once and not at every call.
    pub verified_tokens: usize,
    /// The most open streams of the deprecated HTTP+SSE transport, of all people and of one.
    pub max_sse_streams: usize,
    /// The most open streams of the deprecated HTTP+SSE transport of one person.
    pub max_sse_streams_per_person: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed_origins: Vec::new(),
            resource_name: "Doorward".to_owned(),
            resource_documentation: String::new(),
            max_message_bytes: 4 * 1024 * 1024,
            verified_tokens: 20_000,
            max_sse_streams: 1000,
            max_sse_streams_per_person: 20,
        }
    }
}
