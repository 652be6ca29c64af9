//! The set of upstreams: those of the configuration file and those that were added.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use doorward_mcp::{Change, Changed};
use doorward_model::{
    Change as Stored, Expected, Members, SecretSettings as _, UnitOfWork, UpstreamChange,
    UpstreamName, UpstreamTrust, trust::Ended, upstream::StoredUpstream,
};
use doorward_store::{Condition, StoreError};

use crate::{
    Gateway,
    config::{ConfiguredUpstreamError, Secrets, SettingError, UpstreamConfig},
    trust::is_another,
    upstream::{Source, Upstream},
};

/// The upstreams of the database, as they were last read.
#[derive(Default)]
pub(crate) struct StoredUpstreams {
    pub(crate) records: Arc<Vec<StoredUpstream>>,
    pub(crate) upstreams: Vec<(StoredUpstream, Arc<Upstream>)>,
    pub(crate) trusts: Arc<Vec<UpstreamTrust>>,
    /// The upstreams of the configuration file that were taken up.
    configured: Arc<Vec<Arc<Upstream>>>,
    /// A change was taken up of which other parts were not notified yet, for example because the
    /// database failed in between.
    untold: bool,
}

/// The upstreams of a configuration file, ready to be used.
pub struct ConfiguredUpstreams(Vec<Arc<Upstream>>);

/// The upstreams that have another identity than before.
fn replaced(before: &[UpstreamTrust], now: &[UpstreamTrust]) -> Vec<UpstreamName> {
    let same = |trust: &&UpstreamTrust| {
        !now.iter().any(|other| other.upstream == trust.upstream && other.id == trust.id)
    };
    before.iter().filter(same).map(|trust| trust.upstream).collect()
}

/// Other settings for an upstream, ready to be put in effect.
pub struct PreparedUpstream {
    before: Arc<Upstream>,
    after: Upstream,
    ends: bool,
    trust: Option<UpstreamTrust>,
    record: StoredUpstream,
}

impl PreparedUpstream {
    /// Reports that access to the upstream ends, because it is at another place or has another
    /// issuer afterwards.
    pub fn ends_access(&self) -> bool {
        self.ends
    }
    /// The etag of the state that they replace.
    pub fn etag(&self) -> String {
        self.record.etag()
    }
}

