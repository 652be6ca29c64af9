//! The signing keys in use.

mod statement;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_model::{PlainToken, SigningKey, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, jwk::Jwk};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    AccessClaims, MasterKey, RingError, TokenRefusal,
    signing::{Signing, jose, place},
};

/// The kinds of tokens that are signed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typ {
    AccessToken,
    ClientAssertion,
    Identity,
    /// A statement to a relying party: ID tokens and signed userinfo.
    Statement,
    /// A logout token for a relying party.
    Logout,
}

struct Key {
    kid: String,
    algorithm: Algorithm,
    activates_at: Timestamp,
    retires_at: Option<Timestamp>,
    public: serde_json::Value,
    /// The encoded headers of the kinds of tokens; their `typ` keeps one from passing for another.
    headers: [String; 4],
    signing: Signing,
    verifying: DecodingKey,
}

struct Loaded {
    /// Grows with each set of records.
    version: u64,
    records: Arc<Vec<SigningKey>>,
    keys: Vec<Key>,
}

/// An access token with a signature verified before.
#[derive(Debug)]
pub struct VerifiedToken {
    /// The key that signed it. The token counts while that key is published.
    pub kid: String,
    /// The claims, of the types that they must have.
    pub claims: AccessClaims,
}

/// Maximum number of known tokens.
const KNOWN: usize = 4096;

/// All signing keys, opened. Cheap to share; updated from the store's records on notification.
pub struct KeyRing {
    master: Arc<MasterKey>,
    loaded: RwLock<Arc<Loaded>>,
    /// Tokens that were signed or verified here, by their SHA-256. A forged one is never entered.
    known: Cache<String, Arc<VerifiedToken>>,
}

impl Key {
    fn open(record: &SigningKey, master: &MasterKey) -> Result<Self, RingError> {
        let pkcs8 = master
            .open(&place(&record.kid), &record.private)
            .map_err(|_| RingError::Sealed(record.kid.clone()))?;
        let damaged = || RingError::Damaged(record.kid.clone());
        let jwk: Jwk = serde_json::from_str(&record.public_jwk).map_err(|_| damaged())?;
        let header = |typ: &str| {
            let mut header = Header::new(jose(record.algorithm));
            header.typ = Some(typ.to_owned());
            header.kid = Some(record.kid.clone());
            serde_json::to_vec(&header).map(|json| URL_SAFE_NO_PAD.encode(json))
        };
        let header = |typ| header(typ).map_err(|_| damaged());
        let headers =
            [header("at+jwt")?, header("JWT")?, header("identity+jwt")?, header("logout+jwt")?];
        Ok(Self {
            kid: record.kid.clone(),
            algorithm: jose(record.algorithm),
            activates_at: record.activates_at,
            retires_at: record.retires_at,
            public: serde_json::from_str(&record.public_jwk).map_err(|_| damaged())?,
            headers,
            signing: Signing::open(record.algorithm, &pkcs8).ok_or_else(damaged)?,
            verifying: DecodingKey::from_jwk(&jwk).map_err(|_| damaged())?,
        })
    }

    fn is_published(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|end| now < end)
    }
}

