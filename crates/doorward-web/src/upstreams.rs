//! Upstreams on pages. The gateway is a crate of its own; the program connects it here.

use std::{future::Future, pin::Pin, sync::Arc};

use doorward_language::Message;
use doorward_model::{ClientId, Scope, ToolClass, ToolsetName, UpstreamName, User, UserId};
use doorward_store::StoreError;
use doorward_transport::Params;

/// A boxed future.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The state of a user's connection to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It works.
    Ready,
    /// The user has to connect.
    NotConnected,
    /// The user has to connect again.
    Expired,
    /// It cannot be reached.
    Unreachable,
}

/// An upstream as a user sees it.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name in URLs.
    pub name: String,
    /// Its display name.
    pub title: String,
    /// The state of the user's connection.
    pub state: ServiceState,
    /// Number of tools that it offers.
    pub tools: usize,
    /// The fault.
    pub problem: Option<Message>,
    /// True if the user connects to it with an account of their own.
    pub connectable: bool,
    /// The scopes that the user gave at the upstream.
    pub scopes: Option<String>,
    /// The account at the upstream, as far as it is known.
    pub account: Option<String>,
    /// The time at which the user connected, in seconds since 1970.
    pub connected_at: Option<i64>,
}

/// The tools of an upstream, as far as they are known at this moment.
#[derive(Clone, Debug)]
pub struct ServiceTools {
    /// The display name of the upstream.
    pub title: String,
    /// Of each tool its class and the scope that it needs.
    pub tools: Vec<(ToolClass, Scope)>,
}

/// A connection before it is made.
#[derive(Clone, Debug)]
pub struct PendingConnection {
    /// Its display name.
    pub title: String,
    /// The host where the user signs in.
    pub host: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// Those among them that it did not require before.
    pub new_scopes: Vec<String>,
    /// True if the user is connected already.
    pub connected: bool,
}

/// Reason for which a user is not connected. The log has the details.
#[derive(Debug)]
pub enum NotConnected {
    /// No such upstream, or not for this user, or it needs no connection.
    Unknown,
    /// The callback came too late, twice, or with another user or browser.
    NotAwaited,
    /// It requires more than the page showed.
    Grown,
    /// The upstream, or the user at its authorization server, refused; the text is the upstream's.
    Denied(String),
    /// It failed; the text states the reason.
    Failed(String),
    /// The store failed.
    Store(StoreError),
}

/// A call that waits for a user's confirmation.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The tool's display name.
    pub title: String,
    /// The tool's name.
    pub tool: String,
    /// The client of the intended call.
    pub client: String,
    /// The arguments, as text.
    pub arguments: String,
    /// The code that confirms it.
    pub code: String,
}

/// The browser that leaves, and the scopes that it was shown.
#[derive(Clone, Copy, Debug)]
pub struct ConnectingBrowser<'a> {
    /// The value of its sign-in cookie.
    pub browser: &'a str,
    /// The scopes, separated by spaces.
    pub shown: &'a str,
    /// The administrator who leaves, where the account is that of a service.
    pub by: Option<&'a UserId>,
}

/// The upstreams, for pages.
pub trait Upstreams: Send + Sync + 'static {
    /// All that this user may use.
    fn services<'a>(&'a self, user: &'a Arc<User>) -> Answer<'a, Result<Vec<Service>, StoreError>>;
    /// The tools that this user may use through a client, by the judgement of its listings, without
    /// waiting for an upstream; at the URL of a toolset, if one is given.
    fn tools<'a>(
        &'a self,
        user: &'a Arc<User>,
        client: &'a ClientId,
        toolset: Option<ToolsetName>,
    ) -> Answer<'a, Result<Vec<ServiceTools>, StoreError>>;
    /// The connection before it is made.
    fn prospect<'a>(
        &'a self,
        name: UpstreamName,
        user: &'a User,
    ) -> Answer<'a, Result<PendingConnection, NotConnected>>;
    /// Begins to connect: where to send this browser.
    fn begin<'a>(
        &'a self,
        name: UpstreamName,
        user: &'a User,
        from: ConnectingBrowser<'a>,
    ) -> Answer<'a, Result<String, NotConnected>>;
    /// Handles the callback: the account that is connected, which is the user's own or that of a
    /// service.
    fn finish<'a>(
        &'a self,
        name: UpstreamName,
        params: &'a Params,
        user: &'a User,
        browser: &'a str,
    ) -> Answer<'a, Result<UserId, NotConnected>>;
    /// Ends a connection.
    fn disconnect<'a>(
        &'a self,
        name: UpstreamName,
        user: &'a User,
    ) -> Answer<'a, Result<(), StoreError>>;
    /// A call that waits for this user's confirmation.
    fn confirmation<'a>(
        &'a self,
        user_id: &'a UserId,
        id: &'a str,
    ) -> Answer<'a, Result<Option<Confirmation>, StoreError>>;
}
