//! One upstream, its settings parsed into types.

use std::sync::{Arc, Mutex};

use base64::Engine;
use doorward_mcp::CallLimits;
use doorward_model::{Pattern, Person, Role, Scope, ToolClass, UpstreamName};
use doorward_transport::{Correspondent, Outbound, OutboundConfig};
use http::{HeaderName, HeaderValue};
use url::Url;

use crate::{
    access::Receiver,
    config::{Capabilities, SettingError, UpstreamConfig},
    upstreams::{KINDS, Kind, Shape},
};

/// Where an upstream's settings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration file or the environment.
    File,
    /// `doorward upstream add`.
    Command,
}

/// With whose rights calls are made.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// With nobody's.
    Nobody,
    /// With the upstream's own, in a fixed header.
    Fixed(HeaderName, HeaderValue),
    /// With a token of ours that names the person.
    Identity,
    /// With that token, exchanged at this token endpoint.
    Exchange(Url),
    /// With the person's own OAuth grant.
    Grant,
}

impl Auth {
    /// Whether what a call may do depends on the person.
    pub(crate) fn is_personal(&self) -> bool {
        matches!(self, Self::Identity | Self::Exchange(_) | Self::Grant)
    }
}

/// The origins (RFC 6454) to which the operator lets the calls of a REST API go, and with them the
/// users' access.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    own: Option<url::Origin>,
    more: Vec<url::Origin>,
}

impl Origins {
    /// The origin of `url`, or else of the document's address, and those of the list `origins`.
    pub(crate) fn new(own: Option<url::Origin>, more: Vec<url::Origin>) -> Self {
        Self { own, more }
    }
    /// Reports an address to which calls may go. A document that is a file of this machine is the
    /// operator's own word, unless a list limits it.
    pub(crate) fn allow(&self, url: &Url) -> bool {
        let origin = url.origin();
        self.own.as_ref() == Some(&origin)
            || self.more.contains(&origin)
            || (self.own.is_none() && self.more.is_empty())
    }
}

/// An upstream, ready to be used.
pub struct Upstream {
    /// Its name.
    pub name: UpstreamName,
    /// What it is.
    pub kind: &'static Kind,
    /// Its name for people.
    pub title: String,
    /// Where its settings come from.
    pub source: Source,
    pub(crate) config: UpstreamConfig,
    pub(crate) url: Option<Url>,
    /// The resource at which its users' tokens are used, as tokens are kept for it.
    pub(crate) location: String,
    pub(crate) auth: Auth,
    pub(crate) origins: Origins,
    pub(crate) roles: Vec<Role>,
    pub(crate) capabilities: Capabilities,
    pub(crate) include: Vec<Pattern>,
    pub(crate) exclude: Vec<Pattern>,
    pub(crate) classes: Vec<(Pattern, ToolClass)>,
    pub(crate) outbound: Outbound,
    /// What the upstream last said about how to be authorised (`WWW-Authenticate`).
    pub(crate) challenge: Mutex<Option<String>>,
}

fn address(key: &'static str, text: &str) -> Result<Option<Url>, SettingError> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|_| {
        SettingError::new(
            key,
            format!("{text:?} is not an address like https://mcp.example.com/mcp"),
        )
    })?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(SettingError::new(key, "must be an https address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SettingError::new(
            key,
            "must not hold a user or password; use auth = \"basic\"",
        ));
    }
    Ok(Some(url))
}

/// An address that is spoken to: encrypted, or on this very machine where that is allowed.
fn spoken_to(
    key: &'static str,
    url: Option<&Url>,
    config: &UpstreamConfig,
) -> Result<(), SettingError> {
    let Some(url) = url else { return Ok(()) };
    let plain = url.scheme() == "http";
    if plain && !(config.http_on_loopback && doorward_model::public_url::is_loopback(url)) {
        return Err(SettingError::new(
            key,
            "must be an https address; for one on this machine set http_on_loopback and allow its network in networks",
        ));
    }
    Ok(())
}

/// To where the calls of a REST API may go.
fn origins(config: &UpstreamConfig, url: Option<&Url>) -> Result<Origins, SettingError> {
    let document =
        Url::parse(&config.document).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    let mut more = Vec::new();
    for text in &config.origins {
        let url = address("origins", text)?
            .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none());
        let url = url.ok_or_else(|| {
            SettingError::new(
                "origins",
                format!("{text:?} is not an origin like https://api.example.com"),
            )
        })?;
        spoken_to("origins", Some(&url), config)?;
        more.push(url.origin());
    }
    Ok(Origins::new(url.or(document.as_ref()).map(Url::origin), more))
}

