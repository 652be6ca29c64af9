//! The verification of ID tokens (OpenID Connect Core §3.1.3.7): the library's rules, and those
//! that it leaves to its caller.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeZone, Utc};
use doorward_model::Timestamp;
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl,
    Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreJsonWebKey, CoreJwsSigningAlgorithm},
};
use serde_json::Value;

use super::{chain, discovery::Discovered};
use crate::{FederationError, kinds::OpenId, provider::Provider};

/// How far the provider's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// An ID token's claims, the issuer that signed them, and the keys that they were found good with.
pub(super) struct Verified {
    pub(super) found: Arc<Discovered>,
    pub(super) claims: Value,
    pub(super) issuer: String,
}

/// One ID token and what it is held against.
pub(super) struct IdTokenCheck<'a> {
    pub(super) provider: &'a Provider,
    pub(super) id_token: &'a CoreIdToken,
    pub(super) nonce: Option<&'a str>,
    pub(super) access_token: &'a AccessToken,
    pub(super) now: Timestamp,
}

struct RefusedToken {
    why: String,
    other_keys_may_help: bool,
}

impl From<String> for RefusedToken {
    fn from(why: String) -> Self {
        Self { why: format!("ID token: {why}"), other_keys_may_help: false }
    }
}

impl From<ClaimsVerificationError> for RefusedToken {
    fn from(error: ClaimsVerificationError) -> Self {
        use SignatureVerificationError as S;
        let other_keys_may_help = matches!(
            &error,
            ClaimsVerificationError::SignatureVerification(
                S::NoMatchingKey | S::CryptoError(_) | S::InvalidKey(_) | S::AmbiguousKeyId(_)
            )
        );
        Self { why: format!("ID token: {}", chain(&error)), other_keys_may_help }
    }
}

fn moment(at: Timestamp) -> DateTime<Utc> {
    Utc.timestamp_opt(at.0, 0).single().unwrap_or_default()
}

impl IdTokenCheck<'_> {
    fn payload(&self) -> Result<Value, String> {
        let text = self.id_token.to_string();
        let part = text.split('.').nth(1).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    /// The issuer that the token must have: the provider's, or that of the listed tenant which the
    /// token names.
    fn issuer(open_id: &OpenId, payload: &Value) -> Result<String, String> {
        if open_id.tenants.is_empty() {
            return Ok(open_id.issuer.clone());
        }
        let tenant = payload.get("tid").and_then(Value::as_str).unwrap_or_default();
        if open_id.tenants.iter().any(|listed| listed == tenant) {
            Ok(open_id.issuer.replace(crate::kinds::TENANT, tenant))
        } else {
            Err(format!("the tenant {tenant:?} is not one of the listed tenants"))
        }
    }

    /// The algorithms that the provider announced and that a stranger cannot produce: never `none`,
    /// never one with a shared secret.
    fn algorithms(found: &Discovered) -> Vec<CoreJwsSigningAlgorithm> {
        use CoreJwsSigningAlgorithm as A;
        let accepted = [
            A::RsaSsaPkcs1V15Sha256,
            A::RsaSsaPkcs1V15Sha384,
            A::RsaSsaPkcs1V15Sha512,
            A::RsaSsaPssSha256,
            A::RsaSsaPssSha384,
            A::RsaSsaPssSha512,
            A::EcdsaP256Sha256,
            A::EcdsaP384Sha384,
            A::EdDsa,
        ];
        found
            .metadata
            .id_token_signing_alg_values_supported()
            .iter()
            .filter(|algorithm| accepted.contains(algorithm))
            .cloned()
            .collect()
    }

    fn against(&self, found: &Discovered) -> Result<(Value, String), RefusedToken> {
        let payload = self.payload()?;
        let open_id = self.provider.open_id().map_err(|error| error.to_string())?;
        let issuer = Self::issuer(open_id, &payload)?;
        let url = IssuerUrl::new(issuer.clone()).map_err(|error| error.to_string())?;
        let own_id = &self.provider.config.client_id;
        let (now, skewed) = (self.now, self.now.plus(-LEEWAY));
        let verifier: IdTokenVerifier<'_, CoreJsonWebKey> = IdTokenVerifier::new_public_client(
            ClientId::new(own_id.clone()),
            url,
            found.metadata.jwks().clone(),
        )
        .set_allowed_algs(Self::algorithms(found))
        .set_time_fn(move || moment(skewed))
        .set_issue_time_verifier_fn(move |issued| {
            if issued <= moment(now.plus(LEEWAY)) {
                Ok(())
            } else {
                Err("it is from the future".to_owned())
            }
        })
        // Others may be meant too if it says by `azp` that it was made for us; see below.
        .set_other_audience_verifier_fn(|_| true);
        let expected = self.nonce.map(|nonce| Nonce::new(nonce.to_owned()));
        let nonce = |told: Option<&Nonce>| match &expected {
            None => Ok(()),
            Some(expected) => openidconnect::NonceVerifier::verify(expected, told),
        };
        let claims = self.id_token.claims(&verifier, nonce)?;
        match claims.authorized_party() {
            Some(party) if party.as_str() != own_id => {
                return Err(format!("it was made for another client ({})", party.as_str()).into());
            }
            None if claims.audiences().len() > 1 => {
                return Err(
                    "it is for several audiences and does not say for whom it was made (azp)"
                        .to_owned()
                        .into(),
                );
            }
            _ => {}
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium fit")]
        let latest = now.plus(LEEWAY).0 as f64;
        if payload.get("nbf").and_then(Value::as_f64).is_some_and(|from| from > latest) {
            return Err("it does not count yet (nbf)".to_owned().into());
        }
        if let Some(told) = claims.access_token_hash() {
            let algorithm = self.id_token.signing_alg().map_err(|error| error.to_string())?;
            let key = self.id_token.signing_key(&verifier).map_err(|error| error.to_string())?;
            let real = AccessTokenHash::from_token(self.access_token, algorithm, key)
                .map_err(|error| error.to_string())?;
            if real != *told {
                return Err("it belongs to another access token (at_hash)".to_owned().into());
            }
        }
        if claims.subject().as_str().is_empty() || claims.subject().as_str().len() > 255 {
            return Err("its subject is empty or longer than 255 characters".to_owned().into());
        }
        Ok((payload, issuer))
    }
}

impl Provider {
    /// Verifies an ID token (OpenID Connect Core §3.1.3.7), fetching the keys again once if none
    /// fits.
    pub(super) async fn verify(
        &self,
        found: Arc<Discovered>,
        token: &IdTokenCheck<'_>,
    ) -> Result<Verified, FederationError> {
        match token.against(&found) {
            Ok((claims, issuer)) => Ok(Verified { found, claims, issuer }),
            Err(refused) if refused.other_keys_may_help => match self.keys_again(&found).await? {
                Some(fresh) => match token.against(&fresh) {
                    Ok((claims, issuer)) => Ok(Verified { found: fresh, claims, issuer }),
                    Err(refused) => Err(FederationError::Untrusted(refused.why)),
                },
                None => Err(FederationError::Untrusted(refused.why)),
            },
            Err(refused) => Err(FederationError::Untrusted(refused.why)),
        }
    }
}
