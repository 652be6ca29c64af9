//! Changes at an upstream, announced to listening clients.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use doorward_model::{UpstreamName, UserId, uri::with_small_scheme};
use doorward_store::StoreError;
use doorward_transport::media_type;
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;
use tokio::{sync::broadcast, time::Instant};

use crate::{
    InboundRequest, Mcp, Target,
    challenge::{empty, rpc_refusal},
    channel::event,
    item::Judged,
    operation::ItemName,
    streams::{self, Slot},
    uri::shown_uri,
};

/// The time for which changes are collected before they are announced.
const COLLECT: Duration = Duration::from_millis(300);
/// The time after which changes are announced that could not be, since the database did not answer.
const AGAIN: Duration = Duration::from_secs(5);
/// The interval between comments on an idle stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Number of changes that may wait for a slow listener; a listener that misses some is notified
/// that everything changed.
const BACKLOG: usize = 1024;

/// The change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Changed {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// One resource, by its URI at the upstream.
    Resource(String),
}

/// A change at an upstream.
#[derive(Clone, Debug)]
pub struct Change {
    /// The upstream; `None` if many changed.
    pub upstream: Option<UpstreamName>,
    /// The user that it changed for; `None` if for all.
    pub user: Option<UserId>,
    /// The change.
    pub what: Changed,
}

/// The channel on which sources announce changes. Cheap to clone.
#[derive(Clone)]
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }
}

impl Changes {
    /// Announces a change. A missing listener is no error.
    pub fn tell(&self, change: Change) {
        let _ = self.0.send(change);
    }
    fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}

/// The resources that sessions of older clients watch, by the session's hash.
#[derive(Default)]
pub(crate) struct Watched(Mutex<HashMap<Arc<str>, HashSet<String>>>);

/// Maximum number of remembered sessions, and of resources of one session.
const MOST_WATCHED: usize = 10_000;
const MOST_WATCHED_EACH: usize = 256;

impl Watched {
    pub(crate) fn set(&self, session: &Arc<str>, uri: &str, on: bool) -> bool {
        let uri = &*with_small_scheme(uri);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !on {
            if let Some(uris) = all.get_mut(session) {
                uris.remove(uri);
            }
            return true;
        }
        if all.len() >= MOST_WATCHED && !all.contains_key(session) {
            return false;
        }
        let uris = all.entry(Arc::clone(session)).or_default();
        if uris.len() >= MOST_WATCHED_EACH && !uris.contains(uri) {
            return false;
        }
        uris.insert(uri.to_owned());
        true
    }
    fn has(&self, session: &Arc<str>, uri: &str) -> bool {
        let uri = &*with_small_scheme(uri);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(session)
            .is_some_and(|uris| uris.contains(uri))
    }
    fn forget(&self, session: &Arc<str>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
    }
}

/// A change as one client names it, with the upstream that it is of.
#[derive(PartialEq, Eq, Hash)]
struct NamedChange {
    upstream: Option<UpstreamName>,
    change: Changed,
}

/// Collects the changes of which one request may be notified.
pub(crate) struct Listener {
    mcp: Mcp,
    changes: broadcast::Receiver<Change>,
    inbound: InboundRequest,
    // The collected changes, kept here so that a caller may stop waiting and lose none.
    collected: HashSet<NamedChange>,
    until: Option<Instant>,
}

impl Listener {
    pub(crate) fn new(mcp: &Mcp, inbound: InboundRequest) -> Self {
        Self {
            mcp: mcp.clone(),
            changes: mcp.inner.services.changes.listen(),
            inbound,
            collected: HashSet::new(),
            until: None,
        }
    }

    fn concerns(&self, change: &Change) -> bool {
        let here = match (self.inbound.target, change.upstream) {
            (Target::One(upstream), Some(changed)) => upstream == changed,
            _ => true,
        };
        here && change.user.as_ref().is_none_or(|user| user == self.inbound.caller.user_id())
    }

    /// A change as this client names it.
    fn named(&self, change: Change) -> NamedChange {
        let upstream = change.upstream;
        let change = match (change.what, upstream) {
            (Changed::Resource(uri), Some(upstream)) => {
                Changed::Resource(shown_uri(self.inbound.target, upstream, &uri))
            }
            (what, _) => what,
        };
        NamedChange { upstream, change }
    }

    /// The collected changes that the user may learn of, with the roles of this moment: a stream stays
    /// open for longer than roles stay the same.
    async fn heard(&self) -> Result<HashSet<Changed>, StoreError> {
        let mut heard = HashSet::new();
        let Some(inbound) = self.mcp.as_it_is_now(&self.inbound).await? else { return Ok(heard) };
        for named in &self.collected {
            if self.may_hear(&inbound, named).await? {
                heard.insert(named.change.clone());
            }
        }
        Ok(heard)
    }

