//! Second factors of this server.

use crate::{Sealed, Timestamp, id::UserId};

/// A passkey: a public key with a private half that never leaves its owner's device.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// The credential id, as unpadded base64url.
    pub id: String,
    /// The user.
    pub user_id: UserId,
    /// The name that its owner gave it.
    pub name: String,
    /// The public key and counter, as the WebAuthn library writes them.
    pub credential: String,
    /// The time at which it was added.
    pub created_at: Timestamp,
    /// The time of the last use.
    pub last_used_at: Option<Timestamp>,
}

/// A secret shared with an authenticator app (RFC 6238).
#[derive(Clone, Debug)]
pub struct Totp {
    /// The user.
    pub user_id: UserId,
    /// The secret.
    pub secret: Sealed,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time at which its owner first entered a code from it. Before that it is no factor.
    pub confirmed_at: Option<Timestamp>,
    /// The last time step that was used, so that no code counts twice (RFC 6238 §5.2).
    pub last_step: i64,
}
