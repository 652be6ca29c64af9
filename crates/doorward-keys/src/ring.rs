//! The signing keys in use, and how a key comes to be.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use doorward_model::{SigningAlgorithm, SigningKey, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{AccessClaims, MasterKey, TokenRefusal};

/// A signing key that cannot be made or used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RingError {
    /// The private key does not open: the master key is another one.
    #[error(
        "the private key {0} does not open under this master key; restore the master key that this database was made with. Nothing was changed"
    )]
    Sealed(String),
    /// A stored key is damaged.
    #[error("the signing key {0} cannot be read")]
    Damaged(String),
    /// The cryptographic library refused.
    #[error("a signing key could not be made: {0}")]
    Library(String),
    /// No key signs at this moment.
    #[error("there is no active signing key")]
    NoActiveKey,
}

struct Key {
    kid: String,
    algorithm: Algorithm,
    activates_at: Timestamp,
    retires_at: Option<Timestamp>,
    public: serde_json::Value,
    header: Header,
    signing: EncodingKey,
    verifying: DecodingKey,
}

struct Loaded {
    records: Arc<Vec<SigningKey>>,
    keys: Vec<Key>,
}

/// All signing keys, opened. Cheap to share; follows the store's records when told of them.
pub struct KeyRing {
    master: Arc<MasterKey>,
    loaded: RwLock<Arc<Loaded>>,
}

/// The place that a private key is sealed for.
fn place(kid: &str) -> String {
    format!("signing_key/{kid}/private")
}

fn jose(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

fn encoding_key(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<EncodingKey, RingError> {
    match algorithm {
        SigningAlgorithm::Es256 => Ok(EncodingKey::from_ec_der(pkcs8)),
        SigningAlgorithm::EdDsa => Ok(EncodingKey::from_ed_der(pkcs8)),
        SigningAlgorithm::Rs256 => {
            // The DER constructor wants PKCS#1; the PEM one unwraps PKCS#8.
            let pem = Zeroizing::new(format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                STANDARD.encode(pkcs8)
            ));
            EncodingKey::from_rsa_pem(pem.as_bytes())
                .map_err(|error| RingError::Library(error.to_string()))
        }
    }
}

/// Makes a signing key that is published from `now` and signs from `activates_at`.
pub fn generate(
    algorithm: SigningAlgorithm,
    master: &MasterKey,
    now: Timestamp,
    activates_at: Timestamp,
) -> Result<SigningKey, RingError> {
    let library = |error: &dyn std::fmt::Display| RingError::Library(error.to_string());
    let random = SystemRandom::new();
    let pkcs8: Zeroizing<Vec<u8>> = Zeroizing::new(match algorithm {
        SigningAlgorithm::Es256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .map_err(|error| library(&error))?
                .as_ref()
                .to_vec()
        }
        SigningAlgorithm::EdDsa => {
            // The JOSE library knows Ed25519 keys by the length of PKCS#8 version 1.
            let der: Pkcs8V1Der<'static> = Ed25519KeyPair::generate()
                .and_then(|pair| pair.as_der())
                .map_err(|error| library(&error))?;
            der.as_ref().to_vec()
        }
        SigningAlgorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|error| library(&error))?;
            let der: Pkcs8V1Der<'static> = pair.as_der().map_err(|error| library(&error))?;
            der.as_ref().to_vec()
        }
    });
    let signing = encoding_key(algorithm, &pkcs8)?;
    let mut jwk =
        Jwk::from_encoding_key(&signing, jose(algorithm)).map_err(|error| library(&error))?;
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|error| library(&error))?;
    jwk.common.key_id = Some(kid.clone());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_algorithm = Some(match algorithm {
        SigningAlgorithm::Es256 => KeyAlgorithm::ES256,
        SigningAlgorithm::Rs256 => KeyAlgorithm::RS256,
        SigningAlgorithm::EdDsa => KeyAlgorithm::EdDSA,
    });
    let public_jwk = serde_json::to_string(&jwk).map_err(|error| library(&error))?;
    Ok(SigningKey {
        private: master.seal(&place(&kid), &pkcs8),
        kid,
        algorithm,
        public_jwk,
        created_at: now,
        activates_at,
        retires_at: None,
    })
}

