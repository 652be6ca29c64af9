//! The master key: seals values that must be readable again, and derives hashes of those that must
//! only be recognised.

use std::{
    fmt, fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use doorward_model::{Entropy, Sealed};
use zeroize::Zeroizing;

/// The key under which everything secret is stored. Held in memory only.
pub struct MasterKey {
    derive: hmac::Key,
    seal: RandomizedNonceKey,
}

/// Reason for which no usable master key exists. Nothing is ever overwritten.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text or file does not hold 32 bytes in base64.
    #[error(
        "{0} does not contain a master key: 32 bytes in base64, as in the file that the first \
         start created"
    )]
    Malformed(String),
    /// The file can be read by others.
    #[error(
        "{path} can be read by other users of the machine (mode {mode:o}); run: chmod 600 {path}"
    )]
    Exposed {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The database was sealed under a master key that is not available here.
    #[error(
        "the database belongs to a master key, and {0} does not exist; restore that file (or set keys.master_key). Nothing was changed"
    )]
    Missing(String),
    /// The file system refused.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: String,
        /// The event.
        error: std::io::Error,
    },
    /// The key is too weak for the cipher library; does not happen with 32 bytes.
    #[error("the master key cannot be used")]
    Unusable,
}

/// A sealed value that does not open: another master key, another place, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value cannot be unsealed with this master key")]
pub struct OpenError;

impl MasterKey {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// Uses these 32 bytes.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, MasterKeyError> {
        let derive = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let sealing = hmac::sign(&derive, b"doorward/seal/v1");
        let seal = RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref())
            .map_err(|_| MasterKeyError::Unusable)?;
        Ok(Self { derive, seal })
    }

    /// Reads a key from configuration text. `origin` names the place in errors.
    pub fn from_text(text: &str, origin: &str) -> Result<Self, MasterKeyError> {
        let malformed = || MasterKeyError::Malformed(origin.to_owned());
        let trimmed = text.trim();
        let decoded = STANDARD
            .decode(trimmed)
            .or_else(|_| STANDARD_NO_PAD.decode(trimmed))
            .or_else(|_| URL_SAFE_NO_PAD.decode(trimmed))
            .map(Zeroizing::new);
        let bytes = Zeroizing::new(
            <[u8; Self::BYTES]>::try_from(decoded.map_err(|_| malformed())?.as_slice())
                .map_err(|_| malformed())?,
        );
        Self::from_bytes(&bytes)
    }

    /// The path of the key file.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("master.key")
    }

    /// Reads the key file; makes it if it does not exist and `may_create`, which must be false once
    /// anything was sealed.
    pub fn from_file(
        path: &Path,
        may_create: bool,
        entropy: &dyn Entropy,
    ) -> Result<Self, MasterKeyError> {
        let shown = path.display().to_string();
        let failed = |error| MasterKeyError::File { path: shown.clone(), error };
        match fs::metadata(path) {
            Ok(metadata) => {
                let mode = metadata.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(MasterKeyError::Exposed { path: shown, mode });
                }
                let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
                Self::from_text(&text, &shown)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_create => {
                let mut bytes = Zeroizing::new([0u8; Self::BYTES]);
                entropy.fill(bytes.as_mut_slice());
                let text = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(failed)?;
                file.write_all(text.as_bytes())
                    .and_then(|()| file.write_all(b"\n"))
                    .and_then(|()| file.sync_all())
                    .map_err(failed)?;
                Self::from_bytes(&bytes)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(MasterKeyError::Missing(shown))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Encrypts `plain`. It opens only with the same `place` (table, row and column, or the like),
    /// so that a sealed value cannot be moved to another place with another meaning.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Sealed {
        let mut buffer = plain.to_vec();
        let Ok(nonce) =
            self.seal.seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut buffer)
        else {
            // Fails only when the operating system has no randomness.
            std::process::abort()
        };
        let mut bytes = nonce.as_ref().to_vec();
        bytes.append(&mut buffer);
        Sealed::from_stored(format!("v1.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Decrypts a value that [`MasterKey::seal`] made for the same `place`.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let text = sealed.as_str().strip_prefix("v1.").ok_or(OpenError)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| OpenError)?;
        let (nonce, ciphertext) = bytes.split_at_checked(12).ok_or(OpenError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let length = self
            .seal
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut buffer)
            .map_err(|_| OpenError)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// 32 bytes that only the holder of this key can compute from `purpose` and `parts`.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.derive);
        for part in std::iter::once(&purpose.as_bytes()).chain(parts) {
            // Lengths keep ("ab", "c") and ("a", "bc") apart.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut out = [0u8; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_where_it_was_sealed_and_only_whole() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        let sealed = key.seal("signing_key/a/private", b"secret");
        assert_eq!(key.open("signing_key/a/private", &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(key.open("signing_key/b/private", &sealed).err(), Some(OpenError));
        assert!(
            MasterKey::from_bytes(&[8; 32])
                .unwrap()
                .open("signing_key/a/private", &sealed)
                .is_err()
        );
        for index in 3..sealed.as_str().len() {
            let mut text = sealed.as_str().as_bytes().to_vec();
            text[index] = if text[index] == b'A' { b'B' } else { b'A' };
            let flipped = Sealed::from_stored(String::from_utf8(text).unwrap());
            assert!(
                key.open("signing_key/a/private", &flipped).is_err() || flipped == sealed,
                "byte {index}"
            );
        }
        assert!(key.open("x", &Sealed::from_stored("v1.AA".into())).is_err());
        assert!(!format!("{key:?}").contains('7'));
    }

    #[test]
    fn macs_depend_on_purpose_and_on_the_borders_of_parts() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        assert_ne!(key.mac("a", &[b"b"]), key.mac("ab", &[]));
        assert_ne!(key.mac("p", &[b"ab", b"c"]), key.mac("p", &[b"a", b"bc"]));
    }
}
