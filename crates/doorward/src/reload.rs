//! The configuration file while the server runs: one task puts its settings in effect, at SIGHUP,
//! when `doorward reload` asks for it, and when the file changes. The start of the server is the
//! first load, by the same function.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use doorward_admin::{Loading, RuleContent, RuleParts, saved_rules};
use doorward_federation::Federation;
use doorward_gateway::Gateway;
use doorward_mcp::{Change, Changed, Changes};
use doorward_model::{AuditEvent, AuditKind, Live, RuleSet, RuleSource, Rules};
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
    pub(crate) rule_parts: RuleParts,
    pub(crate) federation: Federation,
    pub(crate) gateway: Gateway,
    pub(crate) changes: Changes,
}

/// Each set of rules with its source: those of the configuration where it has them, else those that
/// administrators saved last.
pub(crate) async fn rule_contents(
    config: &Config,
    checked: &Checked,
    store: &Store,
) -> Result<Vec<(RuleSource, RuleContent)>, Failed> {
    let of_file = |set: RuleSet| match set {
        RuleSet::Policy => RuleContent::Policy(config.policy.clone(), checked.policy.clone()),
        RuleSet::Access => RuleContent::Access(config.access.clone(), checked.access.clone()),
        RuleSet::Limits => RuleContent::Limits(config.limits.clone()),
        RuleSet::Registration => RuleContent::Registration(Box::new(config.registration.clone())),
    };
    let mut all = Vec::new();
    for set in RuleSet::ALL {
        let saved = if checked.owned.contains(&set) {
            Some((RuleSource::File, of_file(set)))
        } else {
            let saved = saved_rules(store, set).await?;
            saved.map(|(number, content)| (RuleSource::Version(number), content))
        };
        all.push(saved.unwrap_or_else(|| (RuleSource::Unset, of_file(set))));
    }
    Ok(all)
}

/// The rules that several parts apply.
pub(crate) fn rules(contents: &[(RuleSource, RuleContent)]) -> Rules {
    contents
        .iter()
        .fold(Rules::default(), |rules, (source, content)| content.within(&rules, *source))
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
        for (source, content) in &rule_contents(config, checked, store).await? {
            self.rule_parts.load(*source, content);
        }
        self.federation.configure(providers);
        self.gateway.configure(upstreams);
        self.gateway.reconcile().await?;
        self.tell();
        Ok(())
    }

    /// Puts the rules of a set that administrators saved last in effect, unless the configuration
    /// has them.
    async fn follow(&self, set: RuleSet, store: &Store) -> Result<(), Failed> {
        if let Some((number, content)) = saved_rules(store, set).await?
            && self.rule_parts.put(RuleSource::Version(number), &content)
        {
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Request {
    /// Put the file in effect.
    Reload,
    /// Tell what would change.
    Compare,
    /// Tell whether the file is in effect.
    State,
    /// Take up what a command wrote to the database.
    Changed,
    /// Tell the newest lines of the processes of this upstream.
    Log(String),
}

/// The answer to a command.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The settings that change, or would.
    pub(crate) differences: Vec<Difference>,
    /// The state in one sentence.
    pub(crate) says: String,
    /// The file cannot be used, or what was asked for cannot be told.
    pub(crate) failed: bool,
    /// Lines of a log, each with its time in seconds since 1970.
    #[serde(default)]
    pub(crate) lines: Vec<(i64, String)>,
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
    /// The number of the newest version of each set of rules, as it was looked at last.
    versions: BTreeMap<RuleSet, String>,
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
        let (unfinished, versions) = (false, BTreeMap::new());
        let this = Self {
            source,
            parts,
            store,
            state,
            in_effect: loaded,
            read,
            looked,
            unfinished,
            versions,
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
                    self.look_at_versions().await;
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
                    Reply { differences, says: says.to_owned(), ..Reply::default() }
                }
                Err(error) => Reply { says: error.0, failed: true, ..Reply::default() },
            },
            Request::State => self.reply(Vec::new()),
            Request::Changed => self.take_up().await,
            Request::Log(name) => self.log_of(&name).await,
        }
    }

    /// Takes up what a command wrote to the database, without waiting for the next look at it.
    async fn take_up(&mut self) -> Reply {
        let looked = match self.store.look().await {
            Ok(()) => self.parts.gateway.follow().await,
            Err(error) => Err(error),
        };
        self.look_at_versions().await;
        match looked {
            Ok(()) => Reply::default(),
            Err(error) => Reply { says: error.to_string(), failed: true, ..Reply::default() },
        }
    }

    /// The newest lines of the processes of an upstream.
    async fn log_of(&self, name: &str) -> Reply {
        let failed = |says: String| Reply { says, failed: true, ..Reply::default() };
        match self.parts.gateway.named(name).await.map(|upstream| upstream.process_lines()) {
            Ok(Some(lines)) => {
                let lines = lines.into_iter();
                Reply {
                    lines: lines.map(|line| (line.at.0, line.text)).collect(),
                    ..Reply::default()
                }
            }
            Ok(None) => failed(format!("{name} has no processes")),
            Err(error) => failed(error.to_string()),
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

    /// Takes up versions of rules that were saved here or by another process. The numbers are in a
    /// cache, which a write of another process makes stale.
    async fn look_at_versions(&mut self) {
        for set in RuleSet::ALL {
            let Ok(Some(newest)) = self.store.setting(set.setting()).await else { continue };
            if self.versions.get(&set) == Some(&newest) {
                continue;
            }
            match self.parts.follow(set, &self.store).await {
                Ok(()) => {
                    if let RuleSource::Version(version) =
                        self.parts.rule_parts.rules.now().sources.of(set)
                    {
                        tracing::info!(set = set.as_str(), version, "saved rules are in effect");
                    }
                    self.versions.insert(set, newest);
                }
                Err(error) => {
                    tracing::error!(set = set.as_str(), %error, "the saved rules cannot be put in effect; the previous ones stay");
                }
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
        Reply { differences, says, failed, ..Reply::default() }
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
            // A default that is written out owns its section too.
            || loaded.owned() != self.in_effect.owned();
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
