//! Connections to upstreams: made when they are needed, kept while they are used, one for each user
//! (or one for all, where the upstream is a process without credentials of users), and not retried
//! at once after a failure.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use doorward_model::{Live, Timestamp, UpstreamName, User, UserId};
use futures_util::future::BoxFuture;

use crate::{
    Inner,
    access::LinkAuth,
    link::{Era, Link, NewLink},
    link_error::LinkError,
    listen::{self, Audience},
    upstream::{Setup, Shared, Upstream},
    wire::Wire,
};

/// The parts of a new connection.
pub(crate) struct Connecting<'a> {
    pub(crate) making: NewLink,
    pub(crate) auth: Arc<LinkAuth>,
    /// This program, which ends local processes when the server has ended.
    pub(crate) supervisor: Option<&'a Path>,
}

/// A kind of upstream that speaks MCP over a connection.
pub(crate) trait Connector: Setup {
    /// Makes a connection.
    fn connect<'a>(&'a self, connecting: Connecting<'a>) -> BoxFuture<'a, Result<Link, LinkError>>;
}

/// The key of a connection: the upstream, and its user where it is not shared.
pub(crate) type Key = (UpstreamName, Option<UserId>);

/// Time for which the known revision of an upstream is used: an upstream that was replaced by a
/// newer one is asked again after it.
const ERA_KEPT: Duration = Duration::from_hours(1);
/// Time that an HTTP server may take to answer discovery of its revisions, before it counts as an
/// older one that does not answer it.
const DISCOVER_WITHIN: Duration = Duration::from_secs(8);
/// The longest pause after a failure, in seconds.
const LONGEST_PAUSE: u64 = 60;
/// Maximum number of connections; the one that was idle longest goes first.
const MOST: usize = 2000;

struct Failure {
    at: tokio::time::Instant,
    pause: u64,
    why: String,
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    failure: Option<Failure>,
}

struct Slot {
    upstream: Live<Upstream>,
    // Held while a connection is made, so that one is made and not many.
    making: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// All connections of this process.
#[derive(Default)]
pub(crate) struct Pool {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    eras: Mutex<HashMap<UpstreamName, (Era, tokio::time::Instant)>>,
}

impl Slot {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Reports whether connections of this slot serve an upstream as it is set now. Where settings
    /// changed that they do not depend on, they stay.
    fn serves(&self, upstream: &Shared) -> bool {
        let known = self.upstream.now();
        if Arc::ptr_eq(&known, upstream) {
            return true;
        }
        let same = known.connects_like(upstream);
        if same {
            self.upstream.put(Arc::clone(upstream));
            if let Some(link) = &self.state().link {
                link.upstream.put(Arc::clone(upstream));
            }
        }
        same
    }
    fn open(&self) -> Option<Arc<Link>> {
        self.state().link.clone().filter(|link| !link.is_closed())
    }
    /// The refusal while the pause after a failure lasts.
    fn waiting(&self) -> Option<LinkError> {
        let state = self.state();
        let failure = state.failure.as_ref()?;
        let left = failure.pause.saturating_sub(failure.at.elapsed().as_secs());
        (left > 0).then(|| LinkError::Waiting(left, failure.why.clone()))
    }
}

impl State {
    /// Notes a failure, after which there is a pause. A user who has to connect first does not wait
    /// after connecting.
    fn failed(&mut self, upstream: &Upstream, error: &LinkError) {
        self.link = None;
        if matches!(error, LinkError::Connect | LinkError::MoreScope) {
            return;
        }
        let doubled = |failure: &Failure| (failure.pause * 2).clamp(1, LONGEST_PAUSE);
        let pause = match error {
            LinkError::Wait(Some(asked), _) => (*asked).clamp(1, LONGEST_PAUSE),
            _ => self.failure.as_ref().map_or(1, doubled),
        };
        let why = error.to_string();
        tracing::warn!(upstream = %upstream.name, why, pause, "an upstream cannot be reached");
        self.failure = Some(Failure { at: tokio::time::Instant::now(), pause, why });
    }
}

impl Pool {
    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn era(&self, name: UpstreamName) -> Era {
        let eras = self.eras.lock().unwrap_or_else(PoisonError::into_inner);
        let known = eras.get(&name).filter(|(_, since)| since.elapsed() < ERA_KEPT);
        known.map_or(Era::Unknown, |(era, _)| *era)
    }

