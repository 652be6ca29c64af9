//! Configuration: embedded defaults ← `doorward.toml` ← `DOORWARD_SECTION__KEY` ←
//! `DOORWARD_SECTION__KEY_FILE`.

mod keys;
mod load;

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use doorward_model::{AccessPolicy, PublicUrl, SecretSetting, SigningAlgorithm, ToolPolicy};
use doorward_transport::{
    address::TrustedProxies,
    outbound::{Bounds, OutboundSetupError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use keys::{
    Key, Kind, PROVIDERS, UPSTREAMS, all as known_keys, in_force as keys_in_force, schema,
};
pub(crate) use load::value_from_text;
pub use load::{Environment, load};

/// Everything that can be configured. Every key has a default: an empty file is a complete
/// configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listener: where it listens and whom it believes.
    pub server: doorward_transport::ServerConfig,
    /// Where the data lives and how much of it is kept at hand.
    pub store: doorward_store::Config,
    /// Signing keys and the master key.
    pub keys: doorward_keys::Config,
    /// People, passwords and sessions.
    pub accounts: doorward_accounts::Config,
    /// Upstream identity providers, each in a table of its own: `[providers.google]`.
    pub providers: BTreeMap<String, doorward_federation::ProviderConfig>,
    /// Upstream servers, each in a table of its own: `[upstreams.github]`.
    pub upstreams: BTreeMap<String, doorward_gateway::UpstreamConfig>,
    /// What roles allow, and where one factor is not enough.
    pub access: AccessConfig,
    /// Which tools, for whom.
    pub policy: PolicyConfig,
    /// What is remembered of what happens.
    pub audit: AuditConfig,
    /// Figures for Prometheus.
    pub metrics: MetricsConfig,
    /// How much one person, one client and one upstream may use.
    pub limits: doorward_mcp::LimitsConfig,
    /// How clients come to be known.
    pub registration: doorward_registration::Config,
    /// Lifetimes of what is issued.
    pub issuer: doorward_issuer::Config,
    /// The MCP server.
    pub mcp: doorward_mcp::Config,
    /// Mail over SMTP: invitations, forgotten passwords, news of sign-ins from somewhere new.
    pub mail: doorward_transport::mail::MailConfig,
    /// How pages look.
    pub pages: doorward_web::Config,
    /// Requests that this server makes, such as fetching a Client ID Metadata Document.
    pub outbound: doorward_transport::OutboundConfig,
    /// What is logged.
    pub log: LogConfig,
}

/// What roles allow, and where one factor is not enough.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Who may have a scope, as rules `SCOPE = ROLE ROLE…`, such as `mcp:write = developer admin`.
    /// A scope without a rule is for everybody. Losing the role takes effect on the next call.
    pub scope_roles: Vec<String>,
    /// Who may call a tool, as rules `TOOL = ROLE ROLE…`; `*` in the name stands for anything, and
    /// of several rules that match all must hold. A tool without a rule is for everybody.
    pub tool_roles: Vec<String>,
    /// Scopes that are given only to people who proved a second factor.
    pub second_factor_scopes: Vec<String>,
    /// Whether the administrator's pages ask for a second factor.
    pub second_factor_for_administrators: bool,
}

impl AccessConfig {
    /// Reads the rules. Answers the key of the one that is wrong.
    pub fn policy(&self) -> Result<AccessPolicy, (&'static str, String)> {
        let read = |scopes: &[String], tools: &[String], factors: &[String]| {
            AccessPolicy::parse(scopes, tools, factors).map_err(|error| error.to_string())
        };
        read(&self.scope_roles, &[], &[]).map_err(|error| ("access.scope_roles", error))?;
        read(&[], &self.tool_roles, &[]).map_err(|error| ("access.tool_roles", error))?;
        let mut policy = read(&self.scope_roles, &self.tool_roles, &self.second_factor_scopes)
            .map_err(|error| ("access.second_factor_scopes", error))?;
        policy.second_factor_for_administrators = self.second_factor_for_administrators;
        Ok(policy)
    }
}

