//! Identifiers. Each is a string newtype, so that a client's id cannot be used in place of a
//! user's.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::ports::Entropy;

/// Draws `bytes` random bytes and writes them as unpadded base64url: letters, digits, `-` and `_`
/// only, which every client sends back unchanged (TypeScript SDKs do not form-encode Basic
/// credentials).
pub fn random_text(entropy: &dyn Entropy, bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    entropy.fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

/// A short name of a state: equal states have equal names, and different ones practically never
/// (RFC 9110 §8.8.3).
pub fn etag(parts: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize().get(..15).unwrap_or_default())
}

/// The text with U+FFFD for each NUL, which PostgreSQL can neither store nor search for and SQLite
/// can.
pub fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// A fresh random identifier of 128 bits.
            pub fn random(entropy: &dyn Entropy) -> Self {
                Self(format!(concat!($prefix, "{}"), random_text(entropy, 16)))
            }
            /// An identifier as it was stored or received. It names something only if a look-up
            /// finds it. A NUL, which PostgreSQL cannot even search for, becomes U+FFFD: no
            /// identifier has either.
            pub fn from_text(text: impl Into<String>) -> Self {
                Self(crate::id::without_nul(text.into()))
            }
            /// An identifier of this kind as this server makes them; `None` for any other text. It
            /// names something only if a look-up finds it.
            pub fn parse(text: &str) -> Option<Self> {
                let random = text.strip_prefix($prefix)?;
                let plain = random.len() == 22 && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
                plain.then(|| Self(text.to_owned()))
            }
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A client's `client_id` (RFC 6749 §2.2): one that this server assigned, or the https URL of a
    /// Client ID Metadata Document.
    ClientId, "c_"
);
id!(
    /// A user. It is the `sub` of every token issued for them and never equals a client's id (RFC
    /// 9700 §4.15).
    UserId, "u_"
);
id!(
    /// A grant: the permissions that one user gave one client, and the family of all tokens issued
    /// from it.
    GrantId, "g_"
);
id!(
    /// The public handle of a browser session. It proves nothing: the cookie's value does.
    SessionId, "s_"
);

id!(
    /// The public handle of a personal or service access token.
    AccessTokenId, "t_"
);

id!(
    /// The link of an account at a chat server with a user.
    ChatLinkId, "cl_"
);

id!(
    /// A conversation of a user with the agent of this server.
    ConversationId, "cv_"
);

id!(
    /// An external resource server: the name with which it authenticates for introspection.
    ResourceId, "rs_"
);

id!(
    /// One upstream at one place with one authorization server, from the moment at which it was
    /// added until it is deleted or one of the three is replaced. Values sealed for it cannot be
    /// opened for another, not even for a later upstream of the same name.
    UpstreamId, "up_"
);

/// A program that acts for a user: a client, or the holder of a personal access token. The texts of
/// the two differ, so that one never passes for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program<'a> {
    /// A client, by its `client_id`.
    Client(&'a ClientId),
    /// A personal access token, by its handle.
    Token(&'a AccessTokenId),
}

impl<'a> Program<'a> {
    /// The identifier as text.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Client(id) => id.as_str(),
            Self::Token(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ClientId {
    /// True if this is the URL of a Client ID Metadata Document rather than an assigned id.
    pub fn is_metadata_document(&self) -> bool {
        self.0.starts_with("https://") || self.0.starts_with("http://")
    }
}
