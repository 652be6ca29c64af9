//! Assertions by which a client proves itself (RFC 7523 §2.2), as its developer would sign them.

use std::sync::Arc;

use doorward_keys::{AccessClaims, Audience, KeyRing, MasterKey};
use doorward_model::{SigningAlgorithm, Timestamp};

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
            act: None,
            cnf: None,
            upstream: None,
        };
        self.ring.sign(&claims, self.now).unwrap()
    }
}