/// Which tools, for whom. The first rule that fits a tool, a person and a client decides; it hides
/// the tool and refuses its call alike.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Rules such as `deny role=guest class=write,destructive upstream=wiki`: `allow`, `deny` or
    /// `confirm`, then conditions `KEY=VALUE,VALUE…` that must all hold. Keys are user (an ID, or a
    /// pattern with `@` for the verified e-mail address), role, client (an ID, or a pattern for the
    /// address of a metadata document), upstream, tool, kind (tool, prompt, resource), class (read,
    /// write, destructive) and hint (open-world, closed-world, idempotent, not-idempotent); `*`
    /// stands for anything where a pattern may stand. Names that users and clients choose are not
    /// accepted. Rules hold for prompts and resources as for tools: `tool` is then the prompt's
    /// name or the resource's URI, the class is read. `confirm` asks the user before each call.
    pub rules: Vec<String>,
    /// What holds where no rule fits: `allow`, `deny` or `confirm`.
    pub default: String,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self { rules: Vec::new(), default: "allow".to_owned() }
    }
}

impl PolicyConfig {
    /// Reads the rules. Answers the key of the one that is wrong.
    pub fn policy(&self) -> Result<ToolPolicy, (&'static str, String)> {
        ToolPolicy::parse(&[], &self.default)
            .map_err(|error| ("policy.default", error.to_string()))?;
        ToolPolicy::parse(&self.rules, &self.default)
            .map_err(|error| ("policy.rules", error.to_string()))
    }
}

/// What is remembered of what happens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// After how many days entries are deleted; 0 keeps them for ever.
    pub retention_days: u32,
    /// Tools whose arguments and results are recorded, sealed and without what looks like a secret,
    /// for people with the role `auditor`; `*` in a name stands for anything. Empty records none.
    pub record: Vec<String>,
    /// After how many days recorded arguments and results are deleted.
    pub record_days: u32,
    /// Where entries are sent as they happen, as JSON lines by POST: an https address. Empty sends
    /// none. A bearer token for it is a secret: set it by `DOORWARD_AUDIT__WEBHOOK_TOKEN_FILE`.
    pub webhook: String,
    /// The bearer token for the webhook.
    pub webhook_token: SecretSetting,
    /// Where entries are sent as syslog messages (RFC 5424): `udp://HOST:PORT` or
    /// `tcp://HOST:PORT`. Empty sends none.
    pub syslog: String,
    /// Where entries are sent as OpenTelemetry logs (OTLP over HTTP, JSON): the collector's
    /// address, such as `http://127.0.0.1:4318/v1/logs`. Empty sends none.
    pub otlp: String,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            retention_days: 400,
            record: Vec::new(),
            record_days: 30,
            webhook: String::new(),
            webhook_token: SecretSetting::default(),
            syslog: String::new(),
            otlp: String::new(),
        }
    }
}

/// Figures for Prometheus.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Where figures are served, at `/metrics`, on a listener of their own: an address and port
    /// such as `127.0.0.1:9464`. Empty serves none. They name no person and no client.
    pub listen: String,
}

/// What is logged, to standard error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `text` for people, `json` for collectors.
    pub format: String,
    /// `error`, `warn`, `info`, `debug` or `trace`; or a filter such as
    /// `info,doorward_issuer=debug`. No level ever shows a secret.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: "text".to_owned(), level: "info".to_owned() }
    }
}

/// Where a value comes from.
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

/// A configuration that cannot be used: where, which key, what is wrong, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ConfigError {
    /// Where the value stands, if it stands anywhere.
    pub origin: Option<Origin>,
    /// The key, as `section.key`.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
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

