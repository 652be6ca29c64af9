//! Registration of clients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Registration of clients.
#[expect(
    clippy::struct_excessive_bools,
    reason = "keys of a configuration file are independent of each other"
)]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// True if clients may register themselves (RFC 7591).
    pub dynamic: bool,
    /// True if a client may be identified by the https URL of its Client ID Metadata Document.
    /// Where this server cannot reach the internet, known clients work all the same
    /// (`known_clients`); others need it disabled to fall back to registering.
    pub metadata_documents: bool,
    /// The only hosts from which metadata documents are fetched, such as `claude.ai`; empty for any
    /// public host.
    pub metadata_document_hosts: Vec<String>,
    /// True if the built-in metadata documents of known clients (Claude, Claude Code, ChatGPT,
    /// Codex, Visual Studio Code) are used where their vendors' cannot be fetched.
    pub known_clients: bool,
    /// True if a client that an administrator did not add must be approved by one before users can
    /// use it.
    pub approval: bool,
    /// Private-use redirect schemes without a period that are accepted. Those in reverse-domain
    /// form always are.
    pub private_schemes: Vec<String>,
    /// The only hosts of https redirects of clients that register themselves; empty for any.
    /// Loopback and private-use schemes are not affected.
    pub redirect_hosts: Vec<String>,
    /// The most redirect URIs of one client.
    pub max_redirect_uris: usize,
    /// The most registrations that are kept.
    pub max_registrations: u64,
    /// After how many seconds an unauthorised registration is deleted. A registration that was
    /// authorised is kept.
    pub unused_seconds: i64,
    /// How many registrations one IP address may make at once.
    pub burst_per_address: u32,
    /// How many registrations one IP address may make per minute in the long run.
    pub per_minute_per_address: u32,
    /// For how many seconds a metadata document may be used at most without fetching it again,
    /// regardless of its own headers.
    pub metadata_document_max_age_seconds: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dynamic: true,
            metadata_documents: true,
            metadata_document_hosts: Vec::new(),
            known_clients: true,
            approval: false,
            private_schemes: [
                "cursor",
                "vscode",
                "vscode-insiders",
                "windsurf",
                "zed",
                "claude",
                "goose",
            ]
            .map(str::to_owned)
            .to_vec(),
            redirect_hosts: Vec::new(),
            max_redirect_uris: 20,
            max_registrations: 1_000_000,
            unused_seconds: 86_400,
            burst_per_address: 600,
            per_minute_per_address: 60,
            metadata_document_max_age_seconds: 86_400,
        }
    }
}
