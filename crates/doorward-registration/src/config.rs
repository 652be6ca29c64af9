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
    /// True if a client may be identified by the https URL of its Client ID Metadata Document. If
    /// this server cannot reach the internet, known clients still work (`known_clients`); for
    /// others, disable this setting so that they register.
    pub metadata_documents: bool,
    /// Hosts from which metadata documents are fetched, such as `claude.ai`; empty for any public
    /// host.
    pub metadata_document_hosts: Vec<String>,
    /// True if the built-in metadata documents of known clients (Claude, Claude Code, ChatGPT,
    /// Codex, Visual Studio Code) are used where their vendors' cannot be fetched.
    pub known_clients: bool,
    /// True if an administrator must approve each client that no administrator added before users
    /// can use it.
    pub approval: bool,
    /// Accepted private-use redirect schemes without a period. Schemes in reverse-domain form are
    /// always accepted.
    pub private_schemes: Vec<String>,
    /// Hosts that clients that register themselves may use in https redirect URIs; empty for any
    /// host. Loopback hosts and private-use schemes are not affected.
    pub redirect_hosts: Vec<String>,
    /// Maximum number of redirect URIs of one client.
    pub max_redirect_uris: usize,
    /// Maximum number of registrations.
    pub max_registrations: u64,
    /// Seconds after which a registration that no user authorized is deleted. Authorized
    /// registrations are kept.
    pub unused_seconds: i64,
    /// Number of registrations that one IP address may send at once.
    pub burst_per_address: u32,
    /// Number of registrations per minute that one IP address may send in the long run.
    pub per_minute_per_address: u32,
    /// Maximum time for which a metadata document is used without fetching it again, in seconds,
    /// regardless of its own headers.
    pub metadata_document_max_age_seconds: i64,
}

/// The limits of `unused_seconds`: an hour and a year.
const UNUSED: std::ops::RangeInclusive<i64> = 3600..=366 * 86_400;

impl Config {
    /// Checks the settings. An error names the key of the invalid one.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if UNUSED.contains(&self.unused_seconds) {
            return Ok(());
        }
        let (least, most, value) = (UNUSED.start(), UNUSED.end(), self.unused_seconds);
        let message = format!("must be between {least} and {most}, not {value}");
        Err(("registration.unused_seconds", message))
    }
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
