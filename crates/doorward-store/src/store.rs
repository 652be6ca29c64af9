//! The store itself: opening, migrating, writing.

mod schema;

use std::{
    future::Future,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use doorward_model::{AuditEvent, AuditStamp, Clock, ConnectStep, UnitOfWork, ports::SystemClock};
use schema::migrate;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio::sync::{Mutex, broadcast};
use tokio_util::task::TaskTracker;

use crate::{
    Config, StoreError, apply,
    audit::{
        chain,
        trail::{StepGuard, Trail},
    },
    backend::Backend,
    caches::{Caches, KeptAnswer},
    connect::{self, InPlace, Sweeper},
    db::Db,
    invalidate::Invalidation,
    listen,
    observer::Observer,
    origin,
    tasks::Tasks,
    writer::{Effects, Statements, Writer},
};

/// The time for which [`Store::close`] waits for work that has begun.
const OWNED_MAY_TAKE: Duration = Duration::from_secs(10);

/// The one place where data lives. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    /// For reads that may take a while: searches and lists.
    pub(crate) reader: DatabaseConnection,
    /// For writes that are no units of work. They alternate with the writer.
    pub(crate) sweeper: Sweeper,
    in_place: Option<InPlace>,
    reads: Arc<AtomicU64>,
    statements: Statements,
    pub(crate) writer: Arc<Writer>,
    pub(crate) trail: Trail,
    observer: Arc<OnceLock<Arc<dyn Observer>>>,
    steps: Arc<StepGuard>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) caches: Arc<Caches>,
    backend: Backend,
    pub(crate) tasks: Tasks,
    /// Work that a task of its own completes; see [`Store::owned`].
    work: TaskTracker,
    // Ends the listening task with the last clone.
    _listener: Arc<Option<listen::Listener>>,
}

impl Store {
    /// Opens the database, migrates its schema and starts the writer.
    pub async fn open(config: &Config, data_dir: &Path) -> Result<Self, StoreError> {
        let backend = Self::backend_of(config);
        let (turn, reads) = (Arc::<Mutex<()>>::default(), Arc::<AtomicU64>::default());
        let statements = Statements::default();
        let migrate =
            |connection: DatabaseConnection| async move { migrate(&connection, backend).await };
        let connections = if let Some(file) = config.file(data_dir) {
            let readers = config.max_connections;
            let counts = connect::Counters { reads: &reads, units: &statements.run };
            connect::sqlite(&file, readers, Arc::clone(&turn), counts, migrate).await?
        } else {
            let most = config.max_connections;
            connect::postgres(config.url.reveal(), most, &reads, migrate).await?
        };
        let caches = Arc::new(Caches::new(config, backend));
        let tasks = Tasks::default();
        let observer = Arc::<OnceLock<Arc<dyn Observer>>>::default();
        let effects = Effects {
            caches: Arc::clone(&caches),
            observer: Arc::clone(&observer),
            statements: statements.clone(),
        };
        let (writer, listener) = if let Some(in_place) = &connections.embedded {
            let embedded = Arc::clone(&in_place.writer);
            let writer = Writer::sqlite(embedded, turn, effects, &tasks);
            (writer.map_err(|error| StoreError::Thread(Arc::new(error)))?, None)
        } else {
            let listener = listen::Listener::start(
                config.url.reveal().to_owned(),
                Arc::clone(&caches),
                &tasks,
            );
            let pool = connections.reader.clone();
            (Writer::postgres(pool, effects, &tasks), Some(listener))
        };
        let writer = Arc::new(writer);
        let trail = Trail::start(Arc::clone(&writer), &tasks);
        let steps = Arc::default();
        Ok(Self {
            reader: connections.reader,
            sweeper: connections.sweeper,
            in_place: connections.embedded,
            reads,
            statements,
            writer,
            trail,
            observer,
            steps,
            clock: Arc::new(SystemClock),
            caches,
            backend,
            tasks,
            work: TaskTracker::new(),
            _listener: Arc::new(listener),
        })
    }

    /// The database that `config` names.
    pub fn backend_of(config: &Config) -> Backend {
        match config.file(Path::new("")) {
            Some(_) => Backend::Sqlite,
            None => Backend::Postgres,
        }
    }

    /// Subscribes to the answers that other replicas keep for this one; `None` where there are no
    /// other replicas.
    pub fn answers(&self) -> Option<broadcast::Receiver<KeptAnswer>> {
        (self.backend == Backend::Postgres).then(|| self.caches.answers.subscribe())
    }

