//! The configuration file while the server runs: one task puts its settings in effect, at SIGHUP,
//! when `doorward reload` asks for it, and when the file changes. The start of the server is the
//! first load, by the same function.

use std::{sync::Arc, time::Duration};

use doorward_admin::{Loading, saved_policy};
use doorward_federation::Federation;
use doorward_gateway::Gateway;
use doorward_mcp::{Change, Changed, Changes, LimitsConfig};
use doorward_model::{AuditEvent, AuditKind, Live, PolicySource, Rules, setting};
use doorward_registration::Registration;
use doorward_store::Store;
use serde::{Deserialize, Serialize};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Failed,
    config::{
        Checked, Config, ConfigSource, Difference, Fingerprint, Loaded, RELOADED, differences,
    },
};

/// Interval of checks of the file. A change is taken up when the file was the same twice, so that a
/// file that is being written is not read half.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Maximum number of requests of commands that wait.
const MOST_WAITING: usize = 16;

/// The parts of the server that take up settings of the file while it runs.
pub(crate) struct InEffect {
    pub(crate) rules: Live<Rules>,
    pub(crate) limits: Live<LimitsConfig>,
    pub(crate) registration: Registration,
    pub(crate) federation: Federation,
    pub(crate) gateway: Gateway,
    pub(crate) changes: Changes,
}

/// The rules that several parts apply: those of the configuration, and the policy that
/// administrators saved where the configuration has none.
pub(crate) async fn rules(
    config: &Config,
    checked: &Checked,
    store: &Store,
) -> Result<Rules, Failed> {
    let (policy, policy_source) = if checked.owns_policy {
        (checked.policy.clone(), PolicySource::File)
    } else {
        match saved_policy(store).await? {
            Some((number, policy)) => (policy, PolicySource::Version(number)),
            None => (checked.policy.clone(), PolicySource::Unset),
        }
    };
    Ok(Rules {
        access: checked.access.clone(),
        policy,
        policy_source,
        registration: config.registration.dynamic,
        metadata_documents: config.registration.metadata_documents,
    })
}

impl InEffect {
    /// Puts settings in effect: all, or none where one of them cannot work.
    pub(crate) async fn put(
        &self,
        config: &Config,
        checked: &Checked,
        store: &Store,
    ) -> Result<(), Failed> {
        let providers = self.federation.prepare(&config.providers)?;
        let upstreams = self.gateway.prepare(&config.upstreams)?;
        let new = rules(config, checked, store).await?;
        self.rules.update(|now| match (now.policy_source, new.policy_source) {
            // A newer version was saved here while this one was read.
            (PolicySource::Version(saved), PolicySource::Version(read)) if saved > read => Rules {
                policy: now.policy.clone(),
                policy_source: now.policy_source,
                ..new.clone()
            },
            _ => new.clone(),
        });
        self.limits.put(config.limits.clone());
        self.registration.configure(config.registration.clone());
        self.federation.configure(providers);
        self.gateway.configure(upstreams);
        self.gateway.reconcile().await?;
        self.tell();
        Ok(())
    }

    /// Puts the policy that administrators saved last in effect, unless the configuration has one.
    async fn follow_policy(&self, store: &Store) -> Result<(), Failed> {
        if let Some((number, policy)) = saved_policy(store).await? {
            self.rules.update(|rules| match rules.policy_source {
                PolicySource::File => rules.clone(),
                // A newer one was saved here while this one was read.
                PolicySource::Version(other) if other > number => rules.clone(),
                PolicySource::Version(_) | PolicySource::Unset => {
                    let policy_source = PolicySource::Version(number);
                    Rules { policy, policy_source, ..rules.clone() }
                }
            });
            self.tell();
        }
        Ok(())
    }

    /// Tells clients that lists may be other ones now.
    fn tell(&self) {
        for what in [Changed::Tools, Changed::Prompts, Changed::Resources] {
            self.changes.tell(Change { upstream: None, user: None, what });
        }
    }
}

