//! Which upstreams there are: those of the configuration file and those that were added by command.

use std::sync::{Arc, PoisonError};

use doorward_mcp::{Change, Changed};
use doorward_model::{UpstreamChange, UpstreamName, upstream::StoredUpstream};
use doorward_store::StoreError;

use crate::{
    Gateway,
    config::{Secrets, SettingError, UpstreamConfig},
    upstream::{Source, Upstream},
};

/// The upstreams of the database, as they were last read.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) records: Arc<Vec<StoredUpstream>>,
    pub(crate) upstreams: Vec<(StoredUpstream, Arc<Upstream>)>,
}

/// Why an upstream could not be added or deleted.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamChangeError {
    /// Its settings cannot work.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The name is taken.
    #[error("there is already an upstream {0}")]
    Taken(String),
    /// No such upstream.
    #[error("there is no upstream {0}; doorward upstream list names them")]
    Unknown(String),
    /// It stands in the configuration file.
    #[error("the upstream {0} stands in the configuration; delete its table there")]
    InFile(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn place(name: UpstreamName) -> String {
    format!("upstream/{name}/secrets")
}

impl Gateway {
    fn make(&self, record: &StoredUpstream) -> Result<Upstream, String> {
        let parts = &self.inner.parts;
        let mut config: UpstreamConfig =
            serde_json::from_str(&record.settings).map_err(|error| error.to_string())?;
        if let Some(sealed) = &record.secrets {
            let plain = parts
                .master
                .open(&place(record.name), sealed)
                .map_err(|error| error.to_string())?;
            let secrets: Secrets =
                serde_json::from_slice(&plain).map_err(|error| error.to_string())?;
            config = config.join(secrets);
        }
        Upstream::new(
            record.name.as_str(),
            config,
            Source::Command,
            &parts.outbound,
            &parts.outbound_config,
        )
        .map_err(|error| error.to_string())
    }

    /// All upstreams, those that are switched off too, by name.
    pub async fn all_upstreams(&self) -> Result<Vec<Arc<Upstream>>, StoreError> {
        let records = self.inner.parts.store.upstreams().await?;
        let mut all = self.inner.configured.clone();
        let mut changed = false;
        {
            let mut known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
            if !Arc::ptr_eq(&known.records, &records) {
                let mut upstreams = Vec::new();
                for record in records.iter() {
                    // One that did not change keeps its connections and lists.
                    if let Some(kept) = known.upstreams.iter().find(|(old, _)| old == record) {
                        upstreams.push(kept.clone());
                        continue;
                    }
                    match self.make(record) {
                        Ok(upstream) => upstreams.push((record.clone(), Arc::new(upstream))),
                        Err(error) => {
                            tracing::error!(upstream = %record.name, error, "an upstream cannot be used; the others can")
                        }
                    }
                }
                changed = known.upstreams.len() != upstreams.len()
                    || !known.upstreams.iter().zip(&upstreams).all(|(old, new)| old.0 == new.0);
                known.records = records;
                known.upstreams = upstreams;
            }
            for (_, upstream) in &known.upstreams {
                if all.iter().any(|other| other.name == upstream.name) {
                    tracing::warn!(upstream = %upstream.name, "an upstream of this name stands in the configuration, which counts; delete one of the two");
                } else {
                    all.push(Arc::clone(upstream));
                }
            }
        }
        all.sort_by_key(|upstream| upstream.name);
        if changed {
            self.inner.parts.resources.set_upstreams(
                all.iter().filter(|upstream| upstream.is_enabled()).map(|upstream| upstream.name),
            );
            self.inner.pool.keep_only(&all);
            self.inner.catalogues.keep_only(&all);
            self.inner.parts.changes.tell(Change {
                upstream: None,
                person: None,
                what: Changed::Tools,
            });
        }
        Ok(all)
    }

    /// Takes up what a command or another replica changed. Nothing to do is the rule, and costs
    /// next to nothing.
    pub async fn follow(&self) -> Result<(), StoreError> {
        let records = self.inner.parts.store.upstreams().await?;
        let known = Arc::ptr_eq(
            &self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner).records,
            &records,
        );
        if known { Ok(()) } else { self.all_upstreams().await.map(drop) }
    }

    /// The upstreams that are used.
    pub async fn upstreams(&self) -> Result<Vec<Arc<Upstream>>, StoreError> {
        Ok(self
            .all_upstreams()
            .await?
            .into_iter()
            .filter(|upstream| upstream.is_enabled())
            .collect())
    }

    /// An upstream that is used.
    pub async fn upstream(&self, name: UpstreamName) -> Result<Option<Arc<Upstream>>, StoreError> {
        // Every call comes by here: look among those that are known before everything is put
        // together anew.
        if let Some(configured) =
            self.inner.configured.iter().find(|upstream| upstream.name == name)
        {
            return Ok(configured.is_enabled().then(|| Arc::clone(configured)));
        }
        let records = self.inner.parts.store.upstreams().await?;
        {
            let known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&known.records, &records) {
                let found = known.upstreams.iter().find(|(_, upstream)| upstream.name == name);
                return Ok(found
                    .map(|(_, upstream)| Arc::clone(upstream))
                    .filter(|upstream| upstream.is_enabled()));
            }
        }
        Ok(self.upstreams().await?.into_iter().find(|upstream| upstream.name == name))
    }

    /// An upstream by its name, switched off or not.
    pub async fn named(&self, name: &str) -> Result<Arc<Upstream>, UpstreamChangeError> {
        let found =
            self.all_upstreams().await?.into_iter().find(|upstream| upstream.name.as_str() == name);
        found.ok_or_else(|| UpstreamChangeError::Unknown(name.to_owned()))
    }

    /// Adds an upstream.
    pub async fn add(
        &self,
        name: &str,
        config: UpstreamConfig,
    ) -> Result<UpstreamName, UpstreamChangeError> {
        let parts = &self.inner.parts;
        let upstream = Upstream::new(
            name,
            config.clone(),
            Source::Command,
            &parts.outbound,
            &parts.outbound_config,
        )?;
        if self.inner.configured.iter().any(|other| other.name == upstream.name) {
            return Err(UpstreamChangeError::Taken(name.to_owned()));
        }
        let (public, secrets) = config.split();
        let seal = |secrets: Secrets| {
            parts
                .master
                .seal(&place(upstream.name), &serde_json::to_vec(&secrets).unwrap_or_default())
        };
        let settings = serde_json::to_string(&public)
            .map_err(|error| SettingError::new("kind", error.to_string()))?;
        let record = StoredUpstream {
            name: upstream.name,
            settings,
            secrets: secrets.map(seal),
            created_at: parts.clock.now(),
        };
        match parts.store.apply(UpstreamChange::Insert(record)).await {
            Ok(()) => Ok(upstream.name),
            Err(StoreError::Refused(_)) => Err(UpstreamChangeError::Taken(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an upstream that was added by command, with everybody's connections to it.
    pub async fn delete(&self, name: &str) -> Result<(), UpstreamChangeError> {
        if self.inner.configured.iter().any(|upstream| upstream.name.as_str() == name) {
            return Err(UpstreamChangeError::InFile(name.to_owned()));
        }
        let unknown = || UpstreamChangeError::Unknown(name.to_owned());
        let name = UpstreamName::parse(name).map_err(|_| unknown())?;
        match self.inner.parts.store.apply(UpstreamChange::Delete(name)).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(unknown()),
            Err(error) => Err(error.into()),
        }
    }
}
