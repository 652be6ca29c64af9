//! Sign-in through identity providers: its parts and its state.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use doorward_keys::{KeyRing, MasterKey};
use doorward_model::{
    Clock, Entropy, IdentityId, Live, ProviderId, PublicUrl, Sealed, SignatureRefusal, SignedToken,
    StoredProvider, TrustedIssuer,
};
use doorward_store::Store;
use doorward_transport::{AddressLimiter, Outbound, OutboundConfig, SingleFlight, oauth::Tokens};

use crate::{
    client::ProviderServices,
    config::{ProviderConfig, SettingError},
    error::FederationError,
    provider::{self, Provider, Source},
    trusted::Trusted,
};

/// The services that federation works with.
pub struct FederationServices {
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
}

/// The settings of federation that hold for all providers.
pub struct FederationSettings {
    /// Its configuration, for providers that need a client of their own.
    pub outbound_config: OutboundConfig,
    /// This server's public URL.
    pub public_url: PublicUrl,
    /// Users may sign in with passwords of their own.
    pub passwords: bool,
}

/// Sign-in through identity providers. Cheap to clone.
#[derive(Clone)]
pub struct Federation {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) services: FederationServices,
    pub(crate) settings: FederationSettings,
    pub(crate) provider_services: ProviderServices,
    pub(crate) configured: Live<Vec<Arc<Provider>>>,
    pub(crate) stored: Mutex<KnownStored>,
    pub(crate) trusted: Trusted,
    pub(crate) starts: AddressLimiter,
    pub(crate) rotations: SingleFlight<IdentityId, Result<Rotated, FederationError>>,
}

/// The providers as built from the records of the store, with those records.
#[derive(Default)]
pub(crate) struct KnownStored {
    pub(crate) records: Arc<Vec<StoredProvider>>,
    pub(crate) providers: Vec<(StoredProvider, Arc<Provider>)>,
}

/// A redeemed refresh token. The parts of the response to be kept are stored.
#[derive(Clone)]
pub(crate) struct Rotated {
    /// The tokens, or the reason for their absence.
    pub(crate) tokens: Result<Tokens, FederationError>,
    /// The credential for later checks.
    pub(crate) credential: Option<Sealed>,
}

/// Maximum number of sign-ins that one IP address begins at once, and a minute: an office behind
/// one IP address begins many.
const STARTS: (u32, u32) = (120, 120);

/// Maximum number of refresh tokens that are redeemed at once.
const ROTATIONS: usize = 64;

impl Federation {
    /// Sets up federation, without providers of the configuration file until
    /// [`Federation::configure`].
    pub fn new(services: FederationServices, settings: FederationSettings) -> Self {
        let provider_services = ProviderServices {
            keys: Arc::clone(&services.keys),
            entropy: Arc::clone(&services.entropy),
            clock: Arc::clone(&services.clock),
            outbound: services.outbound.clone(),
            outbound_config: settings.outbound_config.clone(),
        };
        let starts = AddressLimiter::new(STARTS.0, STARTS.1);
        let trusted = Trusted::new(services.outbound.clone());
        Self {
            inner: Arc::new(Inner {
                services,
                settings,
                provider_services,
                configured: Live::default(),
                stored: Mutex::default(),
                trusted,
                starts,
                rotations: SingleFlight::new(ROTATIONS),
            }),
        }
    }

    /// Sets up the providers of a configuration file, by name. Nothing changes until they are put
    /// in effect by [`Federation::configure`].
    pub fn prepare(
        &self,
        configs: &BTreeMap<String, ProviderConfig>,
    ) -> Result<ConfiguredProviders, ConfiguredProviderError> {
        let before = self.inner.configured.now();
        let mut all = Vec::new();
        for (name, config) in configs {
            let same =
                |known: &&Arc<Provider>| known.id.as_str() == name && known.config == *config;
            // An unchanged provider keeps its discovered metadata.
            if let Some(kept) = before.iter().find(same) {
                all.push(Arc::clone(kept));
                continue;
            }
            let made =
                Provider::new(name, config.clone(), Source::File, &self.inner.provider_services);
            all.push(Arc::new(
                made.map_err(|error| ConfiguredProviderError { provider: name.clone(), error })?,
            ));
        }
        Ok(ConfiguredProviders(all))
    }

    /// Puts the providers of a configuration file in effect, in place of those before.
    pub fn configure(&self, providers: ConfiguredProviders) {
        self.inner.configured.put(providers.0);
    }

    /// Verifies the signature of a token with the keys of its issuer, which are fetched where they
    /// are not known. That the token names this issuer is for the caller to compare.
    pub async fn verify_signed(
        &self,
        issuer: &TrustedIssuer,
        token: &str,
    ) -> Result<SignedToken, SignatureRefusal> {
        self.inner.trusted.verify(issuer, token).await
    }

    /// The redirect URI to register at a provider.
    pub fn callback_of(&self, provider: &ProviderId) -> String {
        use doorward_model::routes;
        self.inner.settings.public_url.at(&routes::of_provider(routes::LOGIN_CALLBACK, provider))
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

/// The providers of a configuration file, ready to be used.
pub struct ConfiguredProviders(Vec<Arc<Provider>>);

/// A provider of the configuration file that cannot work.
#[derive(Debug, Clone, thiserror::Error)]
#[error("providers.{provider}.{error}")]
pub struct ConfiguredProviderError {
    /// Its name.
    pub provider: String,
    /// The setting that is wrong.
    pub error: SettingError,
}
