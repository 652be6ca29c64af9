//! Signed tokens of issuers that administrators trust without signing users in through them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use doorward_model::{SignatureRefusal, SignedToken, TrustedIssuer};
use doorward_transport::Outbound;

use crate::{
    config::SettingError,
    error::FederationError,
    protocol::openid::{self, PublishedKeys},
};

/// Maximum number of issuers with keys in memory. Beyond them all are fetched again.
const ISSUERS: usize = 256;

fn unavailable(error: &FederationError) -> SignatureRefusal {
    SignatureRefusal::Unavailable(error.to_string())
}

/// The keys of trusted issuers.
pub(crate) struct Trusted {
    outbound: Outbound,
    known: Mutex<HashMap<TrustedIssuer, Arc<PublishedKeys>>>,
}

impl Trusted {
    pub(crate) fn new(outbound: Outbound) -> Self {
        Self { outbound, known: Mutex::default() }
    }

    fn keys(&self, issuer: &TrustedIssuer) -> Result<Arc<PublishedKeys>, SettingError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known.get(issuer) {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(PublishedKeys::of(issuer, self.outbound.clone())?);
        if known.len() >= ISSUERS {
            known.clear();
        }
        known.insert(issuer.clone(), Arc::clone(&keys));
        Ok(keys)
    }

    pub(crate) async fn verify(
        &self,
        issuer: &TrustedIssuer,
        token: &str,
    ) -> Result<SignedToken, SignatureRefusal> {
        let keys = self
            .keys(issuer)
            .map_err(|error| unavailable(&FederationError::Misconfigured(error.to_string())))?;
        let verified = keys.verify(token).await.map_err(|error| unavailable(&error))?;
        let signed = verified.map_err(SignatureRefusal::Invalid)?;
        Ok(SignedToken { typ: signed.typ, claims: signed.claims })
    }
}

/// Checks the settings of an issuer.
pub fn check_issuer(issuer: &TrustedIssuer) -> Result<(), SettingError> {
    openid::check_issuer(issuer).map(drop)
}
