//! The catalogues of this process: kept for a while, refreshed in the background, never waited for
//! longer than a moment. An upstream that is slow, unreachable or not authorised delays no caller
//! and empties no list (CA29, CA36).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use doorward_mcp::{Change, Changed};
use doorward_model::{Dependency, UpstreamName, User, UserId, VitalRecord, foreign};
use doorward_store::StoreError;
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use crate::{
    Inner,
    catalogue::Catalogue,
    left_out::LeftOut,
    link::Link,
    link_error::LinkError,
    listing,
    upstream::{Shared, Upstream},
};

/// Time that listing may take in all.
const LIST_WITHIN: Duration = Duration::from_mins(1);
/// The time for which a failed list is not tried again; doubled with each failure in a row.
const PAUSE: Duration = Duration::from_secs(2);
/// Maximum number of doublings of the pause, which is about a minute then.
const DOUBLINGS: u32 = 5;
/// The failures in a row after which a list is tried again only when it is asked for.
const ATTEMPTS: u32 = 12;
/// Maximum number of lists that are tried again at the same time without a request: many upstreams
/// that fail together cause no burst.
const RETRIES: usize = 16;
/// Maximum number of lists that are kept.
const MOST: usize = 5000;

/// The key of a list: the upstream, and the user where lists are personal.
type Key = (UpstreamName, Option<UserId>);

#[derive(Default)]
struct State {
    catalogue: Option<Arc<Catalogue>>,
    problem: Option<LinkError>,
    tried_at: Option<Instant>,
    /// The number of attempts in a row that failed.
    failures: u32,
    /// A list is being made. It ends in the same step as its result is kept, so that no reader finds
    /// the state before it without the mark.
    refreshing: bool,
    /// The upstream announced a change of its list.
    stale: bool,
}

/// The pause after some failures in a row.
fn pause(failures: u32) -> Duration {
    PAUSE * 2_u32.pow(failures.saturating_sub(1).min(DOUBLINGS))
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    refreshed: Notify,
    /// No list of this key was made since the process started.
    first: bool,
}

impl Slot {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The pause before the list is tried again by itself; `None` if it is not.
    fn pause(&self) -> Option<Duration> {
        let failures = self.state().failures;
        (1..ATTEMPTS).contains(&failures).then(|| pause(failures))
    }
}

/// All lists of this process.
pub(crate) struct Catalogues {
    slots: Mutex<HashMap<Key, (Shared, Arc<Slot>)>>,
    /// The keys of which there was a list.
    seen: Mutex<HashSet<Key>>,
    retries: Semaphore,
}

impl Default for Catalogues {
    fn default() -> Self {
        Self { slots: Mutex::default(), seen: Mutex::default(), retries: Semaphore::new(RETRIES) }
    }
}

impl Catalogues {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (Shared, Arc<Slot>)>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn slot(&self, upstream: &Shared, key: &Key) -> Arc<Slot> {
        let mut slots = self.lock();
        if let Some((known, slot)) = slots.get(key)
            && Arc::ptr_eq(known, upstream)
        {
            return Arc::clone(slot);
        }
        if slots.len() >= MOST {
            // Rare, and harmless: a list is fetched again when needed.
            let oldest = slots
                .iter()
                .min_by_key(|(_, (_, slot))| slot.state().tried_at)
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                slots.remove(&oldest);
            }
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let first = seen.len() < MOST && seen.insert(key.clone());
        let slot = Arc::new(Slot { first, ..Slot::default() });
        slots.insert(key.clone(), (Arc::clone(upstream), Arc::clone(&slot)));
        slot
    }
    /// Forgets the lists of an upstream: of one user, or of all.
    pub(crate) fn forget(&self, name: UpstreamName, user: Option<&UserId>) {
        self.lock().retain(|(upstream, owner), _| {
            *upstream != name || (user.is_some() && owner.as_ref() != user)
        });
    }
    /// The omissions from the newest list of an upstream.
    pub(crate) fn left_out(&self, name: UpstreamName) -> LeftOut {
        let slots: Vec<Arc<Slot>> = self
            .lock()
            .iter()
            .filter(|((upstream, _), _)| *upstream == name)
            .map(|(_, (_, slot))| Arc::clone(slot))
            .collect();
        let newest = slots
            .iter()
            .filter_map(|slot| slot.state().catalogue.clone())
            .max_by_key(|catalogue| catalogue.listed_at);
        newest.map(|catalogue| catalogue.left_out.clone()).unwrap_or_default()
    }
    /// Reports a list that is still in use.
    fn holds(&self, slot: &Arc<Slot>) -> bool {
        self.lock().values().any(|(_, held)| Arc::ptr_eq(held, slot))
    }
    /// Forgets the lists of upstreams that were removed or changed.
    pub(crate) fn keep_only(&self, upstreams: &[Shared]) {
        self.lock()
            .retain(|_, (known, _)| upstreams.iter().any(|upstream| Arc::ptr_eq(upstream, known)));
    }
}

