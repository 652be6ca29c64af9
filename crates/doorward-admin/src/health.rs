//! The state of a running server.

use std::{fmt, sync::Arc, time::Duration};

use doorward_audit::{Config as AuditConfig, text};
use doorward_keys::KeyRing;
use doorward_model::{
    AuditKind, Clock, Dependency, Live, SigningKey, Timestamp, ports::SystemClock,
};
use doorward_store::Store;

use crate::{Finding, Loading, Vital, Vitals};

/// Time that the database may take to answer before this server is not ready.
const READY_WITHIN: Duration = Duration::from_secs(3);
const MIB: u64 = 1024 * 1024;
/// The least free space of the data directory, in bytes.
const LEAST_FREE: u64 = 128 * MIB;
/// The seconds by which two clocks may differ.
const APART: i64 = 5;

/// Returns the number of free bytes in the data directory.
pub type Free = Arc<dyn Fn() -> std::io::Result<u64> + Send + Sync>;

/// Looks at everything that a server depends on. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    store: Store,
    ring: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    audit: AuditConfig,
    /// The health of the server's dependencies.
    pub vitals: Vitals,
    loading: Live<Loading>,
    free: Free,
    /// The clock is the machine's, so that the database's may be compared with it.
    clock_is_real: bool,
}

/// Reason for which a server is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] doorward_store::StoreError),
    /// The database did not answer in time.
    #[error("the database did not respond in time")]
    Late,
    /// The signing keys cannot be used.
    #[error(transparent)]
    Keys(#[from] doorward_keys::RingError),
    /// No key signs.
    #[error("there is no active signing key")]
    NoKey,
}

/// A subject of the state of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The program's version.
    Version,
    /// The configuration in effect, compared with its file.
    Configuration,
    /// The database.
    Database,
    /// The signing keys.
    Keys,
    /// The clock, against the database's.
    Clock,
    /// The audit.
    Audit,
    /// The export of the audit to this destination.
    Export(&'static str),
    /// An upstream, an identity provider, the mail server or a destination of the audit.
    Dependency(Dependency, String),
    /// All of them.
    Dependencies,
    /// The free space of the data directory.
    Disk,
    /// The last backup.
    Backup,
}

/// The state of a part that is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The version.
    Version(&'static str),
    /// The configuration is in effect as in its file.
    InEffect,
    /// The configuration is in effect; these settings of the file need a restart.
    NeedsRestart(Vec<String>),
    /// The database of this name responds.
    Responds(String),
    /// So many keys sign.
    Active(usize),
    /// The clocks agree.
    Equal,
    /// The audit has so many entries; the last has this hash.
    Entries(i64, String),
    /// So many entries wait to be sent.
    Waiting(i64),
    /// The dependency answered at this time, after so many milliseconds.
    Answered(Timestamp, u64),
    /// The dependency is disabled.
    Off,
    /// So many bytes are free.
    Free(u64),
    /// A backup was made at this time.
    BackedUp(Timestamp),
    /// No backup was made with the command, or its entry was deleted.
    NotBackedUp,
}

/// A fault of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The changed configuration cannot be used, for this reason in English; the one before stays
    /// in effect.
    Configuration(String),
    /// The clocks differ.
    ClocksDiffer,
    /// So many entries wait to be sent, which are too many.
    Behind(i64),
    /// The dependency failed.
    Down {
        /// The failure that was reported, in English.
        error: String,
        /// The time of the failure.
        at: Timestamp,
        /// The time of its last answer.
        last_success: Option<Timestamp>,
    },
    /// The dependency has never answered, and was not asked lately.
    NotAsked,
    /// The dependency was not asked since its answer at this time.
    NotAskedSince(Timestamp),
    /// So few bytes are free that the server will soon be unable to write.
    Full(u64),
    /// The failure that was reported, in English.
    Failed(String),
}

