//! Upstream servers on pages. The gateway is a room of its own; the program
//! introduces it here.

use std::{future::Future, pin::Pin, sync::Arc};

use doorward_language::Message;
use doorward_model::{Person, UpstreamName, UserId};
use doorward_store::StoreError;
use doorward_transport::Params;

/// A boxed future.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a person stands with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It works.
    Ready,
    /// The person has to connect.
    NotConnected,
    /// The person has to connect again.
    Expired,
    /// It cannot be reached.
    Unreachable,
}

/// An upstream as a person sees it.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name in addresses.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// How the person stands with it.
    pub state: ServiceState,
    /// How many tools it offers.
    pub tools: usize,
    /// The fault.
    pub problem: Option<Message>,
    /// True if the person connects to it with an account of their own.
    pub connectable: bool,
    /// The scopes that the person gave there.
    pub scopes: Option<String>,
    /// The account there, as far as it is known.
    pub account: Option<String>,
    /// When the person connected, in seconds since 1970.
    pub connected_at: Option<i64>,
}

/// A connection before it is made.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// Its name for people.
    pub title: String,
    /// The host where the person signs in.
    pub host: String,
    /// The scopes that are asked for.
    pub scopes: Vec<String>,
    /// Those among them that it did not ask for before.
    pub new_scopes: Vec<String>,
    /// True if the person is connected already.
    pub connected: bool,
}

/// Why a person is not connected. The log has the details.
#[derive(Debug)]
pub enum NotConnected {
    /// No such upstream, or not for this person, or it needs no connection.
    Unknown,
    /// It came back too late, twice, or with another person or browser.
    NotAwaited,
    /// It asks for more than the page showed.
    Grown,
    /// The upstream, or the person there, said no; the text is the upstream's.
    Denied(String),
    /// It did not work; the text says why.
    Failed(String),
    /// The store failed.
    Store(StoreError),
}

/// A call that waits for a person's word.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The tool's name for people.
    pub title: String,
    /// The tool's name.
    pub tool: String,
    /// The client that wants to call it.
    pub client: String,
    /// The arguments, as text.
    pub arguments: String,
    /// The code that confirms it.
    pub code: String,
}

/// The browser that leaves, and the scopes that it was shown.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    /// The value of its journey cookie.
    pub browser: &'a str,
    /// The scopes, separated by spaces.
    pub shown: &'a str,
}

/// The upstreams, for pages.
pub trait Upstreams: Send + Sync + 'static {
    /// All that this person may use.
    fn services<'a>(
        &'a self,
        person: &'a Arc<Person>,
    ) -> Answer<'a, Result<Vec<Service>, StoreError>>;
    /// The connection before it is made.
    fn prospect<'a>(
        &'a self,
        name: UpstreamName,
        person: &'a Person,
    ) -> Answer<'a, Result<Prospect, NotConnected>>;
    /// Begins to connect: where to send this browser.
    fn begin<'a>(
        &'a self,
        name: UpstreamName,
        person: &'a Person,
        from: Leaving<'a>,
    ) -> Answer<'a, Result<String, NotConnected>>;
    /// Takes up a person who came back.
    fn finish<'a>(
        &'a self,
        name: UpstreamName,
        params: &'a Params,
        person: &'a Person,
        browser: &'a str,
    ) -> Answer<'a, Result<(), NotConnected>>;
    /// Ends a connection.
    fn disconnect<'a>(
        &'a self,
        name: UpstreamName,
        person: &'a Person,
    ) -> Answer<'a, Result<(), StoreError>>;
    /// A call that waits for this person's word.
    fn confirmation<'a>(
        &'a self,
        user_id: &'a UserId,
        id: &'a str,
    ) -> Answer<'a, Result<Option<Confirmation>, StoreError>>;
}
