//! Asks an upstream provider who a person is. The only crate that names `openidconnect` (and
//! `oauth2` underneath it).
//!
//! The way of a sign-in: [`Federation::begin`] sends the browser away, [`Federation::take_up`]
//! recognises it when it comes back and learns from the provider who it is, [`Federation::admit`]
//! decides who that is here. Afterwards [`Federation::check_due`] keeps asking whether the provider
//! still stands for the person.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod admission;
mod attempt;
mod check;
mod claims;
mod config;
mod directory;
pub mod http;
pub mod kinds;
mod logout;
mod oauth;
mod openid;
mod provider;
mod refresh;
mod rotation;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use doorward_keys::{KeyRing, MasterKey};
use doorward_model::{Clock, Entropy, IdentityId, PublicUrl, StoredProvider};
use doorward_store::{Store, StoreError};
use doorward_transport::{AddressLimiter, Outbound, OutboundConfig, SingleFlight};

pub use admission::{Admission, NotAdmitted};
pub use attempt::{Arrival, Ask, Departure, Journey, TakenUp};
pub use check::Finding;
pub use config::{ProviderConfig, SettingError};
pub use directory::ProviderChangeError;
pub use logout::{LogoutForm, LogoutTokenRefusal};
pub use provider::{Provider, SecondFactorPolicy, Source};
pub use refresh::Round;
use rotation::Rotated;

/// What federation is made of.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The signing keys, for `private_key_jwt`.
    pub keys: Arc<KeyRing>,
    /// The master key, for everything that is kept.
    pub master: Arc<MasterKey>,
    /// The outbound client.
    pub outbound: Outbound,
    /// Its configuration, for providers that need a client of their own.
    pub outbound_config: OutboundConfig,
    /// Our own address.
    pub public_url: PublicUrl,
    /// Whether people may sign in with passwords of their own.
    pub passwords: bool,
    /// The providers of the configuration file, by name.
    pub configured: BTreeMap<String, ProviderConfig>,
}

/// Sign-in through upstream providers. Cheap to clone.
#[derive(Clone)]
pub struct Federation {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) configured: Vec<Arc<Provider>>,
    pub(crate) stored: Mutex<KnownStored>,
    pub(crate) starts: AddressLimiter,
    pub(crate) rotations: SingleFlight<IdentityId, Result<Rotated, FederationError>>,
}

/// The providers made of what the store holds, with the records that they were made of.
#[derive(Default)]
pub(crate) struct KnownStored {
    pub(crate) records: Arc<Vec<StoredProvider>>,
    pub(crate) providers: Vec<(StoredProvider, Arc<Provider>)>,
}

/// How many sign-ins one address may begin at once, and a minute: an office behind one address
/// begins many.
const STARTS: (u32, u32) = (120, 120);

/// How many refresh tokens are redeemed at once.
const ROTATIONS: usize = 64;

impl Federation {
    /// Takes the parts. A provider of the configuration file that cannot work stops the start.
    pub fn new(parts: Parts) -> Result<Self, ConfiguredProviderError> {
        let mut configured = Vec::new();
        for (name, config) in &parts.configured {
            let made = Provider::new(
                name,
                config.clone(),
                Source::File,
                &parts.outbound,
                &parts.outbound_config,
            );
            configured.push(Arc::new(
                made.map_err(|error| ConfiguredProviderError { provider: name.clone(), error })?,
            ));
        }
        let starts = AddressLimiter::new(STARTS.0, STARTS.1);
        Ok(Self {
            inner: Arc::new(Inner {
                parts,
                configured,
                stored: Mutex::default(),
                starts,
                rotations: SingleFlight::new(ROTATIONS),
            }),
        })
    }
}

/// Checks the providers of the configuration file without setting anything up but their
/// certificates.
pub fn check_configured(
    configured: &BTreeMap<String, ProviderConfig>,
) -> Result<(), ConfiguredProviderError> {
    for (name, config) in configured {
        provider::check(name, config)
            .map_err(|error| ConfiguredProviderError { provider: name.clone(), error })?;
    }
    Ok(())
}

/// A provider of the configuration file that cannot work.
#[derive(Debug, Clone, thiserror::Error)]
#[error("providers.{provider}.{error}")]
pub struct ConfiguredProviderError {
    /// Its name.
    pub provider: String,
    /// What is wrong.
    pub error: SettingError,
}

/// A text that others wrote, fit for one line of a log.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .take(500)
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}

/// Why nobody could be signed in. The texts are for the log; pages tell people what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FederationError {
    /// The provider does not answer, or not in time, or with something that is no answer.
    #[error("the provider does not answer as it should: {}", plain(.0))]
    Unavailable(String),
    /// The provider refused this person, or this sign-in.
    #[error("the provider refused: {}", plain(.0))]
    Refused(String),
    /// What came is not what was asked for, or not from whom it claims.
    #[error("the answer was not believed: {}", plain(.0))]
    Untrusted(String),
    /// The provider does not accept us as its client.
    #[error("the provider does not accept this server as its client: {}", plain(.0))]
    Misconfigured(String),
    /// The sign-in is unknown, over, used, or another browser's.
    #[error("the sign-in is not awaited: {0}")]
    NotAwaited(&'static str),
    /// Too many sign-ins begin at one address.
    #[error("too many sign-ins at once")]
    Limited,
    /// The person may not come in.
    #[error("not admitted: {0}")]
    NotAdmitted(#[from] NotAdmitted),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops03_what_a_provider_says_stays_on_one_line_of_the_log() {
        let error = FederationError::Refused(format!(
            "no\r\n2026 INFO forged \u{1b}[31m{}",
            "x".repeat(5000)
        ));
        let text = error.to_string();
        assert!(!text.contains(['\n', '\r', '\u{1b}']) && text.len() < 1000, "{text}");
    }
}