/// A part with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartState {
    /// The part.
    pub part: Part,
    /// Its state, or its fault.
    pub state: Result<State, Fault>,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => formatter.write_str("version"),
            Self::Configuration => formatter.write_str("configuration"),
            Self::Database => formatter.write_str("database"),
            Self::Keys => formatter.write_str("signing key"),
            Self::Clock => formatter.write_str("clock"),
            Self::Audit => formatter.write_str("audit"),
            Self::Export(destination) => write!(formatter, "export to {destination}"),
            Self::Dependency(Dependency::Upstream, name) => write!(formatter, "upstream {name}"),
            Self::Dependency(Dependency::Provider, name) => write!(formatter, "provider {name}"),
            Self::Dependency(Dependency::Mail, _) => formatter.write_str("mail server"),
            Self::Dependency(Dependency::Export, name) => write!(formatter, "deliveries to {name}"),
            Self::Dependencies => formatter.write_str("dependencies"),
            Self::Disk => formatter.write_str("disk"),
            Self::Backup => formatter.write_str("backup"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => formatter.write_str(version),
            Self::InEffect => formatter.write_str("the configuration is in effect"),
            Self::NeedsRestart(settings) => {
                write!(
                    formatter,
                    "the configuration is in effect; a restart is needed for {}",
                    settings.join(", ")
                )
            }
            Self::Responds(database) => write!(formatter, "{database} responds"),
            Self::Active(1) => formatter.write_str("1 active key"),
            Self::Active(keys) => write!(formatter, "{keys} active keys"),
            Self::Equal => formatter.write_str("equal to the database's"),
            Self::Entries(count, hash) => {
                write!(formatter, "{count} entries, the last is {count}:{hash}")
            }
            Self::Waiting(count) => write!(formatter, "{count} entries wait"),
            Self::Answered(at, took) => {
                write!(formatter, "responded in {took} ms, at {}", text::rfc3339(*at))
            }
            Self::Off => formatter.write_str("is disabled"),
            Self::Free(bytes) => write!(formatter, "{} MiB are free", bytes / MIB),
            Self::BackedUp(at) => write!(formatter, "last created at {}", text::rfc3339(*at)),
            Self::NotBackedUp => formatter.write_str(
                "no backup was created with doorward backup; create one, or ignore this if the \
                 database is backed up in another way",
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(problem) => write!(
                formatter,
                "the changed configuration cannot be used, and the previous one stays in effect: {problem}"
            ),
            Self::ClocksDiffer => formatter
                .write_str("the clocks of this machine and the database differ; synchronise them"),
            Self::Behind(count) => {
                write!(formatter, "{count} entries wait to be sent; the log has the reason")
            }
            Self::Down { error, at, last_success } => {
                let last = last_success.map_or_else(|| "never".to_owned(), text::rfc3339);
                let at = text::rfc3339(*at);
                write!(formatter, "{error}; failed at {at}, last success: {last}")
            }
            Self::NotAsked => formatter.write_str("not checked yet"),
            Self::NotAskedSince(at) => {
                write!(formatter, "not checked since {}", text::rfc3339(*at))
            }
            Self::Full(bytes) => write!(
                formatter,
                "only {} MiB are free in the data directory; free some space before writes fail",
                bytes / MIB
            ),
            Self::Failed(detail) => formatter.write_str(detail),
        }
    }
}

impl From<PartState> for Finding {
    fn from(found: PartState) -> Self {
        Self {
            what: found.part.to_string(),
            result: found.state.map(|state| state.to_string()).map_err(|fault| fault.to_string()),
        }
    }
}

/// The state of the data directory with this free space.
pub fn disk(free: std::io::Result<u64>) -> PartState {
    let state = match free {
        Ok(bytes) if bytes < LEAST_FREE => Err(Fault::Full(bytes)),
        Ok(bytes) => Ok(State::Free(bytes)),
        Err(error) => Err(failed(&error)),
    };
    PartState { part: Part::Disk, state }
}

