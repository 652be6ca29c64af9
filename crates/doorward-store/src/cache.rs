//! Bounded read-through caches with exact invalidation.
//!
//! A reader that misses leaves a placeholder before it reads the database. An invalidation removes
//! placeholders too, so a value that was read before a write can never be put back after it.

use std::{
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

use crate::StoreError;

struct Entry<V> {
    value: Arc<V>,
    read_at: Instant,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), read_at: self.read_at }
    }
}

/// One noun's cache.
pub(crate) struct ReadThrough<K, V> {
    entries: Cache<K, Entry<V>>,
    lifetime: Duration,
}

impl<K: Hash + Eq + Clone, V> ReadThrough<K, V> {
    pub(crate) fn new(capacity: usize, lifetime: Duration) -> Self {
        Self { entries: Cache::new(capacity.max(16)), lifetime }
    }

    /// The value of `key`, from memory or by `read`. A missing value is not cached.
    pub(crate) async fn get<F>(
        &self,
        key: &K,
        read: impl Fn() -> F,
    ) -> Result<Option<Arc<V>>, StoreError>
    where
        F: Future<Output = Result<Option<V>, StoreError>>,
    {
        loop {
            match self.entries.get_value_or_guard_async(key).await {
                Ok(entry) if entry.read_at.elapsed() < self.lifetime => {
                    return Ok(Some(entry.value));
                }
                Ok(stale) => {
                    self.entries.remove_if(key, |entry| Arc::ptr_eq(&entry.value, &stale.value));
                }
                Err(placeholder) => {
                    let Some(value) = read().await? else { return Ok(None) };
                    let entry = Entry { value: Arc::new(value), read_at: Instant::now() };
                    // An error means that the key was invalidated meanwhile: return the value that
                    // was read, cache nothing.
                    let _ = placeholder.insert(entry.clone());
                    return Ok(Some(entry.value));
                }
            }
        }
    }

    pub(crate) fn forget(&self, key: &K) {
        self.entries.remove(key);
    }

    pub(crate) fn forget_all(&self) {
        self.entries.clear();
    }
}
