//! Device authorizations (RFC 8628): the request of a client on a device without a browser, which a
//! user decides about in a browser elsewhere.

use std::fmt;

use crate::{
    HashedToken, PlainToken, Resource, ScopeSet, Subject, Timestamp,
    id::{ClientId, GrantId},
    ports::Entropy,
};

/// The code that a user types (RFC 8628 §6.1): eight consonants, so that no word arises and no
/// letter is mistaken for another.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    const LETTERS: &'static [u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    const LENGTH: usize = 8;

    /// A fresh code, of 34 bits.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut code = String::with_capacity(Self::LENGTH);
        let mut byte = [0_u8; 1];
        while code.len() < Self::LENGTH {
            entropy.fill(&mut byte);
            let [drawn] = byte;
            // 240 is the largest multiple of 20 in a byte: beyond it, some letters would be likelier.
            if drawn < 240
                && let Some(letter) = Self::LETTERS.get(usize::from(drawn % 20))
            {
                code.push(char::from(*letter));
            }
        }
        Self(code)
    }
    /// A code as a user types it: in any case, with anything between the letters.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        let code: String = letters.map(|letter| char::from(letter.to_ascii_uppercase())).collect();
        let known = code.bytes().all(|letter| Self::LETTERS.contains(&letter));
        (code.len() == Self::LENGTH && known).then_some(Self(code))
    }
    /// The form in which it is stored.
    pub fn hashed(&self) -> HashedToken {
        PlainToken::presented(&self.0).hashed()
    }
}

impl fmt::Display for UserCode {
    /// As users read it: in two groups.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at_checked(4).unwrap_or((&self.0, ""));
        write!(f, "{first}-{second}")
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

/// The decision about a device authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceDecision {
    /// No user decided yet.
    Pending,
    /// A user refused.
    Denied,
    /// A user allowed it.
    Allowed {
        /// The user.
        subject: Subject,
        /// The allowed scopes, without those that are implied.
        scopes: ScopeSet,
    },
}

/// A device authorization as it is stored.
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    /// The hash of the device code.
    pub device_code: HashedToken,
    /// The hash of the user code.
    pub user_code: HashedToken,
    /// The only client that may redeem it.
    pub client_id: ClientId,
    /// The grant that redeeming it makes. It is fixed here so that a replay can revoke it.
    pub grant_id: GrantId,
    /// The requested scopes, without those that are implied.
    pub scopes: ScopeSet,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// The IP address of the device.
    pub address: String,
    /// The name that the device's program gives itself. Shown as text.
    pub agent: String,
    /// The time of the request.
    pub created_at: Timestamp,
    /// The time of expiry.
    pub expires_at: Timestamp,
    /// The least number of seconds between two polls.
    pub interval: i64,
    /// The time of the last poll.
    pub polled_at: Option<Timestamp>,
    /// The decision.
    pub decision: DeviceDecision,
    /// The time of redemption.
    pub spent_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            for byte in buffer {
                *byte = self.0.fetch_add(37, std::sync::atomic::Ordering::SeqCst);
            }
        }
    }

    #[test]
    fn a_code_is_read_as_users_type_it_and_nothing_else_is_one() {
        let code = UserCode::random(&Counting(0.into()));
        let shown = code.to_string();
        assert_eq!((shown.len(), shown.as_bytes()[4]), (9, b'-'));
        let plain = shown.replace('-', "");
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            plain.clone(),
            format!(" {} {} ", &plain[..4], &plain[4..]),
        ] {
            assert!(UserCode::parse(&typed) == Some(code.clone()), "{typed}");
        }
        for wrong in ["", "BCDF", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJKL", &"B".repeat(65)] {
            assert!(UserCode::parse(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{code:?}").contains(&plain));
    }
}
