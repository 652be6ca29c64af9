//! Paths for programs, and paths for users.

use doorward_model::routes;

/// True if a path is for programs, which get JSON, rather than for users, who get a page.
pub(crate) fn is_for_programs(path: &str) -> bool {
    [
        "/.well-known/",
        "/oauth/",
        "/api/",
        "/mcp",
        "/backchannel-logout",
        "/auth/check",
        "/auth/metadata",
    ]
    .iter()
    .any(|part| path.contains(part))
        && path != routes::AUTHORIZE
}
