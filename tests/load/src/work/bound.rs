//! Tokens that are bound to a key, and their proofs.

use super::User;
use crate::http::Outcome;

impl User {
    /// The header by which the access token is presented, with the proof that a bound one needs.
    pub(super) fn presented(&self, method: &str, path: &str) -> Outcome<(String, Option<String>)> {
        let Some(key) = &self.key else {
            return Ok((format!("Bearer {}", self.access), None));
        };
        let url = format!("{}{path}", self.base);
        let proof = key.proof(method, &url, Some(&self.access))?;
        Ok((format!("DPoP {}", self.access), Some(proof)))
    }

    /// The proof for a request without an access token, if the tokens of the client are bound.
    pub(super) fn proof(&self, path: &str) -> Outcome<Option<String>> {
        let url = format!("{}{path}", self.base);
        self.key.as_ref().map(|key| key.proof("POST", &url, None)).transpose()
    }
}
