//! Proofs of possession of a key (DPoP, RFC 9449), and the nonces that they may have to contain.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{KeyThumbprint, Timestamp, uri};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{
    MasterKey, accepted_algorithms,
    jws::{Jws, JwsFault},
    readable_key,
};

/// Maximum number of bytes of a proof: one with an RSA key of 8192 bits has less than half of it.
const MAX_BYTES: usize = 8 * 1024;
/// The members of private and of symmetric keys (RFC 7518 §6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// By how many seconds the clock of a client may differ from this one.
const WINDOW: i64 = 300;
/// The seconds for which a server gives out the same nonce. The one before it is accepted too.
const NONCE_SECONDS: i64 = 120;
/// Maximum number of proofs that a replica remembers in each of the two periods that it remembers.
const MOST_SEEN: usize = 100_000;

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct ProofOf<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URLs under which this server is reached, of which the proof names one.
    pub urls: &'a [String],
    /// The access token of the request, at a resource.
    pub token: Option<&'a str>,
}

/// A proof that counts.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The key.
    pub key: KeyThumbprint,
    /// The name of the proof, unique for its key.
    id: [u8; 32],
    /// The time after which it no longer counts.
    until: Timestamp,
}

impl Proof {
    /// The name under which it is spent, and for how long that must be remembered.
    pub fn spent(&self) -> (String, Timestamp) {
        (format!("dpop:{}", URL_SAFE_NO_PAD.encode(self.id)), self.until.plus(60))
    }
}

/// The reason for which a proof is refused. None of the texts repeats anything that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefusal {
    /// There is none.
    #[error("the DPoP header with the proof of the key is missing")]
    Missing,
    /// Not one JWT with the type, header and claims of a proof.
    #[error(
        "the DPoP header must contain one proof, a JWT with typ dpop+jwt, jti, htm, htu and iat"
    )]
    Malformed,
    /// Its algorithm is symmetric, none or not known.
    #[error("the algorithm of the proof is not accepted")]
    Algorithm,
    /// Its key is private, symmetric or of a kind that is not known.
    #[error("the jwk in the proof must be one public key")]
    Key,
    /// The signature is wrong.
    #[error("the signature of the proof is wrong")]
    Signature,
    /// It names another method or URL.
    #[error("the proof is for another request: htm or htu is wrong")]
    Request,
    /// It is for another access token, or names none.
    #[error("the proof is for another access token: ath is wrong or missing")]
    Token,
    /// The clock of the client is wrong, or the proof is old.
    #[error("the proof was not made within five minutes of this server's time")]
    Time,
    /// The nonce is missing, or is an old one.
    #[error("the proof must contain the nonce of the DPoP-Nonce header")]
    Nonce,
    /// It was used before.
    #[error("the proof was used before")]
    Used,
}

/// The claims of a proof (RFC 9449 §4.2).
#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: Number,
    nonce: Option<String>,
    ath: Option<String>,
}

/// The proofs that this replica saw, in two periods that are each at least as long as a proof can
/// count.
#[derive(Default)]
struct Seen {
    present: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
    since: Timestamp,
}

impl Seen {
    /// Remembers a proof; `false` if it is known.
    fn first(&mut self, id: [u8; 32], now: Timestamp) -> bool {
        let age = now.since(self.since);
        if age >= 2 * WINDOW || self.present.len() >= MOST_SEEN {
            let past = std::mem::take(&mut self.present);
            // After a pause nothing of before can count any more.
            self.before = if age >= 4 * WINDOW { HashSet::new() } else { past };
            self.since = now;
        }
        !self.before.contains(&id) && self.present.insert(id)
    }
}

/// Judges proofs and gives out nonces.
pub struct Proofs {
    master: Arc<MasterKey>,
    needs_nonce: bool,
    seen: Mutex<Seen>,
}

impl Proofs {
    /// Judges proofs. With `needs_nonce`, each must contain a nonce of this server, which all
    /// replicas with the same master key know.
    pub fn new(master: Arc<MasterKey>, needs_nonce: bool) -> Self {
        Self { master, needs_nonce, seen: Mutex::default() }
    }