    /// Notes the detected revision of an upstream. A known one stays valid for as long as before.
    fn remember(&self, name: UpstreamName, era: Era) {
        let mut eras = self.eras.lock().unwrap_or_else(PoisonError::into_inner);
        let known = eras
            .get(&name)
            .is_some_and(|(known, since)| *known == era && since.elapsed() < ERA_KEPT);
        match era {
            Era::Unknown => drop(eras.remove(&name)),
            Era::Legacy | Era::Modern | Era::Oldest if known => {}
            Era::Legacy | Era::Modern | Era::Oldest => {
                eras.insert(name, (era, tokio::time::Instant::now()));
            }
        }
    }

    fn slot(&self, upstream: &Shared, key: &Key) -> Arc<Slot> {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(key)
            && slot.serves(upstream)
        {
            return Arc::clone(slot);
        }
        // An upstream that is connected to in another way begins again.
        let slot = Arc::new(Slot {
            upstream: Live::new(Arc::clone(upstream)),
            making: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        });
        slots.insert(key.clone(), Arc::clone(&slot));
        slot
    }

    /// Closes connections that were idle for as long as their upstream allows and, if there are too
    /// many, the longest idle ones.
    pub(crate) fn close_idle(&self, now: Timestamp) {
        let mut slots = self.slots();
        slots.retain(|_, slot| {
            let idle = i64::try_from(slot.upstream.now().config.idle_seconds).unwrap_or(i64::MAX);
            let mut state = slot.state();
            let over = state.link.as_ref().is_some_and(|link| {
                link.is_closed()
                    || (!link.is_busy()
                        && Arc::strong_count(link) == 1
                        && now.0 >= link.used_at.load(Ordering::Relaxed).saturating_add(idle))
            });
            if over {
                state.link = None;
            }
            let failed = state.failure.as_ref().is_some_and(|failure| {
                failure.at.elapsed() < Duration::from_secs(LONGEST_PAUSE * 2)
            });
            state.link.is_some() || failed || Arc::strong_count(slot) > 1
        });
        if slots.len() > MOST {
            let used = |slot: &Arc<Slot>| {
                slot.state().link.as_ref().map_or(0, |link| link.used_at.load(Ordering::Relaxed))
            };
            let mut by_age: Vec<(i64, Key)> =
                slots.iter().map(|(key, slot)| (used(slot), key.clone())).collect();
            by_age.sort_by_key(|(used, _)| *used);
            for (_, key) in by_age.into_iter().take(slots.len() - MOST) {
                slots.remove(&key);
            }
        }
    }

    /// Closes everything.
    pub(crate) fn close_all(&self) {
        self.slots().clear();
    }

    /// Closes connections to an upstream: those of one user, or all.
    pub(crate) fn close_for(&self, name: UpstreamName, user: Option<&UserId>) {
        self.slots().retain(|(upstream, owner), _| {
            *upstream != name || (user.is_some() && owner.as_ref() != user)
        });
        if user.is_none() {
            self.remember(name, Era::Unknown);
        }
    }

    /// Closes the connections of upstreams that were removed or changed.
    pub(crate) fn keep_only(&self, upstreams: &[Shared]) {
        self.slots().retain(|_, slot| {
            upstreams.iter().any(|upstream| upstream.is_enabled() && slot.serves(upstream))
        });
    }
}

/// The time for connecting under the setting `connect_seconds`.
fn connecting(seconds: u64, is_process: bool) -> Duration {
    Duration::from_secs(match seconds {
        // npx and uvx download a package at its first start. One that is interrupted then can leave
        // half a package, with which no later start succeeds.
        0 if is_process => 120,
        0 => 20,
        seconds => seconds,
    })
}

impl Inner {
    /// The audience of changes on this user's connection.
    pub(crate) fn audience(&self, upstream: &Upstream, user: &User) -> Audience {
        let whose = upstream.links_are_personal().then(|| user.id.clone());
        Audience { changes: self.services.changes.clone(), upstream: upstream.name, user: whose }
    }

    /// The key of the connection that a call of this user uses.
    pub(crate) fn key(upstream: &Upstream, user: &User) -> Key {
        (upstream.name, upstream.links_are_personal().then(|| user.id.clone()))
    }

