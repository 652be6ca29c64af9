//! Checks of what single values cannot tell.

use std::{collections::BTreeMap, net::SocketAddr};

use doorward_model::{
    AccessPolicy, PublicUrl, SecretSetting, SigningAlgorithm, ToolPolicy, public_url::WAYS_TO_HTTPS,
};
use doorward_transport::{
    Listen,
    address::TrustedProxies,
    outbound::{Bounds, OutboundSetupError},
};

use super::{Config, ConfigError, Fingerprint, Origin, TlsWanted};

/// A configuration with the place of every value that is not a default.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where they come from.
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

    /// Checks what single values cannot tell, and parses them into types.
    pub fn check(&self) -> Result<Checked, ConfigError> {
        let config = &self.config;
        let listen: Listen = config.server.listen.parse().map_err(|()| {
            self.wrong(
                "server.listen",
                "must be localhost:PORT or an IP address and port, such as localhost:8400 or 0.0.0.0:8400",
            )
        })?;
        let tls =
            TlsWanted::read(&config.server).map_err(|(key, message)| self.wrong(key, message))?;
        let public_url = self.public_url(listen, &tls)?;
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
        doorward_mail::Mailer::new(&config.mail)
            .map_err(|error| self.wrong(&format!("mail.{}", error.key), error.message))?;
        doorward_audit::check(&config.audit)
            .map_err(|error| self.wrong(&format!("audit.{}", error.key), error.message))?;
        self.check_numbers()?;
        Ok(Checked { listen, tls, public_url, algorithm, proxies, administered, access, policy })
    }

    /// Checks also what a server alone needs.
    pub fn check_to_serve(&self) -> Result<Checked, ConfigError> {
        let checked = self.check()?;
        checked.tls.check_files().map_err(|(key, message)| self.wrong(key, message))?;
        Ok(checked)
    }

    /// The public URL, unless it follows from the listener.
    fn public_url(
        &self,
        listen: Listen,
        tls: &TlsWanted,
    ) -> Result<Option<PublicUrl>, ConfigError> {
        let text = &self.config.server.public_url;
        let wrong = |why: String| Err(self.wrong("server.public_url", why));
        if text.is_empty() {
            if listen.is_loopback() {
                return Ok(None);
            }
            let needed = format!(
                "is needed when other machines can connect (server.listen is {listen}): set it to the https URL under which users reach this server"
            );
            return match tls {
                TlsWanted::None => {
                    wrong(format!("{needed}. https comes in one of three ways: {WAYS_TO_HTTPS}"))
                }
                TlsWanted::Files(_) | TlsWanted::SelfSigned => wrong(needed),
            };
        }
        let url = match PublicUrl::parse(text) {
            Ok(url) => url,
            Err(error) => return wrong(error.to_string()),
        };
        if *tls != TlsWanted::None && !url.is_https() {
            return wrong(format!(
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

/// The values that [`Loaded::check`] parsed.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Where to listen.
    pub listen: Listen,
    /// With which certificate.
    pub tls: TlsWanted,
    /// The public URL, unless it follows from the listener.
    pub public_url: Option<PublicUrl>,
    /// How tokens are signed.
    pub algorithm: SigningAlgorithm,
    /// The proxies whose forwarded headers count.
    pub proxies: TrustedProxies,
    /// The networks within which administrators may choose.
    pub administered: Bounds,
    /// Permissions of roles.
    pub access: AccessPolicy,
    /// Which tools, for whom.
    pub policy: ToolPolicy,
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