    /// The algorithms, as metadata and challenges list them.
    pub fn algorithms() -> Vec<&'static str> {
        accepted_algorithms()
    }

    fn nonce_of(&self, period: i64) -> String {
        let mac = self.master.mac("dpop-nonce", &[&period.to_be_bytes()]);
        URL_SAFE_NO_PAD.encode(mac)
    }

    /// The nonce for the next proof; `None` where proofs need none.
    pub fn nonce(&self, now: Timestamp) -> Option<String> {
        self.needs_nonce.then(|| self.nonce_of(now.0.div_euclid(NONCE_SECONDS)))
    }

    /// True for a nonce of this or the neighbouring periods: replicas differ in their clocks. It is
    /// no secret, so that it is compared as it is.
    fn is_nonce(&self, nonce: &str, now: Timestamp) -> bool {
        let period = now.0.div_euclid(NONCE_SECONDS);
        (-1..=1).any(|step| self.nonce_of(period + step) == nonce)
    }

    /// Verifies a proof (RFC 9449 §4.3). That it is a new one is for the caller to decide: durably
    /// by [`Proof::spent`], or for this replica by [`Proofs::is_first`].
    pub fn check(
        &self,
        proof: &str,
        of: &ProofOf<'_>,
        now: Timestamp,
    ) -> Result<Proof, ProofRefusal> {
        let (signed, jwk) = read(proof)?;
        let claims: Claims = signed.verified(&jwk).map_err(|fault| match fault {
            JwsFault::Key => ProofRefusal::Key,
            JwsFault::Signature => ProofRefusal::Signature,
            JwsFault::Malformed | JwsFault::Algorithm | JwsFault::Claims => ProofRefusal::Malformed,
        })?;
        if claims.jti.is_empty() || claims.jti.len() > 512 {
            return Err(ProofRefusal::Malformed);
        }
        let named = uri::of_request(&claims.htu).ok_or(ProofRefusal::Request)?;
        let is_here = of.urls.iter().any(|url| uri::of_request(url).as_ref() == Some(&named));
        if claims.htm != of.method || !is_here {
            return Err(ProofRefusal::Request);
        }
        if of.token.is_some_and(|token| claims.ath.as_deref() != Some(&hash_of(token))) {
            return Err(ProofRefusal::Token);
        }
        let made = made_at(&claims.iat).ok_or(ProofRefusal::Malformed)?;
        // A nonce tells the time of a proof better than the clock of its client (RFC 9449 §11.1).
        let until = if self.needs_nonce {
            let nonce = claims.nonce.as_deref().unwrap_or_default();
            if !self.is_nonce(nonce, now) {
                return Err(ProofRefusal::Nonce);
            }
            now.plus(3 * NONCE_SECONDS)
        } else if now.0.saturating_sub(made).saturating_abs() > WINDOW {
            return Err(ProofRefusal::Time);
        } else {
            Timestamp(made).plus(WINDOW)
        };
        let key = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| ProofRefusal::Key)?;
        let named = format!("{key}\n{}", claims.jti);
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, named.as_bytes()).as_ref());
        Ok(Proof { key: KeyThumbprint::from_stored(key), id, until })
    }

    /// Remembers a proof at this replica; `false` if this replica saw it before.
    pub fn is_first(&self, proof: &Proof, now: Timestamp) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).first(proof.id, now)
    }
}

