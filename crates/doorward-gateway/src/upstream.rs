//! One upstream, its settings parsed into types.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use doorward_mcp::{Answer, CallLimits, ItemSpec, Permit, ToolCall, ToolError};
use doorward_model::{Pattern, Role, Scope, ToolClass, UpstreamName, User};
use doorward_transport::Outbound;
use futures_util::{Stream, future::BoxFuture};
use http::{HeaderName, HeaderValue};
use rmcp::model::{CallToolResponse, Resource};
use serde_json::Value;
use url::Url;

use crate::{
    Gateway, Inner,
    config::{Capabilities, SettingError, UpstreamConfig},
    definition::Operation,
    finding::Finding,
    left_out::Noted,
    link_error::LinkError,
    listed::Listed,
    oauth::by_hand::ByHand,
    process_log::{ProcessLine, ProcessLog},
};

/// The receiver of a request that carries a user's access.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiver<'a> {
    /// The server at this URL.
    Url(&'a Url),
    /// The process of a local upstream.
    Process,
}

/// A kind of upstream: a file in `upstreams/` and a line in its table.
pub struct Kind {
    /// Its name in the configuration.
    pub name: &'static str,
    /// A description in one sentence.
    pub summary: &'static str,
    /// True for a process or the folders of this machine, which belong to the operator: no
    /// administrator can add one over the network.
    pub is_process: bool,
    /// True if a connection begins with a GET of a stream, which is challenged instead of a POST.
    pub begins_with_stream: bool,
    pub(crate) driver: &'static dyn Driver,
}

/// The settings of a kind. The defaults are those of a server at a URL.
pub(crate) trait Setup: Send + Sync {
    /// Checks the settings that this kind reads.
    fn check(&self, _config: &UpstreamConfig, url: Option<&Url>) -> Result<(), SettingError> {
        url.map(|_| ()).ok_or_else(|| SettingError::new("url", "is needed"))
    }
    /// Checks that it can be called with the access of the setting `auth`.
    fn check_access(&self, _config: &UpstreamConfig, _auth: &Auth) -> Result<(), SettingError> {
        Ok(())
    }
    /// The URL with the origin that calls may reach without an entry in `origins`.
    fn base(&self, _config: &UpstreamConfig, url: Option<&Url>) -> Option<Url> {
        url.cloned()
    }
    /// The resource for which users' tokens are kept.
    fn resource(&self, _config: &UpstreamConfig, url: Option<&Url>) -> String {
        url.map(|url| url.as_str().to_owned()).unwrap_or_default()
    }
    /// The place to which decisions about tools apply, where the setting `url` is empty.
    fn place(&self, _config: &UpstreamConfig) -> String {
        String::new()
    }
    /// A request that every server of the kind answers, if only with a refusal, and that changes
    /// nothing there.
    fn ping(&self, url: &Url) -> http::Result<http::Request<Vec<u8>>> {
        http::Request::post(url.as_str())
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(br#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#.to_vec())
    }
    /// Reports a receiver that belongs to the upstream, to which its users' access may go.
    fn is_reached_at(&self, upstream: &Upstream, receiver: Receiver<'_>) -> bool {
        match receiver {
            Receiver::Url(to) => {
                upstream.url.as_ref().is_some_and(|url| url.origin() == to.origin())
            }
            Receiver::Process => false,
        }
    }
}

/// The operations on an upstream, as its kind carries them out. Kinds that speak MCP over a
/// connection share one implementation (`upstreams/mcp.rs`).
pub(crate) trait Driver: Setup {
    /// Lists its offers.
    fn list<'a>(
        &'a self,
        inner: &'a Arc<Inner>,
        upstream: &'a Shared,
        user: &'a Arc<User>,
    ) -> BoxFuture<'a, Result<Listed, LinkError>>;
    /// The resources that it lists for this user alone, besides those of the catalogue.
    fn resources<'a>(
        &'a self,
        _gateway: &'a Gateway,
        _upstream: &'a Shared,
        _user: &'a Arc<User>,
    ) -> BoxFuture<'a, Vec<Resource>> {
        Box::pin(async move { Vec::new() })
    }
    /// Calls a tool.
    fn call<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        call: ToolCall,
    ) -> BoxFuture<'a, Result<CallToolResponse, ToolError>>;
    /// Carries out an admitted operation on an item that is no tool, such as reading a resource.
    fn perform<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        item: &'a ItemSpec,
        permit: Permit,
    ) -> BoxFuture<'a, Result<Answer, ToolError>>;
    /// Tries the upstream out, for this user or as far as that is possible without one.
    fn test<'a>(
        &'a self,
        gateway: &'a Gateway,
        upstream: &'a Shared,
        user: Option<&'a Arc<User>>,
    ) -> BoxFuture<'a, Vec<Finding>>;
    /// Reads the member `operation` of a pinned definition. Kinds that speak MCP pin none.
    fn operation(&self, _pinned: Value) -> Option<Arc<dyn Operation>> {
        None
    }
}