/// The use of a catalogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CatalogueUse {
    /// A list. It waits for the first listing of an upstream of which nothing is pinned and that
    /// did not fail before, and for no other: what is pinned is listed at once, and the rest is
    /// announced.
    List,
    /// A call, which waits for the listing.
    Call,
}

/// The known state of an upstream's list.
pub(crate) struct CatalogueState {
    pub(crate) catalogue: Option<Arc<Catalogue>>,
    pub(crate) problem: Option<LinkError>,
}

/// An upstream of which this process has no list.
pub(crate) struct Unlisted {
    /// The reason of the last attempt; `None` while the first one is under way.
    pub(crate) problem: Option<LinkError>,
    /// Seconds until another attempt is worthwhile.
    pub(crate) retry_seconds: u64,
}

impl Inner {
    /// The state of an upstream that was asked for its list and has none; `None` where there is a
    /// list, and where the user has to connect first.
    pub(crate) fn unlisted(&self, upstream: &Shared, user: &User) -> Option<Unlisted> {
        let slot = self.catalogues.slot(upstream, &Self::list_key(upstream, user));
        let state = slot.state();
        if state.catalogue.is_some() || state.problem == Some(LinkError::Connect) {
            return None;
        }
        let rest = state.tried_at.map_or(PAUSE, |at| {
            let pause = if state.refreshing { PAUSE } else { pause(state.failures) };
            pause.saturating_sub(at.elapsed())
        });
        Some(Unlisted {
            problem: state.problem.clone(),
            retry_seconds: rest.as_millis().div_ceil(1000).try_into().unwrap_or(1).max(1),
        })
    }

    fn list_key(upstream: &Upstream, user: &User) -> Key {
        (upstream.name, upstream.lists_are_personal().then(|| user.id.clone()))
    }

    /// The offers of an upstream to this user, as far as it is known within the time that the
    /// upstream has for it.
    pub(crate) async fn catalogue(
        self: &Arc<Self>,
        upstream: &Shared,
        user: &Arc<User>,
        purpose: CatalogueUse,
    ) -> Result<CatalogueState, StoreError> {
        let slot = self.catalogues.slot(upstream, &Self::list_key(upstream, user));
        let wait = Duration::from_millis(upstream.config.list_wait_ms);
        let deadline = Instant::now() + wait;
        loop {
            // Registered before the state is looked at, so that no refresh is missed in between.
            let refreshed = slot.refreshed.notified();
            let pins = self.services.store.pinned_tools(upstream.name).await?;
            let (known, problem, due, failed, under_way) = {
                let state = slot.state();
                let age = Duration::from_secs(upstream.config.list_seconds);
                // An administrator's decision counts at once, also one that was made at another
                // replica.
                let decided = |catalogue: &Arc<Catalogue>| catalogue.is_made_with(&pins);
                let fresh = state.catalogue.as_ref().is_some_and(|catalogue| {
                    catalogue.listed_at.elapsed() < age && decided(catalogue)
                });
                let rested = state.tried_at.is_none_or(|at| at.elapsed() >= pause(state.failures));
                let due = (!fresh && (rested || state.problem.is_none())) || state.stale;
                let known = state.catalogue.clone().filter(decided);
                let failed = state.failures > 0;
                (known, state.problem.clone(), due, failed, state.refreshing)
            };
            if due {
                self.refresh(upstream, user, &slot);
            }
            let is_pinned = || listing::ready(upstream, &pins).next().is_some();
            let is_listed = known.is_some() || (!due && !under_way);
            let at_once = purpose == CatalogueUse::List
                && (failed
                    || slot.first && is_pinned()
                    || !is_listed && self.failed_before(upstream).await?);
            if is_listed || at_once {
                return Ok(CatalogueState { catalogue: known, problem });
            }
            // Lists wait for an attempt from its beginning on, so that one that hangs delays few.
            let begun = slot.state().tried_at.filter(|_| purpose == CatalogueUse::List);
            let until = begun.map_or(deadline, |begun| deadline.min(begun + wait));
            if tokio::time::timeout_at(until, refreshed).await.is_err() {
                return Ok(CatalogueState {
                    catalogue: None,
                    problem: problem
                        .or_else(|| Some(LinkError::Failed("it has not responded yet".to_owned()))),
                });
            }
        }
    }

