//! SQLite in place: statements run on the calling thread, on connections that keep them prepared.
//!
//! The asynchronous driver passes each statement to a thread of its own and waits for it, which
//! costs many times as much as the statement. It stays for the schema, for searches and for long
//! reads; point reads and the writer come here, with the same descriptions of the tables.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags, Row, ToSql,
    config::DbConfig,
    types::{ToSqlOutput, ValueRef},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, Iterable, RuntimeErr, Statement,
    TryIntoModel, Value, sea_query::ColumnType,
};

/// Number of statements that a connection keeps prepared. The hot ones are about fifty.
const PREPARED: usize = 256;
/// Maximum number of values of a statement that is kept prepared. Entries are added many rows at
/// once, and each number of rows is a statement of its own, of up to a megabyte.
const PREPARED_VALUES: usize = 64;
/// The time for which a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// The purpose of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Reads of single rows. Nothing can be written.
    Reads,
    /// The writer.
    Writes,
}

/// A few connections to one file.
pub(crate) struct Embedded {
    /// `None` after it was closed.
    connections: Vec<Mutex<Option<Connection>>>,
    statements: Arc<AtomicU64>,
}

fn failed(error: &rusqlite::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::Internal(error.to_string()))
}

fn unreadable(error: &rusqlite::Error) -> DbErr {
    DbErr::Query(RuntimeErr::Internal(error.to_string()))
}

