//! Which upstreams there are: those of the configuration file and those that were added by command.

use std::sync::{Arc, PoisonError};

use doorward_mcp::{Change, Changed};
use doorward_model::{
    Change as Stored, UnitOfWork, UpstreamChange, UpstreamName, UpstreamTrust, trust::Ended,
    upstream::StoredUpstream,
};
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
    pub(crate) trusts: Arc<Vec<UpstreamTrust>>,
}

/// The upstreams whose identity is another one than before.
fn replaced(before: &[UpstreamTrust], now: &[UpstreamTrust]) -> Vec<UpstreamName> {
    let same = |trust: &&UpstreamTrust| {
        !now.iter().any(|other| other.upstream == trust.upstream && other.id == trust.id)
    };
    before.iter().filter(same).map(|trust| trust.upstream).collect()
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
                            tracing::error!(upstream = %record.name, error, "an upstream cannot be used; the others can");
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
        changed |= self.identify(&all).await?;
        if changed {
            let trusts = self.trusts();
            let id = |upstream: &Arc<Upstream>| {
                let trust = trusts.iter().find(|trust| trust.upstream == upstream.name)?;
                Some((upstream.name, trust.id.clone()))
            };
            self.inner
                .parts
                .resources
                .set_upstreams(all.iter().filter(|upstream| upstream.is_enabled()).filter_map(id));
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

    fn trusts(&self) -> Arc<Vec<UpstreamTrust>> {
        let known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.trusts)
    }

    /// Makes sure that each upstream has an identity, and forgets what is open to those that have
    /// another one than before. Answers `true` if any identity is new.
    async fn identify(&self, all: &[Arc<Upstream>]) -> Result<bool, StoreError> {
        let store = &self.inner.parts.store;
        let mut trusts = store.upstream_trusts().await?;
        let mut begun = false;
        for upstream in all {
            if !trusts.iter().any(|trust| trust.upstream == upstream.name) {
                self.inner.begin(upstream).await?;
                begun = true;
            }
        }
        if begun {
            trusts = store.upstream_trusts().await?;
        }
        let (gone, changed) = {
            let mut known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&known.trusts, &trusts) {
                return Ok(false);
            }
            let gone = replaced(&known.trusts, &trusts);
            let changed = !gone.is_empty() || known.trusts.len() != trusts.len();
            known.trusts = trusts;
            (gone, changed)
        };
        for name in gone {
            self.inner.pool.close_for(name, None);
            self.inner.catalogues.forget(name, None);
        }
        Ok(changed)
    }

    /// Reports that nothing changed in the database since it was last read.
    async fn is_current(&self) -> Result<bool, StoreError> {
        let store = &self.inner.parts.store;
        let (records, trusts) = (store.upstreams().await?, store.upstream_trusts().await?);
        let known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::ptr_eq(&known.records, &records) && Arc::ptr_eq(&known.trusts, &trusts))
    }

    /// Takes up what a command or another replica changed. Nothing to do is the rule, and costs
    /// next to nothing.
    pub async fn follow(&self) -> Result<(), StoreError> {
        if self.is_current().await? { Ok(()) } else { self.all_upstreams().await.map(drop) }
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
        if self.is_current().await? {
            let configured = self.inner.configured.iter().find(|upstream| upstream.name == name);
            let found = configured.cloned().or_else(|| {
                let known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
                let found = known.upstreams.iter().find(|(_, upstream)| upstream.name == name);
                found.map(|(_, upstream)| Arc::clone(upstream))
            });
            return Ok(found.filter(|upstream| upstream.is_enabled()));
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
        let insert = UpstreamChange::Insert(record);
        let trust = self.inner.new_trust(&upstream, None);
        // An upstream of this name that left the configuration file ends with the beginning of the
        // new one.
        let left = parts.store.upstream_trust_now(upstream.name).await?;
        let added = if let Some(left) = left {
            let ending = self.inner.ending(upstream.name, None, Some(&left), Ended::Moved(trust));
            self.inner.end(ending, Some(insert)).await?
        } else {
            let begin = UpstreamChange::Begin(trust);
            let unit: UnitOfWork = [insert, begin].into_iter().map(Stored::Upstream).collect();
            match parts.store.apply(unit).await {
                Ok(()) => true,
                Err(StoreError::Refused(_)) => false,
                Err(error) => return Err(error.into()),
            }
        };
        if added { Ok(upstream.name) } else { Err(UpstreamChangeError::Taken(name.to_owned())) }
    }

    /// Deletes an upstream that was added by command, with everything that depends on it.
    pub async fn delete(&self, name: &str) -> Result<(), UpstreamChangeError> {
        if self.inner.configured.iter().any(|upstream| upstream.name.as_str() == name) {
            return Err(UpstreamChangeError::InFile(name.to_owned()));
        }
        let unknown = || UpstreamChangeError::Unknown(name.to_owned());
        let name = UpstreamName::parse(name).map_err(|_| unknown())?;
        let trust = self.inner.parts.store.upstream_trust_now(name).await?;
        let all = self.all_upstreams().await?;
        let upstream = all.iter().find(|upstream| upstream.name == name).map(AsRef::as_ref);
        let why = Ended::Deleted { stored: true };
        let ending = self.inner.ending(name, upstream, trust.as_ref(), why);
        if self.inner.end(ending, None).await? { Ok(()) } else { Err(unknown()) }
    }
}
