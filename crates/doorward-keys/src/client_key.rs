//! A private key for authentication as a client of another server (`private_key_jwt`).

use doorward_model::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::KeyRing;

/// Seconds for which an assertion counts: longer than clocks differ that are tolerated.
const LASTS: i64 = 300;

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

/// The PEM form of a private key that lost its line breaks: in a field of one line, or written as
/// `\n` in a variable. Any other text stays as it is.
pub fn unfolded_pem(text: &str) -> String {
    let unfolded = || {
        let (before, rest) = text.trim().strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let (body, rest) = rest.split_once("-----END ")?;
        let end = rest.trim_end().strip_suffix("-----")?;
        let body: String =
            body.replace("\\n", "").chars().filter(|letter| !letter.is_whitespace()).collect();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
        if end != before || !body.chars().all(plain) {
            return None;
        }
        let letters: Vec<char> = body.chars().collect();
        let lines: Vec<String> = letters.chunks(64).map(|line| line.iter().collect()).collect();
        Some(format!("-----BEGIN {before}-----\n{}\n-----END {before}-----\n", lines.join("\n")))
    };
    unfolded().unwrap_or_else(|| text.to_owned())
}

/// An assertion by which a client authenticates itself (RFC 7523 §2.2).
#[derive(Clone, Copy, Debug)]
pub struct ClientAssertion<'a> {
    /// The client.
    pub client_id: &'a str,
    /// The one server that it is for.
    pub audience: &'a str,
    /// Its identifier, usable once.
    pub id: &'a str,
    /// The present moment.
    pub now: Timestamp,
}

impl ClientAssertion<'_> {
    fn claims(&self) -> Value {
        json!({
            "iss": self.client_id, "sub": self.client_id, "aud": self.audience, "jti": self.id,
            "iat": self.now.0, "exp": self.now.plus(LASTS).0,
        })
    }

    /// Signs it with a key of its own.
    pub fn signed_by(&self, key: &ClientKey) -> Result<String, ClientKeyError> {
        key.sign(&self.claims())
    }

    /// Signs it with the keys of this server.
    pub fn signed_by_ring(&self, ring: &KeyRing) -> Result<String, ClientKeyError> {
        let signed = ring.sign_client_assertion(&self.claims(), self.now);
        signed.map_err(|error| ClientKeyError::Unusable(error.to_string()))
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
        let pem = STANDARD.encode(ec.as_ref());
        for (begin, end) in [("\\n", "\\n"), (" ", " "), ("", ""), ("\n", "\n\n"), ("\r\n", "\r\n")]
        {
            let (first, rest) = pem.split_at(40);
            let text = format!(
                "-----BEGIN PRIVATE KEY-----{begin}{first}{begin}{rest}{end}-----END PRIVATE KEY-----"
            );
            assert!(ClientKey::from_pem(unfolded_pem(&text).as_bytes(), None).is_ok(), "{text}");
        }
        for text in
            ["", "x", "-----BEGIN A-----x-----END B-----", "-----BEGIN A-----<-----END A-----"]
        {
            assert_eq!(unfolded_pem(text), text);
        }
        assert_eq!(ClientKey::from_pem(b"not a key", None).unwrap_err(), ClientKeyError::NotAKey);
    }
}
