//! Client assertions: `private_key_jwt` (RFC 7523 §3, OpenID Connect Core §9).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode_header, jwk::JwkSet};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Audience, readable_key};
use doorward_model::Timestamp;

/// The claims of a client's assertion.
#[derive(Clone, Debug, Deserialize)]
pub struct AssertionClaims {
    /// The client.
    pub iss: String,
    /// The client, again.
    pub sub: String,
    /// The audience: this authorization server.
    pub aud: Audience,
    /// Its end.
    pub exp: i64,
    /// Its identifier, usable once.
    pub jti: String,
    /// The time of issue.
    pub iat: Option<i64>,
    /// Before when it does not count.
    pub nbf: Option<i64>,
}

/// Reason for which an assertion is not accepted. For the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionRefusal {
    /// Not a JWT.
    #[error("not a JWT")]
    Malformed,
    /// The key set holds no key that fits its `kid` and algorithm. A fresh key set may.
    #[error("no matching key in the client's key set")]
    UnknownKey,
    /// A symmetric or unknown algorithm.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// The signature or a claim is wrong.
    #[error("its signature or a claim is wrong")]
    Invalid,
    /// It names another client.
    #[error("it identifies another client")]
    Subject,
    /// Another audience.
    #[error("it is for another audience")]
    Audience,
    /// It is over, not begun, or lives longer than five minutes.
    #[error("it is expired, not yet valid, or valid for too long")]
    Time,
}

/// The algorithms that clients may sign with; metadata lists the same.
const ACCEPTED: &[Algorithm] = &[
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::EdDSA,
];

/// The longest that an assertion may live from now, in seconds.
const LONGEST: i64 = 300;

/// Verifies the signature of another issuer's token against its JWK Set, and returns its `typ` and
/// claims. The claims are for the caller to judge.
pub fn verify_signature<T: DeserializeOwned>(
    token: &str,
    set: &serde_json::Value,
) -> Result<(Option<String>, T), AssertionRefusal> {
    let header = decode_header(token).map_err(|_| AssertionRefusal::Malformed)?;
    if !ACCEPTED.contains(&header.alg) {
        return Err(AssertionRefusal::Algorithm);
    }
    // An extension that must be understood is not understood here (RFC 7515 §4.1.11).
    let raw = token
        .split('.')
        .next()
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .ok_or(AssertionRefusal::Malformed)?;
    let raw: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&raw).map_err(|_| AssertionRefusal::Malformed)?;
    if raw.contains_key("crit") || raw.contains_key("b64") {
        return Err(AssertionRefusal::Malformed);
    }
    // Keys of types that are not known here are skipped, not fatal (JWT-15).
    let keys: Vec<_> = set
        .get("keys")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .take(32)
        .filter_map(|key| {
            let key = readable_key(key.as_object()?.clone());
            serde_json::from_value::<JwkSet>(serde_json::json!({ "keys": [key] })).ok()?.keys.pop()
        })
        .collect();
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let candidates =
        keys.iter().filter(|key| header.kid.is_none() || key.common.key_id == header.kid);
    let mut known = false;
    let mut verified = None;
    for key in candidates {
        let Ok(decoding) = DecodingKey::from_jwk(key) else { continue };
        known = true;
        if let Ok(data) = jsonwebtoken::decode::<T>(token, &decoding, &validation) {
            verified = Some(data.claims);
            break;
        }
    }
    let claims = verified.ok_or(if known {
        AssertionRefusal::Invalid
    } else {
        AssertionRefusal::UnknownKey
    })?;
    Ok((header.typ, claims))
}

/// Verifies an assertion of `client_id` for one of `audiences` against the client's JWK Set. That
/// its `jti` is new is for the caller to decide, durably.
pub fn verify_assertion(
    token: &str,
    jwks: &str,
    client_id: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<AssertionClaims, AssertionRefusal> {
    let set: serde_json::Value =
        serde_json::from_str(jwks).map_err(|_| AssertionRefusal::UnknownKey)?;
    let (_, claims) = verify_signature::<AssertionClaims>(token, &set)?;
    if claims.iss != client_id || claims.sub != client_id {
        return Err(AssertionRefusal::Subject);
    }
    if !audiences.iter().any(|audience| claims.aud.contains(audience)) {
        return Err(AssertionRefusal::Audience);
    }
    let early =
        claims.nbf.unwrap_or(0) > now.plus(60).0 || claims.iat.unwrap_or(0) > now.plus(60).0;
    if early
        || now.0 >= claims.exp.saturating_add(5)
        || claims.exp > now.plus(LONGEST + 60).0
        || claims.jti.is_empty()
        || claims.jti.len() > 256
    {
        return Err(AssertionRefusal::Time);
    }
    Ok(claims)
}