    /// A connection to an upstream for this user.
    pub(crate) async fn link(
        self: &Arc<Self>,
        connector: &dyn Connector,
        upstream: &Shared,
        user: &Arc<User>,
    ) -> Result<Arc<Link>, LinkError> {
        let key = Self::key(upstream, user);
        let slot = self.pool.slot(upstream, &key);
        let now = self.services.clock.now();
        if let Some(link) = slot.open() {
            link.used_at.store(now.0, Ordering::Relaxed);
            return Ok(link);
        }
        let _one = slot.making.lock().await;
        if let Some(link) = slot.open() {
            link.used_at.store(now.0, Ordering::Relaxed);
            return Ok(link);
        }
        if let Some(waiting) = slot.waiting() {
            return Err(waiting);
        }
        let made = self.make(connector, upstream, &key, user).await;
        let mut state = slot.state();
        match made {
            Ok(link) => {
                link.used_at.store(now.0, Ordering::Relaxed);
                let link = Arc::new(link);
                listen::lists(&link, self.audience(upstream, user));
                *state = State { link: Some(Arc::clone(&link)), failure: None };
                Ok(link)
            }
            Err(error) => {
                state.failed(upstream, &error);
                Err(error)
            }
        }
    }

    async fn make(
        self: &Arc<Self>,
        connector: &dyn Connector,
        upstream: &Shared,
        key: &Key,
        user: &Arc<User>,
    ) -> Result<Link, LinkError> {
        let known = self.pool.era(upstream.name);
        let within = connecting(upstream.config.connect_seconds, upstream.kind.is_process);
        let attempt = |era: Era| {
            let auth = Arc::new(LinkAuth {
                gateway: Arc::clone(self),
                upstream: Arc::clone(upstream),
                user: upstream.auth.is_personal().then(|| Arc::clone(user)),
            });
            let making = NewLink {
                upstream: Arc::clone(upstream),
                user: key.1.clone(),
                changes: self.services.changes.clone(),
                era,
                wire: Wire::noting(upstream.name, Arc::clone(&upstream.noted)),
            };
            // A process may need its time to start, and is asked again over the same pipes.
            let asks = era == Era::Unknown && !upstream.kind.is_process;
            let within = if asks { within.min(DISCOVER_WITHIN) } else { within };
            async move {
                let late = || {
                    Err(LinkError::Answer(format!("did not respond within {} s", within.as_secs())))
                };
                let supervisor = self.settings.supervisor.as_deref();
                let connecting = Connecting { making, auth, supervisor };
                tokio::time::timeout(within, connector.connect(connecting))
                    .await
                    .unwrap_or_else(|_| late())
            }
        };
        let mut made = attempt(known).await;
        let mut oldest = known == Era::Oldest && made.is_ok();
        // An older server need not support discovery of its revisions, and a known one may have
        // been replaced: the other protocol is tried on a connection, or in a process, of its own.
        // Where no user has an access of their own, a refusal without access may be about the method
        // that is not known.
        let unknown = known == Era::Unknown && !upstream.auth.is_personal();
        // Some gateways ask to wait in answer to every method that they do not know.
        let asks = matches!(&made, Err(LinkError::Wait(..))) && known == Era::Unknown;
        if let Err(first) = &made
            && (first.may_be_the_revision() || asks || (unknown && *first == LinkError::Connect))
        {
            let first = first.clone();
            let other = match known {
                Era::Legacy | Era::Oldest => Era::Unknown,
                Era::Unknown | Era::Modern => Era::Legacy,
            };
            let begun = tokio::time::Instant::now();
            made = attempt(other).await.map_err(|second| first.and(second));
            // Some refuse a revision, or a capability, that they do not know. One that said nothing
            // is not asked a third time.
            if let Err(refused @ LinkError::Answer(_)) = &made
                && begun.elapsed() < within
            {
                let refused = refused.clone();
                made = attempt(Era::Oldest).await.map_err(|_| refused);
                oldest = made.is_ok();
            }
        }
        self.pool.remember(
            upstream.name,
            match &made {
                Ok(link) if link.modern => Era::Modern,
                Ok(_) if oldest => Era::Oldest,
                Ok(_) => Era::Legacy,
                Err(LinkError::Connect | LinkError::MoreScope | LinkError::Wait(..)) => known,
                Err(_) => Era::Unknown,
            },
        );
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_time_to_download_its_package_unless_a_time_is_set() {
        for (seconds, is_process, within) in
            [(0, true, 120), (0, false, 20), (5, true, 5), (5, false, 5), (300, true, 300)]
        {
            assert_eq!(connecting(seconds, is_process).as_secs(), within, "{seconds} {is_process}");
        }
    }
}