    /// Reports an upstream that did not respond when it was last asked, possibly before this
    /// process started.
    async fn failed_before(&self, upstream: &Upstream) -> Result<bool, StoreError> {
        let key = Dependency::Upstream.key(upstream.name.as_str());
        let stored = self.services.store.setting(&key).await?;
        Ok(VitalRecord::read(stored.as_deref()).failing)
    }

    /// Lists in the background, once at a time, and again with growing pauses while that fails. The
    /// task owns the listing and its mark, not a request.
    fn refresh(self: &Arc<Self>, upstream: &Shared, user: &Arc<User>, slot: &Arc<Slot>) {
        let Some(under_way) = UnderWay::begin(slot) else { return };
        let weak = Arc::downgrade(self);
        let (upstream, user, slot) = (Arc::clone(upstream), Arc::clone(user), Arc::clone(slot));
        tokio::spawn(async move {
            if let Some(inner) = weak.upgrade() {
                inner.list_once(&upstream, &user, under_way).await;
            }
            while let Some(pause) = slot.pause() {
                tokio::time::sleep(pause).await;
                let Some(inner) = weak.upgrade() else { return };
                let Ok(_turn) = inner.catalogues.retries.acquire().await else { return };
                let in_use = inner.catalogues.holds(&slot);
                let Some(under_way) = UnderWay::begin(&slot).filter(|_| in_use) else { return };
                inner.list_once(&upstream, &user, under_way).await;
            }
        });
    }

    async fn list_once(self: &Arc<Self>, upstream: &Shared, user: &Arc<User>, under_way: UnderWay) {
        let late = || Err(LinkError::Failed("listing took too long".to_owned()));
        let listed = tokio::time::timeout(LIST_WITHIN, self.list(upstream, user))
            .await
            .unwrap_or_else(|_| late());
        let whose = upstream.lists_are_personal().then(|| user.id.clone());
        for what in under_way.end(upstream, listed) {
            let upstream = Some(upstream.name);
            self.services.changes.tell(Change { upstream, user: whose.clone(), what });
        }
    }

    /// Notes that an upstream announced a change of its lists.
    pub(crate) fn note_stale(&self, upstream: &Shared, user: &User, link: &Link) {
        if link.stale.swap(false, Ordering::AcqRel) {
            self.catalogues.slot(upstream, &Self::list_key(upstream, user)).state().stale = true;
        }
    }
}

/// The mark that a list is being made. However its task ends, a panic included, the mark is removed
/// and waiting calls are notified.
struct UnderWay {
    slot: Arc<Slot>,
    /// The mark is removed already, together with the result.
    ended: bool,
}

impl UnderWay {
    /// Marks the list; `None` if it is being made already.
    fn begin(slot: &Arc<Slot>) -> Option<Self> {
        let mut state = slot.state();
        if std::mem::replace(&mut state.refreshing, true) {
            return None;
        }
        state.stale = false;
        state.tried_at = Some(Instant::now());
        Some(Self { slot: Arc::clone(slot), ended: false })
    }