/// The resource of an upstream: its address, with the further origins to which calls of a REST API
/// may go, or what names a process.
fn location(config: &UpstreamConfig, shape: Shape, url: Option<&Url>) -> String {
    match (shape, url) {
        (Shape::Address, Some(url)) => url.as_str().to_owned(),
        (Shape::Document, url) => {
            let base = url.map_or(config.document.as_str(), Url::as_str);
            let mut origins = config.origins.clone();
            origins.sort();
            std::iter::once(base)
                .chain(origins.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join(" ")
        }
        (Shape::Process | Shape::Address, _) => {
            format!("process {}", serde_json::to_string(&config.command).unwrap_or_default())
        }
    }
}

fn auth(config: &UpstreamConfig, shape: Shape) -> Result<Auth, SettingError> {
    let need = |key: &'static str, value: &str| {
        if value.is_empty() {
            Err(SettingError::new(key, format!("is needed for auth = {:?}", config.auth)))
        } else {
            Ok(())
        }
    };
    let auth = match config.auth.as_str() {
        "none" => Auth::Nobody,
        "header" => {
            need("header", config.header.reveal())?;
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
            Auth::Fixed(name, value)
        }
        "basic" => {
            need("username", &config.username)?;
            need("password", config.password.reveal())?;
            let text = format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(format!(
                    "{}:{}",
                    config.username,
                    config.password.reveal()
                ))
            );
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| SettingError::new("password", "cannot be sent"))?;
            value.set_sensitive(true);
            Auth::Fixed(http::header::AUTHORIZATION, value)
        }
        "identity" => Auth::Identity,
        "exchange" => {
            need("token_url", &config.token_url)?;
            need("client_id", &config.client_id)?;
            let url = address("token_url", &config.token_url)?
                .ok_or_else(|| SettingError::new("token_url", "is needed"))?;
            spoken_to("token_url", Some(&url), config)?;
            Auth::Exchange(url)
        }
        "oauth" => Auth::Grant,
        other => {
            return Err(SettingError::new(
                "auth",
                format!("{other:?} is not one of none, header, basic, identity, exchange, oauth"),
            ));
        }
    };
    if shape == Shape::Process {
        let has_place = config.env.iter().any(|pair| pair.reveal().contains("{token}"));
        if matches!(auth, Auth::Fixed(..)) {
            return Err(SettingError::new(
                "auth",
                "a local process has no headers; put what it needs into env",
            ));
        }
        if auth.is_personal() && !has_place {
            return Err(SettingError::new(
                "env",
                "must say where the person's token goes, like TOKEN={token}",
            ));
        }
        if matches!(auth, Auth::Grant) && config.issuer.is_empty() {
            return Err(SettingError::new(
                "issuer",
                "is needed: a local process cannot say which authorization server it trusts",
            ));
        }
    }
    Ok(auth)
}

