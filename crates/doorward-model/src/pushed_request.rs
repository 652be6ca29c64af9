//! Authorization requests that clients push before a browser refers to them (RFC 9126).

use crate::{HashedToken, Sealed, Timestamp, id::ClientId};

/// The text before the secret part of each reference (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// A pushed authorization request as it is stored, until it is used or expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRequest {
    /// The hash of the secret part of its reference.
    pub reference: HashedToken,
    /// The only client that may refer to it.
    pub client_id: ClientId,
    /// Its parameters, encoded and sealed: they may name the user.
    pub params: Sealed,
    /// The time of expiry.
    pub expires_at: Timestamp,
}

impl PushedRequest {
    /// The reference with this secret part.
    pub fn uri(secret: &str) -> String {
        format!("{PREFIX}{secret}")
    }
    /// The secret part of a reference; `None` for a URI of another kind.
    pub fn secret_of(uri: &str) -> Option<&str> {
        uri.strip_prefix(PREFIX)
    }
}
