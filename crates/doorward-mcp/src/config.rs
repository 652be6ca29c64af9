//! The MCP server.

use doorward_model::Pattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The MCP server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Initial state of the MCP server, until an administrator changes it. While it is disabled,
    /// every MCP URL responds with 404.
    pub enabled: bool,
    /// Origins of browser-based clients that may call the MCP server, besides its own, such as
    /// `https://inspector.example.com`. While the host of the public URL is a loopback host, all
    /// origins on this machine may call it.
    pub allowed_origins: Vec<String>,
    /// The name that protected resource metadata gives this server (RFC 9728 `resource_name`).
    pub resource_name: String,
    /// A page about this server for the users who connect to it (RFC 9728
    /// `resource_documentation`).
    pub resource_documentation: String,
    /// Maximum size of one message, in bytes.
    pub max_message_bytes: usize,
    /// Maximum number of tools listed to a client. Above it, the client gets `search_tools`,
    /// `describe_tool` and `call_tool` instead, which give access to all of them.
    pub tool_limit: usize,
    /// Tool limits of certain clients, as rules `CLIENT = NUMBER`; `*` in the name matches any
    /// text. The first matching rule applies.
    pub tool_limits: Vec<String>,
    /// Maximum number of items on one page of a list.
    pub page_size: usize,
    /// Results of tools that are called through `call_tool`, or by a client that asks for previews,
    /// and are longer than this many characters are shortened; the complete result can be read as a
    /// resource.
    pub preview_over_chars: usize,
    /// Seconds for which the complete text of a shortened result can be read.
    pub kept_result_seconds: i64,
    /// Maximum number of shortened results kept for one user; the oldest are deleted first.
    pub kept_results_per_user: u64,
    /// Number of verified tokens that are cached, so that a signature is checked once and not at
    /// every call.
    pub verified_tokens: usize,
    /// Maximum number of open streams, of all users together: `GET /mcp`, `subscriptions/listen`
    /// and the deprecated HTTP+SSE transport.
    pub max_sse_streams: usize,
    /// Maximum number of open streams of one user, of all kinds and through all clients together.
    pub max_sse_streams_per_user: usize,
    /// Clients that may ask for a confirmation in their own interface before a call that the policy
    /// requires to be confirmed, by their client id; `*` matches any text. Every other client
    /// directs the user to a page of this server, and so do all calls with personal access tokens
    /// and service tokens: the program that holds one could answer in place of its user.
    pub confirm_in_band: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            allowed_origins: Vec::new(),
            resource_name: "Doorward".to_owned(),
            resource_documentation: String::new(),
            max_message_bytes: 4 * 1024 * 1024,
            tool_limit: 100,
            tool_limits: [
                "cursor* = 40",
                "windsurf* = 50",
                "antigravity* = 50",
                "openai* = 128",
                "chatgpt* = 128",
            ]
            .map(str::to_owned)
            .to_vec(),
            page_size: 250,
            preview_over_chars: 800,
            kept_result_seconds: 3600,
            kept_results_per_user: 100,
            verified_tokens: 20_000,
            max_sse_streams: 1000,
            max_sse_streams_per_user: 20,
            confirm_in_band: vec!["*".to_owned()],
        }
    }
}

/// The maximum number of tools that certain clients are listed.
#[derive(Debug)]
pub struct ToolLimit {
    /// The clients, by either of their names.
    pub client: Pattern,
    /// The number of tools.
    pub tools: usize,
}

/// Reads the limits of some clients. An error names the invalid rule.
pub fn tool_limits(rules: &[String]) -> Result<Vec<ToolLimit>, String> {
    let rule = |text: &String| {
        let (client, number) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} must read CLIENT = NUMBER, like \"cursor* = 40\""))?;
        let tools =
            number.trim().parse().map_err(|_| format!("{text:?} must end with a whole number"))?;
        Ok(ToolLimit { client: Pattern::new(client.trim()), tools })
    };
    rules.iter().map(rule).collect()
}
