//! Signed tokens of issuers through which no user signs in, such as those of workloads.

use doorward_model::TrustedIssuer;
use doorward_transport::Outbound;
use openidconnect::{JsonWebKeySet, core::CoreJsonWebKey};
use serde_json::{Map, Value};

use super::{
    discovery::{Discovery, Published},
    signed::{Signed, key_set},
};
use crate::{
    config::SettingError,
    error::FederationError,
    settings::{Endpoints, OpenId, address},
};

/// Maximum number of bytes of a key set that is set by hand.
const MAX_KEYS: usize = 64 * 1024;
/// Maximum number of characters of an issuer.
const MAX_ISSUER: usize = 512;

/// The statements of a token with a good signature.
pub(crate) struct SignedClaims {
    /// The `typ` of its header.
    pub(crate) typ: Option<String>,
    pub(crate) claims: Value,
}

/// The public keys of an issuer.
pub(crate) enum PublishedKeys {
    /// Fetched, and fetched again when a token names another key.
    Fetched(Box<Discovery<Published>>),
    /// Set by hand.
    Set(Box<JsonWebKeySet<CoreJsonWebKey>>),
}

impl PublishedKeys {
    /// The keys of an issuer, before any of them is fetched.
    pub(crate) fn of(issuer: &TrustedIssuer, outbound: Outbound) -> Result<Self, SettingError> {
        let open_id = match check(issuer)? {
            Checked::Keys(keys) => return Ok(Self::Set(Box::new(keys))),
            Checked::Source(open_id) => *open_id,
        };
        Ok(Self::Fetched(Box::new(Discovery::new(issuer.issuer.clone(), outbound, open_id))))
    }

    /// Verifies the signature of a token. Its claims are for the caller to judge. The inner error
    /// is the reason for which it is refused.
    pub(crate) async fn verify(
        &self,
        token: &str,
    ) -> Result<Result<SignedClaims, String>, FederationError> {
        let signed = match self {
            Self::Fetched(discovery) => {
                let found = discovery.document().await?;
                discovery.signed(&found, token).await?
            }
            Self::Set(keys) => Signed::read(token).and_then(|signed| {
                let wrong = "its signature fits no key of the issuer's key set";
                if signed.verified_by(keys)? { Ok(signed) } else { Err(wrong.to_owned()) }
            }),
        };
        Ok(signed.map(|signed| SignedClaims { typ: signed.typ(), claims: signed.payload }))
    }
}

/// The source of an issuer's keys.
pub(crate) enum Checked {
    Keys(JsonWebKeySet<CoreJsonWebKey>),
    Source(Box<OpenId>),
}

/// Checks the settings of an issuer.
pub(crate) fn check(issuer: &TrustedIssuer) -> Result<Checked, SettingError> {
    let name = &issuer.issuer;
    let odd = name.is_empty() || name.chars().count() > MAX_ISSUER;
    if odd || name.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        let why =
            format!("must be the text of the claim iss, with at most {MAX_ISSUER} characters");
        return Err(SettingError::new("issuer", why));
    }
    match (&issuer.jwks, &issuer.jwks_uri) {
        (Some(_), Some(_)) => {
            Err(SettingError::new("jwks", "only one of jwks and jwks_uri can be set"))
        }
        (Some(text), None) => keys(text).map(Checked::Keys),
        (None, Some(uri)) => {
            let jwks = Some(address("jwks_uri", uri, None)?);
            let by_hand = Endpoints { jwks, ..Endpoints::default() };
            let open_id = OpenId { issuer: name.clone(), by_hand, ..OpenId::default() };
            Ok(Checked::Source(Box::new(open_id)))
        }
        (None, None) => {
            // The discovery document is below it.
            address("issuer", name, None)?;
            let open_id = OpenId { issuer: name.clone(), ..OpenId::default() };
            Ok(Checked::Source(Box::new(open_id)))
        }
    }
}

/// Public keys that were set by hand.
fn keys(text: &str) -> Result<JsonWebKeySet<CoreJsonWebKey>, SettingError> {
    let wrong = |why: &str| SettingError::new("jwks", why);
    if text.len() > MAX_KEYS {
        return Err(wrong("must have at most 64 KiB"));
    }
    let document: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| wrong("must be a JWK Set in JSON"))?;
    let all = document.get("keys").and_then(Value::as_array);
    let is_secret = |key: &Value| key.get("d").is_some() || key.get("k").is_some();
    if all.is_some_and(|all| all.iter().any(is_secret)) {
        return Err(wrong("must hold public keys only"));
    }
    let known = key_set(document).keys;
    if known.keys().is_empty() {
        return Err(wrong("holds no key that can be used"));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

    #[test]
    fn an_issuer_is_a_url_unless_its_keys_are_set_by_hand() {
        let issuer = |name: &str, jwks_uri: Option<&str>, jwks: Option<&str>| TrustedIssuer {
            issuer: name.to_owned(),
            jwks_uri: jwks_uri.map(str::to_owned),
            jwks: jwks.map(str::to_owned),
        };
        let cluster = "kubernetes/serviceaccount";
        for good in [
            issuer("https://token.actions.example", None, None),
            issuer("http://127.0.0.1:9000", None, None),
            issuer(cluster, Some("https://keys.example/jwks"), None),
            issuer(cluster, None, Some(KEYS)),
        ] {
            assert!(check(&good).is_ok(), "{good:?}");
        }
        let secret = KEYS.replace("\"kty\"", "\"d\":\"AA\",\"kty\"");
        for (wrong, key) in [
            (issuer("", None, Some(KEYS)), "issuer"),
            (issuer("two words", None, Some(KEYS)), "issuer"),
            (issuer(&"x".repeat(513), None, Some(KEYS)), "issuer"),
            (issuer(cluster, None, None), "issuer"),
            (issuer("http://ci.example", None, None), "issuer"),
            (issuer("https://u:p@ci.example", None, None), "issuer"),
            (issuer(cluster, Some("http://keys.example/jwks"), None), "jwks_uri"),
            (issuer(cluster, Some("https://keys.example"), Some(KEYS)), "jwks"),
            (issuer(cluster, None, Some("{}")), "jwks"),
            (issuer(cluster, None, Some("[]")), "jwks"),
            (issuer(cluster, None, Some(r#"{"keys":[{"kty":"oct","k":"AA"}]}"#)), "jwks"),
            (issuer(cluster, None, Some(&secret)), "jwks"),
        ] {
            assert_eq!(check(&wrong).err().map(|error| error.key), Some(key), "{wrong:?}");
        }
    }
}
