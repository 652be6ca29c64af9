//! Units of work, and values that changes hold.

use super::{Change, FactorChange};
use crate::{
    Timestamp,
    id::{ClientId, UserId},
    provider::ProviderId,
    upstream::{UpstreamChange, UpstreamName},
};

/// An attempt to guess a secret, counted before the secret is compared.
#[derive(Clone, Debug)]
pub struct CountedAttempt {
    /// The counter: an account, an IP address, a second factor.
    pub key: String,
    /// The present moment.
    pub at: Timestamp,
    /// Failures without a delay. Counted as at least 1.
    pub free: u32,
    /// The longest delay in seconds. The delay is one second after the free failures and doubles
    /// with each further one.
    pub longest_delay: i64,
    /// Seconds without an attempt after which the count starts again.
    pub forget_after: i64,
}

impl CountedAttempt {
    /// Seconds that must have passed since the last of `failures` failures before another attempt.
    pub fn delay_after(&self, failures: u32) -> i64 {
        let free = self.free.max(1);
        if failures < free {
            0
        } else {
            (1_i64 << (failures - free).min(20)).min(self.longest_delay.max(0))
        }
    }
}

/// An object that a unit expects to be as it was read. Objects with changes of a type of their own
/// have a change for it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A user, by [`crate::User::etag`].
    User(UserId),
    /// A client, by [`crate::Client::etag`].
    Client(ClientId),
    /// A setting, by its value; empty if it is not set.
    Setting(String),
    /// An identity provider that was added, by [`crate::StoredProvider::etag`].
    Provider(ProviderId),
    /// An upstream that was added, by [`crate::upstream::StoredUpstream::etag`].
    Upstream(UpstreamName),
}

/// Changes that are applied together or not at all.
#[derive(Clone, Debug, Default)]
pub struct UnitOfWork {
    changes: Vec<Change>,
}

impl UnitOfWork {
    /// A unit without changes.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a change at the end.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }
    /// The changes in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
    /// The changes in order, to be applied.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }
    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl FromIterator<Change> for UnitOfWork {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}

impl From<UpstreamChange> for UnitOfWork {
    fn from(change: UpstreamChange) -> Self {
        Change::Upstream(change).into()
    }
}

impl From<Change> for UnitOfWork {
    fn from(change: Change) -> Self {
        Self { changes: vec![change] }
    }
}

impl From<FactorChange> for Change {
    fn from(change: FactorChange) -> Self {
        Self::Factor(change)
    }
}

impl From<FactorChange> for UnitOfWork {
    fn from(change: FactorChange) -> Self {
        Change::Factor(change).into()
    }
}
