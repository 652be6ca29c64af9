//! The permission of one of several replicas to send to a destination.
//!
//! It is a setting that names the replica and the end. A replica renews it from its half on, so that
//! replicas with clocks that differ by less than [`LEASE`] / 2 do not send the same at once.

use doorward_model::{Change, Expected, Timestamp, UnitOfWork};
use doorward_store::{Store, StoreError};

/// Seconds for which one replica sends before another may, unless it stops before.
const LEASE: i64 = 30;

/// The leases of this replica.
pub(crate) struct Lease {
    store: Store,
    /// Distinguishes this replica from others.
    replica: String,
}

/// A lease as it is stored.
struct Stored<'a> {
    holder: &'a str,
    until: i64,
}

impl<'a> Stored<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (holder, until) = text.split_once(' ')?;
        Some(Self { holder, until: until.parse().ok()? })
    }
}

impl Lease {
    pub(crate) fn new(store: Store, replica: String) -> Self {
        Self { store, replica }
    }

    /// Reports that this replica holds the lease for `place`, which it takes where no other replica
    /// holds it.
    pub(crate) async fn held(&self, place: &str, now: Timestamp) -> Result<bool, StoreError> {
        let key = key(place);
        let stored = self.store.setting(&key).await?;
        if let Some(lease) = stored.as_deref().and_then(Stored::read) {
            if lease.holder == self.replica && lease.until - now.0 > LEASE / 2 {
                return Ok(true);
            }
            if lease.holder != self.replica && lease.until > now.0 {
                return Ok(false);
            }
        }
        let value = self.until(now.0 + LEASE);
        let unit = match stored {
            Some(seen) => replace(key, seen, value),
            None => UnitOfWork::from_iter([Change::InsertSetting { key, value }]),
        };
        match self.store.apply(unit).await {
            Ok(()) => Ok(true),
            Err(StoreError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends the lease of this replica for `place`, so that the next process need not wait.
    pub(crate) async fn release(&self, place: &str) {
        let key = key(place);
        let Ok(Some(seen)) = self.store.setting(&key).await else { return };
        if Stored::read(&seen).is_none_or(|lease| lease.holder != self.replica) {
            return;
        }
        let ended = self.until(0);
        if let Err(error) = self.store.apply(replace(key, seen, ended)).await {
            tracing::debug!(%error, "the lease of an export ends by itself");
        }
    }

    fn until(&self, end: i64) -> String {
        format!("{} {end}", self.replica)
    }
}

fn key(place: &str) -> String {
    format!("{place}.lease")
}

/// The unit of work that changes a setting which is still as it was read.
pub(crate) fn replace(key: String, seen: String, value: String) -> UnitOfWork {
    UnitOfWork::from_iter([
        Change::Expect { object: Expected::Setting(key.clone()), etag: seen },
        Change::PutSetting { key, value },
    ])
}
