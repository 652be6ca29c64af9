//! Writes. On SQLite one task owns the only writing connection and puts all units that wait into one durable commit; on
//! PostgreSQL every unit is one short transaction.

use std::{sync::Arc, time::Duration};

use doorward_model::{AuditEvent, UnitOfWork};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait};
use tokio::sync::{mpsc, oneshot};

use crate::{
    StoreError,
    apply::{self, Applied},
    invalidate::{self, Stale},
    store::Caches,
};

/// The most units in one commit. A longer batch would make the first waiter pay for the last.
const BATCH: usize = 128;
/// How many units may wait before callers do.
const QUEUE: usize = 1024;

pub(crate) struct Job {
    unit: UnitOfWork,
    stamp: AuditEvent,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

pub(crate) enum Writer {
    Sqlite(mpsc::Sender<Job>),
    Postgres(DatabaseConnection),
}

impl Writer {
    pub(crate) fn sqlite(connection: DatabaseConnection, caches: Arc<Caches>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(connection, receiver, caches));
        Self::Sqlite(sender)
    }

    /// Applies a unit. When this answers `Ok`, the unit is durable and no cache holds what it replaced.
    pub(crate) async fn apply(&self, unit: UnitOfWork, stamp: AuditEvent, caches: &Caches) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(queue) => {
                let (answer, answered) = oneshot::channel();
                queue.send(Job { unit, stamp, answer }).await.map_err(|_| StoreError::Closed)?;
                answered.await.map_err(|_| StoreError::Closed)?
            }
            Self::Postgres(pool) => {
                let stale = invalidate::stale(&unit);
                let done = postgres(pool, (&unit, &stamp), &stale).await;
                // Also after an error: the commit may have happened although its answer was lost.
                caches.forget(&stale);
                done
            }
        }
    }
}

async fn postgres(pool: &DatabaseConnection, (unit, stamp): (&UnitOfWork, &AuditEvent), stale: &[Stale]) -> Result<(), StoreError> {
    let transaction = pool.begin().await?;
    match apply::unit(&transaction, unit, stamp).await? {
        Applied::Refused(condition) => {
            transaction.rollback().await?;
            return Err(StoreError::Refused(condition));
        }
        Applied::Done => {}
    }
    for value in stale {
        let notify = Statement::from_sql_and_values(sea_orm::DbBackend::Postgres, "SELECT pg_notify('doorward', $1)", [value.to_text().into()]);
        transaction.execute_raw(notify).await?;
    }
    Ok(transaction.commit().await?)
}

/// The writing task of SQLite. It ends when the last sender is gone.
async fn run(connection: DatabaseConnection, mut queue: mpsc::Receiver<Job>, caches: Arc<Caches>) {
    let mut jobs = Vec::with_capacity(BATCH);
    let mut seen = data_version(&connection).await.ok();
    let mut poll = tokio::time::interval(Duration::from_secs(1));
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            // First, or a queue that is never empty would keep it out; it is ready once a second at most.
            _ = poll.tick() => {
                // Another process wrote: a command on the same data directory. Which rows is not known, so forget all.
                let now = data_version(&connection).await.ok();
                if now != seen {
                    seen = now;
                    caches.forget(&[Stale::Everything]);
                }
            }
            count = queue.recv_many(&mut jobs, BATCH) => {
                if count == 0 {
                    break;
                }
                batch(&connection, std::mem::take(&mut jobs), &caches).await;
            }
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database did not close cleanly");
    }
}

/// SQLite's counter of commits by other connections.
async fn data_version(connection: &DatabaseConnection) -> Result<i64, DbErr> {
    let row = connection.query_one_raw(Statement::from_string(sea_orm::DbBackend::Sqlite, "PRAGMA data_version")).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}

async fn batch(connection: &DatabaseConnection, jobs: Vec<Job>, caches: &Caches) {
    let (units, answers): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| ((job.unit, job.stamp), job.answer)).unzip();
    let outcome = commit(connection, &units).await;
    for (unit, _) in &units {
        caches.forget(&invalidate::stale(unit));
    }
    match outcome {
        Ok(results) => {
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(result);
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for answer in answers {
                let _ = answer.send(Err(StoreError::Unavailable(Arc::clone(&error))));
            }
        }
    }
}

/// Applies each unit inside a savepoint of one transaction; a refused unit undoes only itself.
async fn commit(connection: &DatabaseConnection, units: &[(UnitOfWork, AuditEvent)]) -> Result<Vec<Result<(), StoreError>>, DbErr> {
    let immediate = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
    let transaction = connection.begin_with_options(immediate).await?;
    let mut results = Vec::with_capacity(units.len());
    for (unit, stamp) in units {
        let savepoint = transaction.begin().await?;
        match apply::unit(&savepoint, unit, stamp).await {
            Ok(Applied::Done) => {
                savepoint.commit().await?;
                results.push(Ok(()));
            }
            Ok(Applied::Refused(condition)) => {
                savepoint.rollback().await?;
                results.push(Err(StoreError::Refused(condition)));
            }
            Err(error) => {
                savepoint.rollback().await?;
                results.push(Err(StoreError::Unavailable(Arc::new(error))));
            }
        }
    }
    transaction.commit().await?;
    Ok(results)
}