/// The source of an upstream's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configuration file or the environment.
    File,
    /// An administrator, on a page, by the API or by a command.
    Added,
}

impl Source {
    /// The name for programs. The audit has the user or the command that added it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "configuration",
            Self::Added => "added",
        }
    }
}

/// The credentials of this server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnAccess {
    /// Those of a client.
    ClientCredentials,
    /// A token of the platform in this file, or without one a token of this server.
    Workload(Option<PathBuf>),
}

/// The credentials of calls.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// Without credentials.
    None,
    /// With the upstream's own, in a fixed header.
    Fixed(HeaderName, HeaderValue),
    /// With a token of the upstream's authorization server for this server itself.
    Own(OwnAccess),
    /// With a token of this server that names the user.
    Identity,
    /// With that token, exchanged at this token endpoint.
    Exchange(Url),
    /// With a token for which the user's identity provider asserts the user to the authorization
    /// server of the upstream.
    Assertion,
    /// With the user's own OAuth grant.
    Grant,
}

impl Auth {
    /// True if the effect of a call depends on the user.
    pub(crate) fn is_personal(&self) -> bool {
        matches!(self, Self::Identity | Self::Exchange(_) | Self::Assertion | Self::Grant)
    }
}

/// The origins (RFC 6454) that the operator allows for calls of a REST API, and for the users'
/// access.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    own: Option<url::Origin>,
    more: Vec<url::Origin>,
}

impl Origins {
    /// The origin of `url`, or else of the document's URL, and those of the list `origins`.
    pub(crate) fn new(own: Option<url::Origin>, more: Vec<url::Origin>) -> Self {
        Self { own, more }
    }
    /// Reports a URL that calls may reach. The operator vouches for a document that is a file of
    /// this machine, unless a list limits it.
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
    /// Its kind.
    pub kind: &'static Kind,
    /// Its display name.
    pub title: String,
    /// The source of its settings.
    pub source: Source,
    pub(crate) config: UpstreamConfig,
    pub(crate) url: Option<Url>,
    /// The resource at which its users' tokens are used, as tokens are kept for it.
    pub(crate) location: String,
    pub(crate) auth: Auth,
    /// The operator's knowledge of its authorization server.
    pub(crate) by_hand: ByHand,
    pub(crate) origins: Origins,
    pub(crate) roles: Vec<Role>,
    pub(crate) capabilities: Capabilities,
    pub(crate) include: Vec<Pattern>,
    pub(crate) exclude: Vec<Pattern>,
    pub(crate) classes: Vec<(Pattern, ToolClass)>,
    pub(crate) outbound: Outbound,
    /// The upstream's last challenge (`WWW-Authenticate`).
    pub(crate) challenge: Arc<Mutex<Option<String>>>,
    /// The omissions from what it sends beside its lists.
    pub(crate) noted: Arc<Noted>,
    /// The newest lines of its processes.
    pub(crate) process_log: Arc<ProcessLog>,
}

/// The settings that connections depend on: all but those that are named here.
fn of_connections(config: &UpstreamConfig) -> UpstreamConfig {
    let any = UpstreamConfig::default();
    UpstreamConfig {
        title: any.title,
        enabled: any.enabled,
        include: any.include,
        exclude: any.exclude,
        scopes: any.scopes,
        connection_days: any.connection_days,
        roles: any.roles,
        own_scopes: any.own_scopes,
        approve: any.approve,
        classes: any.classes,
        prompts: any.prompts,
        resources: any.resources,
        list_seconds: any.list_seconds,
        list_tools: any.list_tools,
        list_bytes: any.list_bytes,
        list_wait_ms: any.list_wait_ms,
        connect_seconds: any.connect_seconds,
        call_seconds: any.call_seconds,
        calls_per_minute: any.calls_per_minute,
        calls_at_once: any.calls_at_once,
        result_bytes: any.result_bytes,
        idle_seconds: any.idle_seconds,
        ..config.clone()
    }
}

