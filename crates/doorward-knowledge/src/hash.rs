//! The short hash by which documents, their contents and the texts of passages are known.

use sha2::{Digest as _, Sha256};

/// The first 64 bits of the hash of these bytes.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
