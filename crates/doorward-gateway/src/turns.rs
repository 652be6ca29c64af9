//! The order in which listings of one upstream are evaluated and stored. Two listings may be under
//! way at once, of two users or after a change; each is evaluated against what the other stored,
//! never beside it, and an older one stores nothing after a newer one.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use doorward_model::UpstreamName;
use tokio::sync::OwnedMutexGuard;

/// The turns of all upstreams.
#[derive(Default)]
pub(crate) struct Turns {
    begun: AtomicU64,
    upstreams: Mutex<HashMap<UpstreamName, Arc<tokio::sync::Mutex<Stored>>>>,
}

/// The state of an upstream, by the numbers of listings.
#[derive(Default)]
struct Stored {
    /// The newest listing that was stored.
    newest: u64,
    /// The last listing that had begun when the upstream was deleted or became another one.
    ended: u64,
}

/// The moment when a listing began, in the order of all listings.
#[derive(Clone, Copy)]
pub(crate) struct ListingStart(u64);

/// The turn of one listing: until it is dropped, no other listing of the upstream is evaluated.
pub(crate) struct Turn {
    stored: OwnedMutexGuard<Stored>,
    begun: ListingStart,
}

impl Turns {
    /// Notes that a listing begins, before anything is asked of the upstream.
    pub(crate) fn begin(&self) -> ListingStart {
        ListingStart(self.begun.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Waits for the turn of a listing.
    pub(crate) async fn take(&self, upstream: UpstreamName, begun: ListingStart) -> Turn {
        let turn = {
            let mut upstreams = self.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(upstreams.entry(upstream).or_default())
        };
        Turn { stored: turn.lock_owned().await, begun }
    }
}

impl Turn {
    /// Returns `true` if a listing that began later was stored already.
    pub(crate) fn is_late(&self) -> bool {
        self.begun.0 < self.stored.newest
    }

    /// Notes that this listing was stored.
    pub(crate) fn stored(&mut self) {
        self.stored.newest = self.begun.0.max(self.stored.newest);
    }

    /// Notes that the upstream was deleted or became another one: of what was under way, nothing is
    /// stored.
    pub(crate) fn end(&mut self) {
        self.stored.ended = self.begun.0;
    }

    /// Returns `true` if the upstream that was listed is no longer this one.
    pub(crate) fn is_void(&self) -> bool {
        self.begun.0 < self.stored.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_older_listing_is_late_once_a_newer_one_was_stored() {
        let (turns, wiki) = (Turns::default(), UpstreamName::parse("wiki").unwrap());
        let (older, newer) = (turns.begin(), turns.begin());
        let mut turn = turns.take(wiki, newer).await;
        assert!(!turn.is_late());
        turn.stored();
        drop(turn);
        assert!(turns.take(wiki, older).await.is_late());
        assert!(!turns.take(UpstreamName::parse("notes").unwrap(), older).await.is_late());
        assert!(!turns.take(wiki, turns.begin()).await.is_late());
    }

    #[tokio::test]
    async fn nothing_of_a_listing_counts_that_began_before_the_end_of_its_upstream() {
        let (turns, wiki) = (Turns::default(), UpstreamName::parse("wiki").unwrap());
        let before = turns.begin();
        turns.take(wiki, turns.begin()).await.end();
        assert!(turns.take(wiki, before).await.is_void());
        assert!(!turns.take(wiki, turns.begin()).await.is_void());
        assert!(!turns.take(UpstreamName::parse("notes").unwrap(), before).await.is_void());
    }

    #[tokio::test]
    async fn listings_of_one_upstream_take_turns() {
        let (turns, wiki) = (Turns::default(), UpstreamName::parse("wiki").unwrap());
        let held = turns.take(wiki, turns.begin()).await;
        let second = turns.take(wiki, turns.begin());
        tokio::pin!(second);
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(held);
        assert!(!second.await.is_late());
    }
}
