//! Client assertions: `private_key_jwt` (RFC 7523 §3, OpenID Connect Core §9).

use doorward_model::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Audience,
    jws::{Jws, JwsFault},
    readable_key,
};

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
    /// Another audience, also beside this one.
    #[error("it is for another audience")]
    Audience,
    /// Another kind of token that the client signs with the same key.
    #[error("its typ names another kind of token")]
    Kind,
    /// It is over, not begun, or lives longer than five minutes.
    #[error("it is expired, not yet valid, or valid for too long")]
    Time,
}

/// The longest that an assertion may live from now, in seconds.
const LONGEST: i64 = 300;
/// The types of an assertion of a client. Most clients name the first or none.
const TYPES: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// Verifies the signature of another issuer's token against its JWK Set, and returns its `typ` and
/// claims. The claims are for the caller to judge.
pub fn verify_signature<T: DeserializeOwned>(
    token: &str,
    set: &serde_json::Value,
) -> Result<(Option<String>, T), AssertionRefusal> {
    let signed = Jws::read(token).map_err(|fault| match fault {
        JwsFault::Algorithm => AssertionRefusal::Algorithm,
        _ => AssertionRefusal::Malformed,
    })?;
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
    let kid = signed.kid();
    let candidates = keys.iter().filter(|key| kid.is_none() || key.common.key_id == kid);
    let mut known = false;
    let mut verified = None;
    for key in candidates {
        match signed.verified::<T>(key) {
            Err(JwsFault::Key) => {}
            Err(_) => known = true,
            Ok(claims) => {
                verified = Some(claims);
                break;
            }
        }
    }
    let claims = verified.ok_or(if known {
        AssertionRefusal::Invalid
    } else {
        AssertionRefusal::UnknownKey
    })?;
    Ok((signed.typ().map(str::to_owned), claims))
}

/// Judges the claims of an assertion of `client_id` for `audiences` alone, of which the signature is
/// not verified yet: keys are fetched only for one that would be accepted.
///
/// # Errors
///
/// The reason for which it would be refused whatever its signature is.
pub fn judge_unverified(
    token: &str,
    client_id: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<(), AssertionRefusal> {
    let signed = Jws::read(token).map_err(|fault| match fault {
        JwsFault::Algorithm => AssertionRefusal::Algorithm,
        _ => AssertionRefusal::Malformed,
    })?;
    let claims = signed.unverified().map_err(|_| AssertionRefusal::Malformed)?;
    judge(signed.typ(), &claims, client_id, audiences, now)
}

/// Verifies an assertion of `client_id` for `audiences` alone against the client's JWK Set: another
/// server that it is for could present it here. That its `jti` is new is for the caller to decide,
/// durably.
pub fn verify_assertion(
    token: &str,
    jwks: &str,
    client_id: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<AssertionClaims, AssertionRefusal> {
    let set: serde_json::Value =
        serde_json::from_str(jwks).map_err(|_| AssertionRefusal::UnknownKey)?;
    let (typ, claims) = verify_signature::<AssertionClaims>(token, &set)?;
    judge(typ.as_deref(), &claims, client_id, audiences, now)?;
    Ok(claims)
}

fn judge(
    typ: Option<&str>,
    claims: &AssertionClaims,
    client_id: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<(), AssertionRefusal> {
    let typ = typ.map(str::to_ascii_lowercase);
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    if typ.is_some_and(|typ| !TYPES.contains(&typ)) {
        return Err(AssertionRefusal::Kind);
    }
    if claims.iss != client_id || claims.sub != client_id {
        return Err(AssertionRefusal::Subject);
    }
    let is_named = claims.aud.iter().next().is_some();
    if !is_named || !claims.aud.iter().all(|audience| audiences.contains(&audience)) {
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
    Ok(())
}
