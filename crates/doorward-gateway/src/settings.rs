//! The settings of an upstream, parsed into types.

use base64::Engine;
use doorward_model::{Pattern, Role, ToolClass, UpstreamName, nearest, uri};
use doorward_transport::{Outbound, OutboundConfig, PeerPermissions};
use http::{HeaderName, HeaderValue};
use url::Url;

use crate::{
    config::{Capabilities, SettingError, UpstreamConfig},
    oauth::{ByHand, client::client_key},
    reach::Reach,
    setting_url::setting_url,
    upstream::{Auth, Origins, OwnAccess, Source, Upstream},
    upstreams::KINDS,
};

/// The origins to which calls may go: that of `base`, and those that the operator lists.
fn origins(
    config: &UpstreamConfig,
    base: Option<&Url>,
    reach: &Reach,
) -> Result<Origins, SettingError> {
    let mut more = Vec::new();
    for text in &config.origins {
        let url = setting_url("origins", text)?
            .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
        let url = url.ok_or_else(|| {
            SettingError::new(
                "origins",
                format!("{text:?} is not an origin like https://api.example.com"),
            )
        })?;
        reach.admit("origins", Some(&url))?;
        more.push(url.origin());
    }
    Ok(Origins::new(base.map(Url::origin), more))
}

/// The fixed header of `auth = "header"`.
fn fixed_header(config: &UpstreamConfig) -> Result<Auth, SettingError> {
    let wrong = || SettingError::new("header", "must read Name: value");
    let (name, value) = config.header.parts().ok_or_else(wrong)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
    if [
        "accept",
        "content-type",
        "mcp-session-id",
        "mcp-protocol-version",
        "last-event-id",
        "host",
        "content-length",
    ]
    .contains(&name.as_str())
    {
        return Err(SettingError::new("header", format!("{name} belongs to the protocol")));
    }
    value.set_sensitive(true);
    Ok(Auth::Fixed(name, value))
}

/// The fixed header of `auth = "basic"`.
fn basic(config: &UpstreamConfig) -> Result<Auth, SettingError> {
    let text = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!(
            "{}:{}",
            config.username,
            config.password.reveal()
        ))
    );
    let mut value =
        HeaderValue::try_from(text).map_err(|_| SettingError::new("password", "cannot be sent"))?;
    value.set_sensitive(true);
    Ok(Auth::Fixed(http::header::AUTHORIZATION, value))
}

/// The access with which calls are made.
fn auth(config: &UpstreamConfig, reach: &Reach) -> Result<Auth, SettingError> {
    let need = |key: &'static str, value: &str| {
        if value.is_empty() {
            Err(SettingError::new(key, format!("is needed for auth = {:?}", config.auth)))
        } else {
            Ok(())
        }
    };
    Ok(match config.auth.as_str() {
        "none" => Auth::None,
        "header" => {
            need("header", config.header.reveal())?;
            fixed_header(config)?
        }
        "basic" => {
            need("username", &config.username)?;
            need("password", config.password.reveal())?;
            basic(config)?
        }
        "identity" => Auth::Identity,
        "exchange" => {
            need("token_url", &config.token_url)?;
            need("client_id", &config.client_id)?;
            let url = setting_url("token_url", &config.token_url)?
                .ok_or_else(|| SettingError::new("token_url", "is needed"))?;
            reach.admit_authorization_server("token_url", Some(&url))?;
            Auth::Exchange(url)
        }
        "assertion" => {
            need("identity_provider", &config.identity_provider)?;
            need("client_id", &config.client_id)?;
            Auth::Assertion
        }
        // A secret goes to no other server than the one that it was set for.
        "client_credentials" => {
            need("issuer", &config.issuer)?;
            need("client_id", &config.client_id)?;
            if config.client_secret.is_empty() && config.private_key.is_empty() {
                return Err(SettingError::new(
                    "client_secret",
                    "is needed for auth = \"client_credentials\", or else private_key",
                ));
            }
            Auth::Own(OwnAccess::ClientCredentials)
        }
        "workload" => {
            need("issuer", &config.issuer)?;
            let file = &config.assertion_file;
            Auth::Own(OwnAccess::Workload((!file.is_empty()).then(|| file.into())))
        }
        "oauth" => Auth::Grant,
        other => {
            return Err(SettingError::new(
                "auth",
                format!(
                    "{other:?} is not one of {}{}",
                    UpstreamConfig::AUTH.join(", "),
                    nearest::hint(other, UpstreamConfig::AUTH)
                ),
            ));
        }
    })
}

/// Checks the settings of this server as a client of an authorization server.
fn client_rules(config: &UpstreamConfig, auth: &Auth) -> Result<(), SettingError> {
    let is_issued =
        matches!(auth, Auth::Exchange(_) | Auth::Assertion | Auth::Grant | Auth::Own(_));
    for (key, is_set) in [
        ("dpop", config.dpop),
        ("private_key", !config.private_key.is_empty()),
        ("private_key_id", !config.private_key_id.is_empty()),
        ("assertion_audience", !config.assertion_audience.is_empty()),
    ] {
        if is_set && !is_issued {
            return Err(SettingError::new(
                key,
                "is for tokens of an authorization server: auth = client_credentials, workload, \
                 exchange, assertion or oauth",
            ));
        }
    }
    if !config.assertion_file.is_empty() && config.auth != "workload" {
        return Err(SettingError::new("assertion_file", "is for auth = \"workload\""));
    }
    if config.private_key.is_empty() {
        return Ok(());
    }
    if config.client_id.is_empty() || !config.client_secret.is_empty() {
        return Err(SettingError::new(
            "private_key",
            "is for a client_id that you set, and takes the place of client_secret",
        ));
    }
    client_key(config.private_key.reveal(), None)
        .map(drop)
        .map_err(|why| SettingError::new("private_key", why))
}