impl Key {
    fn open(record: &SigningKey, master: &MasterKey) -> Result<Self, RingError> {
        let pkcs8 = master
            .open(&place(&record.kid), &record.private)
            .map_err(|_| RingError::Sealed(record.kid.clone()))?;
        let damaged = || RingError::Damaged(record.kid.clone());
        let jwk: Jwk = serde_json::from_str(&record.public_jwk).map_err(|_| damaged())?;
        let mut header = Header::new(jose(record.algorithm));
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(record.kid.clone());
        Ok(Self {
            kid: record.kid.clone(),
            algorithm: jose(record.algorithm),
            activates_at: record.activates_at,
            retires_at: record.retires_at,
            public: serde_json::from_str(&record.public_jwk).map_err(|_| damaged())?,
            header,
            signing: encoding_key(record.algorithm, &pkcs8)?,
            verifying: DecodingKey::from_jwk(&jwk).map_err(|_| damaged())?,
        })
    }

    fn is_published(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|end| now < end)
    }
}

/// The only header that our tokens have. Anything more (`crit`, `jku`, `jwk`, `b64`, `zip`) is not
/// ours.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessHeader {
    typ: String,
    alg: String,
    kid: String,
}

impl KeyRing {
    /// A ring without keys, to be filled by [`KeyRing::follow`].
    pub fn new(master: Arc<MasterKey>) -> Self {
        Self {
            master,
            loaded: RwLock::new(Arc::new(Loaded { records: Arc::default(), keys: Vec::new() })),
        }
    }