impl Upstream {
    /// Reports a process that runs once for each user, so that there is none without one.
    pub fn runs_for_each_user(&self) -> bool {
        self.kind.is_process && self.lists_are_personal()
    }
    /// The newest lines that its processes wrote to their standard error, the oldest first; `None`
    /// for an upstream without processes.
    pub fn process_lines(&self) -> Option<Vec<ProcessLine>> {
        self.kind.is_process.then(|| self.process_log.lines())
    }
    /// The number of those lines, each time that some were added.
    pub fn process_news(&self) -> impl Stream<Item = i64> + Send + 'static + use<> {
        self.process_log.news()
    }
    /// Reports an upstream that is spoken to without TLS.
    pub fn is_plain(&self) -> bool {
        self.url.as_ref().is_some_and(|url| url.scheme() == "http")
    }
    /// Reports another state of this upstream's settings with which connections are made alike, so
    /// that those of one serve the other.
    pub(crate) fn connects_like(&self, other: &Self) -> bool {
        self.name == other.name && of_connections(&self.config) == of_connections(&other.config)
    }

    /// Takes over the facts learned about the upstream under the previous settings, where they
    /// still hold.
    pub(crate) fn following(mut self, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            self.process_log = Arc::clone(&before.process_log);
        }
        if let Some(before) = before.filter(|before| self.connects_like(before)) {
            self.challenge = Arc::clone(&before.challenge);
        }
        self
    }

    /// True if its tools are offered to users.
    pub fn is_enabled(&self) -> bool {
        self.config.enabled
    }
    /// Its settings. Their secrets are of types that are never printed.
    pub fn public_config(&self) -> UpstreamConfig {
        self.config.clone()
    }
    /// True if this user may use it at all.
    pub fn is_for(&self, user: &User) -> bool {
        self.roles.is_empty() || user.has_any(&self.roles)
    }
    /// True if each user has to connect with an account of their own.
    pub fn needs_connection(&self) -> bool {
        matches!(self.auth, Auth::Grant)
    }
    /// True if tokens of its authorization server are requested, by users or without them.
    pub(crate) fn has_authorization_server(&self) -> bool {
        matches!(self.auth, Auth::Grant | Auth::Assertion | Auth::Own(_))
    }
    /// True if its lists differ from user to user.
    pub(crate) fn lists_are_personal(&self) -> bool {
        self.auth.is_personal() || self.config.per_user
    }
    /// True if a connection belongs to one user.
    pub(crate) fn links_are_personal(&self) -> bool {
        // A shared session at an HTTP server would mix the state of different users.
        !self.kind.is_process || self.lists_are_personal()
    }
    /// True if a tool is offered at all.
    pub(crate) fn offers(&self, tool: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(tool)))
            && !self.exclude.iter().any(|pattern| pattern.matches(tool))
    }
    /// Reports that new items wait for an administrator.
    pub(crate) fn approves_by_hand(&self) -> bool {
        self.config.approve == "manual"
    }
    /// The scope that a tool of this class needs here.
    pub(crate) fn scope(&self, class: ToolClass) -> Scope {
        if self.config.own_scopes { Scope::At(class, self.name) } else { Scope::of_class(class) }
    }
    /// Limits of one call to it.
    pub(crate) fn limits(&self) -> CallLimits {
        CallLimits {
            per_minute: self.config.calls_per_minute,
            at_once: self.config.calls_at_once,
            seconds: self.config.call_seconds,
            result_bytes: self.config.result_bytes,
        }
    }
    /// Its place by the operator's settings, to which decisions about its tools apply: an origin,
    /// or the name of a process or file.
    pub(crate) fn place(&self) -> String {
        match &self.url {
            Some(url) => url.origin().ascii_serialization(),
            None => self.kind.driver.place(&self.config),
        }
    }
    /// Reports a receiver that belongs to it, to which its users' access may go.
    pub(crate) fn is_reached_at(&self, receiver: Receiver<'_>) -> bool {
        self.kind.driver.is_reached_at(self, receiver)
    }
    /// Its identifier as a resource at its authorization server.
    pub(crate) fn audience(&self) -> String {
        if self.config.audience.is_empty() {
            self.url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default()
        } else {
            self.config.audience.clone()
        }
    }
}

/// A shared upstream.
pub(crate) type Shared = Arc<Upstream>;