/// Checks the settings that every kind reads and that need no type of their own.
fn general_rules(config: &UpstreamConfig, reach: &Reach) -> Result<(), SettingError> {
    if config.env.iter().any(|pair| pair.parts().is_none_or(|(name, _)| name.is_empty())) {
        return Err(SettingError::new("env", "must be NAME=VALUE"));
    }
    if !matches!(config.approve.as_str(), "auto" | "manual") {
        return Err(SettingError::new("approve", "must be auto or manual"));
    }
    if uri::after_scheme(&config.issuer, "http").is_some() {
        reach.admit_authorization_server(
            "issuer",
            setting_url("issuer", &config.issuer)?.as_ref(),
        )?;
    }
    if config.list_tools == 0 || config.list_bytes == 0 {
        return Err(SettingError::new(
            if config.list_tools == 0 { "list_tools" } else { "list_bytes" },
            "must be at least 1",
        ));
    }
    Ok(())
}

fn role(text: &String) -> Result<Role, SettingError> {
    Role::named(text).map_err(|error| SettingError::new("roles", format!("{text:?}: {error}")))
}

/// A line of the setting `classes`.
fn class(text: &String) -> Result<(Pattern, ToolClass), SettingError> {
    let wrong = || {
        SettingError::new(
            "classes",
            format!("{text:?} must read TOOL = read, write or destructive"),
        )
    };
    let (tool, class) = text.split_once('=').ok_or_else(wrong)?;
    Ok((Pattern::new(tool.trim()), ToolClass::parse(class.trim()).ok_or_else(wrong)?))
}

/// The guarded client with the networks and certificates that the settings add.
fn outbound_of(
    config: &UpstreamConfig,
    outbound: &Outbound,
    general: &OutboundConfig,
    reach: &Reach,
) -> Result<Outbound, SettingError> {
    let wanted = PeerPermissions {
        networks: &reach.networks,
        ca_file: (!config.ca_file.is_empty()).then_some(config.ca_file.as_str()),
        plain: &reach.plain,
    };
    outbound
        .for_streams(general, wanted)
        .map_err(|error| SettingError::new(error.setting(), error.to_string()))
}

impl Upstream {
    /// Parses settings. No request is sent to the upstream.
    pub fn new(
        name: &str,
        config: UpstreamConfig,
        source: Source,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Self, SettingError> {
        let name = UpstreamName::parse(name)
            .map_err(|error| SettingError::new("name", error.to_string()))?;
        let wrong = || {
            let names = || KINDS.iter().map(|kind| kind.name);
            let known = names().collect::<Vec<_>>().join(", ");
            let hint = nearest::hint(&config.kind, names());
            SettingError::new("kind", format!("must be one of {known}{hint}"))
        };
        let kind = KINDS.iter().copied().find(|kind| kind.name == config.kind).ok_or_else(wrong)?;
        let url = setting_url("url", &config.url)?;
        let reach = Reach::read(&config, general)?;
        reach.admit("url", url.as_ref())?;
        kind.driver.check(&config, url.as_ref())?;
        general_rules(&config, &reach)?;
        let capabilities = Capabilities::parse(&config.capabilities)?;
        if !config.user.is_empty() && !kind.is_process {
            return Err(SettingError::new("user", "is for a local process alone"));
        }
        let auth = auth(&config, &reach)?;
        client_rules(&config, &auth)?;
        let by_hand = ByHand::read(&config, &reach)?;
        kind.driver.check_access(&config, &auth)?;
        let base = kind.driver.base(&config, url.as_ref());
        let origins = origins(&config, base.as_ref(), &reach)?;
        let patterns = |texts: &[String]| texts.iter().map(Pattern::new).collect();
        let outbound = outbound_of(&config, outbound, general, &reach)?;
        let location = kind.driver.resource(&config, url.as_ref());
        Ok(Self {
            name,
            kind,
            title: if config.title.is_empty() { name.to_string() } else { config.title.clone() },
            source,
            url,
            location,
            auth,
            by_hand,
            origins,
            roles: config.roles.iter().map(role).collect::<Result<_, _>>()?,
            capabilities,
            include: patterns(&config.include),
            exclude: patterns(&config.exclude),
            classes: config.classes.iter().map(class).collect::<Result<_, _>>()?,
            outbound,
            challenge: std::sync::Arc::default(),
            noted: std::sync::Arc::default(),
            process_log: std::sync::Arc::default(),
            config,
        })
    }
}

/// Checks the upstreams of the configuration file.
pub fn check_configured(
    configured: &std::collections::BTreeMap<String, UpstreamConfig>,
    general: &OutboundConfig,
) -> Result<(), crate::config::ConfiguredUpstreamError> {
    // A fault of the general settings is told with them.
    let Ok(outbound) = Outbound::new(general) else { return Ok(()) };
    for (name, config) in configured {
        Upstream::new(name, config.clone(), Source::File, &outbound, general).map_err(|error| {
            crate::config::ConfiguredUpstreamError { upstream: name.clone(), error }
        })?;
    }
    Ok(())
}
