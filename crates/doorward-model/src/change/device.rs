//! Changes to device authorizations.

use super::{Change, UnitOfWork};
use crate::{
    HashedToken, Timestamp,
    device::{DeviceAuthorization, DeviceDecision},
};

/// One change to a device authorization.
#[derive(Clone, Debug)]
pub enum DeviceChange {
    /// Adds one. Conditional: both codes are new.
    Insert(Box<DeviceAuthorization>),
    /// Notes a poll. Conditional: no other poll was noted since `seen`.
    Poll {
        /// The hash of the device code.
        device_code: HashedToken,
        /// The time of the last poll that was seen.
        seen: Option<Timestamp>,
        /// The least number of seconds from now on.
        interval: i64,
        /// The present moment.
        now: Timestamp,
    },
    /// Stores a user's decision. Conditional: undecided and not expired.
    Decide {
        /// The authorization.
        authorization: Box<DeviceAuthorization>,
        /// The decision.
        decision: DeviceDecision,
        /// The present moment.
        now: Timestamp,
    },
    /// Redeems one. Conditional: allowed, unspent and not expired.
    Redeem {
        /// The hash of the device code.
        device_code: HashedToken,
        /// The present moment.
        now: Timestamp,
    },
}

impl From<DeviceChange> for Change {
    fn from(change: DeviceChange) -> Self {
        Self::Device(change)
    }
}

impl From<DeviceChange> for UnitOfWork {
    fn from(change: DeviceChange) -> Self {
        Change::from(change).into()
    }
}
