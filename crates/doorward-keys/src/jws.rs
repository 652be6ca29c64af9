//! Signed tokens of others (RFC 7515): one list of the algorithms that are accepted, for the
//! assertions of clients, for proofs of possession and for the tokens of identity providers, and
//! one verification.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, crypto,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The algorithms that are accepted: asymmetric ones only. `Ed25519` is EdDSA with its curve named
/// (RFC 9864 §2.2), and that curve is the only one of EdDSA that is accepted.
const ACCEPTED: &[(&str, Algorithm)] = &[
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("EdDSA", Algorithm::EdDSA),
    ("Ed25519", Algorithm::EdDSA),
];

/// The names of the algorithms that others may sign with, as metadata lists them.
pub fn accepted_algorithms() -> Vec<&'static str> {
    ACCEPTED.iter().map(|(name, _)| *name).collect()
}

/// Reason for which a signed token cannot be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JwsFault {
    /// Not three parts with a header that can be read, or one that demands what is not understood.
    Malformed,
    /// A symmetric or unknown algorithm, or none.
    Algorithm,
    /// The key cannot be used.
    Key,
    /// The signature is not that of the key.
    Signature,
    /// The claims are of other types than expected.
    Claims,
}

/// True if a key is of the kind, and on the curve, that an algorithm signs with (RFC 7518 §3.4). The
/// library reads the numbers of a key without its curve, so that one key would have several
/// thumbprints.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    match (&key.algorithm, algorithm) {
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            key.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES384) => {
            key.curve == EllipticCurve::P384
        }
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => {
            key.curve == EllipticCurve::Ed25519
        }
        (
            AlgorithmParameters::RSA(_),
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512,
        ) => true,
        _ => false,
    }
}

/// A signed token that is not verified yet.
pub(crate) struct Jws<'t> {
    /// All members of its header.
    pub(crate) header: Map<String, Value>,
    algorithm: Algorithm,
    message: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    pub(crate) fn read(token: &'t str) -> Result<Self, JwsFault> {
        let (message, signature) = token.rsplit_once('.').ok_or(JwsFault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(JwsFault::Malformed)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| JwsFault::Malformed)?;
        let header: Map<String, Value> =
            serde_json::from_slice(&header).map_err(|_| JwsFault::Malformed)?;
        // An extension that must be understood is not understood here (RFC 7515 §4.1.11).
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(JwsFault::Malformed);
        }
        let named = header.get("alg").and_then(Value::as_str);
        let (_, algorithm) =
            ACCEPTED.iter().find(|(name, _)| Some(*name) == named).ok_or(JwsFault::Algorithm)?;
        Ok(Self { algorithm: *algorithm, header, message, payload, signature })
    }

    /// The type in its header.
    pub(crate) fn typ(&self) -> Option<&str> {
        self.header.get("typ").and_then(Value::as_str)
    }

    /// The name of its key; one that is empty is none, and a number is a text, as in keys.
    pub(crate) fn kid(&self) -> Option<String> {
        match self.header.get("kid")? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The claims, if the signature is that of this key.
    pub(crate) fn verified<T: DeserializeOwned>(&self, key: &Jwk) -> Result<T, JwsFault> {
        if !fits(key, self.algorithm) {
            return Err(JwsFault::Signature);
        }
        let key = DecodingKey::from_jwk(key).map_err(|_| JwsFault::Key)?;
        let is_signed =
            crypto::verify(self.signature, self.message.as_bytes(), &key, self.algorithm);
        if !is_signed.unwrap_or(false) {
            return Err(JwsFault::Signature);
        }
        self.unverified()
    }

    /// The claims, of which the signature is not verified.
    pub(crate) fn unverified<T: DeserializeOwned>(&self) -> Result<T, JwsFault> {
        let payload = URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| JwsFault::Claims)?;
        serde_json::from_slice(&payload).map_err(|_| JwsFault::Claims)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use doorward_model::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{AssertionRefusal, verify_assertion, verify_signature};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn part(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A token of a pair of Ed25519 with this header.
    fn signed(pair: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
        format!("{text}.{}", part(pair.sign(text.as_bytes())))
    }

    #[test]
    fn the_curve_of_eddsa_may_be_named_in_the_token_and_in_the_key() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let claims = json!({"iss": "c", "sub": "c", "aud": "as", "exp": NOW.0 + 60, "jti": "j"});
        for alg in ["EdDSA", "Ed25519"] {
            for of_key in [json!("EdDSA"), json!("Ed25519"), json!(null), json!(7)] {
                let x = part(pair.public_key());
                let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": of_key, "kid": 7});
                let set = json!({"keys": [{"kty": "OKP", "crv": "Ed448", "x": "AA"}, key]});
                for kid in [json!("7"), json!(7), json!(null), json!("")] {
                    let header = json!({"alg": alg, "kid": kid, "typ": "JWT"});
                    let token = signed(&pair, &header, &claims);
                    let found = verify_assertion(&token, &set.to_string(), "c", &["as"], NOW);
                    assert!(found.is_ok(), "{header} {of_key}: {found:?}");
                    let (text, signature) = token.rsplit_once('.').unwrap();
                    let first = if signature.starts_with('A') { "B" } else { "A" };
                    let other = format!("{text}.{first}{}", &signature[1..]);
                    assert_eq!(
                        verify_signature::<Value>(&other, &set).unwrap_err(),
                        AssertionRefusal::Invalid
                    );
                }
                let other = signed(&pair, &json!({"alg": alg, "kid": "8"}), &claims);
                let refused = verify_signature::<Value>(&other, &set).unwrap_err();
                assert_eq!(refused, AssertionRefusal::UnknownKey);
            }
        }
    }

    #[test]
    fn no_other_name_of_an_algorithm_is_accepted_nor_a_key_of_another_family() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = part(pair.public_key());
        let set = json!({"keys": [
            {"kty": "oct", "k": x}, {"kty": "OKP", "crv": "Ed25519", "x": x},
        ]});
        for alg in [
            json!("none"),
            json!("HS256"),
            json!("ed25519"),
            json!("eddsa"),
            json!("Ed448"),
            json!("ES256K"),
            json!("ESP256"),
            json!("ML-DSA-44"),
            json!("Ed25519 "),
            json!(["Ed25519"]),
            json!(null),
        ] {
            let token = signed(&pair, &json!({"alg": alg}), &json!({}));
            let refused = verify_signature::<Value>(&token, &set).unwrap_err();
            assert_eq!(refused, AssertionRefusal::Algorithm, "{alg}");
        }
        for alg in ["ES256", "RS256", "PS512"] {
            let token = signed(&pair, &json!({"alg": alg}), &json!({}));
            let refused = verify_signature::<Value>(&token, &set).unwrap_err();
            assert_eq!(refused, AssertionRefusal::Invalid, "{alg}");
        }
        for header in [json!({"alg": "Ed25519", "crit": ["x"]}), json!({"b64": false}), json!([])] {
            let token = signed(&pair, &header, &json!({}));
            let refused = verify_signature::<Value>(&token, &set).unwrap_err();
            assert_eq!(refused, AssertionRefusal::Malformed, "{header}");
        }
        for token in ["", "a", "a.b", "a.b.c", "..", "....", "e30.e30.e30.e30"] {
            assert!(verify_signature::<Value>(token, &set).is_err(), "{token}");
        }
    }
}
