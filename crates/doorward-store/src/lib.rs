//! Saves and finds the records of `doorward-model` on SQLite and PostgreSQL. The only crate that
//! names `sea_orm`.
//!
//! Reads come from bounded caches or a reader; writes are [`doorward_model::UnitOfWork`] values
//! that are applied as a whole.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by a panic"
    )
)]

mod apply;
pub mod attempts;
mod audit;
mod backend;
mod cache;
mod caches;
mod condition;
mod config;
mod connect;
mod convert;
mod copy;
mod db;
mod embedded;
mod housekeeping;
mod invalidate;
mod kept;
mod listen;
mod lists;
mod observer;
pub mod origin;
mod rows;
mod sort;
mod store;
pub(crate) mod tables;
mod tasks;
mod unopened;
mod usage;
mod writer;
mod writes;

use std::sync::Arc;

pub use audit::{AuditBreak, AuditPage, AuditVerified};
pub use backend::Backend;
pub use caches::KeptAnswer;
pub use condition::Condition;
pub use config::Config;
pub use lists::{
    ClientState, ClientsFilter, Cursor, Extent, Part, Place, SortValue, TokenFilter, ToolCount,
    UserFilter,
};
pub use observer::Observer;
pub use sort::{NameOrTime, SortColumn, TokenSort};
pub use store::Store;
pub use tables::{
    access_grant::ConnectedApp, client::ClientFilter, identity::PasswordlessSignIn,
    login_failure::LoginFailures,
};

/// The first `limit` of the rows that were read, and `true` if there are more: pages request one
/// row more than they show.
pub fn page_of<T>(mut rows: Vec<T>, limit: u64) -> (Vec<T>, bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    (rows, more)
}

/// Failures of the store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The condition of a write did not hold; its whole unit was discarded.
    #[error("the condition of {0} was not met")]
    Refused(Condition),
    /// The database did not answer or refused.
    #[error("the database is not available: {0}")]
    Unavailable(Arc<sea_orm::DbErr>),
    /// The database of PostgreSQL cannot be opened.
    #[error("the database {name} at {place} cannot be opened: {reason} (store.url)")]
    Unopened {
        /// The name of the database.
        name: String,
        /// Host and port, or socket.
        place: String,
        /// The reason and the remedy.
        reason: String,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// A row holds a value that this version cannot read.
    #[error("table {table}: the row {key:?} cannot be read")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
    },
    /// The writer has no thread.
    #[error("no thread could be started: {0}; check the limit of processes")]
    Thread(Arc<std::io::Error>),
    /// A copy was requested into a database that is not empty.
    #[error("the database to copy into is not empty; name an empty one")]
    NotEmpty,
    /// The folder of the audit's journal cannot be used.
    #[error(
        "the folder {folder} for entries of the audit cannot be used: {error}; check that it belongs to the user that runs Doorward"
    )]
    Journal {
        /// The folder.
        folder: String,
        /// The failure.
        error: Arc<std::io::Error>,
    },
    /// The schema is newer than this program (promise P6).
    #[error(
        "the database was written by a newer version of Doorward ({0} is unknown here); start that version"
    )]
    NewerSchema(String),
}

impl From<sea_orm::DbErr> for StoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}