/// A request of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Request {
    /// Put the file in effect.
    Reload,
    /// Tell what would change.
    Compare,
    /// Tell whether the file is in effect.
    State,
}

/// The answer to a command.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The settings that change, or would.
    pub(crate) differences: Vec<Difference>,
    /// The state in one sentence.
    pub(crate) says: String,
    /// The file cannot be used.
    pub(crate) failed: bool,
}

/// A request and the channel of its reply.
pub(crate) type PendingRequest = (Request, oneshot::Sender<Reply>);

/// The task that puts the file in effect.
pub(crate) struct Reloader {
    source: ConfigSource,
    parts: Arc<InEffect>,
    store: Store,
    state: Live<Loading>,
    in_effect: Loaded,
    /// The files as they were read last, whether they could be used or not.
    read: Fingerprint,
    /// The files as they were looked at last.
    looked: Fingerprint,
    /// The last load failed half-way, because of the database.
    unfinished: bool,
    /// The number of the newest version of the policy, as it was looked at last.
    policy: Option<String>,
    requests: mpsc::Receiver<PendingRequest>,
}

impl Reloader {
    /// A task for a server that was started with `loaded`, and the way to ask it.
    pub(crate) fn new(
        source: ConfigSource,
        loaded: Loaded,
        parts: Arc<InEffect>,
        store: Store,
        state: Live<Loading>,
    ) -> (Self, mpsc::Sender<PendingRequest>) {
        let (sender, requests) = mpsc::channel(MOST_WAITING);
        let read = loaded.files.clone();
        let looked = read.clone();
        let (unfinished, policy) = (false, None);
        let this = Self {
            source,
            parts,
            store,
            state,
            in_effect: loaded,
            read,
            looked,
            unfinished,
            policy,
            requests,
        };
        (this, sender)
    }

