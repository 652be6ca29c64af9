//! The writer: one task that owns every unit of work from the moment of its submission. On SQLite
//! it has a thread and a connection of its own, and puts all units that wait into one durable
//! commit; on PostgreSQL every unit is one short transaction in a task of its own.
//!
//! A unit, its audit entries, its invalidations and its counters are one job. If a caller is
//! dropped, the job is executed as a whole or not at all.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use doorward_model::{AuditStamp, Change, UnitOfWork};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement, TransactionTrait};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    StoreError,
    apply::{self, Applied, UnitEntries},
    audit::chain,
    caches::Caches,
    db::Db,
    embedded::Embedded,
    invalidate::Invalidation,
    observer::Observer,
    tables::write_of,
    tasks::Tasks,
    writes::Write,
};

/// Maximum number of units in one commit. A longer batch would make the first waiter pay for the
/// last.
const BATCH: usize = 128;
/// Number of units that wait before callers do, and on PostgreSQL the number under way.
const QUEUE: usize = 1024;

/// The interval at which the writer of SQLite looks for writes of other processes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Orders for the writer.
enum Order {
    Unit(Box<Job>),
    /// Answered when every unit before it is through.
    Barrier(oneshot::Sender<()>),
    /// Checks for writes of other processes, and is answered when no cache holds a value that they
    /// replaced. PostgreSQL notifies replicas of writes too, but later.
    Look(oneshot::Sender<()>),
}

/// The right to write SQLite, which has one writer: units and housekeeping acquire it in turn.
pub(crate) type Turn = Arc<Mutex<()>>;

/// A unit with everything that happens because of it.
struct Job {
    writes: Vec<Write>,
    after: After,
}

/// The effects of a unit once it is through.
struct After {
    stamp: AuditStamp,
    stale: Vec<Invalidation>,
    names: Vec<&'static str>,
    /// False for the trail's own units; their entries were counted when they were noted.
    counted: bool,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

/// Shared by everything that happens after a unit.
#[derive(Clone)]
pub(crate) struct Effects {
    pub(crate) caches: Arc<Caches>,
    pub(crate) observer: Arc<OnceLock<Arc<dyn Observer>>>,
    /// The statements of SQLite's writer.
    pub(crate) statements: Statements,
}

/// Counts statements of the writer of SQLite.
#[derive(Clone, Default)]
pub(crate) struct Statements {
    /// All that the connection ran.
    pub(crate) run: Arc<AtomicU64>,
    /// The statements of units from callers, without those that a whole group shares.
    pub(crate) of_units: Arc<AtomicU64>,
}

impl Statements {
    fn now(&self) -> u64 {
        self.run.load(Ordering::Relaxed)
    }
}

impl Effects {
    /// Counts a unit and answers. Nothing here waits.
    fn settle(&self, after: After, result: Result<UnitEntries, StoreError>) {
        let result = result.map(|told| {
            if let (true, Some(observer)) = (after.counted, self.observer.get()) {
                after.names.iter().for_each(|name| observer.changed(name));
                told.stated.iter().for_each(|event| observer.happened(event));
            }
        });
        // A dropped caller does not change the outcome.
        let _ = after.answer.send(result);
    }
}

/// The way to the writer.
pub(crate) struct Writer {
    orders: mpsc::Sender<Order>,
    /// A unit of a caller was submitted.
    wrote: AtomicBool,
}

impl Writer {
    fn new(orders: mpsc::Sender<Order>) -> Self {
        Self { orders, wrote: AtomicBool::new(false) }
    }

    pub(crate) fn sqlite(
        embedded: Arc<Embedded>,
        turn: Turn,
        effects: Effects,
        tasks: &Tasks,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let looked_at = sender.downgrade();
        tasks.start_on_thread("writer", sqlite(embedded, turn, receiver, effects))?;
        tasks.start("database watch", async move {
            let mut look = tokio::time::interval(LOOK_EVERY);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                look.tick().await;
                // Without the store, or without its writer, there are no writes to detect.
                let Some(writer) = looked_at.upgrade() else { break };
                if writer.send(Order::Look(oneshot::channel().0)).await.is_err() {
                    break;
                }
            }
        });
        Ok(Self::new(sender))
    }

