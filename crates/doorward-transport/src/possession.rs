//! The proof of possession in a request (DPoP, RFC 9449 §4): the header, and the request that it
//! must be for.

use axum::http::{HeaderMap, HeaderValue};
use doorward_keys::{Proof, ProofOf, ProofRefusal, Proofs};
use doorward_model::{PublicUrl, Timestamp};

/// The header of proofs.
const PROOF: &str = "dpop";
/// The header of nonces.
const NONCE: &str = "dpop-nonce";

/// A request whose proof is judged.
#[derive(Clone, Copy, Debug)]
pub struct Proving<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its method.
    pub method: &'a str,
    /// Its path below the public URL.
    pub path: &'a str,
    /// Its access token, at a resource.
    pub token: Option<&'a str>,
}

impl Proving<'_> {
    /// True if the request has a proof, whatever it is worth.
    pub fn is_tried(&self) -> bool {
        self.headers.contains_key(PROOF)
    }

    /// Judges the one proof of the request. Never by its `Host`: the proof names the public URL, or
    /// the same by an IP address of `localhost`.
    ///
    /// # Errors
    ///
    /// If there is no proof, or more than one, or it does not count.
    pub fn judge(
        &self,
        proofs: &Proofs,
        public_url: &PublicUrl,
        now: Timestamp,
    ) -> Result<Proof, ProofRefusal> {
        let mut values = self.headers.get_all(PROOF).iter();
        let proof = match (values.next(), values.next()) {
            (None, _) => return Err(ProofRefusal::Missing),
            (Some(_), Some(_)) => return Err(ProofRefusal::Malformed),
            (Some(value), None) => value.to_str().map_err(|_| ProofRefusal::Malformed)?,
        };
        let own = std::iter::once(public_url.clone()).chain(public_url.numbers());
        let urls: Vec<String> = own.map(|url| url.at(self.path)).collect();
        proofs.check(proof, &ProofOf { method: self.method, urls: &urls, token: self.token }, now)
    }
}

/// Adds the nonce for the next proof to an answer, where proofs need one.
pub fn offer_nonce(headers: &mut HeaderMap, proofs: &Proofs, now: Timestamp) {
    if let Some(value) = proofs.nonce(now).and_then(|nonce| HeaderValue::try_from(nonce).ok()) {
        headers.insert(NONCE, value);
    }
}
