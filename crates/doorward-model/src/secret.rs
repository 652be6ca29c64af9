//! Secrets as types. A `Plain…` value can be neither printed nor serialised; values in the store
//! are `Hashed…` or `Sealed`.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{id::random_text, ports::Entropy};

/// The purpose of a token of this server. The prefix lets secret scanners find a leaked one and
/// shows users its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An authorization code (RFC 6749 §1.3.1).
    AuthorizationCode,
    /// A refresh token (RFC 6749 §1.5).
    RefreshToken,
    /// The value of a browser session's cookie.
    Session,
    /// A client's secret (RFC 6749 §2.3.1).
    ClientSecret,
    /// The secret part of a one-time link.
    Link,
    /// `state` of a sign-in at an identity provider.
    UpstreamState,
    /// A personal or service access token.
    AccessToken,
    /// A device code (RFC 8628 §3.2).
    DeviceCode,
    /// The secret part of the reference to a pushed authorization request (RFC 9126 §2.2).
    PushedRequest,
    /// The token by which a client manages its registration (RFC 7592 §3).
    Registration,
    /// The session of a user at an application of the operator.
    ApplicationSession,
    /// The token by which the external back end of the agent calls for a user.
    AgentPass,
}

impl TokenKind {
    /// The text that every token of this kind starts with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "dw_ac_",
            Self::RefreshToken => "dw_rt_",
            Self::Session => "dw_se_",
            Self::ClientSecret => "dw_cs_",
            Self::Link => "dw_ln_",
            Self::UpstreamState => "dw_st_",
            Self::AccessToken => "dw_pat_",
            Self::DeviceCode => "dw_dc_",
            Self::PushedRequest => "dw_pr_",
            Self::Registration => "dw_ra_",
            Self::ApplicationSession => "dw_as_",
            Self::AgentPass => "dw_ag_",
        }
    }
}

/// A secret token in the clear: held only between its making and its delivery, or between its
/// arrival and its hash.
#[derive(Clone)]
pub struct PlainToken(Zeroizing<String>);

impl PlainToken {
    /// A fresh token of 256 random bits.
    pub fn random(kind: TokenKind, entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(format!("{}{}", kind.prefix(), random_text(entropy, 32))))
    }
    /// A token derived from 32 secret bytes, as rotation does it.
    pub fn from_bytes(kind: TokenKind, bytes: &[u8]) -> Self {
        Self(Zeroizing::new(format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes))))
    }
    /// A token as a user presented it.
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
    /// A token that is its own record: what is known of it, sealed.
    pub fn from_sealed(kind: TokenKind, sealed: &Sealed) -> Self {
        Self(Zeroizing::new(format!("{}{}", kind.prefix(), sealed.as_str())))
    }
    /// The value, to be sent to its owner. Nothing else may call this.
    pub fn reveal(&self) -> &str {
        &self.0
    }
    /// The form in which it may be stored.
    pub fn hashed(&self) -> HashedToken {
        HashedToken(URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes())))
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(…)")
    }
}

/// The SHA-256 of a token, as unpadded base64url. Tokens hold 256 random bits, so a slow hash would
/// add nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HashedToken(String);

impl HashedToken {
    /// A hash as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Compares in a time that does not depend on where the two differ.
    pub fn matches(&self, token: &PlainToken) -> bool {
        self.0.as_bytes().ct_eq(token.hashed().0.as_bytes()).into()
    }
}

/// Bytes encrypted under the master key and bound to the place they are stored at. Only
/// `doorward-keys` makes and opens them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// A sealed value as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
    /// The sealed text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password as a user typed it, at most [`PlainPassword::MAX_BYTES`] long.
#[derive(Clone)]
pub struct PlainPassword(Zeroizing<String>);

/// The reason for which a text is not acceptable as a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordTextError {
    /// Longer than [`PlainPassword::MAX_BYTES`].
    #[error("a password has at most 1024 bytes")]
    TooLong,
    /// Shorter than the configured minimum.
    #[error("choose a password of at least {0} characters")]
    TooShort(usize),
}

impl PlainPassword {
    /// The longest password that is hashed, in bytes. Hashing time must not be for the sender to
    /// choose.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a typed password to be compared with a stored one.
    pub fn typed(text: String) -> Result<Self, PasswordTextError> {
        if text.len() > Self::MAX_BYTES {
            Err(PasswordTextError::TooLong)
        } else {
            Ok(Self(Zeroizing::new(text)))
        }
    }
    /// Takes a password to be set, which must have at least `minimum` characters.
    pub fn chosen(text: String, minimum: usize) -> Result<Self, PasswordTextError> {
        let password = Self::typed(text)?;
        if password.0.chars().count() < minimum {
            Err(PasswordTextError::TooShort(minimum))
        } else {
            Ok(password)
        }
    }
    /// The bytes to hash. Nothing else may call this.
    pub fn reveal(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for PlainPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainPassword(…)")
    }
}

/// A password in its argon2id PHC form.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedPassword(String);

impl HashedPassword {
    /// A PHC string that the hasher made or the store kept.
    pub fn from_phc(text: String) -> Self {
        Self(text)
    }
    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword(…)")
    }
}
