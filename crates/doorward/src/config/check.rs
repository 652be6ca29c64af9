//! Checks that concern several values.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use doorward_model::{
    AccessPolicy, PublicUrl, RuleSet, SecretSetting, SigningAlgorithm, ToolPolicy,
    public_url::WAYS_TO_HTTPS,
};
use doorward_transport::{
    Listen,
    address::TrustedProxies,
    outbound::{Bounds, OutboundSetupError},
};

use super::{Config, ConfigError, ConfigErrors, Fingerprint, Origin, TlsSource};

/// A configuration with the place of every value that is not a default.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The sources of the values.
    pub origins: BTreeMap<String, Origin>,
    /// The secrets among the values, to tell whether they change.
    pub secrets: BTreeMap<String, SecretSetting>,
    /// The files that values were read from.
    pub files: Fingerprint,
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

    /// Checks what single values cannot tell, and parses them into types. Every fault is told.
    pub fn check(&self) -> Result<Checked, ConfigErrors> {
        let config = &self.config;
        let mut faults = Vec::new();
        self.check_texts(&mut faults);
        self.check_sections(&mut faults);
        self.check_numbers(&mut faults);
        let mut take = Faults { of: self, found: &mut faults };
        let listen: Option<Listen> = take.parsed(
            "server.listen",
            config.server.listen.parse().map_err(|()| {
                "must be localhost:PORT or an IP address and port, such as localhost:8400 or 0.0.0.0:8400"
            }),
        );
        let tls = take.keyed(TlsSource::read(&config.server));
        let public_url = match (listen, &tls) {
            (Some(listen), Some(tls)) => {
                take.parsed("server.public_url", self.public_url(listen, tls))
            }
            _ => None,
        };
        let algorithm = take.parsed(
            "keys.algorithm",
            SigningAlgorithm::parse(&config.keys.algorithm).ok_or("must be ES256, EdDSA or RS256"),
        );
        let proxies = take.parsed(
            "server.trusted_proxies",
            TrustedProxies::parse(&config.server.trusted_proxies)
                .map_err(|text| format!("{text:?} is not a network like 10.0.0.0/8")),
        );
        let administered =
            take.parsed("outbound.administered_networks", Bounds::read(&config.outbound));
        let access = take.keyed(config.access.policy());
        let policy = take.keyed(config.policy.policy());
        match (listen, tls, public_url, algorithm, proxies, administered, access, policy) {
            (
                Some(listen),
                Some(tls),
                Some(public_url),
                Some(algorithm),
                Some(proxies),
                Some(administered),
                Some(access),
                Some(policy),
            ) if faults.is_empty() => Ok(Checked {
                listen,
                tls,
                public_url,
                algorithm,
                proxies,
                administered,
                access,
                policy,
                owned: self.owned(),
            }),
            _ => Err(ConfigErrors(faults)),
        }
    }

    /// The sets of rules that the configuration has: those with a key of their section, or with
    /// another value than the default.
    pub(crate) fn owned(&self) -> BTreeSet<RuleSet> {
        let (config, usual) = (&self.config, Config::default());
        let value = |config: &Config, set: RuleSet| {
            let value = match set {
                RuleSet::Policy => serde_json::to_value(&config.policy),
                RuleSet::Access => serde_json::to_value(&config.access),
                RuleSet::Limits => serde_json::to_value(&config.limits),
                RuleSet::Registration => serde_json::to_value(&config.registration),
            };
            value.ok()
        };
        let has = |set: &RuleSet| {
            let section = format!("{}.", set.as_str());
            self.origins.keys().any(|key| key.starts_with(&section))
                || value(config, *set) != value(&usual, *set)
        };
        RuleSet::ALL.into_iter().filter(has).collect()
    }

    /// Checks texts that have one of a few forms.
    fn check_texts(&self, faults: &mut Vec<ConfigError>) {
        let config = &self.config;
        let store = config.store.url.reveal();
        let schemes = ["postgres://", "postgresql://", "sqlite://"];
        let metrics = &config.metrics.listen;
        for (key, is_right, demand) in [
            (
                "metrics.listen",
                metrics.is_empty() || metrics.parse::<SocketAddr>().is_ok(),
                "must be an IP address and port, such as 127.0.0.1:9464",
            ),
            (
                "log.format",
                matches!(config.log.format.as_str(), "text" | "json"),
                "must be text or json",
            ),
            (
                "store.url",
                store.is_empty() || schemes.iter().any(|scheme| store.starts_with(scheme)),
                "must be empty, sqlite://FILE or postgres://USER@HOST/DATABASE",
            ),
            (
                "accounts.second_factor",
                matches!(config.accounts.second_factor.as_str(), "enrolled" | "required"),
                "must be enrolled or required",
            ),
        ] {
            if !is_right {
                faults.push(self.wrong(key, demand));
            }
        }
    }

    /// Checks the sections whose crates know their rules.
    fn check_sections(&self, faults: &mut Vec<ConfigError>) {
        let config = &self.config;
        if let Err(error) = doorward_transport::outbound::check(&config.outbound) {
            let key = if matches!(error, OutboundSetupError::Network(_)) {
                "outbound.allow_networks"
            } else {
                "outbound.extra_ca_files"
            };
            faults.push(self.wrong(key, error.to_string()));
        }
        if let Err(message) = doorward_mcp::tool_limits(&config.mcp.tool_limits) {
            faults.push(self.wrong("mcp.tool_limits", message));
        }
        for (name, provider) in &config.providers {
            let one = BTreeMap::from([(name.clone(), provider.clone())]);
            if let Err(wrong) = doorward_federation::check_configured(&one) {
                faults.push(self.wrong_provider(&wrong));
            }
        }
        for (name, upstream) in &config.upstreams {
            let one = BTreeMap::from([(name.clone(), upstream.clone())]);
            if let Err(wrong) = doorward_gateway::check_configured(&one, &config.outbound) {
                faults.push(self.wrong_upstream(&wrong));
            }
        }
        #[cfg(feature = "connectors")]
        for (name, connector) in &config.connectors {
            if let Err(wrong) = doorward_connectors::check(name, connector) {
                let section = format!("connectors.{name}");
                let key = format!("{section}.{}", wrong.key);
                let origin = self.origins.get(&key).or_else(|| self.origins.get(&section)).cloned();
                faults.push(ConfigError { origin, key, message: wrong.message });
            }
        }
        #[cfg(feature = "agent")]
        if let Err(error) = doorward_agent::check(&config.agent) {
            faults.push(self.wrong(&format!("agent.{}", error.key), error.message));
        }
        if let Err(error) = doorward_web::Brand::read(&config.pages) {
            faults.push(self.wrong(&format!("pages.{}", error.key), error.message));
        }
        if let Err(error) = doorward_mail::Mailer::new(&config.mail) {
            faults.push(self.wrong(&format!("mail.{}", error.key), error.message));
        }
        if let Err(error) = doorward_audit::check(&config.audit) {
            faults.push(self.wrong(&format!("audit.{}", error.key), error.message));
        }
    }

    /// Includes the checks that only a server needs.
    pub fn check_to_serve(&self) -> Result<Checked, ConfigErrors> {
        let checked = self.check();
        let files = TlsSource::read(&self.config.server).map(|tls| tls.check_files());
        // Settings of TLS that cannot be read are a fault of the first check.
        let Ok(Err((key, message))) = files else { return checked };
        let mut faults = checked.err().map(|ConfigErrors(faults)| faults).unwrap_or_default();
        faults.push(self.wrong(key, message));
        Err(ConfigErrors(faults))
    }

    /// The public URL, unless it follows from the listener.
    fn public_url(&self, listen: Listen, tls: &TlsSource) -> Result<Option<PublicUrl>, String> {
        let text = &self.config.server.public_url;
        if text.is_empty() {
            if listen.is_loopback() {
                return Ok(None);
            }
            let needed = format!(
                "is needed when other machines can connect (server.listen is {listen}): set it to the https URL under which users reach this server"
            );
            return Err(match tls {
                TlsSource::None => {
                    format!("{needed}. Set up https in one of three ways: {WAYS_TO_HTTPS}")
                }
                TlsSource::Files(_) | TlsSource::SelfSigned => needed,
            });
        }
        let url = PublicUrl::parse(text).map_err(|error| error.to_string())?;
        if *tls != TlsSource::None && !url.is_https() {
            return Err(format!(
                "begins with http, but this server serves https; write https{}",
                text.trim_start_matches("http")
            ));
        }
        Ok(Some(url))
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

    fn check_numbers(&self, faults: &mut Vec<ConfigError>) {
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
                "issuer.begun_per_minute_per_address",
                i64::from(issuer.begun_per_minute_per_address),
                1,
                1_000_000_000,
            ),
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
        ] {
            if !(least..=most).contains(&value) {
                let message = format!("must be between {least} and {most}, not {value}");
                faults.push(self.wrong(key, message));
            }
        }
        if let Err((key, message)) = self.config.registration.check() {
            faults.push(self.wrong(key, message));
        }
    }
}

