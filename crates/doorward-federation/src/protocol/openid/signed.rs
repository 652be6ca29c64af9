//! Signed tokens, read once. The library verifies the signature, the issuer, the audience, the
//! times and the nonce; it is given the members that these rules are about and no others, so that
//! other members of a token decide nothing.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_keys::{accepted_algorithms, plain_base64, readable_key};
use doorward_transport::oauth;
use openidconnect::{
    JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId, JsonWebKeySet, SignatureVerificationError,
    core::{
        CoreIdToken, CoreJsonWebKey, CoreJsonWebKeyType, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::claims;

/// The members of an ID token that its verification is about (OpenID Connect Core §3.1.3.7).
const DECIDING: &[&str] = &["iss", "sub", "aud", "exp", "iat", "nonce", "azp", "at_hash"];
/// The members that name a user or a session.
const IDENTIFIERS: &[&str] = &["sub", "sid"];
/// The members of a header that its verification is about (RFC 7515 §4.1).
const HEADER: &[&str] = &["alg", "kid", "typ", "cty", "crit"];
/// Members for which an empty text is as good as none.
const OPTIONAL: &[&str] = &["kid", "typ", "cty", "azp", "at_hash"];

/// The algorithms that are accepted, as the library names them: never `none`, never one with a
/// shared secret.
pub(super) fn accepted() -> Vec<CoreJwsSigningAlgorithm> {
    accepted_algorithms().into_iter().filter_map(algorithm).collect()
}

/// An accepted algorithm by its name. `Ed25519` is EdDSA with its curve named (RFC 9864 §2.2), and
/// the only curve of EdDSA that is accepted.
pub(super) fn algorithm(name: &str) -> Option<CoreJwsSigningAlgorithm> {
    if !accepted_algorithms().contains(&name) {
        return None;
    }
    let name = if name == "Ed25519" { "EdDSA" } else { name };
    serde_json::from_value(Value::String(name.to_owned())).ok()
}

/// A signed token.
pub(super) struct Signed {
    header: Map<String, Value>,
    /// The claims, all of them.
    pub(super) payload: Value,
    /// The bytes that the signature covers.
    message: Arc<str>,
    signature: String,
}

/// Removes members that are null, and those of [`OPTIONAL`] that are empty.
fn without_empty(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let kept = |name: &str, value: &Value| {
        names.contains(&name)
            && !value.is_null()
            && !(OPTIONAL.contains(&name) && value.as_str() == Some(""))
    };
    members
        .iter()
        .filter(|(name, value)| kept(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl Signed {
    /// Reads a token in compact form.
    pub(super) fn read(token: &str) -> Result<Self, String> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("it is not a signed token; encrypted ones are not supported".to_owned());
        };
        // A claim that no rule looks at may hold what JSON does not have.
        let read = |part: &str, name: &str| -> Result<Value, String> {
            oauth::part_of_token(part).map_err(|why| format!("its {name} {why}"))
        };
        let Value::Object(header_members) = read(header, "header")? else {
            return Err("its header is not a JSON object".to_owned());
        };
        let Value::Object(mut claims) = read(payload, "payload")? else {
            return Err("its payload is not a JSON object".to_owned());
        };
        for name in IDENTIFIERS {
            text_of_whole_number(&mut claims, name);
        }
        let mut header_members = without_empty(&header_members, HEADER);
        if header_members.get("alg").and_then(Value::as_str) == Some("Ed25519") {
            header_members.insert("alg".to_owned(), "EdDSA".into());
        }
        text_of_number(&mut header_members, "kid");
        Ok(Self {
            header: header_members,
            payload: Value::Object(claims),
            message: format!("{header}.{payload}").into(),
            signature: signature.trim_end_matches('=').to_owned(),
        })
    }

    /// The type in its header.
    pub(super) fn typ(&self) -> Option<String> {
        self.header.get("typ").and_then(Value::as_str).map(str::to_owned)
    }

    /// The token as the library reads it: its deciding members alone. The signature stays that of
    /// the whole, and is verified over the whole by [`SignedKey`].
    pub(super) fn for_library(&self) -> Result<CoreIdToken, String> {
        if !self.payload.get("sub").is_some_and(Value::is_string) {
            return Err(format!("its sub {}", claims::unfit(self.payload.get("sub"))));
        }
        let mut payload =
            self.payload.as_object().map(|all| without_empty(all, DECIDING)).unwrap_or_default();
        as_specified(&mut payload);
        let encode = |members: Map<String, Value>| {
            URL_SAFE_NO_PAD.encode(Value::Object(members).to_string())
        };
        let reduced =
            format!("{}.{}.{}", encode(self.header.clone()), encode(payload), self.signature);
        reduced.parse::<CoreIdToken>().map_err(|_| {
            "its header or one of iss, sub, aud, exp, iat, nonce, azp and at_hash is missing or of another type".to_owned()
        })
    }

    /// Keys that verify the signature of this token. Where the token names none of them, and where
    /// several have the name, it is the one that fits: the library takes several for ambiguous.
    pub(super) fn keys(&self, keys: &JsonWebKeySet<CoreJsonWebKey>) -> JsonWebKeySet<SignedKey> {
        let kid = self.header.get("kid").and_then(Value::as_str);
        let wrapped = |key: &CoreJsonWebKey, id: Option<&str>| SignedKey {
            key: key.clone(),
            id: id.map(|id| JsonWebKeyId::new(id.to_owned())),
            message: Arc::clone(&self.message),
        };
        let own = |key: &CoreJsonWebKey| wrapped(key, key.key_id().map(|id| id.as_str()));
        let mut candidates = candidates(keys, kid);
        let fitting = self.algorithm().zip(self.signature()).and_then(|(algorithm, signature)| {
            let message = self.message.as_bytes();
            candidates.find(|key| key.verify_signature(&algorithm, message, &signature).is_ok())
        });
        JsonWebKeySet::new(match fitting {
            Some(key) => vec![wrapped(key, kid)],
            None => keys.keys().iter().map(own).collect(),
        })
    }

    /// The algorithm in its header, if it is accepted.
    fn algorithm(&self) -> Option<CoreJwsSigningAlgorithm> {
        let name = self.header.get("alg").and_then(Value::as_str)?;
        algorithm(name)
    }

    /// The bytes of its signature.
    fn signature(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(&self.signature).ok()
    }

    /// Verifies the signature of a token that is no ID token. `Ok(false)`: no key fits, and fresh
    /// keys may.
    pub(super) fn verified_by(&self, keys: &JsonWebKeySet<CoreJsonWebKey>) -> Result<bool, String> {
        if self.header.contains_key("crit") || self.header.contains_key("cty") {
            return Err("its header requires what is not supported (crit, cty)".to_owned());
        }
        let name = self.header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm =
            self.algorithm().ok_or_else(|| format!("its algorithm {name:?} is not accepted"))?;
        let signature =
            self.signature().ok_or_else(|| "its signature is not base64url".to_owned())?;
        let kid = self.header.get("kid").and_then(Value::as_str);
        Ok(candidates(keys, kid).any(|key| {
            key.verify_signature(&algorithm, self.message.as_bytes(), &signature).is_ok()
        }))
    }
}

/// The keys that may have signed a token that names this key: those of the name, or else those
/// without one; all, where it names none.
fn candidates<'k>(
    keys: &'k JsonWebKeySet<CoreJsonWebKey>,
    kid: Option<&'k str>,
) -> impl Iterator<Item = &'k CoreJsonWebKey> {
    let name = |key: &'k CoreJsonWebKey| key.key_id().map(|id| id.as_str());
    let is_named = keys.keys().iter().any(|key| name(key) == kid);
    let wanted = if is_named { kid } else { None };
    keys.keys().iter().filter(move |key| kid.is_none() || name(key) == wanted)
}

/// Writes deciding members that have another form than specified, and the same meaning: points in
/// time as texts, the number of a client, a digest in the other alphabet of base64 or with padding.
fn as_specified(members: &mut Map<String, Value>) {
    for name in ["exp", "iat"] {
        let number = members.get(name).and_then(Value::as_str).and_then(|text| {
            let number = text.trim().parse::<f64>().ok()?;
            Number::from_f64(number)
        });
        if let Some(number) = number {
            members.insert(name.to_owned(), Value::Number(number));
        }
    }
    text_of_whole_number(members, "azp");
    text_of_whole_number(members, "aud");
    if let Some(Value::Array(audiences)) = members.get_mut("aud") {
        audiences.retain(|audience| !audience.is_null());
        for audience in audiences.iter_mut().filter(|one| one.is_i64() || one.is_u64()) {
            *audience = Value::String(audience.to_string());
        }
    }
    if let Some(Value::String(digest)) = members.get_mut("at_hash") {
        *digest = plain_base64(digest);
    }
}

/// Some write identifiers of users and sessions as numbers. One that is not read exactly stays a
/// number, and names none.
fn text_of_whole_number(members: &mut Map<String, Value>, name: &str) {
    if members.get(name).is_some_and(|value| value.is_i64() || value.is_u64()) {
        text_of_number(members, name);
    }
}

/// Some write identifiers of keys as numbers.
fn text_of_number(members: &mut Map<String, Value>, name: &str) {
    if let Some(Value::Number(number)) = members.get(name) {
        let text = number.to_string();
        members.insert(name.to_owned(), text.into());
    }
}

/// A provider's key that verifies the signature over the token as it came, regardless of the parts
/// that the library reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SignedKey {
    #[serde(flatten)]
    key: CoreJsonWebKey,
    /// The name under which the token looks for it.
    #[serde(skip)]
    id: Option<JsonWebKeyId>,
    #[serde(skip)]
    message: Arc<str>,
}