    pub(crate) fn postgres(pool: DatabaseConnection, effects: Effects, tasks: &Tasks) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tasks.start("writer", postgres(pool, receiver, effects));
        Self::new(sender)
    }

    /// Applies a unit. When this returns `Ok`, the unit is durable and no cache holds a replaced
    /// value. Once the unit is submitted, it is applied even if the caller stops waiting.
    pub(crate) async fn apply(
        &self,
        unit: UnitOfWork,
        stamp: AuditStamp,
        counted: bool,
    ) -> Result<(), StoreError> {
        let signs_in =
            unit.changes().iter().any(|change| matches!(change, Change::InsertSession(_)));
        let mut writes: Vec<Write> =
            unit.into_changes().into_iter().map(|change| write_of(change, signs_in)).collect();
        let stale = writes.iter_mut().filter_map(|write| write.stale.take()).collect();
        let names = writes.iter().map(|write| write.name.as_str()).collect();
        self.wrote.fetch_or(counted, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let after = After { stamp, stale, names, counted, answer };
        self.orders
            .send(Order::Unit(Box::new(Job { writes, after })))
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// True if a unit of a caller was submitted.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// Takes up writes of other processes.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        let (done, looked) = oneshot::channel();
        self.orders.send(Order::Look(done)).await.map_err(|_| StoreError::Closed)?;
        looked.await.map_err(|_| StoreError::Closed)
    }

    /// Waits until every submitted unit is done.
    pub(crate) async fn settled(&self) -> Result<(), StoreError> {
        let (done, through) = oneshot::channel();
        self.orders.send(Order::Barrier(done)).await.map_err(|_| StoreError::Closed)?;
        through.await.map_err(|_| StoreError::Closed)
    }
}

/// The writing task of PostgreSQL. It ends when the last sender is dropped.
async fn postgres(pool: DatabaseConnection, mut queue: mpsc::Receiver<Order>, effects: Effects) {
    let mut units: JoinSet<()> = JoinSet::new();
    while let Some(order) = queue.recv().await {
        match order {
            Order::Unit(job) => {
                units.spawn(alone(pool.clone(), *job, effects.clone()));
            }
            Order::Barrier(done) => {
                while let Some(ended) = units.join_next().await {
                    unpanicked(ended);
                }
                let _ = done.send(());
            }
            Order::Look(done) => {
                effects.caches.forget(&[Invalidation::Everything]);
                let _ = done.send(());
            }
        }
        while let Some(ended) = units.try_join_next() {
            unpanicked(ended);
        }
        if units.len() >= QUEUE
            && let Some(ended) = units.join_next().await
        {
            unpanicked(ended);
        }
    }
    while let Some(ended) = units.join_next().await {
        unpanicked(ended);
    }
}

