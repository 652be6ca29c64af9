//! Generation of signing keys, and signing.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_model::{SigningAlgorithm, SigningKey, Timestamp};
use jsonwebtoken::{
    Algorithm, EncodingKey,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash},
};
use zeroize::Zeroizing;

use crate::MasterKey;

/// A signing key that cannot be made or used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RingError {
    /// The private key does not open: the master key is another one.
    #[error(
        "the private key {0} cannot be unsealed with this master key; restore the master key that \
         this database was created with. Nothing was changed"
    )]
    Sealed(String),
    /// A stored key is damaged.
    #[error("the signing key {0} cannot be read")]
    Damaged(String),
    /// The cryptographic library refused.
    #[error("a signing key could not be created: {0}")]
    Library(String),
    /// No key signs at this moment.
    #[error("there is no active signing key")]
    NoActiveKey,
}

/// A private key, ready to sign: reading it again for each signature would cost as much as one.
pub(crate) enum Signing {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signing {
    pub(crate) fn open(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Option<Self> {
        Some(match algorithm {
            SigningAlgorithm::Es256 => {
                Self::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?)
            }
            SigningAlgorithm::Rs256 => Self::Rs256(RsaKeyPair::from_pkcs8(pkcs8).ok()?),
            SigningAlgorithm::EdDsa => {
                Self::EdDsa(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?)
            }
        })
    }

    /// The signature of a message, as a JWS has it (RFC 7518 §3).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        Ok(match self {
            Self::Es256(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                signature
            }
        })
    }
}

/// The place that a private key is sealed for.
pub(crate) fn place(kid: &str) -> String {
    format!("signing_key/{kid}/private")
}

pub(crate) fn jose(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

pub(crate) fn encoding_key(
    algorithm: SigningAlgorithm,
    pkcs8: &[u8],
) -> Result<EncodingKey, RingError> {
    match algorithm {
        SigningAlgorithm::Es256 => Ok(EncodingKey::from_ec_der(pkcs8)),
        SigningAlgorithm::EdDsa => Ok(EncodingKey::from_ed_der(pkcs8)),
        SigningAlgorithm::Rs256 => {
            // The DER constructor requires PKCS#1; the PEM one unwraps PKCS#8.
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
            // The JOSE library recognises Ed25519 keys by the length of PKCS#8 version 1.
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