impl Upstream {
    /// Parses settings. Nothing is asked of the upstream.
    pub fn new(
        name: &str,
        config: UpstreamConfig,
        source: Source,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Self, SettingError> {
        let name = UpstreamName::parse(name)
            .map_err(|error| SettingError::new("name", error.to_string()))?;
        let names = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let kind = KINDS
            .iter()
            .find(|kind| kind.name == config.kind)
            .ok_or_else(|| SettingError::new("kind", format!("must be one of {}", names())))?;
        let url = address("url", &config.url)?;
        spoken_to("url", url.as_ref(), &config)?;
        match kind.shape {
            Shape::Address if url.is_none() => return Err(SettingError::new("url", "is needed")),
            Shape::Process if config.command.is_empty() => {
                return Err(SettingError::new("command", "is needed"));
            }
            Shape::Document if config.document.is_empty() => {
                return Err(SettingError::new("document", "is needed: a file or an https address"));
            }
            _ => {}
        }
        if config.env.iter().any(|pair| pair.parts().is_none_or(|(name, _)| name.is_empty())) {
            return Err(SettingError::new("env", "must hold NAME=VALUE"));
        }
        if !matches!(config.approve.as_str(), "auto" | "manual") {
            return Err(SettingError::new("approve", "must be auto or manual"));
        }
        if config.issuer.starts_with("http:") {
            spoken_to("issuer", address("issuer", &config.issuer)?.as_ref(), &config)?;
        }
        let capabilities = Capabilities::parse(&config.capabilities)?;
        if !config.user.is_empty() {
            if kind.shape != Shape::Process {
                return Err(SettingError::new("user", "is for a local process alone"));
            }
            crate::upstreams::stdio::check_user(&config.user)
                .map_err(|why| SettingError::new("user", why))?;
        }
        let auth = auth(&config, kind.shape)?;
        let origins = origins(&config, url.as_ref())?;
        if config.list_tools == 0 || config.list_bytes == 0 {
            return Err(SettingError::new(
                if config.list_tools == 0 { "list_tools" } else { "list_bytes" },
                "must be at least 1",
            ));
        }
        let role = |text: &String| {
            Role::parse(text)
                .map_err(|error| SettingError::new("roles", format!("{text:?}: {error}")))
        };
        let class = |text: &String| {
            let wrong = || {
                SettingError::new(
                    "classes",
                    format!("{text:?} must read TOOL = read, write or destructive"),
                )
            };
            let (tool, class) = text.split_once('=').ok_or_else(wrong)?;
            Ok((Pattern::new(tool.trim()), ToolClass::parse(class.trim()).ok_or_else(wrong)?))
        };
        let roles = config.roles.iter().map(role).collect::<Result<_, _>>()?;
        let classes = config.classes.iter().map(class).collect::<Result<_, _>>()?;
        let wanted = Correspondent {
            networks: &config.networks,
            ca_file: (!config.ca_file.is_empty()).then_some(config.ca_file.as_str()),
            http_on_loopback: config.http_on_loopback,
        };
        let outbound = outbound.for_streams(general, wanted).map_err(|error| {
            let key =
                if matches!(error, doorward_transport::outbound::OutboundSetupError::Network(_)) {
                    "networks"
                } else {
                    "ca_file"
                };
            SettingError::new(key, error.to_string())
        })?;
        let patterns = |texts: &[String]| texts.iter().map(Pattern::new).collect();
        let location = location(&config, kind.shape, url.as_ref());
        Ok(Self {
            name,
            kind,
            title: if config.title.is_empty() { name.to_string() } else { config.title.clone() },
            source,
            url,
            location,
            auth,
            origins,
            roles,
            capabilities,
            include: patterns(&config.include),
            exclude: patterns(&config.exclude),
            classes,
            outbound,
            challenge: Mutex::default(),
            config,
        })
    }

    /// Whether it is used.
    pub fn is_enabled(&self) -> bool {
        self.config.enabled
    }
    /// Its settings. Their secrets are of types that are never printed.
    pub fn public_config(&self) -> UpstreamConfig {
        self.config.clone()
    }
    /// Whether this person may use it at all.
    pub fn is_for(&self, person: &Person) -> bool {
        self.roles.is_empty() || person.has_any(&self.roles)
    }
    /// Whether each person has to connect with an account of their own.
    pub fn needs_connection(&self) -> bool {
        matches!(self.auth, Auth::Grant)
    }
    /// Whether its lists differ from person to person.
    pub(crate) fn lists_are_personal(&self) -> bool {
        self.auth.is_personal() || self.config.per_person
    }
    /// Whether a connection belongs to one person.
    pub(crate) fn links_are_personal(&self) -> bool {
        // A shared session at an HTTP server would mix what it remembers of different people.
        self.kind.shape != Shape::Process || self.lists_are_personal()
    }
    /// Whether a tool is offered at all.
    pub(crate) fn offers(&self, tool: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(tool)))
            && !self.exclude.iter().any(|pattern| pattern.matches(tool))
    }
    /// Reports whether what was never seen waits for an administrator.
    pub(crate) fn approves_by_hand(&self) -> bool {
        self.config.approve == "manual"
    }
    /// The scope that a tool of this class needs here.
    pub(crate) fn scope(&self, class: ToolClass) -> Scope {
        if self.config.own_scopes { Scope::At(class, self.name) } else { Scope::of_class(class) }
    }
    /// How much of it one call may use.
    pub(crate) fn limits(&self) -> CallLimits {
        CallLimits {
            per_minute: self.config.calls_per_minute,
            at_once: self.config.calls_at_once,
            seconds: self.config.call_seconds,
            result_bytes: self.config.result_bytes,
        }
    }
    /// Where the operator says that it is: decisions about its tools are about what is there. An
    /// origin, or what names a process or file.
    pub(crate) fn place(&self) -> String {
        match (&self.url, self.kind.shape) {
            (Some(url), _) => url.origin().ascii_serialization(),
            (None, Shape::Document) => match Url::parse(&self.config.document) {
                Ok(url) if matches!(url.scheme(), "https" | "http") => {
                    url.origin().ascii_serialization()
                }
                _ => format!("file {}", self.config.document),
            },
            (None, _) => format!(
                "process {}",
                serde_json::to_string(&self.config.command).unwrap_or_default()
            ),
        }
    }
    /// Reports a receiver that belongs to it, to which its users' access may go.
    pub(crate) fn is_reached_at(&self, receiver: Receiver<'_>) -> bool {
        match (self.kind.shape, receiver) {
            (Shape::Address, Receiver::Url(to)) => {
                self.url.as_ref().is_some_and(|url| url.origin() == to.origin())
            }
            (Shape::Document, Receiver::Url(to)) => self.origins.allow(to),
            (Shape::Process, Receiver::Process) => true,
            (Shape::Address | Shape::Document, Receiver::Process)
            | (Shape::Process, Receiver::Url(_)) => false,
        }
    }
    /// What identifies it as a resource to its authorization server.
    pub(crate) fn audience(&self) -> String {
        if self.config.audience.is_empty() {
            self.url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default()
        } else {
            self.config.audience.clone()
        }
    }
}

/// Checks the upstreams of the configuration file.
pub fn check_configured(
    configured: &std::collections::BTreeMap<String, UpstreamConfig>,
) -> Result<(), crate::config::ConfiguredUpstreamError> {
    let general = OutboundConfig::default();
    let Ok(outbound) = Outbound::new(&general) else { return Ok(()) };
    for (name, config) in configured {
        Upstream::new(name, config.clone(), Source::File, &outbound, &general).map_err(
            |error| crate::config::ConfiguredUpstreamError { upstream: name.clone(), error },
        )?;
    }
    Ok(())
}

/// A shared upstream.
pub(crate) type Shared = Arc<Upstream>;
