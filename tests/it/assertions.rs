//! Assertions by which a client proves itself (RFC 7523 §2.2), as its developer would sign them.

use std::sync::Arc;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_keys::{AccessClaims, Audience, KeyRing, MasterKey};
use doorward_model::{SigningAlgorithm, Timestamp};
use serde_json::{Value, json};

/// The key pair of a client.
pub(crate) struct Signer {
    ring: KeyRing,
    now: Timestamp,
}

impl Signer {
    pub(crate) fn new(now: Timestamp) -> Self {
        let master = MasterKey::from_bytes(&[9; 32]).unwrap();
        let key = doorward_keys::generate(SigningAlgorithm::Es256, &master, now, now).unwrap();
        let ring = KeyRing::new(Arc::new(master));
        ring.follow(&Arc::new(vec![key])).unwrap();
        Self { ring, now }
    }

    /// Its public keys, a JWK Set.
    pub(crate) fn jwks(&self) -> serde_json::Value {
        serde_json::to_value(self.ring.jwks(self.now)).unwrap()
    }

    /// An assertion of `client` that was made at `made` for `audience`.
    pub(crate) fn assertion(
        &self,
        client: &str,
        made: Timestamp,
        audience: &str,
        jti: &str,
    ) -> String {
        let claims = AccessClaims {
            iss: client.to_owned(),
            sub: client.to_owned(),
            aud: Audience::One(audience.to_owned()),
            exp: made.0 + 60,
            iat: made.0,
            jti: jti.to_owned(),
            client_id: String::new(),
            scope: String::new(),
            auth_time: 0,
            acr: String::new(),
            amr: Vec::new(),
            grant: String::new(),
        };
        self.ring.sign(&claims, self.now).unwrap()
    }
}

/// The key pair of a platform that issues tokens to workloads.
pub(crate) struct PlatformKey {
    pair: EcdsaKeyPair,
    kid: String,
}

impl PlatformKey {
    pub(crate) fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pkcs8 = pkcs8.unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref());
        Self { pair: pair.unwrap(), kid: kid.to_owned() }
    }

    /// The public key, as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y})
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [self.jwk()]})
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.signed(&json!({"alg": "ES256", "typ": "JWT", "kid": self.kid}), claims)
    }

    /// A token with this header, signed with ES256 whatever it says.
    pub(crate) fn signed(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(header), encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The same token with the other valid form of its ES256 signature: `s` becomes `n - s`.
pub(crate) fn with_other_signature(token: &str) -> String {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(bytes[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        bytes[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes))
}
