//! Tokens that are made or exchanged (CF7, CF9), and scopes that upstreams required in vain, kept
//! in memory for a while.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use doorward_model::{Timestamp, UpstreamName, UserId};

use super::key::AccessKey;
use crate::upstream::Upstream;

/// Seconds before its expiry at which a token is replaced.
pub(super) const EARLY: i64 = 30;
/// Maximum number of tokens, and of wanted scopes, kept in memory.
const MOST: usize = 10_000;

/// Tokens with their end.
#[derive(Default)]
pub(crate) struct ShortLived(Mutex<HashMap<AccessKey, (String, i64)>>);

impl ShortLived {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccessKey, (String, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(super) fn get(&self, key: &AccessKey, now: Timestamp) -> Option<String> {
        let kept = self.lock();
        kept.get(key).filter(|(_, end)| now.0 < end - EARLY.min(15)).map(|(token, _)| token.clone())
    }
    pub(super) fn put(&self, key: AccessKey, token: String, end: i64, now: Timestamp) {
        let mut kept = self.lock();
        if kept.len() >= MOST {
            kept.retain(|_, (_, end)| now.0 < *end);
            if kept.len() >= MOST {
                kept.clear();
            }
        }
        kept.insert(key, (token, end));
    }
    /// Forgets a user's access at an upstream.
    pub(crate) fn forget(&self, user_id: &UserId, upstream: UpstreamName) {
        self.lock().retain(|key, _| key.upstream != upstream || key.user_id != *user_id);
    }
}

/// The longest pause that a server may demand, and the pause where it states none, in seconds.
const LONGEST_WAIT: i64 = 3600;
const USUAL_WAIT: i64 = 30;

/// Authorization servers that demanded a pause, for one user each, with the time until which no
/// request is sent.
#[derive(Default)]
pub(crate) struct Waits(Mutex<HashMap<AccessKey, Timestamp>>);

impl Waits {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccessKey, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Notes a request to wait for so many seconds.
    pub(crate) fn note(&self, key: AccessKey, seconds: Option<i64>, now: Timestamp) {
        let mut waits = self.lock();
        waits.retain(|_, until| now < *until);
        if waits.len() < MOST {
            let seconds = seconds.unwrap_or(USUAL_WAIT).clamp(1, LONGEST_WAIT);
            waits.insert(key, now.plus(seconds));
        }
    }
    /// The seconds that are left to wait.
    pub(super) fn left(&self, key: &AccessKey, now: Timestamp) -> Option<i64> {
        let until = *self.lock().get(key)?;
        (now < until).then(|| until.since(now))
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
