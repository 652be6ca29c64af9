//! A private key for authentication as a client of another server (`private_key_jwt`).

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

/// A key from a PEM file.
#[derive(Clone)]
pub struct ClientKey {
    key: EncodingKey,
    header: Header,
}

/// A PEM text that holds no key that signs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientKeyError {
    /// Not a private key.
    #[error("contains no private key in PEM form (PKCS#8; RSA, P-256 or Ed25519)")]
    NotAKey,
    /// It is one, but signing with it fails.
    #[error("contains a key that does not sign: {0}")]
    Unusable(String),
}

impl ClientKey {
    /// Reads a PKCS#8 key: RSA signs with RS256, P-256 with ES256, Ed25519 with `EdDSA`. `kid`
    /// names it to the other side.
    pub fn from_pem(pem: &[u8], kid: Option<String>) -> Result<Self, ClientKeyError> {
        let candidates = [
            (Algorithm::RS256, EncodingKey::from_rsa_pem(pem)),
            (Algorithm::ES256, EncodingKey::from_ec_pem(pem)),
            (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)),
        ];
        let (algorithm, key) = candidates
            .into_iter()
            .find_map(|(algorithm, key)| Some((algorithm, key.ok()?)))
            .ok_or(ClientKeyError::NotAKey)?;
        let mut header = Header::new(algorithm);
        header.kid = kid;
        let key = Self { key, header };
        key.sign(&Value::Null).map_err(|error| ClientKeyError::Unusable(error.to_string()))?;
        Ok(key)
    }

    /// Signs claims as a JWT.
    pub fn sign(&self, claims: &Value) -> Result<String, ClientKeyError> {
        jsonwebtoken::encode(&self.header, claims, &self.key)
            .map_err(|error| ClientKeyError::Unusable(error.to_string()))
    }
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
    };
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn keys_from_pem_sign_by_what_they_are() {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8v1(&random).unwrap();
        for (der, algorithm) in [(ec.as_ref(), Algorithm::ES256), (ed.as_ref(), Algorithm::EdDSA)] {
            let pem = format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                STANDARD.encode(der)
            );
            let key = ClientKey::from_pem(pem.as_bytes(), Some("k1".to_owned())).unwrap();
            let header =
                jsonwebtoken::decode_header(key.sign(&serde_json::json!({"iss": "me"})).unwrap())
                    .unwrap();
            assert_eq!((header.alg, header.kid.as_deref()), (algorithm, Some("k1")));
        }
        assert_eq!(ClientKey::from_pem(b"not a key", None).unwrap_err(), ClientKeyError::NotAKey);
    }
}