/// A configuration with the place of every value that is not a default.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where they come from.
    pub origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Sets a value from the command line.
    pub fn set_flag(&mut self, key: &str, flag: &'static str, set: impl FnOnce(&mut Config)) {
        set(&mut self.config);
        self.origins.insert(key.to_owned(), Origin::Flag(flag));
    }

    fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        ConfigError {
            origin: self.origins.get(key).cloned(),
            key: key.to_owned(),
            message: message.into(),
        }
    }

    /// Checks what single values cannot tell, and parses them into types.
    pub fn check(&self) -> Result<Checked, ConfigError> {
        let config = &self.config;
        let listen: SocketAddr = config.server.listen.parse().map_err(|_| {
            self.wrong("server.listen", "must be an address and port, such as 127.0.0.1:8400")
        })?;
        let public_url = if config.server.public_url.is_empty() {
            if !listen.ip().is_loopback() {
                let why = "is needed when server.listen is not a loopback address: set it to the https address under which people reach this server";
                return Err(self.wrong("server.public_url", why));
            }
            None
        } else {
            Some(
                PublicUrl::parse(&config.server.public_url)
                    .map_err(|error| self.wrong("server.public_url", error.to_string()))?,
            )
        };
        let algorithm = SigningAlgorithm::parse(&config.keys.algorithm)
            .ok_or_else(|| self.wrong("keys.algorithm", "must be ES256, EdDSA or RS256"))?;
        let proxies = TrustedProxies::parse(&config.server.trusted_proxies).map_err(|text| {
            self.wrong(
                "server.trusted_proxies",
                format!("{text:?} is not a network like 10.0.0.0/8"),
            )
        })?;
        doorward_transport::outbound::check(&config.outbound).map_err(|error| {
            let key = if matches!(error, OutboundSetupError::Network(_)) {
                "outbound.allow_networks"
            } else {
                "outbound.extra_ca_files"
            };
            self.wrong(key, error.to_string())
        })?;
        let administered = Bounds::read(&config.outbound)
            .map_err(|error| self.wrong("outbound.administered_networks", error.to_string()))?;
        if !config.metrics.listen.is_empty() && config.metrics.listen.parse::<SocketAddr>().is_err()
        {
            return Err(
                self.wrong("metrics.listen", "must be an address and port, such as 127.0.0.1:9464")
            );
        }
        if !matches!(config.log.format.as_str(), "text" | "json") {
            return Err(self.wrong("log.format", "must be text or json"));
        }
        if !config.store.url.is_empty()
            && !["postgres://", "postgresql://", "sqlite://"]
                .iter()
                .any(|scheme| config.store.url.reveal().starts_with(scheme))
        {
            return Err(self.wrong(
                "store.url",
                "must be empty, sqlite://FILE or postgres://USER@HOST/DATABASE",
            ));
        }
        if !matches!(config.accounts.second_factor.as_str(), "enrolled" | "required") {
            return Err(self.wrong("accounts.second_factor", "must be enrolled or required"));
        }
        let access = config.access.policy().map_err(|(key, message)| self.wrong(key, message))?;
        let policy = config.policy.policy().map_err(|(key, message)| self.wrong(key, message))?;
        doorward_mcp::tool_limits(&config.mcp.tool_limits)
            .map_err(|message| self.wrong("mcp.tool_limits", message))?;
        doorward_federation::check_configured(&config.providers)
            .map_err(|wrong| self.wrong_provider(&wrong))?;
        doorward_gateway::check_configured(&config.upstreams)
            .map_err(|wrong| self.wrong_upstream(&wrong))?;
        doorward_web::Brand::read(&config.pages)
            .map_err(|error| self.wrong(&format!("pages.{}", error.key), error.message))?;
        doorward_transport::mail::Mailer::new(&config.mail)
            .map_err(|error| self.wrong(&format!("mail.{}", error.key), error.message))?;
        crate::export::check(&config.audit).map_err(|wrong| ConfigError {
            origin: self.origins.get(&wrong.key).cloned(),
            ..wrong
        })?;
        self.check_numbers()?;
        Ok(Checked { listen, public_url, algorithm, proxies, administered, access, policy })
    }

    /// A provider's setting that is wrong, or missing: then it is the table's line that is named.
    fn wrong_provider(&self, wrong: &doorward_federation::ConfiguredProviderError) -> ConfigError {
        let section = format!("providers.{}", wrong.provider);
        let key = format!("{section}.{}", wrong.error.key);
        let origin = self.origins.get(&key).or_else(|| self.origins.get(&section)).cloned();
        ConfigError { origin, key, message: wrong.error.message.clone() }
    }

    /// An upstream's setting that is wrong, or missing: then it is the table's line that is named.
    fn wrong_upstream(&self, wrong: &doorward_gateway::ConfiguredUpstreamError) -> ConfigError {
        let section = format!("upstreams.{}", wrong.upstream);
        let key = format!("{section}.{}", wrong.error.key);
        let origin = self.origins.get(&key).or_else(|| self.origins.get(&section)).cloned();
        ConfigError { origin, key, message: wrong.error.message.clone() }
    }

    fn check_numbers(&self) -> Result<(), ConfigError> {
        let (issuer, accounts) = (&self.config.issuer, &self.config.accounts);
        for (key, value, least, most) in [
            ("issuer.access_token_seconds", issuer.access_token_seconds, 1, 86_400),
            ("issuer.code_seconds", issuer.code_seconds, 1, 600),
            (
                "issuer.refresh_token_idle_seconds",
                issuer.refresh_token_idle_seconds,
                1,
                10 * 366 * 86_400,
            ),
            ("issuer.grant_max_seconds", issuer.grant_max_seconds, 1, 10 * 366 * 86_400),
            ("issuer.refresh_grace_seconds", issuer.refresh_grace_seconds, 0, 600),
            (
                "issuer.authorization_request_seconds",
                issuer.authorization_request_seconds,
                30,
                3600,
            ),
            ("accounts.session_idle_seconds", accounts.session_idle_seconds, 60, 366 * 86_400),
            ("accounts.session_max_seconds", accounts.session_max_seconds, 60, 366 * 86_400),
            ("accounts.longest_delay_seconds", accounts.longest_delay_seconds, 1, 86_400),
            ("accounts.admin_link_seconds", accounts.admin_link_seconds, 60, 30 * 86_400),
            (
                "accounts.password_min_length",
                i64::try_from(accounts.password_min_length).unwrap_or(i64::MAX),
                8,
                256,
            ),
            (
                "registration.unused_seconds",
                self.config.registration.unused_seconds,
                3600,
                366 * 86_400,
            ),
        ] {
            if !(least..=most).contains(&value) {
                return Err(
                    self.wrong(key, format!("must be between {least} and {most}, not {value}"))
                );
            }
        }
        Ok(())
    }
}