    /// True if this request may learn of a change: changes of hidden items are hidden too.
    async fn may_hear(
        &self,
        inbound: &InboundRequest,
        named: &NamedChange,
    ) -> Result<bool, StoreError> {
        let wanted = match (&named.change, &named.upstream) {
            (Changed::Resource(uri), _) => ItemName::Resource(uri),
            (Changed::Tools | Changed::Prompts | Changed::Resources, Some(upstream)) => {
                ItemName::Upstream(*upstream)
            }
            (Changed::Tools | Changed::Prompts | Changed::Resources, None) => return Ok(true),
        };
        let found = self.mcp.find(inbound, wanted).await?;
        Ok(found.is_some_and(|found| self.mcp.may_use(inbound, &found.item.facts())))
    }

    /// Waits for changes and returns all that arrived within a moment.
    pub(crate) async fn next(&mut self) -> Option<HashSet<Changed>> {
        loop {
            let until = self.until;
            let wait = async move {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(change) if self.concerns(&change) => {
                        let named = self.named(change);
                        self.collected.insert(named);
                    }
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        let all = [Changed::Tools, Changed::Prompts, Changed::Resources];
                        let of_all = |change| NamedChange { upstream: None, change };
                        self.collected.extend(all.map(of_all));
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                () = wait => {
                    let heard = match self.heard().await {
                        Ok(heard) => heard,
                        Err(error) => {
                            tracing::warn!(%error, "changes cannot be announced; trying again");
                            self.until = Some(Instant::now() + AGAIN);
                            continue;
                        }
                    };
                    // No await from here on: each collected change is announced or was withheld.
                    self.until = None;
                    self.collected.clear();
                    if !heard.is_empty() {
                        return Some(heard);
                    }
                }
            }
            if !self.collected.is_empty() && self.until.is_none() {
                self.until = Some(Instant::now() + COLLECT);
            }
        }
    }
}

/// Forgets the subscriptions of a session when its stream ends.
struct Ended {
    _slot: Slot,
    mcp: Mcp,
    session: Arc<str>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.mcp.inner.watched.forget(&self.session);
        self.mcp.inner.listening.leave(&self.session);
    }
}

/// Number of streams that each session has open: two, so that a client that lost one can open the
/// next at once.
#[derive(Default)]
pub(crate) struct Listening(Mutex<HashMap<String, usize>>);

impl Listening {
    fn enter(&self, key: &str) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(key).is_some_and(|count| *count >= 2) {
            return false;
        }
        *open.entry(key.to_owned()).or_default() += 1;
        true
    }
    fn leave(&self, key: &str) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                open.remove(key);
            }
        }
    }
}

/// `GET /mcp`: the stream on which clients of the older revisions are notified of changes (L4).
pub(crate) async fn open(State(mcp): State<Mcp>, request: Request) -> Response {
    let Some(inbound) = request.extensions().get::<InboundRequest>().cloned() else {
        return empty(StatusCode::UNAUTHORIZED);
    };
    let accepts = media_type::accepts(request.headers(), media_type::EVENT_STREAM);
    let Some(session) = inbound.session.clone() else {
        return rpc_refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            -32000,
            "there is a stream only for clients that started a session with initialize",
        );
    };
    if !accepts {
        return rpc_refusal(
            StatusCode::NOT_ACCEPTABLE,
            -32000,
            "this URL streams events: accept text/event-stream",
        );
    }
    let Some(slot) =
        mcp.open_stream(inbound.caller.user_id()).filter(|_| mcp.inner.listening.enter(&session))
    else {
        return rpc_refusal(StatusCode::SERVICE_UNAVAILABLE, -32000, streams::TOO_MANY);
    };
    let ended = Ended { _slot: slot, mcp: mcp.clone(), session: Arc::clone(&session) };
    let state = (Listener::new(&mcp, inbound), ended, mcp.inner.services.stop.clone());
    let events = stream::unfold(state, |(mut listener, ended, stop)| async move {
        let chunk = tokio::select! {
            changes = listener.next() => {
                let watched = |changed: &Changed| match changed {
                    Changed::Resource(uri) => ended.mcp.inner.watched.has(&ended.session, uri),
                    _ => true,
                };
                changes?.into_iter().filter(watched).map(|changed| event(&notification(&changed))).collect::<Vec<_>>().concat().into()
            }
            () = tokio::time::sleep(KEEP_ALIVE) => Bytes::from_static(b": still here\n\n"),
            () = stop.cancelled() => return None,
        };
        Some((chunk, (listener, ended, stop)))
    });
    let first = stream::once(async { Bytes::from_static(b": welcome\n\n") });
    let body: Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>> + Send>> =
        Box::pin(first.chain(events).map(Ok));
    let mut response = Response::new(Body::from_stream(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::EVENT_STREAM));
    response
}

fn notification(changed: &Changed) -> String {
    let message = match changed {
        Changed::Tools => json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}),
        Changed::Prompts => {
            json!({"jsonrpc": "2.0", "method": "notifications/prompts/list_changed"})
        }
        Changed::Resources => {
            json!({"jsonrpc": "2.0", "method": "notifications/resources/list_changed"})
        }
        Changed::Resource(uri) => {
            json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}})
        }
    };
    message.to_string()
}
