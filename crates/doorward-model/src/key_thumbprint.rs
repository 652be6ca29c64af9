//! Thumbprints of keys that tokens are bound to.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// The SHA-256 of a public key (RFC 7638), as unpadded base64url (RFC 9449 §6.1 `jkt`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyThumbprint(String);

impl KeyThumbprint {
    /// Reads one that a client states; `None` for anything else than 32 bytes in base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }
    /// One that was stored or computed.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sha_256_in_base64url_is_a_thumbprint() {
        let good = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        assert_eq!(KeyThumbprint::parse(good).unwrap().as_str(), good);
        for bad in ["", "x", &good[1..], &format!("{good}A"), &format!("{good}="), "😀"] {
            assert!(KeyThumbprint::parse(bad).is_none(), "{bad}");
        }
    }
}
