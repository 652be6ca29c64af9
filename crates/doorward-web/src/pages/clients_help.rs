//! "Connect a client": the values to enter, click or run for each popular client. No part of it
//! holds a secret (CA22).

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_language::{Message, text};
use doorward_model::{Toolset, routes};
use doorward_transport::Params;

use crate::{
    Web,
    frame::{Frame, draw_scripted, initials},
    language::filters,
    pages::{
        error::ErrorPage,
        second_factor::{Picture, picture},
    },
    visitor::SignedIn,
};

#[derive(Template)]
#[template(path = "clients_help.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    url: String,
    key_url: String,
    tokens_url: String,
    /// The toolset that the page is about, and the others.
    chosen_set: Option<SetShown>,
    sets: Vec<SetShown>,
    /// The query that keeps the toolset, for the links to clients.
    with_set: String,
    /// The clients to choose from.
    tiles: Vec<Tile>,
    chosen: Option<Chosen>,
}

/// A toolset that the user may connect clients to.
struct SetShown {
    name: String,
    title: String,
    description: String,
    url: String,
}

impl SetShown {
    fn of(toolset: &Toolset, web: &Web) -> Self {
        Self {
            name: toolset.name.to_string(),
            title: toolset.title.clone(),
            description: toolset.description.clone(),
            url: web.at(&routes::of_toolset(routes::MCP_TOOLSET, toolset.name)),
        }
    }
}

/// A client to choose.
struct Tile {
    /// Its name in the URL of the page.
    key: &'static str,
    initials: String,
    name: String,
}

/// The chosen client.
struct Chosen {
    guide: Guide,
    /// The URL of this page, for a colleague.
    here: String,
    /// Its QR code.
    picture: Option<Picture>,
}

/// Instructions for one client.
struct Guide {
    name: String,
    /// The instructions.
    steps: Message,
    /// The places with the text to paste into each.
    snippets: Vec<(String, String)>,
    /// A link that the client itself opens.
    link: Option<(Message, String)>,
    /// The same with a personal access token.
    with_token: Vec<(String, String)>,
}

/// The names of the clients in the URL of the page, in the order of the guides.
const CLIENTS: [&str; 14] = [
    "claude",
    "claude-code",
    "chatgpt",
    "vscode",
    "cursor",
    "codex",
    "gemini",
    "windsurf",
    "zed",
    "goose",
    "opencode",
    "librechat",
    "open-webui",
    "other",
];

