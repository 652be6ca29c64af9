//! The verification of ID tokens (OpenID Connect Core §3.1.3.7): the library's rules, and those
//! that it leaves to its caller.

use std::sync::Arc;

use chrono::{DateTime, TimeZone, Utc};
use doorward_model::Timestamp;
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl,
    Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreJwsSigningAlgorithm},
};
use serde_json::Value;

use super::{
    discovery::{Discovered, Metadata},
    signed::{Signed, SignedKey, accepted, algorithm},
};
use crate::{
    claims::seconds,
    error::FederationError,
    settings::{OpenId, TENANT},
};

/// The tolerated difference of the provider's clock, in seconds. The nonce binds a token to one sign-in, so
/// its time need not.
pub(crate) const LEEWAY: i64 = 300;
/// By how many seconds the end of a token may be over.
const OVER: i64 = 60;

/// An ID token's claims, the issuer that signed them, and the keys that verified them.
pub(super) struct Verified {
    pub(super) found: Arc<Discovered>,
    pub(super) claims: Value,
    pub(super) issuer: String,
}

/// One ID token and the expected values.
pub(super) struct IdTokenCheck<'a> {
    pub(super) open_id: &'a OpenId,
    pub(super) client_id: &'a str,
    pub(super) id_token: &'a str,
    pub(super) nonce: Option<&'a str>,
    pub(super) access_token: Option<&'a str>,
    pub(super) now: Timestamp,
}

/// Reason for which a token is not accepted.
pub(super) struct RefusedToken {
    pub(super) why: String,
    pub(super) other_keys_may_help: bool,
}

impl From<String> for RefusedToken {
    fn from(why: String) -> Self {
        Self { why: format!("ID token: {why}"), other_keys_may_help: false }
    }
}

impl From<ClaimsVerificationError> for RefusedToken {
    fn from(error: ClaimsVerificationError) -> Self {
        use ClaimsVerificationError as C;
        use SignatureVerificationError as S;
        let other_keys_may_help = matches!(
            &error,
            C::SignatureVerification(
                S::NoMatchingKey | S::CryptoError(_) | S::InvalidKey(_) | S::AmbiguousKeyId(_)
            )
        );
        let why = match error {
            C::Expired(_) => "it is expired, or from the future".to_owned(),
            C::InvalidAudience(_) => "it is for another client (aud)".to_owned(),
            C::InvalidIssuer(why) => format!("its issuer is another one: {why}"),
            C::InvalidNonce(_) => "its nonce is not that of this sign-in".to_owned(),
            C::SignatureVerification(S::NoMatchingKey) => {
                "no key of the provider's key set matches it".to_owned()
            }
            C::SignatureVerification(S::AmbiguousKeyId(_)) => {
                "several keys of the provider's key set match it, and it does not name one"
                    .to_owned()
            }
            C::SignatureVerification(S::NoSignature) => "it is not signed".to_owned(),
            C::SignatureVerification(S::DisallowedAlg(_) | S::UnsupportedAlg(_)) => {
                "its algorithm is not announced by the provider, or not accepted here".to_owned()
            }
            C::SignatureVerification(_) => "its signature is wrong".to_owned(),
            C::Unsupported(_) => {
                "its header requires what is not supported (typ, cty, crit)".to_owned()
            }
            _ => "a required claim is missing".to_owned(),
        };
        Self { why: format!("ID token: {why}"), other_keys_may_help }
    }
}

fn moment(at: Timestamp) -> DateTime<Utc> {
    Utc.timestamp_opt(at.0, 0).single().unwrap_or_default()
}

/// A token that passed its check.
pub(super) struct VerifiedToken {
    pub(super) claims: Value,
    pub(super) issuer: String,
}

