//! Streams that stay open until one side ends them, of every kind: `GET /mcp`, the deprecated
//! HTTP+SSE transport, and `subscriptions/listen`. They are counted together, for each user and in
//! all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use doorward_model::UserId;

use crate::Mcp;

/// The message to a user with too many streams.
pub(crate) const TOO_MANY: &str = "too many open streams; close one, or wait until one has ended";

/// The open streams of this process, by user.
#[derive(Default)]
pub(crate) struct OpenStreams(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    by_user: HashMap<UserId, usize>,
    all: usize,
}

/// The place of one open stream. Dropping it gives the place back.
pub(crate) struct Slot {
    open: Arc<OpenStreams>,
    user_id: UserId,
}

impl OpenStreams {
    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, user_id: &UserId, most: usize, most_each: usize) -> Option<Slot> {
        let mut counts = self.lock();
        let own = counts.by_user.get(user_id).copied().unwrap_or_default();
        if counts.all >= most || own >= most_each {
            return None;
        }
        counts.all += 1;
        counts.by_user.insert(user_id.clone(), own + 1);
        Some(Slot { open: Arc::clone(self), user_id: user_id.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.open.lock();
        counts.all = counts.all.saturating_sub(1);
        match counts.by_user.get_mut(&self.user_id) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(counts.by_user.remove(&self.user_id)),
        }
    }
}

impl Mcp {
    /// A place for one more stream of this user; `None` if they, or all users together, have as
    /// many as the configuration allows.
    pub(crate) fn open_stream(&self, user_id: &UserId) -> Option<Slot> {
        let config = &self.inner.settings.config;
        self.inner.open_streams.enter(
            user_id,
            config.max_sse_streams,
            config.max_sse_streams_per_user,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_streams_of_all_kinds_and_gets_places_back() {
        let open = Arc::new(OpenStreams::default());
        let (ann, bob) = (UserId::from_text("u_1"), UserId::from_text("u_2"));
        let first = open.enter(&ann, 3, 2).unwrap();
        let _second = open.enter(&ann, 3, 2).unwrap();
        assert!(open.enter(&ann, 3, 2).is_none(), "of one user");
        let _third = open.enter(&bob, 3, 2).unwrap();
        assert!(open.enter(&bob, 3, 2).is_none(), "in all");
        drop(first);
        assert!(open.enter(&ann, 3, 2).is_some());
        assert_eq!(open.lock().all, 2);
    }
}