/// The name of this server in clients: the host's first label, plain enough for every client.
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
    let (terminal, command) =
        (text::clients_terminal().to_string(), text::clients_command().to_string());
    let snippet = |place: &str, text: String| (place.to_owned(), text);
    let vscode = format!(r#"{{"name":"{name}","type":"http","url":"{url}"}}"#);
    let cursor = data_encoding(&format!(r#"{{"url":"{url}"}}"#));
    vec![
        Guide {
            name: text::clients_claude().to_string(),
            steps: text::clients_claude_steps(title, url),
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
            name: "Claude Code".to_owned(),
            steps: text::clients_claude_code_steps(),
            snippets: vec![
                snippet(&terminal, format!("claude mcp add --transport http {name} {url}")),
                snippet(
                    &text::clients_project_file().to_string(),
                    format!(
                        "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"type\": \"http\", \"url\": \"{url}\"}}\n  }}\n}}"
                    ),
                ),
            ],
            link: None,
            with_token: vec![snippet(
                &terminal,
                format!(
                    "claude mcp add --transport http {name} {key} --header \"Authorization: Bearer ${variable}\""
                ),
            )],
        },
        Guide {
            name: "ChatGPT".to_owned(),
            steps: text::clients_chatgpt_steps(url),
            snippets: Vec::new(),
            link: None,
            with_token: Vec::new(),
        },
        Guide {
            name: "VS Code".to_owned(),
            steps: text::clients_vscode_steps(),
            snippets: vec![
                snippet(
                    ".vscode/mcp.json",
                    format!(
                        "{{\n  \"servers\": {{\n    \"{name}\": {{\"type\": \"http\", \"url\": \"{url}\"}}\n  }}\n}}"
                    ),
                ),
                snippet(&terminal, format!("code --add-mcp '{vscode}'")),
            ],
            link: Some((
                text::clients_vscode_install(),
                format!("vscode:mcp/install?{}", percent(&vscode)),
            )),
            with_token: vec![snippet(
                ".vscode/mcp.json",
                format!(
                    "{{\n  \"inputs\": [{{\"type\": \"promptString\", \"id\": \"{name}-token\", \"description\": \"Access token\", \"password\": true}}],\n  \"servers\": {{\n    \"{name}\": {{\"type\": \"http\", \"url\": \"{key}\", \"headers\": {{\"Authorization\": \"Bearer ${{input:{name}-token}}\"}}}}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Cursor".to_owned(),
            steps: text::clients_cursor_steps(),
            snippets: vec![snippet(
                "~/.cursor/mcp.json",
                format!(
                    "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"url\": \"{url}\"}}\n  }}\n}}"
                ),
            )],
            link: Some((
                text::clients_cursor_install(),
                format!(
                    "cursor://anysphere.cursor-deeplink/mcp/install?name={name}&config={}",
                    percent(&cursor)
                ),
            )),
            with_token: vec![snippet(
                "~/.cursor/mcp.json",
                format!(
                    "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"url\": \"{key}\", \"headers\": {{\"Authorization\": \"Bearer ${{env:{variable}}}\"}}}}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Codex CLI".to_owned(),
            steps: text::clients_codex_steps(),
            snippets: vec![
                snippet(
                    &terminal,
                    format!("codex mcp add {name} --url {url}\ncodex mcp login {name}"),
                ),
                snippet("~/.codex/config.toml", format!("[mcp_servers.{name}]\nurl = \"{url}\"")),
            ],
            link: None,
            with_token: vec![snippet(
                &terminal,
                format!("codex mcp add {name} --url {key} --bearer-token-env-var {variable}"),
            )],
        },
        Guide {
            name: "Gemini CLI".to_owned(),
            steps: text::clients_gemini_steps(&name),
            snippets: vec![
                snippet(&terminal, format!("gemini mcp add --transport http {name} {url}")),
                snippet(
                    "~/.gemini/settings.json",
                    format!(
                        "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"httpUrl\": \"{url}\"}}\n  }}\n}}"
                    ),
                ),
            ],
            link: None,
            with_token: vec![snippet(
                &terminal,
                format!(
                    "gemini mcp add --transport http {name} {key} --header \"Authorization: Bearer ${variable}\""
                ),
            )],
        },
        Guide {
            name: "Windsurf".to_owned(),
            steps: text::clients_windsurf_steps(),
            snippets: vec![snippet(
                "~/.codeium/windsurf/mcp_config.json",
                format!(
                    "{{\n  \"mcpServers\": {{\n    \"{name}\": {{\"serverUrl\": \"{url}\"}}\n  }}\n}}"
                ),
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
            name: "Zed".to_owned(),
            steps: text::clients_zed_steps(),
            snippets: vec![snippet(
                "settings.json",
                format!(
                    "{{\n  \"context_servers\": {{\n    \"{name}\": {{\"url\": \"{url}\"}}\n  }}\n}}"
                ),
            )],
            link: None,
            with_token: vec![snippet(
                "settings.json",
                format!(
                    "{{\n  \"context_servers\": {{\n    \"{name}\": {{\"url\": \"{key}\", \"headers\": {{\"Authorization\": \"Bearer YOUR_TOKEN\"}}}}\n  }}\n}}"
                ),
            )],
        },
        Guide {
            name: "Goose".to_owned(),
            steps: text::clients_goose_steps(),
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
            name: "opencode".to_owned(),
            steps: text::clients_opencode_steps(&name),
            snippets: vec![snippet(&terminal, format!("opencode mcp add {name} --url {url}"))],
            link: None,
            with_token: vec![snippet(
                &terminal,
                format!(
                    "opencode mcp add {name} --url {key} --header \"Authorization=Bearer ${variable}\""
                ),
            )],
        },
        Guide {
            name: "LibreChat".to_owned(),
            steps: text::clients_librechat_steps(),
            snippets: vec![snippet(
                "librechat.yaml",
                format!(
                    "mcpServers:\n  {name}:\n    type: streamable-http\n    url: \"{url}\"\n    requiresOAuth: true"
                ),
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
            name: "Open WebUI".to_owned(),
            steps: text::clients_open_webui_steps(url),
            snippets: Vec::new(),
            link: None,
            with_token: Vec::new(),
        },
        Guide {
            name: text::clients_stdio().to_string(),
            steps: text::clients_stdio_steps(),
            snippets: vec![snippet(&command, format!("npx -y mcp-remote {url}"))],
            link: None,
            with_token: vec![snippet(
                &command,
                format!(
                    "AUTH_HEADER=\"Bearer YOUR_TOKEN\" npx -y mcp-remote {key} --header 'Authorization:${{AUTH_HEADER}}'"
                ),
            )],
        },
    ]
}

/// Percent-encoded, for a link.
fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Base64, in the form for Cursor's links.
fn data_encoding(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(text)
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn, request: Request) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let toolsets = web.services.issuer.toolsets_of(&signed_in.visitor.user);
    let set = match params.get("set") {
        None => None,
        Some(name) => match toolsets.iter().find(|toolset| toolset.name.as_str() == name) {
            Some(toolset) => Some(toolset),
            None => return ErrorPage::not_found().draw(&web),
        },
    };
    let (url, key_url) = match set {
        None => (web.at(routes::MCP), web.at(routes::MCP_KEY)),
        Some(set) => {
            let at = |route: &str| web.at(&routes::of_toolset(route, set.name));
            (at(routes::MCP_TOOLSET), at(routes::MCP_KEY_TOOLSET))
        }
    };
    let title = set.map_or(&web.settings.config.name, |set| &set.title);
    let with_set = set.map(|set| format!("&set={}", set.name)).unwrap_or_default();
    let all = CLIENTS.into_iter().zip(guides(title, &url, &key_url));
    let (mut tiles, mut chosen) = (Vec::new(), None);
    for (name, guide) in all {
        tiles.push(Tile { key: name, initials: initials(&guide.name), name: guide.name.clone() });
        if params.get("client") == Some(name) {
            let here = web.at(&format!("{}?client={name}{with_set}", routes::ACCOUNT_CLIENTS));
            let code = picture(&here);
            chosen = Some(Chosen { guide, here, picture: code });
        }
    }
    if params.get("client").is_some() && chosen.is_none() {
        return ErrorPage::not_found().draw(&web);
    }
    draw_scripted(
        StatusCode::OK,
        &Page {
            frame: web.frame(Some(&signed_in.browser)),
            tab: "clients",
            url,
            key_url,
            tokens_url: web.at(routes::ACCOUNT_TOKENS),
            chosen_set: set.map(|set| SetShown::of(set, &web)),
            sets: toolsets.iter().map(|toolset| SetShown::of(toolset, &web)).collect(),
            with_set,
            tiles,
            chosen,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca22_every_snippet_of_json_is_json_and_holds_no_secret() {
        let all =
            guides("Team Tools", "https://mcp.example.com/mcp", "https://mcp.example.com/mcp-key");
        assert_eq!(all.len(), CLIENTS.len());
        for guide in all {
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