impl Embedded {
    /// Opens `count` connections with a page cache of `cache_kib` each. Every commit is flushed:
    /// acknowledged writes survive a power cut.
    pub(crate) fn open(
        file: &Path,
        purpose: Use,
        count: usize,
        cache_kib: u32,
        statements: Arc<AtomicU64>,
    ) -> Result<Self, DbErr> {
        let open = || -> rusqlite::Result<_> {
            // A connection is used by one thread at a time, which its lock ensures.
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(file, flags)?;
            connection.busy_timeout(BUSY)?;
            connection.set_prepared_statement_cache_capacity(PREPARED);
            // Without it, SQLite prepares a statement again whenever a value that may decide
            // between indexes has changed: for most reads, each time.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            let query_only = if purpose == Use::Reads { "ON" } else { "OFF" };
            connection.execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -{cache_kib}; PRAGMA query_only = {query_only}"
            ))?;
            Ok(Mutex::new(Some(connection)))
        };
        let connections = (0..count.max(1)).map(|_| open()).collect::<Result<Vec<_>, _>>();
        let connections = connections.map_err(|error| failed(&error))?;
        Ok(Self { connections, statements })
    }

    /// Closes all connections. Later statements fail.
    pub(crate) fn close(&self) {
        for connection in &self.connections {
            drop(connection.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    /// The first connection that is free, or else the first.
    fn free(&self) -> Option<MutexGuard<'_, Option<Connection>>> {
        for connection in &self.connections {
            match connection.try_lock() {
                Ok(free) => return Some(free),
                Err(TryLockError::Poisoned(free)) => return Some(free.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let first = self.connections.first()?;
        Some(first.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, DbErr>) -> Result<T, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let connection = self.free();
        match connection.as_deref() {
            Some(Some(connection)) => work(connection),
            Some(None) | None => Err(DbErr::Conn(RuntimeErr::Internal("closed".to_owned()))),
        }
    }

    fn query<T>(
        &self,
        statement: (&str, &[Value]),
        mut read: impl FnMut(&Row<'_>) -> Result<T, DbErr>,
    ) -> Result<Vec<T>, DbErr> {
        let (sql, values) = statement;
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached(sql).map_err(|error| unreadable(&error))?;
            bind(&mut statement, values).map_err(|error| unreadable(&error))?;
            let (mut rows, mut found) = (statement.raw_query(), Vec::new());
            while let Some(row) = rows.next().map_err(|error| unreadable(&error))? {
                found.push(read(row)?);
            }
            Ok(found)
        })
    }

    /// The rows of an entity that a statement selects, with all columns in their order.
    pub(crate) fn models<E>(&self, statement: (&str, &[Value])) -> Result<Vec<E::Model>, DbErr>
    where
        E: EntityTrait,
        E::ActiveModel: TryIntoModel<E::Model>,
    {
        self.query(statement, |row| {
            let mut model = <E::ActiveModel as ActiveModelTrait>::default();
            for (at, column) in E::Column::iter().enumerate() {
                let value = row
                    .get_ref(at)
                    .and_then(|value| typed(at, column.def().get_column_type(), value))
                    .map_err(|error| unreadable(&error))?;
                model.try_set(column, value)?;
            }
            model.try_into_model()
        })
    }

    /// The first column of the rows that a statement selects, as texts.
    pub(crate) fn texts(&self, statement: &Statement) -> Result<Vec<String>, DbErr> {
        self.query(parts(statement), |row| row.get(0).map_err(|error| unreadable(&error)))
    }

    /// The first two columns of the rows that a statement selects: a number and a text.
    pub(crate) fn numbered(
        &self,
        statement: (&str, &[Value]),
    ) -> Result<Vec<(i64, String)>, DbErr> {
        self.query(statement, |row| {
            let read = || Ok((row.get(0)?, row.get(1)?));
            read().map_err(|error| unreadable(&error))
        })
    }

    /// The number that a statement selects.
    pub(crate) fn number(&self, statement: &Statement) -> Result<i64, DbErr> {
        let read = |row: &Row<'_>| row.get(0).map_err(|error| unreadable(&error));
        let found = self.query(parts(statement), read)?;
        Ok(found.first().copied().unwrap_or_default())
    }

    /// Runs a statement, and returns the number of rows that it touched.
    pub(crate) fn execute(&self, (sql, values): (&str, &[Value])) -> Result<u64, DbErr> {
        self.with(|connection| {
            let write = || {
                if values.len() > PREPARED_VALUES {
                    let mut statement = connection.prepare(sql)?;
                    bind(&mut statement, values)?;
                    return statement.raw_execute();
                }
                let mut statement = connection.prepare_cached(sql)?;
                bind(&mut statement, values)?;
                statement.raw_execute()
            };
            let rows = write().map_err(|error| failed(&error))?;
            Ok(u64::try_from(rows).unwrap_or(u64::MAX))
        })
    }

    /// Inserts rows by one prepared statement, which runs once for each, and returns how many were
    /// inserted.
    pub(crate) fn insert(&self, text: &str, rows: &[Vec<Value>]) -> Result<u64, DbErr> {
        self.with(|connection| {
            let write = || {
                let mut statement = connection.prepare_cached(text)?;
                let mut inserted = 0;
                for row in rows {
                    bind(&mut statement, row)?;
                    inserted += statement.raw_execute()?;
                }
                Ok(inserted)
            };
            let inserted = write().map_err(|error| failed(&error))?;
            Ok(u64::try_from(inserted).unwrap_or(u64::MAX))
        })
    }

    /// Asks every connection for a sign of life.
    pub(crate) fn ping(&self) -> Result<(), DbErr> {
        for connection in &self.connections {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(connection) = connection.as_ref() else {
                return Err(DbErr::Conn(RuntimeErr::Internal("closed".to_owned())));
            };
            let asked = connection.query_row("SELECT 1 FROM sqlite_schema", (), |_| Ok(()));
            asked.map_err(|error| unreadable(&error))?;
        }
        Ok(())
    }

    /// Runs a statement without values.
    pub(crate) fn say(&self, words: &str) -> Result<(), DbErr> {
        self.with(|connection| {
            let said = connection.prepare_cached(words).and_then(|mut said| said.raw_execute());
            said.map(drop).map_err(|error| failed(&error))
        })
    }

    /// Begins a transaction, which is undone when it is dropped before [`Open::commit`].
    pub(crate) fn begin(&self) -> Result<Open<'_>, DbErr> {
        self.say("BEGIN IMMEDIATE")?;
        Ok(Open(self))
    }
}

/// A transaction of the writer.
pub(crate) struct Open<'a>(&'a Embedded);

impl Open<'_> {
    /// Makes it durable.
    pub(crate) fn commit(self) -> Result<(), DbErr> {
        // An error leaves it to be undone.
        self.0.say("COMMIT")
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let undone = self.0.with(|connection| {
            if connection.is_autocommit() {
                return Ok(());
            }
            connection.execute_batch("ROLLBACK").map_err(|error| failed(&error))
        });
        if let Err(error) = undone {
            tracing::error!(%error, "a transaction could not be undone");
        }
    }
}

