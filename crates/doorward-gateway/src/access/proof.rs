//! Proofs that tokens were issued to this server (DPoP, RFC 9449), and the nonces that servers want
//! in them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use doorward_keys::{NewProof, ProvingKey};
use doorward_model::id::random_text;
use http::{HeaderMap, HeaderValue};
use url::Url;

use crate::Inner;

/// The longest nonce that is sent back, in bytes.
const LONGEST: usize = 512;
/// Maximum number of servers of which a nonce is kept.
const MOST: usize = 1000;

/// A request that is proven.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProvenRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    /// The access token in it; `None` at a token endpoint.
    pub(crate) token: Option<&'a str>,
}

/// The last nonce of each server, by its origin.
#[derive(Default)]
pub(crate) struct Nonces(Mutex<HashMap<String, String>>);

impl Nonces {
    /// Notes the nonce in a response. `true` if it is usable and another one than before.
    pub(crate) fn note(&self, url: &Url, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all("dpop-nonce").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let plain = |text: &&str| {
            (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let Some(nonce) = value.to_str().ok().filter(plain) else { return false };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = url.origin().ascii_serialization();
        if kept.len() >= MOST && !kept.contains_key(&origin) {
            kept.clear();
        }
        let before = kept.insert(origin, nonce.to_owned());
        before.as_deref() != Some(nonce)
    }

    fn of(&self, url: &Url) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&url.origin().ascii_serialization()).cloned()
    }
}

impl Inner {
    /// A fresh proof for one request.
    pub(crate) fn proof(
        &self,
        key: &ProvingKey,
        request: ProvenRequest<'_>,
    ) -> Result<HeaderValue, String> {
        let mut url = request.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let proof = key.proof(&NewProof {
            method: request.method,
            url: url.as_str(),
            token: request.token,
            nonce: self.nonces.of(request.url).as_deref(),
            id: &random_text(self.services.entropy.as_ref(), 16),
            now: self.services.clock.now(),
        });
        let proof = proof.map_err(|error| error.to_string())?;
        HeaderValue::try_from(proof).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_kept_for_its_origin_and_unusable_ones_are_not() {
        let nonces = Nonces::default();
        let url = |text: &str| Url::parse(text).unwrap();
        let note = |at: &str, values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("dpop-nonce", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            nonces.note(&url(at), &headers)
        };
        assert!(note("https://a.example/token", &["n-1"]));
        assert!(!note("https://a.example/mcp", &["n-1"]), "the same again demands nothing");
        assert!(note("https://b.example/token", &["n-2"]));
        let long = "n".repeat(LONGEST + 1);
        let unusable: [&[&str]; 6] = [&[], &[""], &["a b"], &["a", "b"], &["é"], &[&long]];
        for values in unusable {
            assert!(!note("https://a.example/", values), "{values:?}");
        }
        assert_eq!(nonces.of(&url("https://a.example/mcp?x=1")).as_deref(), Some("n-1"));
        assert_eq!(nonces.of(&url("https://b.example/")).as_deref(), Some("n-2"));
        assert_eq!(nonces.of(&url("http://a.example/")), None);
        for number in 0..2 * MOST {
            note(&format!("https://{number}.example/"), &["n"]);
        }
        assert!(nonces.0.lock().unwrap().len() <= MOST);
    }
}
