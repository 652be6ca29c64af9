//! Signing keys and the master key.

use doorward_model::SecretSetting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signing keys and the master key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The signature algorithm of access tokens: `ES256` (every client supports it), `EdDSA`
    /// (fastest) or `RS256` (slow to sign). A change takes effect by a rotation at the next start.
    pub algorithm: String,
    /// The key that seals private keys and secrets in the database: 32 bytes in base64. Empty for
    /// the file `master.key` in the data directory, which is created at the first start. Set it by
    /// `DOORWARD_KEYS__MASTER_KEY_FILE` to keep the key outside the data directory.
    pub master_key: SecretSetting,
    /// Days after which the signing key is rotated; 0 for never.
    pub rotation_days: u32,
    /// Seconds for which a new signing key is published before it signs, so that all caches of the
    /// key set contain it.
    pub publish_ahead_seconds: u32,
    /// True if proofs of the keys that access tokens are bound to (DPoP) must contain a nonce of
    /// this server: a proof then cannot be made in advance, and the clocks of clients need not be
    /// right. Clients that do not support nonces can no longer bind their tokens.
    pub dpop_nonces: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            algorithm: "ES256".to_owned(),
            master_key: SecretSetting::default(),
            rotation_days: 90,
            publish_ahead_seconds: 900,
            dpop_nonces: false,
        }
    }
}