/// The hash of an access token, as a proof names it (RFC 9449 §4.2 `ath`).
fn hash_of(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

/// The time of a proof in whole seconds.
#[expect(clippy::cast_possible_truncation, reason = "a value out of range saturates")]
fn made_at(iat: &Number) -> Option<i64> {
    iat.as_i64().or_else(|| iat.as_f64().map(|seconds| seconds.floor() as i64))
}

/// A proof that is not verified yet, and its key.
fn read(proof: &str) -> Result<(Jws<'_>, Jwk), ProofRefusal> {
    if proof.len() > MAX_BYTES {
        return Err(ProofRefusal::Malformed);
    }
    let signed = Jws::read(proof).map_err(|fault| match fault {
        JwsFault::Algorithm => ProofRefusal::Algorithm,
        _ => ProofRefusal::Malformed,
    })?;
    if signed.typ() != Some("dpop+jwt") {
        return Err(ProofRefusal::Malformed);
    }
    let key = signed.header.get("jwk").and_then(Value::as_object).ok_or(ProofRefusal::Key)?;
    if PRIVATE.iter().any(|member| key.contains_key(*member)) {
        return Err(ProofRefusal::Key);
    }
    let jwk = serde_json::from_value(Value::Object(readable_key(key.clone())))
        .map_err(|_| ProofRefusal::Key)?;
    Ok((signed, jwk))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use serde_json::json;

    use super::{ProofRefusal as R, *};

    const NOW: Timestamp = Timestamp(1_000_000);
    const URL: &str = "https://as.example/oauth/token";

    struct Maker(EcdsaKeyPair);

    impl Maker {
        fn new() -> Self {
            let random = SystemRandom::new();
            let der =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap())
        }

        fn jwk(&self) -> Value {
            let point = self.0.public_key().as_ref();
            let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
            json!({"kty": "EC", "crv": "P-256", "x": part(1..33), "y": part(33..65)})
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let text = format!("{}.{}", part(header), part(claims));
            let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
        }

        fn proof(&self, header: &Value, claims: &Value) -> String {
            let mut all = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
            merge(&mut all, header);
            let mut said = json!({"jti": "1", "htm": "POST", "htu": URL, "iat": NOW.0});
            merge(&mut said, claims);
            self.sign(&all, &said)
        }
    }

    fn merge(into: &mut Value, change: &Value) {
        for (name, value) in change.as_object().unwrap() {
            if value.is_null() {
                into.as_object_mut().unwrap().remove(name);
            } else {
                into[name] = value.clone();
            }
        }
    }

    fn proofs(needs_nonce: bool) -> Proofs {
        Proofs::new(Arc::new(MasterKey::from_bytes(&[7; 32]).unwrap()), needs_nonce)
    }

    fn judged(proof: &str, token: Option<&str>) -> Result<Proof, ProofRefusal> {
        let urls = [URL.to_owned()];
        proofs(false).check(proof, &ProofOf { method: "POST", urls: &urls, token }, NOW)
    }

    #[test]
    fn a_proof_counts_for_its_request_its_token_and_its_time_only() {
        let maker = Maker::new();
        let none = json!({});
        let good = judged(&maker.proof(&none, &none), None).unwrap();
        assert_eq!(KeyThumbprint::parse(good.key.as_str()).as_ref(), Some(&good.key));
        for fine in [
            json!({"htu": "HTTPS://AS.example:443/oauth/token?a=b#c"}),
            json!({"iat": NOW.0 - 300}),
            json!({"iat": NOW.0 + 300}),
            json!({"iat": 999_999.5}),
            json!({"nonce": "any"}),
        ] {
            assert!(judged(&maker.proof(&none, &fine), None).is_ok(), "{fine}");
        }
        for (wrong, refusal) in [
            (json!({"htm": "GET"}), R::Request),
            (json!({"htm": "post"}), R::Request),
            (json!({"htu": "https://as.example/oauth/token/"}), R::Request),
            (json!({"htu": "https://other.example/oauth/token"}), R::Request),
            (json!({"htu": "/oauth/token"}), R::Request),
            (json!({"iat": NOW.0 - 301}), R::Time),
            (json!({"iat": NOW.0 + 301}), R::Time),
            (json!({"iat": i64::MIN}), R::Time),
            (json!({"iat": 1e300}), R::Time),
            (json!({"iat": "1000000"}), R::Malformed),
            (json!({"iat": null}), R::Malformed),
            (json!({"jti": ""}), R::Malformed),
            (json!({"jti": null}), R::Malformed),
            (json!({"jti": "x".repeat(513)}), R::Malformed),
        ] {
            let told = judged(&maker.proof(&none, &wrong), None).unwrap_err();
            assert_eq!(told, refusal, "{wrong}");
        }
        let ath = json!({"ath": hash_of("token")});
        assert!(judged(&maker.proof(&none, &ath), Some("token")).is_ok());
        assert_eq!(judged(&maker.proof(&none, &ath), Some("other")).unwrap_err(), R::Token);
        assert_eq!(judged(&maker.proof(&none, &none), Some("token")).unwrap_err(), R::Token);
    }

    #[test]
    fn the_header_of_a_proof_names_its_type_an_asymmetric_algorithm_and_a_public_key() {
        let (maker, other) = (Maker::new(), Maker::new());
        let none = json!({});
        let mut private = maker.jwk();
        private["d"] = "AA".into();
        let (mut curve, mut kind) = (maker.jwk(), maker.jwk());
        curve["crv"] = "P-384".into();
        kind["kty"] = "OKP".into();
        for (header, refusal) in [
            (json!({"typ": "JWT"}), R::Malformed),
            (json!({"typ": null}), R::Malformed),
            (json!({"crit": ["x"], "x": 1}), R::Malformed),
            (json!({"b64": false}), R::Malformed),
            (json!({"alg": "none"}), R::Algorithm),
            (json!({"alg": "HS256"}), R::Algorithm),
            (json!({"alg": null}), R::Algorithm),
            (json!({"alg": "RS256"}), R::Signature),
            (json!({"alg": "ES384"}), R::Signature),
            (json!({"jwk": curve}), R::Signature),
            (json!({"jwk": kind}), R::Signature),
            (json!({"jwk": null}), R::Key),
            (json!({"jwk": "x"}), R::Key),
            (json!({"jwk": private}), R::Key),
            (json!({"jwk": {"kty": "oct", "k": "AA"}}), R::Key),
            (json!({"jwk": {"kty": "EC", "crv": "P-256", "x": "\"", "y": "AA"}}), R::Key),
            (json!({"jwk": other.jwk()}), R::Signature),
        ] {
            let told = judged(&maker.proof(&header, &none), None).unwrap_err();
            assert_eq!(told, refusal, "{header}");
        }
        let good = maker.proof(&none, &none);
        for bad in ["", "a.b.c", &good[1..], &format!("{good}, {good}"), &"x".repeat(9000)] {
            assert!(judged(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_replica_takes_a_proof_once_while_it_counts_and_forgets_it_later() {
        let (maker, proofs) = (Maker::new(), proofs(false));
        let urls = [URL.to_owned()];
        let of = ProofOf { method: "POST", urls: &urls, token: None };
        let none = json!({});
        let proof = proofs.check(&maker.proof(&none, &none), &of, NOW).unwrap();
        let another = maker.proof(&none, &json!({"jti": "2"}));
        let another = proofs.check(&another, &of, NOW).unwrap();
        assert!(proofs.is_first(&proof, NOW));
        for later in [0, 299, 599, 600] {
            assert!(!proofs.is_first(&proof, NOW.plus(later)), "{later}");
        }
        assert!(proofs.is_first(&another, NOW));
        let other_key = Maker::new().proof(&none, &none);
        let other_key = proofs.check(&other_key, &of, NOW).unwrap();
        assert!(proofs.is_first(&other_key, NOW), "names are unique for each key");
        let mut seen = Seen::default();
        for number in 0..3 * MOST_SEEN {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            assert!(seen.first(id, NOW));
        }
        assert!(seen.present.len() + seen.before.len() <= 2 * MOST_SEEN);
    }

    #[test]
    fn nonces_are_known_to_every_replica_and_expire() {
        let (maker, here, there) = (Maker::new(), proofs(true), proofs(true));
        let urls = [URL.to_owned()];
        let of = ProofOf { method: "POST", urls: &urls, token: None };
        let check = |nonce: &Value, later: i64| {
            let claims = json!({"nonce": nonce, "iat": 5});
            there.check(&maker.proof(&json!({}), &claims), &of, NOW.plus(later)).map(drop)
        };
        let nonce = json!(here.nonce(NOW).unwrap());
        assert_eq!(check(&nonce, 0), Ok(()));
        assert_eq!(check(&nonce, NONCE_SECONDS), Ok(()));
        assert_eq!(check(&nonce, 3 * NONCE_SECONDS), Err(ProofRefusal::Nonce));
        assert_eq!(check(&json!("guessed"), 0), Err(ProofRefusal::Nonce));
        assert_eq!(check(&Value::Null, 0), Err(ProofRefusal::Nonce));
        assert_eq!(proofs(false).nonce(NOW), None);
        let other = Proofs::new(Arc::new(MasterKey::from_bytes(&[8; 32]).unwrap()), true);
        assert_ne!(other.nonce(NOW), here.nonce(NOW));
    }
}
