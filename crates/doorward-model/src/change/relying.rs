//! Changes to the use of sessions by relying parties.

use super::Change;
use crate::RelyingSession;

/// One change to the use of a session by a relying party.
#[derive(Clone, Debug)]
pub enum RelyingChange {
    /// Adds it, or replaces the scopes of the one with the same `sid`.
    Put(RelyingSession),
}

impl From<RelyingChange> for Change {
    fn from(change: RelyingChange) -> Self {
        Self::Relying(change)
    }
}
