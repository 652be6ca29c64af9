//! Changes to the use of sessions by relying parties.

use super::Change;
use crate::{HashedToken, RelyingSession, SessionId, Timestamp, UserId};

/// One change to the use of a session by a relying party.
#[derive(Clone, Debug)]
pub enum RelyingChange {
    /// Adds it, or replaces the scopes of the one with the same `sid`.
    Put(RelyingSession),
    /// Lets a session take the place of another one of the same user. Has to precede the end of
    /// that session in its unit.
    Follow {
        /// The session that ends.
        from: HashedToken,
        /// The session that takes its place.
        to: SessionId,
        /// The user of the latter. Uses of another user stay with the session that ends.
        user_id: UserId,
    },
    /// Reserves the notice of an end for one replica. Conditional: no other took it.
    ClaimNotice {
        /// The use.
        sid: String,
        /// The time at which it was due.
        due: Option<Timestamp>,
        /// The time at which it is due again if this replica does not finish it.
        until: Timestamp,
    },
    /// Forgets a use whose end the relying party was told, or will not be told.
    Forget {
        /// The use.
        sid: String,
    },
}

impl From<RelyingChange> for Change {
    fn from(change: RelyingChange) -> Self {
        Self::Relying(change)
    }
}
