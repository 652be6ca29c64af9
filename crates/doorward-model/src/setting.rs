//! The names of the settings that administrators change while the server runs.

/// The setting that switches the MCP server on or off.
pub const MCP_ENABLED: &str = "mcp.enabled";
/// The setting that holds a notice for every page.
pub const NOTICE: &str = "pages.notice";
