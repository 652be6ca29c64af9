//! Tokens that are made or exchanged (CF7, CF9), and scopes that upstreams required in vain, kept
//! in memory for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use doorward_model::{Timestamp, UpstreamName, UserId};

use super::{
    key::AccessKey,
    token::{Credential, IssuedToken},
};
use crate::upstream::{Shared, Upstream};

/// Seconds before its expiry at which a stored token is refreshed.
pub(super) const EARLY: i64 = 30;
/// Seconds before its expiry at which a token in memory is replaced; less for one that lives less
/// than twice as long.
const MARGIN: i64 = 15;
/// The longest time for which a token is kept, in seconds.
const LONGEST: i64 = 3600;
/// Maximum number of tokens, and of wanted scopes, kept in memory.
const MOST: usize = 10_000;

/// A token with the settings that it was obtained under.
pub(super) struct Kept {
    of: Weak<Upstream>,
    token: IssuedToken,
    until: Timestamp,
}

impl Kept {
    /// A token that lives for so many seconds from now on.
    pub(super) fn new(
        upstream: &Shared,
        token: &IssuedToken,
        lifetime: i64,
        now: Timestamp,
    ) -> Self {
        let lifetime = lifetime.clamp(1, LONGEST);
        let until = now.plus(lifetime - MARGIN.min(lifetime / 2));
        Self { of: Arc::downgrade(upstream), token: token.clone(), until }
    }
    fn counts(&self, now: Timestamp) -> bool {
        now < self.until && self.of.strong_count() > 0
    }
}

/// Tokens that are obtained without the user, until shortly before their end. One that was obtained
/// under other settings of its upstream does not count.
#[derive(Default)]
pub(crate) struct ShortLived(Mutex<HashMap<AccessKey, Kept>>);

impl ShortLived {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccessKey, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(super) fn get(
        &self,
        key: &AccessKey,
        upstream: &Shared,
        now: Timestamp,
    ) -> Option<IssuedToken> {
        let kept = self.lock();
        let kept = kept.get(key).filter(|kept| kept.counts(now))?;
        let is_same = std::ptr::eq(kept.of.as_ptr(), Arc::as_ptr(upstream));
        is_same.then(|| kept.token.clone())
    }
    pub(super) fn put(&self, key: AccessKey, new: Kept, now: Timestamp) {
        let mut all = self.lock();
        if all.len() >= MOST {
            all.retain(|_, kept| kept.counts(now));
            if all.len() >= MOST {
                all.clear();
            }
        }
        all.insert(key, new);
    }
    /// Forgets a token that the upstream refused, and no newer one.
    pub(super) fn forget_refused(&self, upstream: UpstreamName, refused: &Credential) {
        self.lock()
            .retain(|key, kept| key.upstream != upstream || kept.token.text != refused.token());
    }
    /// Forgets a user's access at an upstream.
    pub(crate) fn forget(&self, user_id: &UserId, upstream: UpstreamName) {
        self.lock()
            .retain(|key, _| key.upstream != upstream || key.user_id.as_ref() != Some(user_id));
    }
}

/// The longest pause that a server may demand, and the pause where it states none, in seconds.
const LONGEST_WAIT: i64 = 3600;
const USUAL_WAIT: i64 = 30;

/// A pause before the next request to an authorization server.
#[derive(Clone, Debug)]
pub(crate) struct PauseLeft {
    /// The seconds that are left of it.
    pub(crate) seconds: i64,
    /// Its reason.
    pub(crate) why: String,
}

/// Authorization servers of which one access is not requested for a while: they demanded a pause, or
/// refused this server.
#[derive(Default)]
pub(crate) struct Waits(Mutex<HashMap<AccessKey, (Timestamp, String)>>);

impl Waits {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccessKey, (Timestamp, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Notes a pause of so many seconds.
    pub(crate) fn note(&self, key: AccessKey, seconds: Option<i64>, why: String, now: Timestamp) {
        let mut waits = self.lock();
        waits.retain(|_, (until, _)| now < *until);
        if waits.len() < MOST {
            let seconds = seconds.unwrap_or(USUAL_WAIT).clamp(1, LONGEST_WAIT);
            waits.insert(key, (now.plus(seconds), why));
        }
    }
    /// The pause that is left.
    pub(super) fn left(&self, key: &AccessKey, now: Timestamp) -> Option<PauseLeft> {
        let waits = self.lock();
        let (until, why) = waits.get(key)?;
        (now < *until).then(|| PauseLeft { seconds: until.since(now), why: why.clone() })
    }
}

/// The user, the upstream and its location.
type ScopesKey = (UserId, UpstreamName, String);

/// The scopes that upstreams required of users in vain. They are shown when the user connects next.
#[derive(Default)]
pub(crate) struct RequiredScopes(Mutex<HashMap<ScopesKey, String>>);

impl RequiredScopes {
    fn lock(&self) -> MutexGuard<'_, HashMap<ScopesKey, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn key(user_id: &UserId, upstream: &Upstream) -> ScopesKey {
        (user_id.clone(), upstream.name, upstream.location.clone())
    }
    pub(super) fn note(&self, user_id: &UserId, upstream: &Upstream, scope: &str) {
        let mut wanted = self.lock();
        if wanted.len() < MOST {
            wanted.insert(Self::key(user_id, upstream), scope.chars().take(1024).collect());
        }
    }
    pub(crate) fn of(&self, user_id: &UserId, upstream: &Upstream) -> Option<String> {
        self.lock().get(&Self::key(user_id, upstream)).cloned()
    }
    pub(crate) fn forget(&self, user_id: &UserId, upstream: &Upstream) {
        self.lock().remove(&Self::key(user_id, upstream));
    }
}
