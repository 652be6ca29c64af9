//! Keys that sign: of a workload's platform, of an identity provider, of a client that proves
//! itself or the possession of its tokens.

use aws_lc_rs::{
    digest, rand,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::http::Outcome;

/// A random text of 256 bits.
pub(crate) fn random() -> Outcome<String> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The SHA-256 of a text, as PKCE and proofs of possession write it.
pub(crate) fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// The time in seconds since 1970.
pub(crate) fn now() -> Outcome<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(|since| since.as_secs()).map_err(|error| error.to_string())
}

/// A key pair of P-256.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn new() -> Outcome<Self> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let document = document.map_err(|_| "no key could be made".to_owned())?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref());
        Ok(Self(pair.map_err(|_| "no key could be read".to_owned())?))
    }

    /// The public key as a JWK without a name.
    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    }

    /// The JWK Set with the public key, named `1`.
    pub(crate) fn jwks(&self) -> Value {
        let mut key = self.jwk();
        key["alg"] = "ES256".into();
        key["kid"] = "1".into();
        json!({"keys": [key]})
    }

    /// The signature of a text by ES256.
    pub(crate) fn sign(&self, text: &[u8]) -> Outcome<Vec<u8>> {
        let signed = self.0.sign(&SystemRandom::new(), text);
        signed.map(|signed| signed.as_ref().to_vec()).map_err(|error| error.to_string())
    }

    /// The bytes of the public key.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    fn written(&self, header: &Value, claims: &Value) -> Outcome<String> {
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.sign(text.as_bytes())?);
        Ok(format!("{text}.{signature}"))
    }

    /// A signed token of this type, with an identifier and five minutes of validity besides these
    /// claims.
    pub(crate) fn signed(&self, typ: &str, mut claims: Value) -> Outcome<String> {
        let now = now()?;
        claims["jti"] = random()?.into();
        claims["iat"] = now.into();
        claims["exp"] = (now + 300).into();
        self.written(&json!({"alg": "ES256", "typ": typ, "kid": "1"}), &claims)
    }

    /// A proof of possession (DPoP) for a request; of this token, at a resource.
    pub(crate) fn proof(&self, method: &str, url: &str, token: Option<&str>) -> Outcome<String> {
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let mut claims = json!({"jti": random()?, "htm": method, "htu": url, "iat": now()?});
        if let Some(token) = token {
            claims["ath"] = hash(token).into();
        }
        self.written(&header, &claims)
    }
}
