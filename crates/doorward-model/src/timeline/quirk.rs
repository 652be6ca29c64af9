//! Known behaviour of popular clients.

/// A fact about a popular client that explains an attempt which ended in a certain way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// mcp-remote keeps its registration in a folder.
    McpRemoteRegistration,
    /// Several programs share the folder of mcp-remote.
    McpRemoteShared,
    /// Cursor ignores a configured token where the server offers OAuth.
    CursorToken,
    /// Cursor needs its link handler.
    CursorLink,
    /// Claude keeps the `client_id` of a connector.
    ClaudeRegistration,
    /// Claude Code listens on a local port.
    ClaudeCodePort,
    /// ChatGPT reaches public URLs only.
    ChatGptPublic,
    /// VS Code keeps registrations.
    VsCodeRegistration,
    /// Codex can register without a metadata document.
    CodexDocument,
    /// Open WebUI registers on request only.
    OpenWebUiRegistration,
    /// Gemini CLI has two members for URLs.
    GeminiUrl,
}

impl Quirk {
    /// Every fact with a part of the name of the program or client, in lower case, and the code of
    /// the verdict that it explains.
    pub const ALL: &[(&'static str, &'static str, Self)] = &[
        ("mcp-remote", "client_unknown", Self::McpRemoteRegistration),
        ("mcp-remote", "refresh_reused", Self::McpRemoteShared),
        ("cursor", "token_foreign", Self::CursorToken),
        ("cursor", "no_token", Self::CursorLink),
        ("claude", "client_unknown", Self::ClaudeRegistration),
        ("claude-code", "no_token", Self::ClaudeCodePort),
        ("claude code", "no_token", Self::ClaudeCodePort),
        ("chatgpt", "no_authorize", Self::ChatGptPublic),
        ("visual studio code", "client_unknown", Self::VsCodeRegistration),
        ("codex", "document_unreachable", Self::CodexDocument),
        ("open webui", "no_token", Self::OpenWebUiRegistration),
        ("gemini", "challenged", Self::GeminiUrl),
    ];

    /// The fact that explains a verdict of this code, of a client with these names.
    pub(crate) fn of(names: &str, code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(part, explained, _)| names.contains(part) && *explained == code)
            .map(|(.., quirk)| *quirk)
    }
}
