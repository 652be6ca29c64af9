//! "Connect a client": for each popular client what to enter, click or run. Nothing of it holds a
//! secret (CA22).

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use doorward_model::routes;

use crate::{
    Web,
    frame::{Frame, draw_copying},
    language::filters,
    visitor::SignedIn,
};

#[derive(Template)]
#[template(path = "clients_help.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    url: String,
    key_url: String,
    guides: Vec<Guide>,
}

/// How one client is connected.
struct Guide {
    name: &'static str,
    /// What to do, in words.
    steps: String,
    /// What to paste, and where.
    snippets: Vec<(String, String)>,
    /// A link that the client itself opens.
    link: Option<(&'static str, String)>,
    /// The same with a token of the person's own, where they want that.
    with_token: Vec<(String, String)>,
}

/// What clients call this server: the host's first label, plain enough for every client.
fn server_name(title: &str) -> String {
    let plain: String = title
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let plain = plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if plain.is_empty() { "doorward".to_owned() } else { plain.chars().take(32).collect() }
}

#[expect(clippy::too_many_lines, reason = "one client after the other, and nothing else")]
fn guides(title: &str, url: &str, key: &str) -> Vec<Guide> {
    let name = server_name(title);
    let variable = format!("{}_TOKEN", name.to_uppercase().replace('-', "_"));
    let snippet = |place: &str, text: String| (place.to_owned(), text);
    let vscode = format!(r#"{{"name":"{name}","type":"http","url":"{url}"}}"#);
    let cursor = data_encoding(&format!(r#"{{"url":"{url}"}}"#));
    vec![
        Guide {
            name: "Claude (claude.ai and Claude Desktop)",
            steps: format!(
                "Customize › Connectors › Add custom connector. Name: {title}. URL: {url}. Then Connect, and sign in here. For a server that is not on the internet, use mcp-remote in claude_desktop_config.json:"
            ),
            snippets: vec![snippet(
                "claude_desktop_config.json",
                format!(
                    "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"mcp-remote\", \"{url}\"]\n    }}\n  }}\n}}"
                ),
            )],
            link: None,
            with_token: vec![snippet(
                "claude_desktop_config.json",
                format!(
                    "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"mcp-remote\", \"{key}\", \"--header\", \"Authorization:${{AUTH_HEADER}}\"],\n      \"env\": {{\"AUTH_HEADER\": \"Bearer YOUR_TOKEN\"}}\n    }}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Claude Code",
            steps: "Run the command, then /mcp in Claude Code to sign in.".to_owned(),
            snippets: vec![
                snippet("Terminal", format!("claude mcp add --transport http {name} {url}")),
                snippet(
                    ".mcp.json, for everybody in a project",
                    format!("{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"type\": \"http\", \"url\": \"{url}\"}}\n  }}\n}}"),
                ),
            ],
            link: None,
            with_token: vec![snippet("Terminal", format!("claude mcp add --transport http {name} {key} --header \"Authorization: Bearer ${variable}\""))],
        },
        Guide {
            name: "ChatGPT",
            steps: format!(
                "Settings › Apps › Advanced › Developer mode on, then Create app. MCP server URL: {url}. Authentication: OAuth. ChatGPT reaches public https addresses only."
            ),
            snippets: Vec::new(),
            link: None,
            with_token: Vec::new(),
        },
        Guide {
            name: "VS Code",
            steps: "Click the link, or put this into .vscode/mcp.json (or run “MCP: Add Server”). VS Code opens the sign-in page.".to_owned(),
            snippets: vec![
                snippet(".vscode/mcp.json", format!("{{\n  \"servers\": {{\n    \"{name}\": {{\"type\": \"http\", \"url\": \"{url}\"}}\n  }}\n}}")),
                snippet("Terminal", format!("code --add-mcp '{vscode}'")),
            ],
            link: Some(("Install in VS Code", format!("vscode:mcp/install?{}", percent(&vscode)))),
            with_token: vec![snippet(
                ".vscode/mcp.json",
                format!(
                    "{{\n  \"inputs\": [{{\"type\": \"promptString\", \"id\": \"{name}-token\", \"description\": \"Access token\", \"password\": true}}],\n  \"servers\": {{\n    \"{name}\": {{\"type\": \"http\", \"url\": \"{key}\", \"headers\": {{\"Authorization\": \"Bearer ${{input:{name}-token}}\"}}}}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Cursor",
            steps: "Click the link, or put this into ~/.cursor/mcp.json and restart Cursor. Settings › MCP shows “Needs login”.".to_owned(),
            snippets: vec![snippet("~/.cursor/mcp.json", format!("{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"url\": \"{url}\"}}\n  }}\n}}"))],
            link: Some(("Install in Cursor", format!("cursor://anysphere.cursor-deeplink/mcp/install?name={name}&config={}", percent(&cursor)))),
            with_token: vec![snippet(
                "~/.cursor/mcp.json",
                format!(
                    "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"url\": \"{key}\", \"headers\": {{\"Authorization\": \"Bearer ${{env:{variable}}}\"}}}}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Codex CLI",
            steps: "Run both commands. Where this server cannot be reached from the internet, add --oauth-client-registration dcr to the second.".to_owned(),
            snippets: vec![
                snippet("Terminal", format!("codex mcp add {name} --url {url}\ncodex mcp login {name}")),
                snippet("~/.codex/config.toml", format!("[mcp_servers.{name}]\nurl = \"{url}\"")),
            ],
            link: None,
            with_token: vec![snippet("Terminal", format!("codex mcp add {name} --url {key} --bearer-token-env-var {variable}"))],
        },
        Guide {
            name: "Gemini CLI",
            steps: format!("Run the command, then /mcp auth {name} in Gemini CLI."),
            snippets: vec![
                snippet("Terminal", format!("gemini mcp add --transport http {name} {url}")),
                snippet("~/.gemini/settings.json", format!("{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"httpUrl\": \"{url}\"}}\n  }}\n}}")),
            ],
            link: None,
            with_token: vec![snippet("Terminal", format!("gemini mcp add --transport http {name} {key} --header \"Authorization: Bearer ${variable}\""))],
        },
        Guide {
            name: "Windsurf",
            steps: "Put this into the configuration and refresh the list of servers.".to_owned(),
            snippets: vec![snippet(
                "~/.codeium/windsurf/mcp_config.json",
                format!("{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"serverUrl\": \"{url}\"}}\n  }}\n}}"),
            )],
            link: None,
            with_token: vec![snippet(
                "~/.codeium/windsurf/mcp_config.json",
                format!(
                    "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"serverUrl\": \"{key}\", \"headers\": {{\"Authorization\": \"Bearer ${{env:{variable}}}\"}}}}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Zed",
            steps: "Put this into settings.json; Zed asks you to sign in.".to_owned(),
            snippets: vec![snippet("settings.json", format!("{{\n  \"context_servers\": {{\n    \"{name}\": {{\"url\": \"{url}\"}}\n  }}\n}}"))],
            link: None,
            with_token: vec![snippet(
                "settings.json",
                format!(
                    "{{\n  \"context_servers\": {{\n    \"{name}\": {{\"url\": \"{key}\", \"headers\": {{\"Authorization\": \"Bearer YOUR_TOKEN\"}}}}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Goose",
            steps: "goose configure › Add Extension › Remote Extension (Streamable HTTP), or in the configuration:".to_owned(),
            snippets: vec![snippet(
                "~/.config/goose/config.yaml",
                format!(
                    "extensions:\n  {name}:\n    enabled: true\n    type: streamable_http\n    name: {name}\n    description: {title}\n    uri: \"{url}\"\n    timeout: 300"
                ),
            )],
            link: None,
            with_token: vec![snippet(
                "~/.config/goose/config.yaml",
                format!(
                    "extensions:\n  {name}:\n    enabled: true\n    type: streamable_http\n    name: {name}\n    description: {title}\n    uri: \"{key}\"\n    timeout: 300\n    env_keys: [{variable}]\n    headers: {{Authorization: \"Bearer ${{{variable}}}\"}}"
                ),
            )],
        },
        Guide {
            name: "opencode",
            steps: format!("Run the command, then opencode mcp auth {name}."),
            snippets: vec![snippet("Terminal", format!("opencode mcp add {name} --url {url}"))],
            link: None,
            with_token: vec![snippet("Terminal", format!("opencode mcp add {name} --url {key} --header \"Authorization=Bearer ${variable}\""))],
        },
        Guide {
            name: "LibreChat",
            steps: "The operator of LibreChat puts this into librechat.yaml; each person then signs in here.".to_owned(),
            snippets: vec![snippet(
                "librechat.yaml",
                format!("mcpServers:\n  {name}:\n    type: streamable-http\n    url: \"{url}\"\n    requiresOAuth: true"),
            )],
            link: None,
            with_token: vec![snippet(
                "librechat.yaml",
                format!(
                    "mcpServers:\n  {name}:\n    type: streamable-http\n    url: \"{key}\"\n    headers: {{Authorization: \"Bearer {{{{{variable}}}}}\"}}\n    customUserVars:\n      {variable}: {{title: \"Access token\", description: \"From your page at {title}\"}}"
                ),
            )],
        },
        Guide {
            name: "Open WebUI",
            steps: format!(
                "Version 0.6.31 or newer, as its administrator: Settings › Admin › Integrations › +. Type: MCP (Streamable HTTP). URL: {url}. Auth: OAuth 2.1, then Register Client. WEBUI_SECRET_KEY must be set."
            ),
            snippets: Vec::new(),
            link: None,
            with_token: Vec::new(),
        },
        Guide {
            name: "Anything that runs a command (stdio)",
            steps: "mcp-remote stands between a client without OAuth and this server.".to_owned(),
            snippets: vec![snippet("Command", format!("npx -y mcp-remote {url}"))],
            link: None,
            with_token: vec![snippet(
                "Command",
                format!("AUTH_HEADER=\"Bearer YOUR_TOKEN\" npx -y mcp-remote {key} --header 'Authorization:${{AUTH_HEADER}}'"),
            )],
        },
    ]
}

/// Percent-encoded, for a link.
fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Base64, as Cursor's links want it.
fn data_encoding(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(text)
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn) -> Response {
    let (url, key_url) = (web.at(routes::MCP), web.at(routes::MCP_KEY));
    let guides = guides(&web.parts.config.name, &url, &key_url);
    draw_copying(
        StatusCode::OK,
        &Page { frame: web.frame(Some(&signed_in.browser)), tab: "clients", url, key_url, guides },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca22_every_snippet_of_json_is_json_and_holds_no_secret() {
        for guide in
            guides("Team Tools", "https://mcp.example.com/mcp", "https://mcp.example.com/mcp-key")
        {
            for (place, text) in guide.snippets.iter().chain(&guide.with_token) {
                assert!(!text.contains("dw_"), "{}", guide.name);
                if std::path::Path::new(place)
                    .extension()
                    .is_some_and(|extension| extension == "json")
                {
                    let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
                    assert!(parsed.is_ok(), "{}: {text}", guide.name);
                }
            }
            assert!(
                guide.snippets.iter().all(|(_, text)| !text.contains("/mcp-key")),
                "{}",
                guide.name
            );
            assert!(
                guide.with_token.iter().all(|(_, text)| text.contains("/mcp-key")),
                "{}",
                guide.name
            );
        }
        assert_eq!(server_name("Team Tools – Ümlaut"), "team-tools-mlaut");
        assert_eq!(server_name("東京"), "doorward");
    }
}
