//! Metadata documents of well-known clients, for servers that cannot fetch them. Each belongs to
//! its client identifier, so that no client of another host gets it, and passes the same policy as
//! a fetched one.

use doorward_model::ClientId;
use serde_json::{Map, Value, json};

/// The place of a part that differs from client to client.
const PART: &str = "{part}";

/// A known document.
struct Preset {
    /// The client identifier, which may hold one [`PART`].
    id: &'static str,
    name: &'static str,
    client_uri: &'static str,
    /// The redirect URIs, in which [`PART`] is that of the identifier.
    redirect_uris: &'static [&'static str],
    /// The key set of a client that authenticates; `None` for a public client.
    jwks_uri: Option<&'static str>,
}

/// The documents as their vendors published them in autumn 2026. Cursor registers itself instead.
const PRESETS: &[Preset] = &[
    Preset {
        id: "https://claude.ai/oauth/mcp-oauth-client-metadata",
        name: "Claude",
        client_uri: "https://claude.ai",
        redirect_uris: &[
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
        ],
        jwks_uri: None,
    },
    Preset {
        id: "https://claude.ai/oauth/claude-code-client-metadata",
        name: "Claude Code",
        client_uri: "https://claude.ai",
        redirect_uris: &["http://localhost/callback", "http://127.0.0.1/callback"],
        jwks_uri: None,
    },
    Preset {
        id: "https://chatgpt.com/oauth/client.json",
        name: "ChatGPT",
        client_uri: "https://chatgpt.com",
        redirect_uris: &["https://chatgpt.com/connector_platform_oauth_redirect"],
        jwks_uri: Some("https://chatgpt.com/oauth/jwks.json"),
    },
    Preset {
        id: "https://chatgpt.com/oauth/{part}/client.json",
        name: "ChatGPT",
        client_uri: "https://chatgpt.com",
        redirect_uris: &["https://chatgpt.com/connector/oauth/{part}"],
        jwks_uri: Some("https://chatgpt.com/oauth/jwks.json"),
    },
    Preset {
        id: "https://chatgpt.com/oauth/codex/client.json",
        name: "Codex",
        client_uri: "https://chatgpt.com/codex",
        redirect_uris: &["http://127.0.0.1/callback", "http://localhost/callback"],
        jwks_uri: None,
    },
    Preset {
        id: "https://chatgpt.com/oauth/codex/{part}/client.json",
        name: "Codex",
        client_uri: "https://chatgpt.com/codex",
        redirect_uris: &["http://127.0.0.1/callback/{part}", "http://localhost/callback/{part}"],
        jwks_uri: None,
    },
    Preset {
        id: "https://vscode.dev/oauth/client-metadata.json",
        name: "Visual Studio Code",
        client_uri: "https://code.visualstudio.com",
        redirect_uris: &[
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
            "http://localhost/",
            "https://vscode.dev/redirect",
            "https://insiders.vscode.dev/redirect",
        ],
        jwks_uri: None,
    },
];

impl Preset {
    /// The differing part of an identifier; empty where there is none. `None` for an identifier of
    /// another client.
    fn part<'i>(&self, id: &'i str) -> Option<&'i str> {
        let Some((before, after)) = self.id.split_once(PART) else {
            return (self.id == id).then_some("");
        };
        let part = id.strip_prefix(before)?.strip_suffix(after)?;
        let plain = !part.is_empty()
            && part.len() <= 128
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        plain.then_some(part)
    }

    fn document(&self, id: &str, part: &str) -> Map<String, Value> {
        let uris: Vec<String> =
            self.redirect_uris.iter().map(|uri| uri.replace(PART, part)).collect();
        let mut members = Map::new();
        for (name, value) in [
            ("client_id", json!(id)),
            ("client_name", json!(self.name)),
            ("client_uri", json!(self.client_uri)),
            ("redirect_uris", json!(uris)),
            ("grant_types", json!(["authorization_code", "refresh_token"])),
            ("response_types", json!(["code"])),
        ] {
            members.insert(name.to_owned(), value);
        }
        let method = if self.jwks_uri.is_some() { "private_key_jwt" } else { "none" };
        members.insert("token_endpoint_auth_method".to_owned(), method.into());
        if let Some(uri) = self.jwks_uri {
            members.insert("jwks_uri".to_owned(), uri.into());
        }
        members
    }
}

/// The known document of a client identifier.
pub(crate) fn document(id: &ClientId) -> Option<Map<String, Value>> {
    let id = id.as_str();
    // Exact identifiers are listed beside patterns that fit them too.
    PRESETS
        .iter()
        .filter_map(|preset| Some((preset, preset.part(id)?)))
        .min_by_key(|(_, part)| part.len())
        .map(|(preset, part)| preset.document(id, part))
}

#[cfg(test)]
mod tests {
    use doorward_model::ClientSource;

    use super::*;
    use crate::{Config, policy};

    #[test]
    fn every_known_document_passes_the_policy_and_leads_only_to_its_vendor_or_the_users_machine() {
        for preset in PRESETS {
            let id = ClientId::from_text(preset.id.replace(PART, "cb-1_x"));
            let metadata = document(&id).unwrap();
            assert_eq!(metadata["client_id"], id.as_str());
            let accepted =
                policy::accept(&metadata, ClientSource::MetadataDocument, &Config::default())
                    .unwrap();
            assert_eq!(accepted.name, preset.name);
            let vendor = id.vendor().unwrap();
            for uri in &accepted.redirect_uris {
                let own = ClientId::from_text(uri.as_str()).vendor() == Some(vendor);
                assert!(own || uri.is_loopback(), "{uri}");
            }
            assert!(
                accepted
                    .jwks_uri
                    .is_none_or(|uri| { ClientId::from_text(uri).vendor() == Some(vendor) })
            );
        }
    }

    #[test]
    fn an_identifier_that_only_resembles_a_known_one_has_no_document() {
        let uris = |id: &str| {
            document(&ClientId::from_text(id)).map(|document| document["redirect_uris"].to_string())
        };
        assert_eq!(
            uris("https://chatgpt.com/oauth/codex/client.json").unwrap(),
            r#"["http://127.0.0.1/callback","http://localhost/callback"]"#
        );
        assert_eq!(
            uris("https://chatgpt.com/oauth/codex/abc123/client.json").unwrap(),
            r#"["http://127.0.0.1/callback/abc123","http://localhost/callback/abc123"]"#
        );
        for id in [
            "https://chatgpt.com.evil.example/oauth/codex/client.json",
            "https://evil.example/oauth/codex/client.json",
            "http://chatgpt.com/oauth/codex/client.json",
            "https://chatgpt.com/oauth/codex//client.json",
            "https://chatgpt.com/oauth/codex/a/b/client.json",
            "https://chatgpt.com/oauth/codex/a%2fb/client.json",
            "https://chatgpt.com/oauth/codex/client.json?x",
            "https://claude.ai/oauth/claude-code-client-metadata/",
        ] {
            assert_eq!(uris(id), None, "{id}");
        }
    }
}
