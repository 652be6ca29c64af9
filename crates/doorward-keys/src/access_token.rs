//! The claims of this server's access tokens (RFC 9068).

use doorward_model::KeyThumbprint;
use serde::{Deserialize, Serialize};

/// `aud`: one resource as a string, several as a list (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// The shortest form of a list.
    pub fn from_list(mut list: Vec<String>) -> Self {
        if list.len() == 1 { Self::One(list.remove(0)) } else { Self::Many(list) }
    }
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
        .iter()
        .map(String::as_str)
    }
    /// Reports `resource` among them.
    pub fn contains(&self, resource: &str) -> bool {
        self.iter().any(|one| one == resource)
    }
}

/// The claims of an access token. Times are whole seconds; a token in which they are anything else
/// is refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer: the public URL.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The resources that the token is for.
    pub aud: Audience,
    /// The time of expiry.
    pub exp: i64,
    /// The time of issue.
    pub iat: i64,
    /// Its own identifier.
    pub jti: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// The scopes, space-separated.
    pub scope: String,
    /// The time of the user's last sign-in before they allowed the client.
    pub auth_time: i64,
    /// The level of authentication (RFC 9068 §2.2.1).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub acr: String,
    /// By which methods (RFC 9068 §2.2.1, RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The grant that it belongs to. Revoking the grant ends the token.
    pub grant: String,
    /// The party that acts for the subject (RFC 8693 §4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<ActClaim>>,
    /// The key that it is bound to; `None` for a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// The identity of the one upstream that it is for, in a token of an AI back end. One that takes
    /// the upstream's name later has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

impl AccessClaims {
    /// Reports the token of an AI back end: it has the reserved scope. Such a token counts at the
    /// URL of its upstream, and everywhere else it is none.
    pub fn is_of_back_end(&self) -> bool {
        self.scope.split(' ').any(|name| name == doorward_model::BACK_END)
    }
}

/// The key that a token is bound to (RFC 9449 §6.1). An access token of this server names no other
/// method of confirmation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The thumbprint of the key.
    pub jkt: KeyThumbprint,
}

/// A party that acts for the subject of a token (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActClaim {
    /// Its account, or its client where it has none.
    pub sub: String,
    /// Its client.
    pub client_id: String,
    /// The party that acted before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Self>>,
}

/// Reason for which a token is not accepted. For the log; the caller receives only `invalid_token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Not a compact JWS with exactly the header that this server writes.
    #[error("not a token that is issued here")]
    Malformed,
    /// Signed with a key that is not published here.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// The signature does not verify or a claim is missing or of the wrong type.
    #[error("the signature or a claim is wrong")]
    Invalid,
    /// Another issuer.
    #[error("issued by another issuer")]
    Issuer,
    /// For another resource.
    #[error("issued for another resource")]
    Audience,
    /// Over, or not begun.
    #[error("expired or not yet valid")]
    Time,
}