impl JsonWebKey for SignedKey {
    type KeyUse = CoreJsonWebKeyUse;
    type SigningAlgorithm = CoreJwsSigningAlgorithm;

    fn key_id(&self) -> Option<&JsonWebKeyId> {
        self.id.as_ref()
    }
    fn key_type(&self) -> &CoreJsonWebKeyType {
        self.key.key_type()
    }
    fn key_use(&self) -> Option<&CoreJsonWebKeyUse> {
        self.key.key_use()
    }
    fn signing_alg(&self) -> JsonWebKeyAlgorithm<&CoreJwsSigningAlgorithm> {
        self.key.signing_alg()
    }
    fn new_symmetric(key: Vec<u8>) -> Self {
        Self { key: CoreJsonWebKey::new_symmetric(key), id: None, message: Arc::default() }
    }
    fn verify_signature(
        &self,
        algorithm: &CoreJwsSigningAlgorithm,
        _reduced: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureVerificationError> {
        self.key.verify_signature(algorithm, self.message.as_bytes(), signature)
    }
    fn hash_bytes(
        &self,
        bytes: &[u8],
        algorithm: &CoreJwsSigningAlgorithm,
    ) -> Result<Vec<u8>, String> {
        self.key.hash_bytes(bytes, algorithm)
    }
}

/// A key set, as far as its keys are known here.
#[derive(Default)]
pub(super) struct KnownKeys {
    pub(super) keys: JsonWebKeySet<CoreJsonWebKey>,
    /// The number of keys that are left out.
    pub(super) left_out: usize,
}

/// Reads a key set.
pub(super) fn key_set(mut document: Map<String, Value>) -> KnownKeys {
    let Some(Value::Array(keys)) = document.remove("keys") else {
        return KnownKeys::default();
    };
    let all = keys.len();
    let read = |key: Value| {
        let Value::Object(members) = key else { return None };
        let members = readable_key(members);
        serde_json::from_value::<CoreJsonWebKey>(Value::Object(members)).ok()
    };
    let known: Vec<CoreJsonWebKey> = keys.into_iter().take(64).filter_map(read).collect();
    let left_out = all - known.len();
    KnownKeys { keys: JsonWebKeySet::new(known), left_out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(header: &Value, payload: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.AAAA", encode(header), encode(payload))
    }

    #[test]
    fn the_library_reads_deciding_members_alone() {
        let claims = json!({
            "iss": "https://a.example", "sub": "u", "aud": ["c"], "exp": 2, "iat": 1.5, "nonce": null, "azp": "", "at_hash": "",
            "updated_at": "2026-01-02T03:04:05.678Z", "address": "one line", "email_verified": [], "locale": 7, "birthdate": false,
            "picture": "no URL", "acr": 1, "amr": "pwd", "auth_time": "now", "c_hash": {}, "name#": 1, "website#de": null,
        });
        let header = json!({"alg": "ES256", "kid": 7, "typ": "", "x5c": 1, "jku": null});
        let signed = Signed::read(&token(&header, &claims)).unwrap();
        let read = signed.for_library().unwrap();
        assert_eq!(signed.payload, claims);
        assert_eq!(read.signing_alg().unwrap(), &CoreJwsSigningAlgorithm::EcdsaP256Sha256);
        for name in ["iss", "sub", "exp", "iat"] {
            let mut wrong = claims.clone();
            wrong[name] = Value::Null;
            assert!(
                Signed::read(&token(&header, &wrong)).unwrap().for_library().is_err(),
                "{name}"
            );
        }
        let mut other_forms = claims.clone();
        other_forms["exp"] = json!(" 1800000000 ");
        other_forms["iat"] = json!("1799999999.5");
        other_forms["aud"] = json!([12_345, "c"]);
        other_forms["azp"] = json!(12_345);
        other_forms["at_hash"] = json!("a+/b==");
        let read = Signed::read(&format!("{}==", token(&header, &other_forms))).unwrap();
        let payload = read.for_library().unwrap().to_string();
        let payload = URL_SAFE_NO_PAD.decode(payload.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(
            (payload["exp"].as_f64(), payload["iat"].as_f64()),
            (Some(1.8e9), Some(1_799_999_999.5))
        );
        assert_eq!((&payload["aud"], &payload["azp"]), (&json!(["12345", "c"]), &json!("12345")));
        assert_eq!(payload["at_hash"], "a-_b");
        let mut numbered = claims.clone();
        numbered["sub"] = json!(7);
        numbered["sid"] = json!(8);
        let signed = Signed::read(&token(&header, &numbered)).unwrap();
        assert_eq!((&signed.payload["sub"], &signed.payload["sid"]), (&json!("7"), &json!("8")));
        assert!(signed.for_library().is_ok());
        for (value, told) in [
            (json!(1e30), "as a text"),
            (json!(true), "true or false"),
            (json!(["u"]), "a list"),
            (json!({"id": 1}), "an object"),
        ] {
            numbered["sub"] = value;
            let refused =
                Signed::read(&token(&header, &numbered)).unwrap().for_library().unwrap_err();
            assert!(refused.starts_with("its sub is") && refused.contains(told), "{refused}");
        }
        for (name, value) in [
            ("exp", json!("soon")),
            ("aud", json!(1.5)),
            ("sub", json!(7.5)),
            ("iss", json!("no URL")),
        ] {
            let mut wrong = claims.clone();
            wrong[name] = value;
            assert!(
                Signed::read(&token(&header, &wrong)).unwrap().for_library().is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_unsigned_token_is_not_read() {
        for text in [
            "",
            "a",
            "a.b",
            "a.b.c",
            "....",
            "e30.e30",
            "e30.W10.AA",
            "W10.e30.AA",
            "e30.e30.a.b.c",
        ] {
            assert!(Signed::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_with_odd_members_count_and_unknown_ones_are_left_out() {
        let good = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "kid": 12, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let mut odd = good.clone();
        odd["use"] = Value::Null;
        odd["alg"] = json!("");
        odd["kid"] = json!(["x"]);
        odd["n"] = json!(7);
        let mut other_alphabet = good.clone();
        other_alphabet["y"] = json!("x/FEzRu9m36HLN/tue659LNpXW6pCyStikYjKIWI5a0=");
        let document = json!({"keys": [good, odd, ed, {"kty": "new"}, "x", null, other_alphabet]});
        let KnownKeys { keys, left_out } = key_set(document.as_object().unwrap().clone());
        assert_eq!((keys.keys().len(), left_out), (4, 3));
        assert_eq!(keys.keys()[3], keys.keys()[0]);
        assert_eq!(keys.keys()[2].key_id().unwrap().as_str(), "12");
        assert_eq!(algorithm("Ed25519"), Some(CoreJwsSigningAlgorithm::EdDsa));
        for odd in [json!({}), json!({"keys": null}), json!({"keys": {}})] {
            assert_eq!(key_set(odd.as_object().unwrap().clone()).keys.keys().len(), 0);
        }
    }
}
