//! Opens the database.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

/// Connections of one database.
pub(crate) struct Connections {
    /// For reads.
    pub(crate) reader: DatabaseConnection,
    /// For writes: one single connection on SQLite, the same pool on PostgreSQL.
    pub(crate) writer: DatabaseConnection,
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

/// Opens SQLite with write-ahead logging and a flush for every commit: what was acknowledged
/// survives a power cut.
pub(crate) async fn sqlite(file: &Path, readers: u32) -> Result<Connections, DbErr> {
    // Made beforehand, readable for its owner alone; SQLite gives its side files the same mode.
    let _ = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file);
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let tuned = |mut options: ConnectOptions| {
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                .pragma("cache_size", "-16384")
        });
        options
    };
    let writer = Database::connect(tuned(options(url.clone(), 1))).await?;
    let reader = Database::connect(tuned(options(url, readers.max(1)))).await?;
    Ok(Connections { reader, writer })
}

/// Opens PostgreSQL.
pub(crate) async fn postgres(url: &str, connections: u32) -> Result<Connections, DbErr> {
    let pool = Database::connect(options(url.to_owned(), connections.max(2))).await?;
    Ok(Connections { reader: pool.clone(), writer: pool })
}