impl IdTokenCheck<'_> {
    /// The issuer that the token must have: the provider's, or that of the listed tenant which the
    /// token names.
    fn issuer(&self, payload: &Value, found: &Metadata) -> Result<String, String> {
        if self.open_id.tenants.is_empty() {
            return Ok(found.issuer.clone());
        }
        let tenant = payload.get("tid").and_then(Value::as_str).unwrap_or_default();
        if self.open_id.tenants.iter().any(|listed| listed == tenant) {
            Ok(self.open_id.issuer.replace(TENANT, tenant))
        } else {
            Err(format!("the tenant {tenant:?} is not one of the listed tenants"))
        }
    }

    /// The algorithms that the provider announced and that are accepted. A provider that announces
    /// none in a form that can be read is held to those that are accepted.
    fn algorithms(found: &Metadata) -> Vec<CoreJwsSigningAlgorithm> {
        match &found.algorithms {
            None => accepted(),
            Some(names) => names.iter().filter_map(|name| algorithm(name)).collect(),
        }
    }

    /// The moment by which the token's end is judged. A token that was made for this request a
    /// moment ago by a clock that is behind is judged by that clock.
    fn judged_at(&self, payload: &Value) -> Timestamp {
        let lenient = self.now.plus(-OVER);
        match seconds(payload, "iat") {
            Some(made) if (0..=LEEWAY).contains(&self.now.since(Timestamp(made))) => {
                Timestamp(made.min(lenient.0))
            }
            Some(_) | None => lenient,
        }
    }

    pub(super) fn against(&self, found: &Discovered) -> Result<VerifiedToken, RefusedToken> {
        let signed = Signed::read(self.id_token)?;
        let payload = &signed.payload;
        let issuer = self.issuer(payload, &found.metadata)?;
        let url =
            IssuerUrl::new(issuer.clone()).map_err(|_| "its issuer is not a URL".to_owned())?;
        let judged = self.judged_at(payload);
        let latest = self.now.plus(LEEWAY);
        let verifier: IdTokenVerifier<'_, SignedKey> = IdTokenVerifier::new_public_client(
            ClientId::new(self.client_id.to_owned()),
            url,
            signed.keys(&found.keys),
        )
        .set_allowed_algs(Self::algorithms(&found.metadata))
        .set_time_fn(move || moment(judged))
        .set_issue_time_verifier_fn(move |issued| {
            if issued <= moment(latest) { Ok(()) } else { Err("it is from the future".to_owned()) }
        })
        // Other audiences may be named too if `azp` says that the token was made for this client;
        // see below.
        .set_other_audience_verifier_fn(|_| true);
        let expected = self.nonce.map(|nonce| Nonce::new(nonce.to_owned()));
        let nonce = |told: Option<&Nonce>| match &expected {
            None => Ok(()),
            Some(expected) => openidconnect::NonceVerifier::verify(expected, told),
        };
        let token = signed.for_library()?;
        let claims = token.claims(&verifier, nonce)?;
        self.azp(claims.authorized_party().map(|party| party.as_str()), claims.audiences().len())?;
        if seconds(payload, "nbf").is_some_and(|from| from > latest.0) {
            return Err("it is not valid yet (nbf)".to_owned().into());
        }
        if let (Some(told), Some(access_token)) = (claims.access_token_hash(), self.access_token) {
            belongs(&token, &verifier, told, access_token)?;
        }
        if claims.subject().as_str().is_empty() || claims.subject().as_str().len() > 255 {
            return Err("its subject is empty or longer than 255 characters".to_owned().into());
        }
        if claims.subject().as_str().contains(char::REPLACEMENT_CHARACTER) {
            return Err("its subject contains a character that cannot be read".to_owned().into());
        }
        Ok(VerifiedToken { claims: signed.payload, issuer })
    }

    /// The party that the token was made for.
    fn azp(&self, party: Option<&str>, audiences: usize) -> Result<(), String> {
        match party {
            Some(party) if party != self.client_id => {
                Err(format!("it was issued for another client ({party})"))
            }
            None if audiences > 1 => {
                Err("it is for several audiences and does not name the client that it was issued \
                    for (azp)"
                    .to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An untrusted answer, for the reason why the token is not accepted.
    pub(super) fn untrusted(refused: RefusedToken) -> FederationError {
        FederationError::Untrusted(refused.why)
    }
}

/// Checks that the access token is the one that came with the ID token (§3.1.3.8).
fn belongs(
    token: &CoreIdToken,
    verifier: &IdTokenVerifier<'_, SignedKey>,
    told: &AccessTokenHash,
    access_token: &str,
) -> Result<(), String> {
    let unknown = "its algorithm or key is not known".to_owned();
    let algorithm = token.signing_alg().map_err(|_| unknown.clone())?;
    let key = token.signing_key(verifier).map_err(|_| unknown.clone())?;
    let real =
        AccessTokenHash::from_token(&AccessToken::new(access_token.to_owned()), algorithm, key)
            .map_err(|_| unknown)?;
    if real == *told {
        Ok(())
    } else {
        Err("it belongs to another access token (at_hash)".to_owned())
    }
}