/// The faults that were found, beside what could be parsed.
struct Faults<'a> {
    of: &'a Loaded,
    found: &'a mut Vec<ConfigError>,
}

impl Faults<'_> {
    /// The value of a key, unless it has a fault.
    fn parsed<T>(&mut self, key: &str, read: Result<T, impl ToString>) -> Option<T> {
        read.map_err(|fault| self.found.push(self.of.wrong(key, fault.to_string()))).ok()
    }

    /// The value of keys, unless the one that is named has a fault.
    fn keyed<T>(&mut self, read: Result<T, (&'static str, String)>) -> Option<T> {
        read.map_err(|(key, fault)| self.found.push(self.of.wrong(key, fault))).ok()
    }
}

/// The values that [`Loaded::check`] parsed.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The IP address and port of the listener.
    pub listen: Listen,
    /// With which certificate.
    pub tls: TlsSource,
    /// The public URL, unless it follows from the listener.
    pub public_url: Option<PublicUrl>,
    /// The signature algorithm of tokens.
    pub algorithm: SigningAlgorithm,
    /// The proxies with trusted forwarded headers.
    pub proxies: TrustedProxies,
    /// The networks within which administrators may choose.
    pub administered: Bounds,
    /// Permissions of roles.
    pub access: AccessPolicy,
    /// The rules that decide on tools.
    pub policy: ToolPolicy,
    /// The sets of rules that the configuration has: administrators cannot change them.
    pub owned: BTreeSet<RuleSet>,
}

impl Checked {
    /// The public URL, given the port that the listener really has.
    pub fn public_url(&self, port: u16) -> Result<PublicUrl, ConfigError> {
        if let Some(url) = &self.public_url {
            return Ok(url.clone());
        }
        let host = match self.listen {
            Listen::Localhost(_) => "localhost".to_owned(),
            Listen::At(SocketAddr::V4(at)) => at.ip().to_string(),
            Listen::At(SocketAddr::V6(at)) => format!("[{}]", at.ip()),
        };
        let scheme = self.tls.scheme();
        let text = match (scheme, port) {
            ("http", 80) | ("https", 443) => format!("{scheme}://{host}"),
            _ => format!("{scheme}://{host}:{port}"),
        };
        PublicUrl::parse(&text).map_err(|error| ConfigError {
            origin: None,
            key: "server.public_url".to_owned(),
            message: error.to_string(),
        })
    }
}
