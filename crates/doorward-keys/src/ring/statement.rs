//! Statements to relying parties: ID tokens and signed userinfo (OpenID Connect Core §2, §5.3.2).

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::Timestamp;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::{Key, KeyRing, Typ, header};
use crate::RingError;

impl Key {
    /// The hash of an access token in an ID token that this key signs (`at_hash`, §3.1.3.6): the
    /// left half of its digest, by the hash function of the signature.
    fn half_hash(&self, token: &str) -> String {
        let function = if self.algorithm == Algorithm::EdDSA { &SHA512 } else { &SHA256 };
        let whole = digest(function, token.as_bytes());
        let half = whole.as_ref().get(..whole.as_ref().len() / 2).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(half)
    }

    fn algorithm_name(&self) -> Option<&str> {
        self.public.get("alg").and_then(Value::as_str)
    }
}

impl KeyRing {
    /// The algorithms of the published keys, the active one first.
    pub fn algorithms(&self, now: Timestamp) -> Vec<String> {
        let loaded = self.current();
        let published = loaded.keys.iter().filter(|key| key.is_published(now));
        let mut names: Vec<String> = Vec::new();
        for key in loaded.active(now).ok().into_iter().chain(published) {
            let name = key.algorithm_name().unwrap_or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Signs an ID token that is issued with this access token.
    pub fn sign_id_token(
        &self,
        mut claims: Map<String, Value>,
        access_token: &str,
        now: Timestamp,
    ) -> Result<String, RingError> {
        let loaded = self.current();
        let key = loaded.active(now)?;
        claims.insert("at_hash".to_owned(), key.half_hash(access_token).into());
        Ok(key.sign(Typ::Statement, &claims)?.0)
    }

    /// Signs the claims of userinfo. They have no end, so that they never pass for an ID token.
    pub fn sign_userinfo(
        &self,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<String, RingError> {
        Ok(self.sign_as(Typ::Statement, claims, now)?.0)
    }

    /// Signs a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
    pub fn sign_logout_token(&self, claims: &Value, now: Timestamp) -> Result<String, RingError> {
        Ok(self.sign_as(Typ::Logout, claims, now)?.0)
    }

    /// The claims of an ID token that was signed here for this issuer, over or not
    /// (`id_token_hint`, §3.1.2.1).
    pub fn own_id_token(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Option<Map<String, Value>> {
        let loaded = self.current();
        let header = header(token, "JWT").ok()?;
        let key = loaded.published(&header.kid, now)?;
        let claims: Map<String, Value> = key.verify(&header, token).ok()?;
        // Of the tokens of this type, those with an access token are ID tokens.
        let is_id_token = claims.contains_key("at_hash") && claims.contains_key("exp");
        let is_own = claims.get("iss").and_then(Value::as_str) == Some(issuer);
        (is_own && is_id_token).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use doorward_model::SigningAlgorithm;
    use serde_json::json;

    use super::*;
    use crate::{MasterKey, generate};

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn ring(algorithm: SigningAlgorithm) -> KeyRing {
        let master = Arc::new(MasterKey::from_bytes(&[1; 32]).unwrap());
        let mut key = generate(algorithm, &master, NOW, NOW).unwrap();
        key.retires_at = Some(NOW.plus(1000));
        let ring = KeyRing::new(master);
        ring.follow(&Arc::new(vec![key])).unwrap();
        ring
    }

    fn claims() -> Map<String, Value> {
        let claims = json!({"iss": "https://i", "sub": "u", "aud": "c", "exp": NOW.0 + 60});
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn the_hash_of_the_access_token_is_of_the_signature_s_function() {
        // The example of OpenID Connect Core, appendix A.3.
        let access = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        for (algorithm, expected) in [
            (SigningAlgorithm::Es256, Some("77QmUPtjPfzWtF2AnpK9RQ")),
            (SigningAlgorithm::Rs256, Some("77QmUPtjPfzWtF2AnpK9RQ")),
            (SigningAlgorithm::EdDsa, None),
        ] {
            let ring = ring(algorithm);
            let token = ring.sign_id_token(claims(), access, NOW).unwrap();
            let read = ring.own_id_token(&token, "https://i", NOW).unwrap();
            let hash = read["at_hash"].as_str().unwrap();
            match expected {
                Some(expected) => assert_eq!(hash, expected),
                None => assert_eq!(hash.len(), 43, "half of SHA-512"),
            }
            assert_eq!(ring.algorithms(NOW), [algorithm.as_str()]);
        }
    }

    #[test]
    fn a_hint_is_an_id_token_of_this_issuer_and_no_other_token_of_it() {
        let ring = ring(SigningAlgorithm::Es256);
        let token = ring.sign_id_token(claims(), "a", NOW).unwrap();
        let later = NOW.plus(999);
        assert!(ring.own_id_token(&token, "https://i", later).is_some(), "it may be over");
        assert!(ring.own_id_token(&token, "https://j", NOW).is_none());
        assert!(ring.own_id_token(&token, "https://i", NOW.plus(1000)).is_none(), "key retired");
        let (head, _) = token.rsplit_once('.').unwrap();
        for forged in [head.to_owned(), format!("{head}."), format!("{head}.AAAA"), String::new()] {
            assert!(ring.own_id_token(&forged, "https://i", NOW).is_none(), "{forged}");
        }
        for other in [
            ring.sign_userinfo(&claims(), NOW).unwrap(),
            ring.sign_logout_token(&json!(claims()), NOW).unwrap(),
            ring.sign_client_assertion(&json!(claims()), NOW).unwrap(),
            ring.sign_identity(&json!(claims()), NOW).unwrap(),
        ] {
            assert!(ring.own_id_token(&other, "https://i", NOW).is_none());
        }
        assert!(ring.verify(&token, "https://i", NOW).is_err(), "it is no access token");
    }
}
