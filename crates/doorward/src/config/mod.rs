//! Configuration: embedded defaults ← `doorward.toml` ← `DOORWARD_SECTION__KEY` ←
//! `DOORWARD_SECTION__KEY_FILE`.

mod check;
mod difference;
mod keys;
mod load;
mod sections;
mod source;
mod tls;

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::{Checked, Loaded};
pub use difference::{Difference, RELOADED, differences, shown};
pub use doorward_admin::{AccessConfig, PolicyConfig};
pub use keys::{
    Key, Kind, PROVIDERS, UPSTREAMS, all as known_keys, in_force as keys_in_force, schema,
};
pub(crate) use load::value_from_text;
pub use load::{Environment, load};
pub use sections::{LogConfig, MetricsConfig};
pub use source::{ConfigSource, Fingerprint};
pub use tls::TlsSource;

/// Everything that can be configured. Every key has a default: an empty file is a complete
/// configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listener: its IP address and port, and its trusted proxies.
    pub server: doorward_transport::ServerConfig,
    /// The location of the data and the size of caches.
    pub store: doorward_store::Config,
    /// Signing keys and the master key.
    pub keys: doorward_keys::Config,
    /// Users, passwords and sessions.
    pub accounts: doorward_accounts::Config,
    /// Identity providers, each in a table of its own: `[providers.google]`.
    pub providers: BTreeMap<String, doorward_federation::ProviderConfig>,
    /// Upstreams, each in a table of its own: `[upstreams.github]`.
    pub upstreams: BTreeMap<String, doorward_gateway::UpstreamConfig>,
    /// Connectors of chats, each in a table of its own: `[connectors.chat]`.
    #[cfg(feature = "connectors")]
    pub connectors: BTreeMap<String, doorward_connectors::ConnectorConfig>,
    /// The agent, a model that answers with the tools of the user who asks.
    #[cfg(feature = "agent")]
    pub agent: doorward_agent::AgentConfig,
    /// Permissions of roles, and use of second factors.
    pub access: AccessConfig,
    /// The rules that decide on tools.
    pub policy: PolicyConfig,
    /// The record of events.
    pub audit: doorward_audit::Config,
    /// Metrics for Prometheus.
    pub metrics: MetricsConfig,
    /// Limits for each user, client and upstream.
    pub limits: doorward_mcp::LimitsConfig,
    /// Registration of clients.
    pub registration: doorward_registration::Config,
    /// Lifetimes of codes, tokens and grants.
    pub issuer: doorward_issuer::Config,
    /// The MCP server.
    pub mcp: doorward_mcp::Config,
    /// Mail over SMTP: invitations, forgotten passwords, notices of sign-ins from a new browser and
    /// IP address.
    pub mail: doorward_mail::MailConfig,
    /// Appearance of pages.
    pub pages: doorward_web::Config,
    /// Requests that this server makes, such as fetching a Client ID Metadata Document.
    pub outbound: doorward_transport::OutboundConfig,
    /// The log.
    pub log: LogConfig,
}

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the file.
    Line(String, usize),
    /// An environment variable.
    Variable(String),
    /// The command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(file, line) => write!(f, "{file}, line {line}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "option {name}"),
        }
    }
}

/// An invalid configuration: source, key, problem, solution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ConfigError {
    /// The source of the value, if there is one.
    pub origin: Option<Origin>,
    /// The key, as `section.key`.
    pub key: String,
    /// The fault and its remedy.
    pub message: String,
}

impl Config {
    /// Reports a configuration with an agent.
    #[cfg(feature = "agent")]
    pub fn has_agent(&self) -> bool {
        self.agent.is_on()
    }

    /// Reports a configuration with an agent: none without the feature.
    #[cfg(not(feature = "agent"))]
    pub fn has_agent(&self) -> bool {
        let Self { .. } = self;
        false
    }
}

impl ConfigError {
    fn sentence(&self) -> String {
        let place = self.origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default();
        if self.key.is_empty() {
            format!("{place}{}", self.message)
        } else {
            format!("{place}{}: {}", self.key, self.message)
        }
    }
}

/// Every fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(.0))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

