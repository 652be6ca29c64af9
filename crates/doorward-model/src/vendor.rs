//! Vendors of well-known clients, by the hosts at which they alone publish.

use url::Url;

use crate::ClientId;

/// A vendor with its hosts. A host is compared as a whole.
const VENDORS: &[(&str, &[&str])] = &[
    ("Anthropic", &["claude.ai", "claude.com"]),
    ("OpenAI", &["chatgpt.com"]),
    ("Microsoft", &["vscode.dev", "insiders.vscode.dev"]),
    ("Cursor", &["cursor.com", "www.cursor.com"]),
];

impl ClientId {
    /// The vendor that published the metadata document of this identifier.
    pub fn vendor(&self) -> Option<&'static str> {
        let url = Url::parse(self.as_str()).ok().filter(|url| url.scheme() == "https")?;
        let host = url.host_str().filter(|_| url.port().is_none())?;
        VENDORS.iter().find(|(_, hosts)| hosts.contains(&host)).map(|(vendor, _)| *vendor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_is_its_host_and_no_name() {
        for (id, vendor) in [
            ("https://claude.ai/oauth/claude-code-client-metadata", Some("Anthropic")),
            ("https://chatgpt.com/oauth/codex/client.json", Some("OpenAI")),
            ("https://vscode.dev/oauth/client-metadata.json", Some("Microsoft")),
            ("https://claude.ai.evil.example/oauth/x", None),
            ("https://evil.example/claude.ai/oauth/x", None),
            ("https://claude.ai:8443/oauth/x", None),
            ("http://claude.ai/oauth/x", None),
            ("https://x.claude.ai/oauth/x", None),
            ("c_claude", None),
        ] {
            assert_eq!(ClientId::from_text(id).vendor(), vendor, "{id}");
        }
    }
}