    /// Takes over the store's records. Costs nothing when they are the same as last time.
    pub fn follow(&self, records: &Arc<Vec<SigningKey>>) -> Result<(), RingError> {
        if Arc::ptr_eq(&self.current().records, records) {
            return Ok(());
        }
        let keys = records
            .iter()
            .map(|record| Key::open(record, &self.master))
            .collect::<Result<Vec<_>, _>>()?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Loaded { records: Arc::clone(records), keys });
        Ok(())
    }

    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The JWK Set of all published keys (RFC 7517 §5).
    pub fn jwks(&self, now: Timestamp) -> serde_json::Value {
        let loaded = self.current();
        let keys: Vec<_> = loaded
            .keys
            .iter()
            .filter(|key| key.is_published(now))
            .map(|key| key.public.clone())
            .collect();
        serde_json::json!({ "keys": keys })
    }

    /// Signs an access token with the key that is active at `now`: the one that was activated last.
    pub fn sign(&self, claims: &AccessClaims, now: Timestamp) -> Result<String, RingError> {
        self.sign_as("at+jwt", claims, now)
    }

    /// Signs what we say about ourselves to a provider whose client we are (`private_key_jwt`). Its
    /// `typ` keeps it from ever being taken for an access token of ours.
    pub fn sign_client_assertion(
        &self,
        claims: &serde_json::Value,
        now: Timestamp,
    ) -> Result<String, RingError> {
        self.sign_as("JWT", claims, now)
    }

    fn sign_as<T: Serialize>(
        &self,
        typ: &str,
        claims: &T,
        now: Timestamp,
    ) -> Result<String, RingError> {
        let loaded = self.current();
        let active = loaded
            .keys
            .iter()
            .filter(|key| key.activates_at <= now && key.is_published(now))
            .max_by_key(|key| key.activates_at);
        let key = active.ok_or(RingError::NoActiveKey)?;
        let header = Header { typ: Some(typ.to_owned()), ..key.header.clone() };
        jsonwebtoken::encode(&header, claims, &key.signing)
            .map_err(|error| RingError::Library(error.to_string()))
    }

    /// Verifies an access token of ours: header, signature, types of all claims, issuer and time.
    /// The audience is for the caller to compare, who knows which resource was asked for.
    pub fn verify(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<AccessClaims, TokenRefusal> {
        let header = token
            .split('.')
            .next()
            .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
            .ok_or(TokenRefusal::Malformed)?;
        let header: AccessHeader =
            serde_json::from_slice(&header).map_err(|_| TokenRefusal::Malformed)?;
        if header.typ != "at+jwt" {
            return Err(TokenRefusal::Malformed);
        }
        let loaded = self.current();
        let key = loaded
            .keys
            .iter()
            .find(|key| key.kid == header.kid && key.is_published(now))
            .ok_or(TokenRefusal::UnknownKey)?;
        if header.alg
            != key.public.get("alg").and_then(serde_json::Value::as_str).unwrap_or_default()
        {
            return Err(TokenRefusal::Malformed);
        }
        let mut validation = Validation::new(key.algorithm);
        // Times, issuer and audience are compared below: against our clock, and without exceptions
        // for absent claims.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &key.verifying, &validation)
            .map_err(|_| TokenRefusal::Invalid)?
            .claims;
        if claims.iss != issuer {
            return Err(TokenRefusal::Issuer);
        }
        // A minute of leeway for a replica whose clock runs ahead; none at the end of life.
        if now.0 >= claims.exp || claims.iat > now.plus(60).0 {
            return Err(TokenRefusal::Time);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Audience;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn claims() -> AccessClaims {
        AccessClaims {
            iss: "https://i".into(),
            sub: "u".into(),
            aud: Audience::One("https://i/mcp".into()),
            exp: NOW.0 + 600,
            iat: NOW.0,
            jti: "j".into(),
            client_id: "c".into(),
            scope: "mcp:read".into(),
            auth_time: NOW.0,
            acr: String::new(),
            amr: Vec::new(),
            grant: "g".into(),
        }
    }

    fn ring(algorithm: SigningAlgorithm) -> (KeyRing, SigningKey) {
        let master = Arc::new(MasterKey::from_bytes(&[1; 32]).unwrap());
        let key = generate(algorithm, &master, NOW, NOW).unwrap();
        let ring = KeyRing::new(master);
        ring.follow(&Arc::new(vec![key.clone()])).unwrap();
        (ring, key)
    }

    fn resign(header: &serde_json::Value, payload: &str, key: &SigningKey) -> String {
        // Signs any header and payload with the real key, to prove that a valid signature alone is
        // not enough.
        let master = MasterKey::from_bytes(&[1; 32]).unwrap();
        let pkcs8 = master.open(&place(&key.kid), &key.private).unwrap();
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &encoding_key(key.algorithm, &pkcs8).unwrap(),
            jose(key.algorithm),
        )
        .unwrap();
        format!("{message}.{signature}")
    }

    #[test]
    fn ax10_every_algorithm_signs_what_it_verifies() {
        for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa]
        {
            let (ring, _) = ring(algorithm);
            let token = ring.sign(&claims(), NOW).unwrap();
            assert_eq!(ring.verify(&token, "https://i", NOW).unwrap().sub, "u");
            let header: serde_json::Value = serde_json::from_slice(
                &URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap(),
            )
            .unwrap();
            assert_eq!(header["typ"], "at+jwt");
            let jwks = ring.jwks(NOW);
            assert_eq!(jwks["keys"][0]["kid"], header["kid"]);
            assert!(jwks["keys"][0].get("d").is_none());
        }
    }

    #[test]
    fn jwt_12_13_14_cw4_a_valid_signature_is_not_enough() {
        let (ring, key) = ring(SigningAlgorithm::Es256);
        let good = serde_json::json!({"typ": "at+jwt", "alg": "ES256", "kid": key.kid});
        let payload = serde_json::to_string(&claims()).unwrap();
        assert!(ring.verify(&resign(&good, &payload, &key), "https://i", NOW).is_ok());
        for (name, value) in [
            ("crit", serde_json::json!(["b64"])),
            ("b64", false.into()),
            ("zip", "DEF".into()),
            ("jku", "https://e".into()),
            ("jwk", serde_json::json!({})),
            ("x5u", "https://e".into()),
        ] {
            let mut header = good.clone();
            header[name] = value;
            assert_eq!(
                ring.verify(&resign(&header, &payload, &key), "https://i", NOW).err(),
                Some(TokenRefusal::Malformed),
                "{name}"
            );
        }
        for (name, value) in
            [("typ", "JWT"), ("alg", "none"), ("alg", "HS256"), ("alg", "RS256"), ("kid", "other")]
        {
            let mut header = good.clone();
            header[name] = value.into();
            assert!(
                ring.verify(&resign(&header, &payload, &key), "https://i", NOW).is_err(),
                "{name}={value}"
            );
        }
        for (name, value) in [
            ("exp", serde_json::json!("1900000000")),
            ("exp", serde_json::json!(1_900_000_000.5)),
            ("exp", serde_json::Value::Null),
            ("iat", serde_json::json!("x")),
            ("aud", serde_json::json!(7)),
            ("sub", serde_json::json!([])),
        ] {
            let mut payload = serde_json::to_value(claims()).unwrap();
            payload[name] = value;
            assert_eq!(
                ring.verify(&resign(&good, &payload.to_string(), &key), "https://i", NOW).err(),
                Some(TokenRefusal::Invalid),
                "{name}"
            );
        }
        for name in ["exp", "iat", "aud", "iss", "sub", "grant", "client_id", "scope"] {
            let mut payload = serde_json::to_value(claims()).unwrap();
            payload.as_object_mut().unwrap().remove(name);
            assert!(
                ring.verify(&resign(&good, &payload.to_string(), &key), "https://i", NOW).is_err(),
                "without {name}"
            );
        }
        let twice = payload.replacen('{', "{\"sub\":\"admin\",", 1);
        assert_eq!(
            ring.verify(&resign(&good, &twice, &key), "https://i", NOW).err(),
            Some(TokenRefusal::Invalid),
            "duplicate claim"
        );
        let token = ring.sign(&claims(), NOW).unwrap();
        assert_eq!(ring.verify(&token, "https://j", NOW).err(), Some(TokenRefusal::Issuer));
        assert_eq!(ring.verify(&token, "https://i", NOW.plus(600)).err(), Some(TokenRefusal::Time));
        assert_eq!(ring.verify(&token, "https://i", NOW.plus(-61)).err(), Some(TokenRefusal::Time));
        let (head, signature) = token.rsplit_once('.').unwrap();
        assert!(ring.verify(head, "https://i", NOW).is_err());
        assert!(ring.verify(&format!("{head}."), "https://i", NOW).is_err());
        assert!(
            ring.verify(
                &format!("{head}.{}A", &signature[..signature.len() - 1]),
                "https://i",
                NOW
            )
            .is_err()
                || signature.ends_with('A')
        );
    }

    #[test]
    fn p5_a_rotated_key_verifies_until_it_retires_and_a_new_one_is_published_before_it_signs() {
        let master = Arc::new(MasterKey::from_bytes(&[1; 32]).unwrap());
        let mut old = generate(SigningAlgorithm::Es256, &master, NOW, NOW).unwrap();
        let new = generate(SigningAlgorithm::EdDsa, &master, NOW.plus(100), NOW.plus(200)).unwrap();
        old.retires_at = Some(NOW.plus(1000));
        let ring = KeyRing::new(master);
        ring.follow(&Arc::new(vec![old.clone(), new.clone()])).unwrap();
        let kid = |token: &str| -> String {
            let header: serde_json::Value = serde_json::from_slice(
                &URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap(),
            )
            .unwrap();
            header["kid"].as_str().unwrap().to_owned()
        };
        let before = ring.sign(&claims(), NOW.plus(150)).unwrap();
        assert_eq!(kid(&before), old.kid);
        assert_eq!(ring.jwks(NOW.plus(150))["keys"].as_array().unwrap().len(), 2);
        assert_eq!(kid(&ring.sign(&claims(), NOW.plus(200)).unwrap()), new.kid);
        assert!(ring.verify(&before, "https://i", NOW.plus(300)).is_ok());
        assert_eq!(ring.jwks(NOW.plus(1000))["keys"].as_array().unwrap().len(), 1);
    }
}
