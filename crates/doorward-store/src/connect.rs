//! Opens the database.

use std::{
    fs::OpenOptions,
    ops::Deref,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::MutexGuard;

use crate::{
    StoreError,
    embedded::{Embedded, Use},
    unopened,
    writer::Turn,
};

/// Number of SQLite connections that read single rows. A read takes microseconds, so that more
/// would only hold memory.
const POINT_READERS: usize = 2;
/// The page caches of SQLite, in KiB a connection: of point reads, of the writer, and of the
/// others, of which there may be many.
const CACHE_KIB: (u32, u32, u32) = (8192, 8192, 2048);

/// Connections of one database.
pub(crate) struct Connections {
    /// For reads that may take a while.
    pub(crate) reader: DatabaseConnection,
    /// For migrations and housekeeping.
    pub(crate) sweeper: Sweeper,
    /// Those of SQLite in place.
    pub(crate) embedded: Option<InPlace>,
}

/// The connections of SQLite in place.
#[derive(Clone)]
pub(crate) struct InPlace {
    /// For reads of single rows.
    pub(crate) point: Arc<Embedded>,
    /// For units of work: a single connection.
    pub(crate) writer: Arc<Embedded>,
}

/// A connection for writes that are no units of work: migrations, housekeeping, copies.
#[derive(Clone)]
pub(crate) struct Sweeper {
    connection: DatabaseConnection,
    /// Shared with the writer of SQLite.
    turn: Option<Turn>,
}

/// The connection, while the writer waits.
pub(crate) struct Sweeping<'a> {
    connection: &'a DatabaseConnection,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Sweeper {
    /// Waits for its turn to write.
    pub(crate) async fn turn(&self) -> Sweeping<'_> {
        let turn = match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        Sweeping { connection: &self.connection, _turn: turn }
    }

    /// Closes the connection.
    pub(crate) async fn close(&self) -> Result<(), DbErr> {
        self.connection.close_by_ref().await
    }
}

impl Deref for Sweeping<'_> {
    type Target = DatabaseConnection;

    fn deref(&self) -> &DatabaseConnection {
        self.connection
    }
}

fn options(url: String, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .connect_timeout(Duration::from_secs(5))
        .sqlx_logging(false);
    options
}

/// Counters of statements: of reads, and of units of work.
pub(crate) struct Counters<'a> {
    pub(crate) reads: &'a Arc<AtomicU64>,
    pub(crate) units: &'a Arc<AtomicU64>,
}

/// Opens SQLite with write-ahead logging and a flush for every commit: acknowledged writes survive
/// a power cut. The schema is brought up to date before the connections in place are opened.
pub(crate) async fn sqlite<E, F>(
    file: &Path,
    readers: u32,
    turn: Turn,
    counters: Counters<'_>,
    migrate: impl FnOnce(DatabaseConnection) -> F,
) -> Result<Connections, E>
where
    E: From<DbErr>,
    F: Future<Output = Result<(), E>>,
{
    // Made beforehand, readable for its owner alone; SQLite gives its side files the same mode.
    let _ = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file);
    // The path is given apart: in a URL, `%` and `?` would be read as more than themselves.
    let url = "sqlite://doorward?mode=rwc".to_owned();
    let path = file.to_owned();
    let (point_kib, writer_kib, other_kib) = CACHE_KIB;
    let tuned = |mut options: ConnectOptions| {
        let path = path.clone();
        options.map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .filename(&path)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                .pragma("cache_size", format!("-{other_kib}"))
        });
        options
    };
    let sweeper = Database::connect(tuned(options(url.clone(), 1))).await?;
    migrate(sweeper.clone()).await?;
    let reader = Database::connect(tuned(options(url, readers.max(1)))).await?;
    let open = |purpose, count, kib, statements| {
        Embedded::open(file, purpose, count, kib, Arc::clone(statements)).map(Arc::new)
    };
    let Counters { reads, units } = counters;
    let point = open(Use::Reads, POINT_READERS, point_kib, reads)?;
    let writer = open(Use::Writes, 1, writer_kib, units)?;
    Ok(Connections {
        reader: counted(reader, reads),
        sweeper: Sweeper { connection: sweeper, turn: Some(turn) },
        embedded: Some(InPlace { point, writer }),
    })
}

/// Opens PostgreSQL.
pub(crate) async fn postgres<F>(
    url: &str,
    connections: u32,
    statements: &Arc<AtomicU64>,
    migrate: impl FnOnce(DatabaseConnection) -> F,
) -> Result<Connections, StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let pool = match Database::connect(options(url.to_owned(), connections.max(2))).await {
        Ok(pool) => pool,
        Err(error) => return Err(unopened::explain(url, error).await),
    };
    migrate(pool.clone()).await?;
    let pool = counted(pool, statements);
    Ok(Connections {
        reader: pool.clone(),
        sweeper: Sweeper { connection: pool, turn: None },
        embedded: None,
    })
}

/// Counts the statements of a connection.
fn counted(mut connection: DatabaseConnection, statements: &Arc<AtomicU64>) -> DatabaseConnection {
    let statements = Arc::clone(statements);
    connection.set_metric_callback(move |_| {
        statements.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    connection
}