/// The text and the values of a statement.
pub(crate) fn parts(statement: &Statement) -> (&str, &[Value]) {
    (&statement.sql, statement.values.as_ref().map_or(&[], |values| &values.0))
}

fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for (at, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, Bound(value))?;
    }
    Ok(())
}

/// A value on its way into a statement.
struct Bound<'a>(&'a Value);

fn bound<'a, T: Into<ToSqlOutput<'a>>>(value: Option<T>) -> ToSqlOutput<'a> {
    value.map_or(ToSqlOutput::Owned(rusqlite::types::Value::Null), Into::into)
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Bool(value) => bound(*value),
            Value::Int(value) => bound(*value),
            Value::BigInt(value) => bound(*value),
            Value::Unsigned(value) => bound(*value),
            Value::BigUnsigned(value) => bound(
                value
                    .map(i64::try_from)
                    .transpose()
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
            ),
            Value::String(value) => bound(value.as_deref()),
            Value::Bytes(value) => bound(value.as_deref()),
            // No column and no condition is of another type.
            other => {
                let told = format!("a value of an unexpected type: {other:?}");
                return Err(rusqlite::Error::ToSqlConversionFailure(told.into()));
            }
        })
    }
}

/// A value as the column of an entity holds it.
fn typed(at: usize, column: &ColumnType, value: ValueRef<'_>) -> rusqlite::Result<Value> {
    let wrong = || rusqlite::Error::InvalidColumnType(at, format!("{column:?}"), value.data_type());
    Ok(match (column, value) {
        (ColumnType::Boolean, ValueRef::Null) => Value::Bool(None),
        (ColumnType::Boolean, ValueRef::Integer(value)) => Value::Bool(Some(value != 0)),
        (ColumnType::Integer, ValueRef::Null) => Value::Int(None),
        (ColumnType::Integer, ValueRef::Integer(value)) => {
            Value::Int(Some(value.try_into().map_err(|_| wrong())?))
        }
        (ColumnType::BigInteger, ValueRef::Null) => Value::BigInt(None),
        (ColumnType::BigInteger, ValueRef::Integer(value)) => Value::BigInt(Some(value)),
        (ColumnType::String(_) | ColumnType::Text, ValueRef::Null) => Value::String(None),
        (ColumnType::String(_) | ColumnType::Text, ValueRef::Text(_)) => {
            Value::String(Some(value.as_str()?.to_owned()))
        }
        _ => return Err(wrong()),
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, EntityTrait, QueryTrait, Set};

    use super::*;
    use crate::tables::{login_failure, setting};

    fn opened(name: &str) -> (std::path::PathBuf, Embedded) {
        let folder =
            std::env::temp_dir().join(format!("doorward-embedded-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.db");
        std::fs::write(&file, "").unwrap();
        let embedded = Embedded::open(&file, Use::Writes, 1, 1024, Arc::default()).unwrap();
        embedded
            .say("CREATE TABLE login_failure (name text, failures integer, last_at bigint, previous_at bigint)")
            .unwrap();
        embedded.say("CREATE TABLE setting (name text, value text)").unwrap();
        (folder, embedded)
    }

    fn failure(previous_at: Option<i64>) -> Statement {
        login_failure::Entity::insert(login_failure::ActiveModel {
            name: Set("a".to_owned()),
            failures: Set(1),
            last_at: Set(2),
            previous_at: Set(previous_at),
        })
        .build(DbBackend::Sqlite)
    }

    #[test]
    fn rows_come_back_as_the_entities_that_they_were_and_damaged_ones_do_not() {
        let (folder, embedded) = opened("types");
        assert_eq!(embedded.execute(parts(&failure(None))).unwrap(), 1);
        assert_eq!(embedded.execute(parts(&failure(Some(3)))).unwrap(), 1);
        let all = login_failure::Entity::find().build(DbBackend::Sqlite);
        let rows = embedded.models::<login_failure::Entity>(parts(&all)).unwrap();
        let found: Vec<_> =
            rows.iter().map(|row| (row.name.as_str(), row.failures, row.previous_at)).collect();
        assert_eq!(found, [("a", 1, None), ("a", 1, Some(3))]);
        // Of a column that must have a value, and of one of another type.
        for damage in ["last_at = NULL", "failures = 'x'", "failures = 3000000000"] {
            embedded.say(&format!("UPDATE login_failure SET {damage}")).unwrap();
            assert!(embedded.models::<login_failure::Entity>(parts(&all)).is_err(), "{damage}");
        }
        embedded.close();
        assert!(embedded.say("SELECT 1").unwrap_err().to_string().contains("closed"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_statement_is_prepared_once_whatever_its_values_are_and_whatever_indexes_there_are() {
        let (folder, embedded) = opened("prepared");
        for (table, column, condition) in [
            ("setting", "value", "value IS NOT NULL"),
            ("login_failure", "name, last_at", "previous_at IS NULL"),
        ] {
            let index = format!("CREATE INDEX on_{table} ON {table} ({column}) WHERE {condition}");
            embedded.say(&index).unwrap();
        }
        for sql in [
            "SELECT name FROM setting WHERE value = ?",
            "SELECT name FROM login_failure WHERE name = ? AND previous_at IS NULL AND last_at > ? \
             ORDER BY last_at DESC LIMIT ?",
        ] {
            for round in 0..3 {
                let number = |value: i64| Value::BigInt(Some(value));
                let values = [Value::from(format!("name{round}")), number(round), number(50)];
                let values = values.into_iter().take(sql.matches('?').count());
                let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
                assert_eq!(embedded.texts(&statement).unwrap(), [""; 0]);
            }
            let again = embedded.with(|connection| {
                let statement = connection.prepare_cached(sql).unwrap();
                Ok(statement.get_status(rusqlite::StatementStatus::RePrepare))
            });
            assert_eq!(again.unwrap(), 0, "{sql}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn rows_are_inserted_by_one_statement_and_those_that_exist_stay() {
        let (folder, embedded) = opened("rows");
        embedded.say("CREATE UNIQUE INDEX names ON setting (name)").unwrap();
        let row = |name: &str, value: &str| vec![Value::from(name), Value::from(value)];
        let text = "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING";
        let rows = [row("a", "1"), row("b", "2"), row("a", "3")];
        assert_eq!(embedded.insert(text, &rows).unwrap(), 2);
        let all = setting::Entity::find().build(DbBackend::Sqlite);
        let values: Vec<_> = embedded.models::<setting::Entity>(parts(&all)).unwrap();
        let values: Vec<_> = values.iter().map(|row| row.value.as_str()).collect();
        assert_eq!(values, ["1", "2"]);
        let text = "INSERT INTO setting (name, value) VALUES (?, ?)";
        assert!(embedded.insert(text, &[row("c", "4"), row("a", "5")]).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_transaction_that_is_dropped_is_undone_and_a_reader_writes_nothing() {
        let (folder, embedded) = opened("undone");
        let count = Statement::from_string(DbBackend::Sqlite, "SELECT COUNT(*) FROM login_failure");
        let open = embedded.begin().unwrap();
        embedded.execute(parts(&failure(None))).unwrap();
        drop(open);
        assert_eq!(embedded.number(&count).unwrap(), 0);
        let open = embedded.begin().unwrap();
        embedded.execute(parts(&failure(None))).unwrap();
        open.commit().unwrap();
        assert_eq!(embedded.number(&count).unwrap(), 1);
        let reader =
            Embedded::open(&folder.join("a.db"), Use::Reads, 2, 1024, Arc::default()).unwrap();
        assert_eq!(reader.number(&count).unwrap(), 1);
        assert!(
            reader
                .models::<setting::Entity>(parts(&setting::Entity::find().build(DbBackend::Sqlite)))
                .unwrap()
                .is_empty()
        );
        assert!(
            reader.execute(parts(&failure(None))).unwrap_err().to_string().contains("readonly")
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