/// Reason for which an upstream could not be added or deleted.
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
    /// It is defined in the configuration file.
    #[error(
        "the upstream {0} is defined in the configuration file; change or delete its table there"
    )]
    InFile(String),
    /// Its settings changed since they were looked at.
    #[error("the settings of {0} were changed in the meantime; check them and try again")]
    Changed(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn place(name: UpstreamName) -> String {
    format!("upstream/{name}/secrets")
}

impl Gateway {
    fn make(&self, record: &StoredUpstream) -> Result<Upstream, String> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let mut config: UpstreamConfig = Members::Settings.read_json(record.settings.as_bytes())?;
        if let Some(sealed) = &record.secrets {
            let plain = services
                .master
                .open(&place(record.name), sealed)
                .map_err(|error| error.to_string())?;
            let secrets: Secrets = Members::Settings.read_json(&plain)?;
            config = config.join(secrets);
        }
        Upstream::new(
            record.name.as_str(),
            config,
            Source::Added,
            &services.outbound,
            &settings.outbound_config,
        )
        .map_err(|error| error.to_string())
    }

    /// Sets up the upstreams of a configuration file, by name. Nothing changes until they are put
    /// in effect by [`Gateway::configure`].
    pub fn prepare(
        &self,
        configs: &BTreeMap<String, UpstreamConfig>,
    ) -> Result<ConfiguredUpstreams, ConfiguredUpstreamError> {
        let (inner, before) = (&self.inner, self.inner.configured.now());
        let mut all = Vec::new();
        for (name, config) in configs {
            let same =
                |known: &&Arc<Upstream>| known.name.as_str() == name && known.config == *config;
            // One that did not change keeps its connections and lists.
            if let Some(kept) = before.iter().find(same) {
                all.push(Arc::clone(kept));
                continue;
            }
            let made = Upstream::new(
                name,
                config.clone(),
                Source::File,
                &inner.services.outbound,
                &inner.settings.outbound_config,
            );
            let made =
                made.map_err(|error| ConfiguredUpstreamError { upstream: name.clone(), error })?;
            let old = before.iter().find(|known| known.name == made.name).map(AsRef::as_ref);
            all.push(Arc::new(made.following(old)));
        }
        Ok(ConfiguredUpstreams(all))
    }

    /// Puts the upstreams of a configuration file in effect, in place of those before. Access to
    /// those that left ends by [`Gateway::reconcile`].
    pub fn configure(&self, upstreams: ConfiguredUpstreams) {
        self.inner.configured.put(upstreams.0);
    }

    /// All upstreams, those that are disabled too, by name.
    pub async fn all_upstreams(&self) -> Result<Vec<Arc<Upstream>>, StoreError> {
        // One at a time: the last notification must be about the last read.
        let _one = self.inner.taking_up.lock().await;
        let records = self.inner.services.store.upstreams().await?;
        let configured = self.inner.configured.now();
        let mut all = configured.to_vec();
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
                        Ok(upstream) => {
                            let old =
                                known.upstreams.iter().find(|(old, _)| old.name == record.name);
                            let upstream = upstream.following(old.map(|(_, old)| old.as_ref()));
                            upstreams.push((record.clone(), Arc::new(upstream)));
                        }
                        Err(error) => {
                            tracing::error!(upstream = %record.name, error, "an upstream cannot be used; the others stay available");
                        }
                    }
                }
                known.untold |= known.upstreams.len() != upstreams.len()
                    || !known.upstreams.iter().zip(&upstreams).all(|(old, new)| old.0 == new.0);
                known.records = records;
                known.upstreams = upstreams;
            }
            if !Arc::ptr_eq(&known.configured, &configured) {
                known.untold |= known.configured.len() != configured.len()
                    || !known
                        .configured
                        .iter()
                        .zip(configured.iter())
                        .all(|(old, new)| Arc::ptr_eq(old, new));
                known.configured = configured;
            }
            for (_, upstream) in &known.upstreams {
                if all.iter().any(|other| other.name == upstream.name) {
                    tracing::warn!(upstream = %upstream.name, "an upstream of this name is defined in the configuration, which takes precedence; delete one of the two");
                } else {
                    all.push(Arc::clone(upstream));
                }
            }
        }
        all.sort_by_key(|upstream| upstream.name);
        if self.inner.serves.load(Ordering::Relaxed) {
            self.warn_of_plain(&all);
        }
        let identified = self.identify(&all).await?;
        if self.untold(identified) {
            let trusts = self.trusts();
            let id = |upstream: &Arc<Upstream>| {
                let trust = trusts.iter().find(|trust| trust.upstream == upstream.name)?;
                Some((upstream.name, trust.id.clone()))
            };
            self.inner
                .settings
                .resources
                .set_upstreams(all.iter().filter(|upstream| upstream.is_enabled()).filter_map(id));
            self.inner.pool.keep_only(&all);
            self.inner.catalogues.keep_only(&all);
            self.keep_indexes(&all);
            self.inner.services.changes.tell(Change {
                upstream: None,
                user: None,
                what: Changed::Tools,
            });
        }
        Ok(all)
    }

    /// Warns once of each upstream that everything reaches unencrypted.
    fn warn_of_plain(&self, all: &[Arc<Upstream>]) {
        let mut warned = self.inner.warned.lock().unwrap_or_else(PoisonError::into_inner);
        for upstream in all.iter().filter(|upstream| upstream.is_plain() && upstream.is_enabled()) {
            let place = upstream.place();
            if warned.insert(format!("{} {place}", upstream.name)) {
                tracing::warn!(upstream = %upstream.name, url = place, "this upstream is reached without TLS: everything, including tokens, crosses its network unencrypted");
            }
        }
    }

    /// Reports, once, that other parts have to be notified of the changes.
    fn untold(&self, identified: bool) -> bool {
        let mut known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut known.untold) || identified
    }

    fn trusts(&self) -> Arc<Vec<UpstreamTrust>> {
        let known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.trusts)
    }

    /// Ensures that each upstream has an identity, and closes connections to those that have
    /// another one than before. Returns `true` if any identity is new.
    async fn identify(&self, all: &[Arc<Upstream>]) -> Result<bool, StoreError> {
        let store = &self.inner.services.store;
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
        let store = &self.inner.services.store;
        let (records, trusts) = (store.upstreams().await?, store.upstream_trusts().await?);
        let known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(!known.untold
            && Arc::ptr_eq(&known.records, &records)
            && Arc::ptr_eq(&known.trusts, &trusts)
            && Arc::ptr_eq(&known.configured, &self.inner.configured.now()))
    }

    /// Applies changes by a command or another replica. Without changes it costs almost nothing.
    pub async fn follow(&self) -> Result<(), StoreError> {
        self.follow_toolsets().await?;
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
        // This path is common to all calls: search the known ones before everything is assembled
        // again.
        if self.is_current().await? {
            let configured = self.inner.configured.now();
            let configured = configured.iter().find(|upstream| upstream.name == name);
            let found = configured.cloned().or_else(|| {
                let known = self.inner.stored.lock().unwrap_or_else(PoisonError::into_inner);
                let found = known.upstreams.iter().find(|(_, upstream)| upstream.name == name);
                found.map(|(_, upstream)| Arc::clone(upstream))
            });
            return Ok(found.filter(|upstream| upstream.is_enabled()));
        }
        Ok(self.upstreams().await?.into_iter().find(|upstream| upstream.name == name))
    }

    /// An upstream by its name, disabled or not.
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
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let upstream = Upstream::new(
            name,
            config.clone(),
            Source::Added,
            &services.outbound,
            &settings.outbound_config,
        )?;
        if self.inner.configured.now().iter().any(|other| other.name == upstream.name) {
            return Err(UpstreamChangeError::Taken(name.to_owned()));
        }
        let (public, secrets) = config.split();
        let seal = |secrets: Secrets| {
            services
                .master
                .seal(&place(upstream.name), &serde_json::to_vec(&secrets).unwrap_or_default())
        };
        let settings = serde_json::to_string(&public)
            .map_err(|error| SettingError::new("kind", error.to_string()))?;
        let record = StoredUpstream {
            name: upstream.name,
            settings,
            secrets: secrets.map(seal),
            created_at: services.clock.now(),
        };
        let insert = UpstreamChange::Insert(record);
        let trust = self.inner.new_trust(&upstream, None);
        // An upstream of this name that left the configuration file ends with the beginning of the
        // new one.
        let left = services.store.upstream_trust_now(upstream.name).await?;
        let added = if let Some(left) = left {
            let ending = self.inner.ending(upstream.name, None, Some(&left), Ended::Moved(trust));
            self.inner.end(ending, Some(Stored::Upstream(insert))).await?.is_none()
        } else {
            let begin = UpstreamChange::Begin(trust);
            let unit: UnitOfWork = [insert, begin].into_iter().map(Stored::Upstream).collect();
            match services.store.apply(unit).await {
                Ok(()) => true,
                Err(StoreError::Refused(_)) => false,
                Err(error) => return Err(error.into()),
            }
        };
        if added { Ok(upstream.name) } else { Err(UpstreamChangeError::Taken(name.to_owned())) }
    }

    /// The etags of all upstreams that were added, for later changes: only the named settings are
    /// changed. One of the configuration file has none.
    pub async fn etag(&self, name: UpstreamName) -> Result<Option<String>, StoreError> {
        let records = self.inner.services.store.upstreams().await?;
        Ok(records.iter().find(|record| record.name == name).map(StoredUpstream::etag))
    }

    /// Prepares other settings for an upstream that was added. Nothing changes until they are put
    /// in effect by [`Gateway::change`].
    pub async fn prepare_change(
        &self,
        name: &str,
        config: UpstreamConfig,
    ) -> Result<PreparedUpstream, UpstreamChangeError> {
        let before = self.named(name).await?;
        if before.source == Source::File {
            return Err(UpstreamChangeError::InFile(name.to_owned()));
        }
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let records = services.store.upstreams().await?;
        let record = records.iter().find(|record| record.name == before.name);
        let record = record.ok_or_else(|| UpstreamChangeError::Unknown(name.to_owned()))?;
        let after = Upstream::new(
            name,
            config.clone(),
            Source::Added,
            &services.outbound,
            &settings.outbound_config,
        )?;
        let trust = services.store.upstream_trust_now(before.name).await?;
        let ends = trust.as_ref().is_some_and(|trust| is_another(trust, &after));
        Ok(PreparedUpstream { before, after, ends, trust, record: record.clone() })
    }

    /// Puts prepared settings in effect. Where the upstream is at another place or has another
    /// issuer afterwards, access to it ends, as if it had been deleted and added again.
    pub async fn change(
        &self,
        prepared: &PreparedUpstream,
        changed: Vec<String>,
    ) -> Result<(), UpstreamChangeError> {
        let services = &self.inner.services;
        let PreparedUpstream { before, after, ends, trust, record } = prepared;
        let (public, secrets) = after.config.clone().split();
        // Secrets that did not change stay as they are sealed.
        let secrets = if before.config.has_same_secrets(&after.config) {
            record.secrets.clone()
        } else {
            secrets.map(|secrets| {
                let plain = serde_json::to_vec(&secrets).unwrap_or_default();
                services.master.seal(&place(after.name), &plain)
            })
        };
        let settings = serde_json::to_string(&public)
            .map_err(|error| SettingError::new("kind", error.to_string()))?;
        let update = UpstreamChange::Update {
            upstream: Box::new(StoredUpstream { settings, secrets, ..record.clone() }),
            seen: record.settings.clone(),
            seen_secrets: record.secrets.clone(),
            changed,
        };
        let as_seen = if *ends {
            let next = Ended::Moved(self.inner.new_trust(after, None));
            let ending = self.inner.ending(after.name, Some(&**before), trust.as_ref(), next);
            self.inner.end(ending, Some(Stored::Upstream(update))).await?.is_none()
        } else {
            match services.store.apply(update).await {
                Ok(()) => true,
                Err(StoreError::Refused(_)) => false,
                Err(error) => return Err(error.into()),
            }
        };
        if !as_seen {
            return Err(UpstreamChangeError::Changed(after.name.to_string()));
        }
        self.follow().await.map_err(Into::into)
    }

    /// Deletes an upstream that was added by command, with everything that depends on it. With
    /// `seen`, only if it is still in the state of that etag.
    pub async fn delete(&self, name: &str, seen: Option<&str>) -> Result<(), UpstreamChangeError> {
        if self.inner.configured.now().iter().any(|upstream| upstream.name.as_str() == name) {
            return Err(UpstreamChangeError::InFile(name.to_owned()));
        }
        let unknown = || UpstreamChangeError::Unknown(name.to_owned());
        let name = UpstreamName::parse(name).map_err(|_| unknown())?;
        let trust = self.inner.services.store.upstream_trust_now(name).await?;
        let all = self.all_upstreams().await?;
        let upstream = all.iter().find(|upstream| upstream.name == name).map(AsRef::as_ref);
        // Also one whose settings cannot be used.
        if self.etag(name).await?.is_none() {
            return Err(unknown());
        }
        let why = Ended::Deleted { stored: true };
        let ending = self.inner.ending(name, upstream, trust.as_ref(), why);
        let object = Expected::Upstream(name);
        let expect = seen.map(|etag| Stored::Expect { object, etag: etag.to_owned() });
        match self.inner.end(ending, expect).await? {
            None => {}
            Some(Condition::Expect) => return Err(UpstreamChangeError::Changed(name.to_string())),
            Some(_) => return Err(unknown()),
        }
        // Its index is removed with it; another process follows by itself.
        self.follow().await?;
        self.remove_index(name).await;
        Ok(())
    }
}
