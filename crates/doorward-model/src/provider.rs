//! Identity providers, and the accounts of users at them.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{HashedToken, Role, Sealed, Statement, Timestamp, id::UserId};

/// The name of an identity provider in URLs and commands: 1 to 32 lower-case letters, digits or
/// `-`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(String);

/// A text that cannot name a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a provider's name has 1 to 32 lower-case letters, digits or '-', a letter first, and is not welcome, second-factor or passkey"
)]
pub struct ProviderIdError;

impl ProviderId {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, ProviderIdError> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        // These are pages of this server below the same path.
        let reserved = ["welcome", "second-factor", "passkey", "forgot", "reset"].contains(&text);
        if !plain || !begins || reserved || text.len() > 32 {
            Err(ProviderIdError)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
    /// A name as it was stored or received. It names something only if a look-up finds it.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider that was added by command rather than in the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredProvider {
    /// Its name.
    pub id: ProviderId,
    /// Its settings without the secret, as JSON in the form of the configuration file.
    pub settings: String,
    /// The client secret shared with it.
    pub secret: Option<Sealed>,
    /// The time at which it was added.
    pub created_at: Timestamp,
}

impl StoredProvider {
    /// The name of the state of its settings, for conditional changes.
    pub fn etag(&self) -> String {
        let sealed = self.secret.as_ref().map(Sealed::as_str).unwrap_or_default();
        crate::id::etag(&[&self.settings, sealed])
    }
}

/// The key of an account at an identity provider: a hash of issuer and subject, which together
/// never name another user (OpenID Connect Core §5.7). Names and e-mail addresses do not enter it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityId(String);

impl IdentityId {
    /// The key of `subject` at `issuer`.
    pub fn of(issuer: &str, subject: &str) -> Self {
        let mut hash = Sha256::new();
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update(u64::try_from(issuer.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(issuer.as_bytes());
        hash.update(subject.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(hash.finalize()))
    }
    /// A key as it was stored.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user's account at an identity provider.
#[derive(Clone, Debug)]
pub struct LinkedIdentity {
    /// Its key.
    pub id: IdentityId,
    /// The provider, as it is configured here.
    pub provider: ProviderId,
    /// The issuer that vouches for it.
    pub issuer: String,
    /// The account at the provider.
    pub subject: String,
    /// The user here.
    pub user_id: UserId,
    /// The user name at the provider, as of the last check.
    pub username: Option<String>,
    /// The e-mail address at the provider, as of the last check.
    pub email: Option<String>,
    /// The display name at the provider, as of the last check.
    pub display_name: Option<String>,
    /// The roles that this provider's rules give.
    pub roles: Vec<Role>,
    /// The time at which it was linked.
    pub created_at: Timestamp,
    /// The time of the last sign-in with it.
    pub last_login_at: Timestamp,
    /// The time of the provider's last confirmation.
    pub confirmed_at: Timestamp,
    /// The time of the next check.
    pub next_check_at: Timestamp,
    /// The token for checks: a refresh token, or an access token where there are none.
    pub credential: Option<Sealed>,
    /// The time at which the provider stopped vouching for it. A sign-in through the provider
    /// resets it.
    pub ended_at: Option<Timestamp>,
    /// The provider's last statement, as far as rules read it.
    pub statement: Option<Statement>,
}

/// A sign-in that was redirected to a provider and awaits its callback.
#[derive(Clone, Debug)]
pub struct SignInAttempt {
    /// The hash of `state` (RFC 6749 §4.1.1).
    pub state: HashedToken,
    /// The provider to which it was redirected.
    pub provider: ProviderId,
    /// The hash of the cookie of the browser that it left from.
    pub browser: HashedToken,
    /// The values needed at the callback: nonce, PKCE verifier, and the user's intended operation.
    pub payload: Sealed,
    /// The time of expiry.
    pub expires_at: Timestamp,
    /// The time of the callback.
    pub consumed_at: Option<Timestamp>,
}

/// An administrator's statement that the holder of an e-mail address at a provider is this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The provider.
    pub provider: ProviderId,
    /// The e-mail address, in lower case.
    pub email: String,
    /// The user here.
    pub user_id: UserId,
    /// The time at which it was made.
    pub created_at: Timestamp,
}

impl Invitation {
    /// The key under which it is stored.
    pub fn key(provider: &ProviderId, email: &str) -> String {
        format!("{provider} {}", email.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fed23_the_same_subject_at_two_issuers_is_two_accounts() {
        assert_ne!(
            IdentityId::of("https://a.example", "1"),
            IdentityId::of("https://b.example", "1")
        );
        assert_ne!(
            IdentityId::of("https://a.example1", "2"),
            IdentityId::of("https://a.example", "12")
        );
        assert_eq!(
            IdentityId::of("https://a.example", "1"),
            IdentityId::of("https://a.example", "1")
        );
    }

    #[test]
    fn names_of_providers_are_plain() {
        for good in ["google", "a", "my-idp-2"] {
            assert!(ProviderId::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "passkey",
            "-a",
            "2a",
            "A",
            "a_b",
            "a/b",
            "a.b",
            "abcdefghijklmnopqrstuvwxyzabcdefg",
        ] {
            assert!(ProviderId::parse(bad).is_err(), "{bad}");
        }
    }
}
