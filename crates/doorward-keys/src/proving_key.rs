//! The key with which this server proves, as a client, that a token was issued to it (DPoP, RFC 9449
//! §4.2).

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use doorward_model::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use crate::ClientKeyError;

/// The request that a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct NewProof<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its URL, without query and fragment.
    pub url: &'a str,
    /// The access token in it, at a resource.
    pub token: Option<&'a str>,
    /// The nonce that the server gave.
    pub nonce: Option<&'a str>,
    /// The identifier of the proof, unique for the key.
    pub id: &'a str,
    /// The present moment.
    pub now: Timestamp,
}

/// A key on P-256, which every server that knows DPoP accepts.
pub struct ProvingKey {
    pair: EcdsaKeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl ProvingKey {
    /// A new key.
    pub fn generate() -> Result<Self, ClientKeyError> {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|error| ClientKeyError::Unusable(error.to_string()))?;
        Self::read(Zeroizing::new(made.as_ref().to_vec())).ok_or(ClientKeyError::NotAKey)
    }

    fn read(pkcs8: Zeroizing<Vec<u8>>) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).ok()?;
        Some(Self { pair, pkcs8 })
    }

    /// The key as a text, to be sealed.
    pub fn reveal(&self) -> String {
        STANDARD.encode(&*self.pkcs8)
    }

    /// The key of that text.
    pub fn revealed(text: &str) -> Option<Self> {
        Self::read(Zeroizing::new(STANDARD.decode(text).ok()?))
    }

    /// The coordinates of its public key.
    fn point(&self) -> (String, String) {
        // The uncompressed form: a byte, then both coordinates (SEC 1 §2.3.3).
        let point = self.pair.public_key().as_ref();
        let part = |from: usize| encoded(point.get(from..from + 32).unwrap_or_default());
        (part(1), part(33))
    }

    /// The thumbprint of the public key (RFC 7638), as `dpop_jkt` names it.
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.point();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        encoded(digest(&SHA256, text.as_bytes()))
    }

    /// A proof for one request.
    pub fn proof(&self, of: &NewProof<'_>) -> Result<String, ClientKeyError> {
        let (x, y) = self.point();
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let mut claims = json!({
            "jti": of.id, "htm": of.method, "htu": of.url, "iat": of.now.0,
        });
        if let Some(members) = claims.as_object_mut() {
            let hash = of.token.map(|token| encoded(digest(&SHA256, token.as_bytes())));
            members.extend(hash.map(|hash| ("ath".to_owned(), hash.into())));
            members.extend(of.nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
        }
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), message.as_bytes())
            .map_err(|error| ClientKeyError::Unusable(error.to_string()))?;
        Ok(format!("{message}.{}", encoded(signature)))
    }
}

impl std::fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProvingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{MasterKey, ProofOf, Proofs};

    #[test]
    fn dpop_a_proof_of_this_server_counts_where_this_server_judges_it_and_for_nothing_else() {
        let key = ProvingKey::generate().unwrap();
        let same = ProvingKey::revealed(&key.reveal()).unwrap();
        let proofs = Proofs::new(Arc::new(MasterKey::from_bytes(&[7; 32]).unwrap()), true);
        let now = Timestamp(1_800_000_000);
        let nonce = proofs.nonce(now).unwrap();
        let urls = ["https://a.example/mcp".to_owned()];
        let (url, token) = (urls[0].as_str(), Some("t-1"));
        let of = ProofOf { method: "POST", urls: &urls, token };
        let new = NewProof { method: "POST", url, token, nonce: Some(&nonce), id: "1", now };
        let judged = |key: &ProvingKey, new: NewProof<'_>| {
            proofs.check(&key.proof(&new).unwrap(), &of, now).map(|proof| proof.key)
        };
        let named = judged(&key, new).unwrap();
        assert_eq!(named.as_str(), key.thumbprint());
        assert_eq!(judged(&same, new).unwrap(), named, "a key that was sealed is the same");
        assert_ne!(ProvingKey::generate().unwrap().thumbprint(), key.thumbprint());
        assert!(judged(&key, NewProof { method: "GET", ..new }).is_err());
        assert!(judged(&key, NewProof { url: "https://b.example/mcp", ..new }).is_err());
        assert!(judged(&key, NewProof { token: Some("t-2"), ..new }).is_err());
        assert!(judged(&key, NewProof { token: None, ..new }).is_err());
        assert!(judged(&key, NewProof { nonce: None, ..new }).is_err());
        assert!(ProvingKey::revealed("x").is_none() && ProvingKey::revealed("").is_none());
        assert_eq!(format!("{key:?}"), "ProvingKey(…)");
    }
}