/// The errors in the order of the file, and those of variables and options behind them.
fn listed(errors: &[ConfigError]) -> String {
    match errors {
        [one] => one.to_string(),
        many => {
            let mut sorted: Vec<&ConfigError> = many.iter().collect();
            sorted.sort_by_key(|error| match &error.origin {
                Some(Origin::Line(_, line)) => *line,
                _ => usize::MAX,
            });
            let lines: Vec<String> = sorted.iter().map(|error| format!("\n  {error}")).collect();
            format!("the configuration has {} errors:{}", many.len(), lines.concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Loaded, ConfigErrors> {
        load::load_text(text, "doorward.toml", &Environment::default())
    }

    #[test]
    fn an_empty_file_is_complete() {
        let loaded = load_text("").unwrap();
        let checked = loaded.check().unwrap();
        assert_eq!(checked.listen, doorward_transport::Listen::Localhost(8400));
        assert_eq!(checked.public_url(8400).unwrap().as_str(), "http://localhost:8400");
    }

    #[test]
    fn cs21_wrong_configuration_names_line_key_and_hint() {
        for (text, expected) in [
            (
                "[server]\nlisten = \"127.0.0.1:1\"\npublic_ulr = \"x\"\n",
                "doorward.toml, line 3: server.public_ulr: is not a key; did you mean server.public_url?",
            ),
            (
                "[servre]\nlisten = \"x\"\n",
                "doorward.toml, line 1: servre: is not a section; did you mean server?",
            ),
            (
                "listen = \"x\"\n",
                "doorward.toml, line 1: listen: is not a section; did you mean server.listen?",
            ),
            (
                "[server]\nmax_connections = \"many\"\n",
                "doorward.toml, line 2: server.max_connections: must be a whole number",
            ),
            (
                "[server]\npublic_url = \"https://Mcp.example.com/\"\n",
                "doorward.toml, line 2: server.public_url: write it in its canonical form: https://mcp.example.com",
            ),
            (
                "[server]\nlisten = \"0.0.0.0:8400\"\n",
                &format!(
                    "server.public_url: is needed when other machines can connect (server.listen is 0.0.0.0:8400): set it to the https URL under which users reach this server. Set up https in one of three ways: {}",
                    doorward_model::public_url::WAYS_TO_HTTPS
                ),
            ),
            (
                "[keys]\nalgorithm = \"HS256\"\n",
                "doorward.toml, line 2: keys.algorithm: must be ES256, EdDSA or RS256",
            ),
            (
                "[outbound]\nallow_networks = [\"intranet\"]\n",
                "doorward.toml, line 2: outbound.allow_networks: \"intranet\" is not a network like 10.0.0.0/8",
            ),
            (
                "[outbound]\nextra_ca_files = [\"/nonexistent.pem\"]\n",
                "doorward.toml, line 2: outbound.extra_ca_files: /nonexistent.pem: No such file or directory (os error 2)",
            ),
            (
                "[issuer]\ncode_seconds = 0\n",
                "doorward.toml, line 2: issuer.code_seconds: must be between 1 and 600, not 0",
            ),
            (
                "[providers.google]\nkind = \"google\"\n",
                "doorward.toml, line 1: providers.google.client_id: is needed: the provider gives it when you register this server there",
            ),
            (
                "[providers.g]\nkind = \"google\"\nclient_id = \"x\"\nclient_secret = \"y\"\nrole = [\"a\"]\nsign_up = \"open\"\n",
                "doorward.toml, line 5: providers.g.role: is not a key; did you mean providers.g.roles?",
            ),
            (
                "[providers]\ngoogle = 1\n",
                "doorward.toml, line 2: providers.google: write a table [providers.NAME]; providers.google is not a table",
            ),
            (
                "[access]\nscope_roles = [\"mcp:rite = a\"]\n",
                "doorward.toml, line 2: access.scope_roles: \"mcp:rite\" is not a scope that rules can name; there are mcp:read, mcp:write, mcp:destructive, admin:read, admin:upstreams, admin, openid, profile, email, groups, offline_access, and [policy] has rules for single upstreams; did you mean mcp:write?",
            ),
            (
                "[accounts]\nsecond_factor = \"maybe\"\n",
                "doorward.toml, line 2: accounts.second_factor: must be enrolled or required",
            ),
            ("[mcp]\nenabled = 1\n", "doorward.toml, line 2: mcp.enabled: must be true or false"),
            (
                "[mcp]\nallowed_origins = \"https://a\"\n",
                "doorward.toml, line 2: mcp.allowed_origins: must be a list of strings",
            ),
        ] {
            let error = load_text(text).and_then(|loaded| loaded.check().map(|_| ())).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
        assert!(
            load_text("[server\n").unwrap_err().to_string().starts_with("doorward.toml, line 1: ")
        );
    }

    #[test]
    fn numbers_out_of_bounds_and_names_that_are_near_or_far_are_told_in_words() {
        for (text, expected) in [
            (
                "[server]\nmax_connections = -5\n",
                "doorward.toml, line 2: server.max_connections: must be a whole number of 0 or more, not -5",
            ),
            (
                "[server]\nmax_connections = 99_999_999_999_999_999_999\n",
                "doorward.toml, line 2: server.max_connections: must be a whole number of 9223372036854775807 or less, and this one is larger",
            ),
            ("[case]\nname = 1\n", "doorward.toml, line 1: case: is not a section"),
            (
                "[provders.x]\n",
                "doorward.toml, line 1: provders: is not a section; did you mean providers?",
            ),
            (
                "[limits]\nuser_calls_per_minute = 1\n",
                "doorward.toml, line 2: limits.user_calls_per_minute: is not a key; did you mean limits.calls_per_minute_user?",
            ),
            (
                "[upstreams.w]\nkind = \"http\"\nurl = \"https://w.example/mcp\"\nfoo = 1\n",
                "doorward.toml, line 4: upstreams.w.foo: is not a key",
            ),
            (
                "[providers.g]\nkind = \"google\"\nclient_id = \"x\"\nclient_secret = \"…\"\nsign_up = \"open\"\n",
                "doorward.toml, line 4: providers.g.client_secret: cannot end with …, which is shown in place of secrets; write the secret itself",
            ),
            (
                "[log]\nformat = \"json\"\nformat = \"text\"\nlevl = 1\n[metrics]\nlisten =\n",
                "the configuration has 3 errors:\n  doorward.toml, line 3: duplicate key\n  doorward.toml, line 4: log.levl: is not a key; did you mean log.level?\n  doorward.toml, line 6: string values must be quoted, expected literal string",
            ),
        ] {
            let error = load_text(text).and_then(|loaded| loaded.check().map(|_| ())).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn every_error_is_reported_at_once_whatever_finds_it() {
        let text = "[server]\nlistn = \"x\"\nmax_connections = \"many\"\npublic_url = \"http://a.example\"\n\
                    [keys]\nalgorithm = \"HS256\"\n[issuer]\ncode_seconds = 0\naccess_token_seconds = 0\n\
                    [providers.a]\nkind = \"google\"\n[providers.b]\nkind = \"nothing\"\n\
                    [upstreams.c]\nkind = \"http\"\n[upstreams.d]\nkind = \"http\"\nurl = \"http://10.0.0.1/\"\n\
                    [servre]\n[policy]\nrules = [\"perhaps\"]\ndefault = \"no\"\n";
        let environment = Environment::from_pairs([
            ("DOORWARD_LOG__FORMAT", "xml"),
            ("DOORWARD_LOG__LEVL", "info"),
            ("DOORWARD_MCP__ENABLED", "maybe"),
        ]);
        let ConfigErrors(errors) =
            load::load_text(text, "doorward.toml", &environment).unwrap_err();
        let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
        for key in [
            "server.listn",
            "server.max_connections",
            "server.public_url",
            "keys.algorithm",
            "issuer.code_seconds",
            "issuer.access_token_seconds",
            "providers.a.client_id",
            "providers.b.kind",
            "upstreams.c.url",
            "upstreams.d.url",
            "servre",
            "policy.default",
            "log.format",
            "log.levl",
            "mcp.enabled",
        ] {
            assert!(keys.contains(&key), "{key} is not among {keys:?}");
        }
        let shown = ConfigErrors(errors.clone()).to_string();
        assert!(shown.starts_with(&format!("the configuration has {} errors:\n", errors.len())));
        assert!(shown.contains("\n  doorward.toml, line 2: server.listn: is not a key"), "{shown}");
    }

    #[test]
    fn variables_win_over_the_file_and_files_over_variables() {
        let secret =
            std::env::temp_dir().join(format!("doorward-config-test-{}", std::process::id()));
        std::fs::write(&secret, "postgres://secret@db/doorward\n").unwrap();
        let environment = Environment::from_pairs([
            ("DOORWARD_SERVER__LISTEN", "127.0.0.1:9"),
            ("DOORWARD_MCP__ENABLED", "false"),
            ("DOORWARD_MCP__ALLOWED_ORIGINS", "https://a.example, https://b.example"),
            ("DOORWARD_STORE__URL", "postgres://plain@db/doorward"),
            ("DOORWARD_STORE__URL_FILE", secret.to_str().unwrap()),
            ("OTHER__THING", "x"),
        ]);
        let loaded =
            load::load_text("[server]\nlisten = \"127.0.0.1:1\"\n", "doorward.toml", &environment)
                .unwrap();
        assert_eq!(loaded.config.server.listen, "127.0.0.1:9");
        assert!(!loaded.config.mcp.enabled);
        assert_eq!(loaded.config.mcp.allowed_origins, ["https://a.example", "https://b.example"]);
        assert_eq!(loaded.config.store.url.reveal(), "postgres://secret@db/doorward");
        let wrong = load::load_text(
            "",
            "doorward.toml",
            &Environment::from_pairs([("DOORWARD_SERVER__LISTN", "x")]),
        )
        .unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "environment variable DOORWARD_SERVER__LISTN: server.listn: is not a key; did you mean server.listen?"
        );
        let wrong = load::load_text(
            "",
            "doorward.toml",
            &Environment::from_pairs([("DOORWARD_SERVER__MAX_CONNECTIONS", "x")]),
        )
        .unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "environment variable DOORWARD_SERVER__MAX_CONNECTIONS: server.max_connections: must be a whole number"
        );
        std::fs::remove_file(secret).unwrap();
    }

    #[test]
    fn providers_come_from_the_file_and_from_variables() {
        let environment = Environment::from_pairs([
            ("DOORWARD_PROVIDERS__MY_IDP__CLIENT_SECRET", "s"),
            ("DOORWARD_PROVIDERS__GITHUB__KIND", "github"),
            ("DOORWARD_PROVIDERS__GITHUB__CLIENT_ID", "i"),
            ("DOORWARD_PROVIDERS__GITHUB__CLIENT_SECRET", "t"),
            ("DOORWARD_PROVIDERS__GITHUB__ALLOWED_GROUPS", "acme/core, acme/ops"),
            (
                "DOORWARD_PROVIDERS__GITHUB__AUTHORIZE_PARAMS",
                "[\"login=a,b\", \"allow_signup=no\"]",
            ),
        ]);
        let text = "[providers.my-idp]\nkind = \"oidc\"\nissuer = \"https://idp.example\"\nclient_id = \"c\"\n";
        let loaded = load::load_text(text, "doorward.toml", &environment).unwrap();
        loaded.check().unwrap();
        assert_eq!(loaded.config.providers["my-idp"].client_secret.reveal(), "s");
        assert_eq!(loaded.config.providers["github"].allowed_groups, ["acme/core", "acme/ops"]);
        let params = &loaded.config.providers["github"].authorize_params;
        assert_eq!(*params, ["login=a,b", "allow_signup=no"]);
        let wrong = load::load_text(
            "",
            "doorward.toml",
            &Environment::from_pairs([("DOORWARD_MCP__ALLOWED_ORIGINS", "[\"https://a.example\"")]),
        )
        .unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "environment variable DOORWARD_MCP__ALLOWED_ORIGINS: mcp.allowed_origins: looks like a JSON array of strings and cannot be read as one"
        );
        let wrong = load::load_text(
            "",
            "doorward.toml",
            &Environment::from_pairs([("DOORWARD_PROVIDERS__X__CLIENT_IDD", "x")]),
        )
        .unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "environment variable DOORWARD_PROVIDERS__X__CLIENT_IDD: providers.x.client_idd: is not a key; did you mean providers.x.client_id?"
        );
    }
}