/// The state of backups, as the audit has it.
pub async fn backup(store: &Store) -> PartState {
    let state = match store.last_of_kind(AuditKind::BackupMade).await {
        Ok(Some(at)) => Ok(State::BackedUp(at)),
        Ok(None) => Ok(State::NotBackedUp),
        Err(error) => Err(failed(&error)),
    };
    PartState { part: Part::Backup, state }
}

fn failed(error: &impl ToString) -> Fault {
    Fault::Failed(error.to_string())
}

/// The number of keys that sign now.
fn active(keys: &[SigningKey], now: Timestamp) -> usize {
    keys.iter()
        .filter(|key| key.activates_at <= now && key.retires_at.is_none_or(|end| now < end))
        .count()
}

impl Health {
    /// The state of the server with these keys, these dependencies, this configuration and this
    /// free space.
    pub fn new(ring: Arc<KeyRing>, vitals: Vitals, loading: Live<Loading>, free: Free) -> Self {
        let store = vitals.store.clone();
        let (clock, audit) = (Arc::clone(&vitals.clock), vitals.audit.clone());
        let clock_is_real = clock.now().since(SystemClock.now()).abs() < APART;
        Self { store, ring, clock, audit, vitals, loading, free, clock_is_real }
    }

    /// Checks that requests can be served: the database answers reads, the writer runs, and a key
    /// signs.
    pub async fn readiness(&self) -> Result<(), NotReady> {
        match tokio::time::timeout(READY_WITHIN, self.store.ping()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(NotReady::Late),
        }
        let keys = self.store.signing_keys().await?;
        self.ring.follow(&keys)?;
        if active(&keys, self.clock.now()) > 0 { Ok(()) } else { Err(NotReady::NoKey) }
    }

    /// Checks every part.
    pub async fn check(&self) -> Vec<PartState> {
        let store = &self.store;
        let database = store.ping().await;
        let audit = store.audit_head().await;
        let mut parts = vec![
            (Part::Version, Ok(State::Version(env!("CARGO_PKG_VERSION")))),
            (Part::Configuration, self.loading.now().state()),
            (
                Part::Database,
                database
                    .map(|()| State::Responds(store.backend().to_string()))
                    .map_err(|error| failed(&error)),
            ),
            (Part::Keys, self.keys().await),
            (Part::Clock, self.clocks().await),
            (
                Part::Audit,
                audit
                    .map(|head| State::Entries(head.seq, head.hash))
                    .map_err(|error| failed(&error)),
            ),
        ];
        for backlog in doorward_audit::backlogs(store, &self.audit).await {
            let state = if backlog.waiting > doorward_audit::MOST_WAITING {
                Err(Fault::Behind(backlog.waiting))
            } else {
                Ok(State::Waiting(backlog.waiting))
            };
            parts.push((Part::Export(backlog.destination), state));
        }
        for found in [disk((self.free)()), backup(store).await] {
            parts.push((found.part, found.state));
        }
        parts
            .into_iter()
            .map(|(part, state)| PartState { part, state })
            .chain(self.dependencies().await)
            .collect()
    }

    /// The state of each dependency, as it was noted.
    async fn dependencies(&self) -> Vec<PartState> {
        match self.vitals.known().await {
            Ok(vitals) => vitals.iter().map(Vital::part).collect(),
            Err(error) => {
                vec![PartState { part: Part::Dependencies, state: Err(failed(&error)) }]
            }
        }
    }

    async fn keys(&self) -> Result<State, Fault> {
        self.readiness().await.map_err(|error| failed(&error))?;
        let keys = self.store.signing_keys().await.map_err(|error| failed(&error))?;
        Ok(State::Active(active(&keys, self.clock.now())))
    }

    async fn clocks(&self) -> Result<State, Fault> {
        match self.store.database_time().await {
            Ok(time) if self.clock_is_real && self.clock.now().since(time).abs() > APART => {
                Err(Fault::ClocksDiffer)
            }
            Ok(_) => Ok(State::Equal),
            Err(error) => Err(failed(&error)),
        }
    }
}