/// The only header of this server's tokens. One with more members (`crit`, `jku`, `jwk`, `b64`,
/// `zip`) was not issued here.
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
            loaded: RwLock::new(Arc::new(Loaded {
                version: 0,
                records: Arc::default(),
                keys: Vec::new(),
            })),
            known: Cache::new(KNOWN),
        }
    }

    /// Loads the store's records. Free when they are unchanged.
    pub fn follow(&self, records: &Arc<Vec<SigningKey>>) -> Result<(), RingError> {
        if Arc::ptr_eq(&self.current().records, records) {
            return Ok(());
        }
        let keys = records
            .iter()
            .map(|record| Key::open(record, &self.master))
            .collect::<Result<Vec<_>, _>>()?;
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let version = loaded.version + 1;
        *loaded = Arc::new(Loaded { version, records: Arc::clone(records), keys });
        Ok(())
    }

    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The version of the JWK Set: another one has other keys. Keys only leave a set, one after the
    /// other, until the store has other records.
    pub fn jwks_version(&self, now: Timestamp) -> (u64, usize) {
        let loaded = self.current();
        (loaded.version, loaded.keys.iter().filter(|key| key.is_published(now)).count())
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
        let (token, kid) = self.sign_as(Typ::AccessToken, claims, now)?;
        let known = VerifiedToken { kid, claims: claims.clone() };
        self.known.insert(digest(&token), Arc::new(known));
        Ok(token)
    }

    /// Signs an assertion for authentication as a client of an identity provider
    /// (`private_key_jwt`). Because of its `typ`, it is never accepted as an access token of this
    /// server.
    pub fn sign_client_assertion(
        &self,
        claims: &serde_json::Value,
        now: Timestamp,
    ) -> Result<String, RingError> {
        Ok(self.sign_as(Typ::ClientAssertion, claims, now)?.0)
    }

    /// Signs an identity token: the statement about the user of one request behind a proxy.
    pub fn sign_identity(
        &self,
        claims: &serde_json::Value,
        now: Timestamp,
    ) -> Result<String, RingError> {
        Ok(self.sign_as(Typ::Identity, claims, now)?.0)
    }

    fn sign_as<T: Serialize>(
        &self,
        typ: Typ,
        claims: &T,
        now: Timestamp,
    ) -> Result<(String, String), RingError> {
        let loaded = self.current();
        loaded.active(now)?.sign(typ, claims)
    }

    /// Verifies an access token of this server: header, signature, types of all claims, issuer and
    /// time. The audience is for the caller to compare with the requested resource.
    pub fn verify(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, TokenRefusal> {
        let (loaded, digest) = (self.current(), digest(token));
        let verified = match self.known.get(&digest) {
            Some(known) if loaded.published(&known.kid, now).is_some() => known,
            Some(_) => return Err(TokenRefusal::UnknownKey),
            None => {
                let header = header(token, "at+jwt")?;
                let key = loaded.published(&header.kid, now).ok_or(TokenRefusal::UnknownKey)?;
                let claims: AccessClaims = key.verify(&header, token)?;
                let verified = Arc::new(VerifiedToken { kid: header.kid, claims });
                self.known.insert(digest, Arc::clone(&verified));
                verified
            }
        };
        let claims = &verified.claims;
        if claims.iss != issuer {
            return Err(TokenRefusal::Issuer);
        }
        // A minute of leeway for a replica with a fast clock; none at the end of life.
        if now.0 >= claims.exp || claims.iat > now.plus(60).0 {
            return Err(TokenRefusal::Time);
        }
        Ok(verified)
    }

    /// True while tokens that this key signed count.
    pub fn is_published(&self, kid: &str, now: Timestamp) -> bool {
        self.current().published(kid, now).is_some()
    }
}

impl Loaded {
    /// The key that signs at `now`: the one that was activated last.
    fn active(&self, now: Timestamp) -> Result<&Key, RingError> {
        let active =
            self.keys.iter().filter(|key| key.activates_at <= now && key.is_published(now));
        active.max_by_key(|key| key.activates_at).ok_or(RingError::NoActiveKey)
    }
    fn published(&self, kid: &str, now: Timestamp) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid && key.is_published(now))
    }
}

/// The name under which a token is known.
fn digest(token: &str) -> String {
    PlainToken::presented(token).hashed().as_str().to_owned()
}

/// Reads the header of a token of this type.
fn header(token: &str, typ: &str) -> Result<AccessHeader, TokenRefusal> {
    let header = token
        .split('.')
        .next()
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .ok_or(TokenRefusal::Malformed)?;
    let header: AccessHeader =
        serde_json::from_slice(&header).map_err(|_| TokenRefusal::Malformed)?;
    if header.typ == typ { Ok(header) } else { Err(TokenRefusal::Malformed) }
}

impl Key {
    /// Signs claims, and names the key.
    fn sign<T: Serialize>(&self, typ: Typ, claims: &T) -> Result<(String, String), RingError> {
        let [access_token, assertion, identity, logout] = &self.headers;
        let header = match typ {
            Typ::AccessToken => access_token,
            Typ::ClientAssertion | Typ::Statement => assertion,
            Typ::Identity => identity,
            Typ::Logout => logout,
        };
        let claims =
            serde_json::to_vec(claims).map_err(|error| RingError::Library(error.to_string()))?;
        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 128);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
        let signature = self
            .signing
            .sign(token.as_bytes())
            .map_err(|error| RingError::Library(error.to_string()))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok((token, self.kid.clone()))
    }

    /// Verifies the signature of a token that names this key, and the types of its claims.
    fn verify<T: DeserializeOwned>(
        &self,
        header: &AccessHeader,
        token: &str,
    ) -> Result<T, TokenRefusal> {
        let algorithm = self.public.get("alg").and_then(serde_json::Value::as_str);
        if header.alg != algorithm.unwrap_or_default() {
            return Err(TokenRefusal::Malformed);
        }
        let mut validation = Validation::new(self.algorithm);
        // Times, issuer and audience are compared by the caller: against this server's clock, and
        // without exceptions for absent claims.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode::<T>(token, &self.verifying, &validation)
            .map(|verified| verified.claims)
            .map_err(|_| TokenRefusal::Invalid)
    }
}
