//! Proofs of keys at the endpoints of the authorization server (RFC 9449 §5).

use doorward_keys::ProofRefusal;
use doorward_model::{Change, Client, KeyThumbprint, OAuthErrorCode, Reason};
use doorward_store::StoreError;
use doorward_transport::possession::Proving;
use http::HeaderMap;

use crate::{Failure, Issuer};

impl From<ProofRefusal> for Failure {
    fn from(refusal: ProofRefusal) -> Self {
        let code = if refusal == ProofRefusal::Nonce {
            OAuthErrorCode::UseDpopNonce
        } else {
            OAuthErrorCode::InvalidDpopProof
        };
        Self::new(code, refusal.to_string()).because(Reason::KeyProof)
    }
}

/// The refusal of a code or token that is bound to another key than the proved one, or to one of
/// which there is no proof.
pub(crate) fn other_key() -> Failure {
    let why = "it is bound to another key than the one of the DPoP proof";
    Failure::new(OAuthErrorCode::InvalidGrant, why).because(Reason::KeyProof)
}

impl Issuer {
    /// The key that a request to an endpoint proves, if it proves one. The proof is used up, for
    /// all replicas and durably, before anything is decided.
    pub(crate) async fn proved_key(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Option<KeyThumbprint>, Failure> {
        let proving = Proving { headers, method: "POST", path, token: None };
        if !proving.is_tried() {
            return Ok(None);
        }
        let services = &self.services;
        let now = services.clock.now();
        let proof = proving.judge(&services.proofs, &self.settings.public_url, now)?;
        let (key, expires_at) = proof.spent();
        match services.store.apply(Change::SpendValue { key, expires_at }).await {
            Ok(()) => Ok(Some(proof.key)),
            Err(StoreError::Refused(_)) => Err(ProofRefusal::Used.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The same for a token request of a client, which may have to prove a key.
    pub(crate) async fn key_of_token(
        &self,
        client: &Client,
        headers: &HeaderMap,
    ) -> Result<Option<KeyThumbprint>, Failure> {
        let key = self.proved_key(headers, doorward_model::routes::TOKEN).await?;
        if key.is_none() && client.rules.dpop_bound_access_tokens {
            return Err(ProofRefusal::Missing.into());
        }
        Ok(key)
    }
}