/// A unit that panicked ends the writer, as on SQLite.
fn unpanicked(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// One unit on PostgreSQL.
async fn alone(pool: DatabaseConnection, Job { writes, after }: Job, effects: Effects) {
    let done = transact(&pool, writes, &after).await;
    // Also after an error: the commit may have happened although its answer was lost.
    effects.caches.forget(&after.stale);
    effects.settle(after, done);
}

async fn transact(
    pool: &DatabaseConnection,
    writes: Vec<Write>,
    after: &After,
) -> Result<UnitEntries, StoreError> {
    let transaction = pool.begin().await?;
    let told = match apply::unit(Db::Transaction(&transaction), writes, &after.stamp).await? {
        Applied::Refused(condition) => {
            transaction.rollback().await?;
            return Err(StoreError::Refused(condition));
        }
        Applied::Done(told) => told,
    };
    // The end of the chain is held by one transaction of all replicas at a time, so it is taken
    // last.
    for value in &after.stale {
        let notify = Statement::from_sql_and_values(
            sea_orm::DbBackend::Postgres,
            "SELECT pg_notify('doorward', $1)",
            [value.to_text().into()],
        );
        transaction.execute_raw(notify).await?;
    }
    chain::append(Db::Transaction(&transaction), told.entries().collect()).await?;
    transaction.commit().await?;
    Ok(told)
}

/// The writing task of SQLite. It ends when the last sender is dropped.
async fn sqlite(
    embedded: Arc<Embedded>,
    turn: Turn,
    mut queue: mpsc::Receiver<Order>,
    effects: Effects,
) {
    let mut orders = Vec::with_capacity(BATCH);
    let mut seen = data_version(&embedded).ok();
    while queue.recv_many(&mut orders, BATCH).await > 0 {
        let turn = turn.lock().await;
        let looks = batch(&embedded, &mut orders, &effects).await;
        drop(turn);
        if !looks.is_empty() {
            // Another connection wrote: a command on the same data directory, or housekeeping.
            // Which rows is not known, so forget all.
            let now = data_version(&embedded).ok();
            if now != seen {
                seen = now;
                effects.caches.forget(&[Invalidation::Everything]);
            }
        }
        for done in looks {
            let _ = done.send(());
        }
    }
}

/// SQLite's counter of commits by other connections.
fn data_version(embedded: &Embedded) -> Result<i64, DbErr> {
    embedded.number(&Statement::from_string(DbBackend::Sqlite, "PRAGMA data_version"))
}

/// Applies the units of some orders, and returns the orders to look for writes of other processes.
async fn batch(
    embedded: &Embedded,
    orders: &mut Vec<Order>,
    effects: &Effects,
) -> Vec<oneshot::Sender<()>> {
    let (mut units, mut afters) =
        (Vec::with_capacity(orders.len()), Vec::with_capacity(orders.len()));
    let (mut barriers, mut looks) = (Vec::new(), Vec::new());
    for order in orders.drain(..) {
        match order {
            Order::Unit(job) => {
                let Job { writes, after } = *job;
                units.push(writes);
                afters.push(after);
            }
            Order::Barrier(done) => barriers.push(done),
            Order::Look(done) => looks.push(done),
        }
    }
    if !units.is_empty() {
        let outcome = commit(embedded, units, &afters, &effects.statements).await;
        for after in &afters {
            effects.caches.forget(&after.stale);
        }
        match outcome {
            Ok(results) => afters
                .into_iter()
                .zip(results)
                .for_each(|(after, result)| effects.settle(after, result)),
            Err(error) => {
                let error = Arc::new(error);
                for after in afters {
                    effects.settle(after, Err(StoreError::Unavailable(Arc::clone(&error))));
                }
            }
        }
    }
    for done in barriers {
        let _ = done.send(());
    }
    looks
}

/// Applies all units in one transaction. A refused unit undoes only itself: where there are
/// several, each has a savepoint. The entries of all units are appended together.
async fn commit(
    embedded: &Embedded,
    units: Vec<Vec<Write>>,
    afters: &[After],
    statements: &Statements,
) -> Result<Vec<Result<UnitEntries, StoreError>>, DbErr> {
    let open = embedded.begin()?;
    let db = Db::Embedded(embedded);
    let together = units.len() > 1;
    let mut results = Vec::with_capacity(units.len());
    for (writes, after) in units.into_iter().zip(afters) {
        if together {
            embedded.say("SAVEPOINT unit")?;
        }
        let before = statements.now();
        let applied = apply::unit(db, writes, &after.stamp).await;
        if after.counted {
            statements.of_units.fetch_add(statements.now() - before, Ordering::Relaxed);
        }
        let refused = match applied {
            Ok(Applied::Done(told)) => {
                results.push(Ok(told));
                None
            }
            Ok(Applied::Refused(condition)) => Some(StoreError::Refused(condition)),
            Err(error) => Some(StoreError::Unavailable(Arc::new(error))),
        };
        if let Some(error) = refused {
            results.push(Err(error));
            if !together {
                // Dropping the transaction undoes it.
                return Ok(results);
            }
            embedded.say("ROLLBACK TO unit")?;
        }
        if together {
            embedded.say("RELEASE unit")?;
        }
    }
    let entries = results.iter().flatten().flat_map(UnitEntries::entries).collect();
    chain::append(db, entries).await?;
    open.commit()?;
    Ok(results)
}