    /// The way for reads of single rows.
    pub(crate) fn point(&self) -> Db<'_> {
        match &self.in_place {
            Some(in_place) => Db::Embedded(&in_place.point),
            None => Db::Pool(&self.reader),
        }
    }

    /// The database behind this store.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Applies a unit of work as a whole. `Ok` means durable; [`StoreError::Refused`] names the
    /// condition that did not hold.
    ///
    /// The unit, its audit entries, its invalidations and its counters are one job of the writer.
    /// If this future is dropped, the job is executed as a whole or not at all.
    pub async fn apply(&self, unit: impl Into<UnitOfWork>) -> Result<(), StoreError> {
        let unit = unit.into();
        if unit.is_empty() {
            return Ok(());
        }
        self.writer.apply(unit, self.stamp(), true).await
    }

    /// Sets the observer that counts events. The first one stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        let _ = self.observer.set(observer);
    }

    /// The same store with another clock, which dates the audit.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    fn stamp(&self) -> AuditStamp {
        AuditStamp { at: self.clock.now(), ..origin::stamp() }
    }

    /// Notes an event. It is passed on, and kept in the journal, before this future first waits; it
    /// is written with others within a fraction of a second. If very many wait, the caller does
    /// too. An error means that the store is closed.
    pub fn note(
        &self,
        event: AuditEvent,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        self.trail.accept(apply::stamped(event, &self.stamp()), self.observer.get());
        let trail = self.trail.clone();
        async move { trail.room().await }
    }

    /// Notes a step of a connecting client. Under a flood some are lost, because any client can
    /// cause them.
    pub fn note_step(&self, mut step: ConnectStep) {
        step.at = self.clock.now();
        if let Some(origin) = origin::current() {
            step.address.clone_from(&origin.address);
            step.agent.clone_from(&origin.agent);
        }
        step.detail = doorward_model::id::without_nul(step.detail);
        step.client_name = step.client_name.map(doorward_model::id::without_nul);
        if !self.steps.admits(&step) {
            return;
        }
        if !self.trail.accept_step(step) {
            tracing::debug!("a step of a connecting client was not stored: too many wait");
        }
    }

    /// Takes up writes of other processes. When this returns, no value in memory is older than a
    /// write that ended before the call.
    pub async fn look(&self) -> Result<(), StoreError> {
        self.writer.look().await
    }

    /// True if a unit was submitted through this store.
    pub fn has_written(&self) -> bool {
        self.writer.wrote()
    }

    /// Waits until everything that was noted is written.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.writer.settled().await?;
        self.trail.flush().await
    }

    /// Deletes entries of the audit that are older than `at`, a few thousand at a time, and returns
    /// their number. Numbers of usage are counted from them first.
    pub async fn trim_audit(&self, at: doorward_model::Timestamp) -> Result<u64, StoreError> {
        use sea_orm::TransactionTrait;
        self.count_usage().await?;
        let counted = self.usage_counted().await?;
        let mut total = 0;
        loop {
            let Some(seq) = self.audit_end_before(at, 2000).await? else { return Ok(total) };
            let sweeper = self.sweeper.turn().await;
            let transaction = sweeper.begin().await?;
            let seq = seq.min(counted.saturating_add(1));
            let gone = chain::trim(Db::Transaction(&transaction), seq).await?;
            transaction.commit().await?;
            drop(sweeper);
            self.caches.forget(&[Invalidation::Settings]);
            total += gone;
            if gone == 0 {
                return Ok(total);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Runs work that must complete once it has begun in a task of its own, on behalf of the same
    /// origin. A request may be dropped at any await, because its client disconnects or its time is
    /// up; the work continues, and [`Store::close`] waits for it.
    ///
    /// # Panics
    ///
    /// If the work does.
    pub async fn owned<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let task = match origin::current() {
            Some(origin) => self.work.spawn(origin::serving(origin, work)),
            None => self.work.spawn(work),
        };
        match task.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The process ends, and the caller with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Writes pending entries and closes the connections. No clone of this store may be used
    /// afterwards.
    pub async fn close(self) -> Result<(), StoreError> {
        self.work.close();
        if tokio::time::timeout(OWNED_MAY_TAKE, self.work.wait()).await.is_err() {
            tracing::error!(tasks = self.work.len(), "the store is closed although work goes on");
        }
        self.flush().await?;
        if let Some(InPlace { point, writer }) = &self.in_place {
            point.close();
            writer.close();
        }
        self.sweeper.close().await?;
        Ok(self.reader.close_by_ref().await?)
    }

    /// Counts the statements that ran so far for reads and for units that were applied. Of SQLite,
    /// what units of one group share (the transaction, the append to the audit) is not among them,
    /// so that an operation has the same number each time; of PostgreSQL it is.
    pub fn statements(&self) -> u64 {
        self.reads.load(Ordering::Relaxed) + self.statements.of_units.load(Ordering::Relaxed)
    }

    /// Asks the database for a sign of life, through the reader and through the writer. A store of
    /// which a task has ended is closed.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if self.tasks.ended().is_some() {
            return Err(StoreError::Closed);
        }
        self.reader.execute_unprepared("SELECT 1").await?;
        if let Some(InPlace { point, .. }) = &self.in_place {
            point.ping()?;
        }
        // An empty unit takes its turn in the queue and opens a transaction.
        self.writer.apply(UnitOfWork::new(), AuditStamp::default(), false).await
    }

    /// Waits until one of the store's own tasks ends, which none does while the store is open, and
    /// returns its name.
    pub async fn task_ended(&self) -> &'static str {
        self.tasks.first_end().await
    }

    /// Has one of the store's own tasks panic, for tests. Only builds for development have this.
    #[cfg(debug_assertions)]
    pub fn fail_task(&self, name: &'static str) {
        self.tasks.fail(name);
    }

    /// The database's own idea of the time.
    pub async fn database_time(&self) -> Result<doorward_model::Timestamp, StoreError> {
        let (backend, question) = match self.backend {
            Backend::Sqlite => {
                (sea_orm::DbBackend::Sqlite, "SELECT CAST(strftime('%s', 'now') AS INTEGER)")
            }
            Backend::Postgres => {
                (sea_orm::DbBackend::Postgres, "SELECT CAST(extract(epoch FROM now()) AS BIGINT)")
            }
        };
        let row =
            self.reader.query_one_raw(sea_orm::Statement::from_string(backend, question)).await?;
        let seconds = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(doorward_model::Timestamp(seconds))
    }

    /// Clears all caches; the next reads use the database.
    pub fn forget_cached(&self) {
        self.caches.forget(&[Invalidation::Everything]);
    }
}