    /// Keeps the result. Returns the lists that differ from before.
    fn end(mut self, upstream: &Upstream, listed: Result<Catalogue, LinkError>) -> Vec<Changed> {
        self.ended = true;
        let mut state = self.slot.state();
        state.tried_at = Some(Instant::now());
        state.refreshing = false;
        match listed {
            Ok(catalogue) => {
                let same = |old: &Arc<Catalogue>| {
                    old.tools.len() == catalogue.tools.len()
                        && old
                            .tools
                            .iter()
                            .zip(&catalogue.tools)
                            .all(|(one, other)| one.tool == other.tool)
                };
                let old = state.catalogue.as_ref();
                let told = [
                    (Changed::Tools, old.is_some_and(same)),
                    (
                        Changed::Prompts,
                        old.map_or(catalogue.prompts.is_empty(), |old| {
                            old.prompts == catalogue.prompts
                        }),
                    ),
                    (
                        Changed::Resources,
                        old.map_or(catalogue.resources.is_empty(), |old| {
                            old.resources == catalogue.resources
                        }),
                    ),
                ];
                state.catalogue = Some(Arc::new(catalogue));
                state.problem = None;
                state.failures = 0;
                return told.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect();
            }
            Err(LinkError::Connect | LinkError::MoreScope) if upstream.needs_connection() => {
                // The catalogue that one user's access had revealed is discarded with it.
                state.catalogue = None;
                state.problem = Some(LinkError::Connect);
                state.failures = 0;
            }
            Err(problem) => {
                tracing::info!(upstream = %upstream.name, problem = %foreign::escaped(&problem.to_string()), "an upstream could not be listed; the earlier list stays in effect");
                state.problem = Some(problem);
                state.failures = state.failures.saturating_add(1);
            }
        }
        Vec::new()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // After its end, the mark may be that of the next listing.
        if !self.ended {
            let mut state = self.slot.state();
            state.refreshing = false;
            if std::thread::panicking() {
                tracing::error!("listing an upstream ended unexpectedly; trying again");
                state.failures = state.failures.saturating_add(1);
                state.problem =
                    Some(LinkError::Failed("listing ended unexpectedly; trying again".to_owned()));
            }
        }
        self.slot.refreshed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_each_failure_up_to_a_minute() {
        let seconds: Vec<u64> = (0..9).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(seconds, [2, 2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn a_reader_that_finds_no_mark_of_a_listing_finds_its_result() {
        for _ in 0..20 {
            let slot = Arc::new(Slot::default());
            let under_way = UnderWay::begin(&slot).unwrap();
            let reads = Arc::clone(&slot);
            let reader = std::thread::spawn(move || {
                loop {
                    let state = reads.state();
                    if !state.refreshing {
                        break state.problem.is_some();
                    }
                    drop(state);
                    std::thread::yield_now();
                }
            });
            let ended = std::thread::spawn(move || {
                let _held = under_way;
                panic!("in the middle");
            });
            assert!(ended.join().is_err() && reader.join().unwrap());
        }
    }

    #[tokio::test]
    async fn a_panic_while_listing_leaves_no_list_stale_for_ever() {
        let slot = Arc::new(Slot::default());
        let waiting = slot.refreshed.notified();
        let under_way = UnderWay::begin(&slot).unwrap();
        assert!(UnderWay::begin(&slot).is_none(), "once at a time");
        let task = tokio::spawn(async move {
            let _held = under_way;
            panic!("in the middle");
        });
        assert!(task.await.is_err());
        tokio::time::timeout(Duration::from_secs(5), waiting)
            .await
            .expect("those who wait are told");
        assert!(slot.state().problem.is_some() && slot.state().tried_at.is_some());
        drop(UnderWay::begin(&slot).expect("it can be listed again"));
        let ended = tokio::spawn({
            let slot = Arc::clone(&slot);
            async move {
                let _held = UnderWay::begin(&slot);
                std::future::pending::<()>().await;
            }
        });
        tokio::task::yield_now().await;
        ended.abort();
        assert!(
            ended.await.is_err() && UnderWay::begin(&slot).is_some(),
            "a task that is cancelled gives the mark back too"
        );
    }
}
