//! Signing keys and the times that make rotation safe.

use crate::{Sealed, Timestamp};

/// The signature algorithm of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256, which every client supports. The default.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    /// The JOSE name (RFC 7518, RFC 8037).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }
    /// The algorithm of that JOSE name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Es256, Self::Rs256, Self::EdDsa]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
    }
}

/// A signing key as it is stored. It is published from its making, signs from `activates_at` until
/// a later one does, and stays published until `retires_at`.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// The key that it signs with.
    pub algorithm: SigningAlgorithm,
    /// The public half as a JWK in JSON.
    pub public_jwk: String,
    /// The private half as sealed PKCS#8.
    pub private: Sealed,
    /// The time of creation and publication.
    pub created_at: Timestamp,
    /// The time from which it signs.
    pub activates_at: Timestamp,
    /// The time from which it is no longer needed for verification; `None` while no later key
    /// exists.
    pub retires_at: Option<Timestamp>,
}