/// What [`Loaded::check`] parsed.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The public URL, unless it follows from the listener.
    pub public_url: Option<PublicUrl>,
    /// How tokens are signed.
    pub algorithm: SigningAlgorithm,
    /// Whose forwarded headers count.
    pub proxies: TrustedProxies,
    /// The networks within which administrators may choose.
    pub administered: Bounds,
    /// What roles allow.
    pub access: AccessPolicy,
    /// Which tools, for whom.
    pub policy: ToolPolicy,
}

impl Checked {
    /// The public URL, given the address that the listener really has.
    pub fn public_url(&self, bound: SocketAddr) -> Result<PublicUrl, ConfigError> {
        if let Some(url) = &self.public_url {
            Ok(url.clone())
        } else {
            let text = format!("http://{bound}");
            let text = text.strip_suffix(":80").unwrap_or(&text);
            PublicUrl::parse(text).map_err(|error| ConfigError {
                origin: None,
                key: "server.public_url".to_owned(),
                message: error.to_string(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Loaded, ConfigError> {
        load::load_text(text, "doorward.toml", &Environment::default())
    }

    #[test]
    fn an_empty_file_is_complete() {
        let loaded = load_text("").unwrap();
        assert_eq!(
            loaded.check().unwrap().public_url("127.0.0.1:8400".parse().unwrap()).unwrap().as_str(),
            "http://127.0.0.1:8400"
        );
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
                "server.public_url: is needed when server.listen is not a loopback address: set it to the https address under which people reach this server",
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
                "[providers.g]\nkind = \"google\"\nclient_id = \"x\"\nclient_secret = \"y\"\nrole = [\"a\"]\n",
                "doorward.toml, line 5: providers.g.role: is not a key; did you mean providers.g.roles?",
            ),
            (
                "[providers]\ngoogle = 1\n",
                "doorward.toml, line 2: providers.google: write a table [providers.NAME]; providers.google is none",
            ),
            (
                "[access]\nscope_roles = [\"mcp:rite = a\"]\n",
                "doorward.toml, line 2: access.scope_roles: \"mcp:rite\" is not a scope that can be ruled; there are mcp:read, mcp:write, mcp:destructive, admin:read, admin:upstreams, admin, offline_access, and [policy] has rules for single upstreams",
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
        ]);
        let text = "[providers.my-idp]\nkind = \"oidc\"\nissuer = \"https://idp.example\"\nclient_id = \"c\"\n";
        let loaded = load::load_text(text, "doorward.toml", &environment).unwrap();
        loaded.check().unwrap();
        assert_eq!(loaded.config.providers["my-idp"].client_secret.reveal(), "s");
        assert_eq!(loaded.config.providers["github"].allowed_groups, ["acme/core", "acme/ops"]);
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
