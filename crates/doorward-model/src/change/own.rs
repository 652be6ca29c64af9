//! Changes that clients make for themselves, before any user is involved.

use super::Change;
use crate::{Client, HashedToken, PushedRequest, Timestamp, id::ClientId};

/// One change that a client makes for itself.
#[derive(Clone, Debug)]
pub enum OwnChange {
    /// Stores an authorization request that it pushes.
    Push(Box<PushedRequest>),
    /// Uses a pushed request up. Conditional: it is this client's and has not expired.
    UsePushed {
        /// The hash of the secret part of its reference.
        reference: HashedToken,
        /// The client.
        client_id: ClientId,
        /// The present moment.
        now: Timestamp,
    },
    /// Replaces its registration, and the token by which it is managed (RFC 7592 §2.2).
    /// Conditional: it registered itself, and the token is the one that was presented.
    PutRegistration {
        /// The client as it is from now on.
        client: Box<Client>,
        /// The hash of the token that was presented.
        seen: HashedToken,
    },
}

impl From<OwnChange> for Change {
    fn from(change: OwnChange) -> Self {
        Self::Own(change)
    }
}
