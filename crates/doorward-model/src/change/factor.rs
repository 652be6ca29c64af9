//! Changes to second factors.

use crate::{HashedToken, Passkey, Timestamp, Totp, id::UserId};

/// A change to the second factors of users.
#[derive(Clone, Debug)]
pub enum FactorChange {
    /// Adds a passkey. Conditional: it must be new.
    InsertPasskey(Passkey),
    /// Notes the use of a passkey. Conditional: it must exist.
    UsePasskey {
        /// The passkey.
        id: String,
        /// Its state from now on.
        credential: String,
        /// The moment.
        at: Timestamp,
    },
    /// Deletes a passkey. Conditional: it must be this user's.
    DeletePasskey {
        /// The user.
        user_id: UserId,
        /// The passkey.
        id: String,
    },
    /// Begins to set up an authenticator app. Conditional: none must be confirmed.
    PutTotp(Totp),
    /// Confirms an authenticator app with its first code. Conditional: not confirmed yet, and a
    /// later step than the last.
    ConfirmTotp {
        /// The user.
        user_id: UserId,
        /// The code's time step.
        step: i64,
        /// The moment.
        at: Timestamp,
    },
    /// Uses a code of an authenticator app. Conditional: confirmed, and a later step than the last.
    UseTotp {
        /// The user.
        user_id: UserId,
        /// The code's time step.
        step: i64,
    },
    /// Deletes an authenticator app.
    DeleteTotp(UserId),
    /// Replaces a user's recovery codes.
    ReplaceRecoveryCodes {
        /// The user.
        user_id: UserId,
        /// The codes' hashes.
        codes: Vec<HashedToken>,
    },
    /// Uses a recovery code. Conditional: it must exist.
    UseRecoveryCode {
        /// The user.
        user_id: UserId,
        /// The code's hash.
        code: HashedToken,
    },
}