    /// Works until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => Some(hangup),
            Err(error) => {
                tracing::error!(%error, "SIGHUP cannot be received; run doorward reload instead");
                None
            }
        };
        let mut every = tokio::time::interval(LOOK_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = received(hangup.as_mut()) => {
                    self.reload("SIGHUP").await;
                }
                Some((request, answer)) = self.requests.recv() => {
                    let reply = self.handle(request).await;
                    // A command that was interrupted waits for nothing.
                    let _ = answer.send(reply);
                }
                _ = every.tick() => {
                    self.look().await;
                    self.look_at_policy().await;
                }
            }
        }
    }

    async fn handle(&mut self, request: Request) -> Reply {
        match request {
            Request::Reload => self.reload("a command").await,
            Request::Compare => match self.load() {
                Ok((loaded, _)) => {
                    let differences = differences(&self.in_effect, &loaded);
                    let says = if differences.is_empty() {
                        "Nothing would change."
                    } else {
                        "The file can be put in effect."
                    };
                    Reply { differences, says: says.to_owned(), failed: false }
                }
                Err(error) => Reply { says: error.0, failed: true, ..Reply::default() },
            },
            Request::State => self.reply(Vec::new()),
        }
    }

    /// Takes up a changed file once it is the same twice.
    async fn look(&mut self) {
        if self.unfinished {
            self.reload("another attempt").await;
            return;
        }
        let now = self.read.now();
        let settled = now == self.looked;
        self.looked = now;
        if settled && self.looked != self.read {
            self.reload("the file changed").await;
        }
    }

    /// Takes up a version of the policy that was saved here or by another process. The number is in
    /// a cache, which a write of another process makes stale.
    async fn look_at_policy(&mut self) {
        let Ok(newest) = self.store.setting(setting::POLICY_VERSION).await else { return };
        if newest == self.policy {
            return;
        }
        match self.parts.follow_policy(&self.store).await {
            Ok(()) => {
                if let PolicySource::Version(version) = self.parts.rules.now().policy_source {
                    tracing::info!(version, "a saved policy is in effect");
                }
                self.policy = newest;
            }
            Err(error) => {
                tracing::error!(%error, "the saved policy cannot be put in effect; the previous one stays");
            }
        }
    }

    fn load(&self) -> Result<(Loaded, Checked), Failed> {
        let loaded = self.source.load_again(&self.in_effect)?;
        let checked = loaded.check()?;
        Ok((loaded, checked))
    }

    fn reply(&self, differences: Vec<Difference>) -> Reply {
        let state = self.state.now();
        let (failed, says) = match state.state() {
            Ok(state) => (false, state.to_string()),
            Err(fault) => (true, fault.to_string()),
        };
        Reply { differences, says, failed }
    }

    /// Reads the file and puts it in effect, or leaves everything as it is.
    async fn reload(&mut self, why: &'static str) -> Reply {
        self.read = self.read.now();
        self.looked = self.read.clone();
        let (differences, outcome) = match self.load() {
            Ok((loaded, checked)) => {
                let differences = differences(&self.in_effect, &loaded);
                let outcome = self.put(loaded, &checked, &differences).await;
                (differences, outcome)
            }
            Err(error) => (Vec::new(), Err(error)),
        };
        let needs_restart =
            differences.iter().filter(|one| one.needs_restart).map(|one| one.key.clone()).collect();
        match outcome {
            Ok(()) => {
                let changed: Vec<&str> = differences.iter().map(|one| one.key.as_str()).collect();
                tracing::info!(why, changed = changed.join(" "), "the configuration was reloaded");
                self.note(
                    AuditKind::ConfigurationReloaded,
                    &serde_json::json!({ "changed": changed }),
                )
                .await;
                self.state.put(Loading { problem: None, needs_restart });
            }
            Err(error) => {
                tracing::error!(why, %error, "the changed configuration cannot be used; the previous one stays in effect");
                let before = self.state.now();
                if before.problem.as_ref() != Some(&error.0) {
                    let detail = serde_json::json!({ "error": error.0 });
                    self.note(AuditKind::ConfigurationRefused, &detail).await;
                }
                let needs_restart = before.needs_restart.clone();
                self.state.put(Loading { problem: Some(error.0), needs_restart });
            }
        }
        self.reply(differences)
    }

    async fn put(
        &mut self,
        loaded: Loaded,
        checked: &Checked,
        differences: &[Difference],
    ) -> Result<(), Failed> {
        // Settings that need a restart stay as they are, also in the state that later files are
        // compared with.
        let changes = differences.iter().any(|one| !one.needs_restart)
            || self.unfinished
            // A default that is written out owns the policy too.
            || loaded.owns_policy() != self.in_effect.owns_policy();
        if changes {
            self.unfinished = true;
            self.parts.put(&loaded.config, checked, &self.store).await.inspect_err(|error| {
                tracing::warn!(%error, "trying again to put the configuration in effect");
            })?;
        }
        self.unfinished = false;
        self.in_effect = merged(&self.in_effect, loaded);
        Ok(())
    }

    async fn note(&self, kind: AuditKind, detail: &serde_json::Value) {
        let event = AuditEvent::new(kind).detail(detail.to_string());
        if let Err(error) = self.store.note(event).await {
            tracing::warn!(%error, "the reload could not be written to the audit");
        }
    }
}

/// The configuration in effect after a reload: the sections that a reload puts in effect from the
/// new one, the others as the server was started.
fn merged(before: &Loaded, new: Loaded) -> Loaded {
    let reloaded =
        |key: &String| key.split('.').next().is_some_and(|section| RELOADED.contains(&section));
    let (old, config) = (before.config.clone(), new.config);
    let config = Config {
        access: config.access,
        limits: config.limits,
        policy: config.policy,
        providers: config.providers,
        registration: config.registration,
        upstreams: config.upstreams,
        ..old
    };
    let kept = before.secrets.iter().filter(|(key, _)| !reloaded(key));
    let kept = kept.map(|(key, value)| (key.clone(), value.clone()));
    let secrets = new.secrets.into_iter().filter(|(key, _)| reloaded(key)).chain(kept).collect();
    Loaded { config, origins: new.origins, secrets, files: new.files }
}

async fn received(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}
