//! The set of identity providers: those of the configuration file and those that were added.

use std::sync::{Arc, PoisonError};

use doorward_model::{
    Change, Expected, Invitation, Members, ProviderId, SecretSettings as _, StoredProvider,
    UnitOfWork, UserId,
};
use doorward_store::{Condition, StoreError};

use crate::{
    config::{ProviderConfig, SettingError},
    federation::Federation,
    provider::{Provider, Source},
};

fn secret_place(id: &ProviderId) -> String {
    format!("provider/{id}/secret")
}

/// Other settings for a provider, ready to be put in effect.
pub struct PreparedProvider {
    before: Arc<Provider>,
    after: ProviderConfig,
    record: StoredProvider,
}

impl PreparedProvider {
    /// The etag of the state that they replace.
    pub fn etag(&self) -> String {
        self.record.etag()
    }
}

/// Reason for which a provider could not be added or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ProviderChangeError {
    /// Its settings cannot work.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The name is taken.
    #[error("there is already a provider {0}")]
    Taken(String),
    /// No such provider.
    #[error("there is no provider {0}; doorward provider list names them")]
    Unknown(String),
    /// It is defined in the configuration file.
    #[error(
        "the provider {0} is defined in the configuration file; change or delete its table there"
    )]
    InFile(String),
    /// Its settings changed since they were looked at.
    #[error("the settings of {0} were changed in the meantime; check them and try again")]
    Changed(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Federation {
    fn make(&self, record: &StoredProvider) -> Result<Provider, String> {
        let services = &self.inner.services;
        let mut config: ProviderConfig = Members::Settings.read_json(record.settings.as_bytes())?;
        if let Some(secret) = &record.secret {
            let plain = services
                .master
                .open(&secret_place(&record.id), secret)
                .map_err(|error| error.to_string())?;
            config.client_secret = String::from_utf8_lossy(&plain).into_owned().into();
        }
        Provider::new(record.id.as_str(), config, Source::Added, &self.inner.provider_services)
            .map_err(|error| error.to_string())
    }

    /// All providers, those that are disabled too: the configuration file's first, then the
    /// others by name.
    pub async fn all_providers(&self) -> Result<Vec<Arc<Provider>>, StoreError> {
        let records = self.inner.services.store.providers().await?;
        let mut known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&known.records, &records) {
            let mut providers = Vec::new();
            for record in records.iter() {
                // An unchanged provider keeps its discovered metadata.
                if let Some(kept) = known.providers.iter().find(|(old, _)| old == record) {
                    providers.push(kept.clone());
                } else {
                    match self.make(record) {
                        Ok(provider) => {
                            if let Err(error) = provider.decided() {
                                tracing::warn!(provider = %record.id, %error, "new users are refused at a provider; its other users sign in");
                            }
                            providers.push((record.clone(), Arc::new(provider)));
                        }
                        Err(error) => {
                            tracing::error!(provider = %record.id, error, "a provider cannot be used; the others stay available");
                        }
                    }
                }
            }
            known.records = records;
            known.providers = providers;
        }
        let mut all = self.inner.configured.now().to_vec();
        for (_, provider) in &known.providers {
            if all.iter().any(|other| other.id == provider.id) {
                tracing::warn!(provider = %provider.id, "a provider of this name is defined in the \
                    configuration, which takes precedence; delete one of the two");
            } else {
                all.push(Arc::clone(provider));
            }
        }
        Ok(all)
    }

    /// The providers through which users may sign in.
    pub async fn providers(&self) -> Result<Vec<Arc<Provider>>, StoreError> {
        Ok(self
            .all_providers()
            .await?
            .into_iter()
            .filter(|provider| provider.is_enabled())
            .collect())
    }

    /// A provider through which users may sign in.
    pub async fn provider(&self, name: &str) -> Result<Option<Arc<Provider>>, StoreError> {
        Ok(self.providers().await?.into_iter().find(|provider| provider.id.as_str() == name))
    }

    /// Adds a provider.
    pub async fn add(
        &self,
        name: &str,
        config: ProviderConfig,
    ) -> Result<ProviderId, ProviderChangeError> {
        let services = &self.inner.services;
        crate::provider::check(name, &config)?;
        let id = ProviderId::parse(name)
            .map_err(|error| SettingError::new("name", error.to_string()))?;
        if self.inner.configured.now().iter().any(|provider| provider.id == id) {
            return Err(ProviderChangeError::Taken(name.to_owned()));
        }
        let secret = (!config.client_secret.is_empty()).then(|| {
            services.master.seal(&secret_place(&id), config.client_secret.reveal().as_bytes())
        });
        let public =
            ProviderConfig { client_secret: doorward_model::SecretSetting::default(), ..config };
        let settings = serde_json::to_string(&public)
            .map_err(|error| SettingError::new("kind", error.to_string()))?;
        let record =
            StoredProvider { id: id.clone(), settings, secret, created_at: services.clock.now() };
        match services.store.apply(Change::InsertProvider(record)).await {
            Ok(()) => Ok(id),
            Err(StoreError::Refused(_)) => Err(ProviderChangeError::Taken(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// The name of the state of a provider that was added, for a later change. One of the
    /// configuration file has none.
    pub async fn etag(&self, id: &ProviderId) -> Result<Option<String>, StoreError> {
        let records = self.inner.services.store.providers().await?;
        Ok(records.iter().find(|record| record.id == *id).map(StoredProvider::etag))
    }

    /// Prepares other settings for a provider that was added. Nothing changes until they are put in
    /// effect by [`Federation::change`].
    pub async fn prepare_change(
        &self,
        name: &str,
        config: ProviderConfig,
    ) -> Result<PreparedProvider, ProviderChangeError> {
        let before = self.named(name).await?;
        if before.source == Source::File {
            return Err(ProviderChangeError::InFile(name.to_owned()));
        }
        let records = self.inner.services.store.providers().await?;
        let record = records.iter().find(|record| record.id == before.id);
        let record = record.ok_or_else(|| ProviderChangeError::Unknown(name.to_owned()))?;
        crate::provider::check(name, &config)?;
        Ok(PreparedProvider { before, after: config, record: record.clone() })
    }

    /// Puts prepared settings in effect.
    pub async fn change(
        &self,
        prepared: PreparedProvider,
        changed: Vec<String>,
    ) -> Result<(), ProviderChangeError> {
        let PreparedProvider { before, after, record } = prepared;
        let services = &self.inner.services;
        let (name, place) = (record.id.to_string(), secret_place(&record.id));
        // A secret that did not change stays as it is sealed.
        let secret = if before.config.has_same_secrets(&after) {
            record.secret.clone()
        } else {
            (!after.client_secret.is_empty())
                .then(|| services.master.seal(&place, after.client_secret.reveal().as_bytes()))
        };
        let public =
            ProviderConfig { client_secret: doorward_model::SecretSetting::default(), ..after };
        let settings = serde_json::to_string(&public)
            .map_err(|error| SettingError::new("kind", error.to_string()))?;
        let update = Change::UpdateProvider {
            seen: record.settings.clone(),
            seen_secret: record.secret.clone(),
            provider: Box::new(StoredProvider { settings, secret, ..record }),
            changed,
        };
        match services.store.apply(update).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(ProviderChangeError::Changed(name)),
            Err(error) => Err(error.into()),
        }
    }

    /// A provider by its stored name, disabled or not.
    pub(crate) async fn any_provider(
        &self,
        id: &ProviderId,
    ) -> Result<Option<Arc<Provider>>, StoreError> {
        Ok(self.all_providers().await?.into_iter().find(|provider| provider.id == *id))
    }

    /// A provider by its name, disabled or not.
    pub async fn named(&self, name: &str) -> Result<Arc<Provider>, ProviderChangeError> {
        let found =
            self.all_providers().await?.into_iter().find(|provider| provider.id.as_str() == name);
        found.ok_or_else(|| ProviderChangeError::Unknown(name.to_owned()))
    }

    /// The write that invites a user: a sign-in from the provider with this verified e-mail address
    /// is this user's.
    pub fn invitation(&self, provider: &Provider, email: &str, user_id: &UserId) -> Change {
        Change::PutInvitation(Invitation {
            provider: provider.id.clone(),
            email: email.trim().to_lowercase(),
            user_id: user_id.clone(),
            created_at: self.inner.services.clock.now(),
        })
    }

    /// Deletes a provider that was added by command, with everything that depends on it. One that
    /// is added again under the same name is a new one. With `seen`, only if it is still in the state
    /// of that etag.
    pub async fn delete(&self, name: &str, seen: Option<&str>) -> Result<(), ProviderChangeError> {
        if self.inner.configured.now().iter().any(|provider| provider.id.as_str() == name) {
            return Err(ProviderChangeError::InFile(name.to_owned()));
        }
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let id = ProviderId::from_stored(name);
        // Also one whose settings cannot be used.
        if self.etag(&id).await?.is_none() {
            return Err(ProviderChangeError::Unknown(name.to_owned()));
        }
        let delete = Change::DeleteProvider {
            id: id.clone(),
            at: services.clock.now(),
            passwords: settings.passwords,
        };
        let object = Expected::Provider(id);
        let expect = seen.map(|etag| Change::Expect { object, etag: etag.to_owned() });
        let unit: UnitOfWork = expect.into_iter().chain([delete]).collect();
        match services.store.apply(unit).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(Condition::Expect)) => {
                Err(ProviderChangeError::Changed(name.to_owned()))
            }
            Err(StoreError::Refused(_)) => Err(ProviderChangeError::Unknown(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }
}
