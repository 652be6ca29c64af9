//! Copies everything from one database to another: for the move from SQLite to PostgreSQL, for
//! backups, and back from them.

use std::path::Path;

use doorward_model::Timestamp;
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    IntoActiveModel, IsolationLevel, PaginatorTrait, QueryFilter, TransactionTrait,
    sea_query::Expr,
};

use crate::{
    Backend, Config, Store, StoreError,
    tables::{
        self, Copied, EachTable, Table, access_grant, access_token, authorization_code, client,
        setting, user,
    },
};

/// Rows a statement: SQLite takes at most 32,766 parameters, and the widest table has 26 columns.
const ROWS: u64 = 500;

/// A copy of every table.
struct Copying<'a, C> {
    source: &'a C,
    target: &'a DatabaseTransaction,
    rows: u64,
}

impl<C: ConnectionTrait> EachTable for Copying<'_, C> {
    async fn table<T: Table>(&mut self) -> Result<(), StoreError> {
        if T::COPIED != Copied::Never {
            self.rows += copy_table::<T, C>(self.source, self.target).await?;
        }
        Ok(())
    }
}

/// The deletion of rows that a restored database must not begin with.
struct Restoring<'a>(&'a DatabaseConnection);

impl EachTable for Restoring<'_> {
    async fn table<T: Table>(&mut self) -> Result<(), StoreError> {
        if T::COPIED == Copied::NotRestored {
            T::delete_many().exec(self.0).await?;
        }
        Ok(())
    }
}

async fn copy_table<T: Table, C: ConnectionTrait>(
    source: &C,
    target: &DatabaseTransaction,
) -> Result<u64, StoreError> {
    let mut total = 0;
    let mut pages = T::find().paginate(source, ROWS);
    while let Some(rows) = pages.fetch_and_next().await? {
        total += u64::try_from(rows.len()).unwrap_or(0);
        if !rows.is_empty() {
            T::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
                .exec_without_returning(target)
                .await?;
        }
    }
    Ok(total)
}

impl Store {
    /// Writes a consistent copy of everything into a new file, while others read and write. The
    /// file is an embedded database, for either kind of this one.
    pub async fn back_up(&self, file: &Path) -> Result<(), StoreError> {
        if self.backend() == Backend::Sqlite {
            let path = file.display().to_string().replace('\'', "''");
            self.reader.execute_unprepared(&format!("VACUUM INTO '{path}'")).await?;
            return Ok(());
        }
        let config =
            Config { url: format!("sqlite://{}", file.display()).into(), ..Config::default() };
        let target = Self::open(&config, file.parent().unwrap_or(Path::new("."))).await?;
        // One snapshot for all tables: each grant is included together with its user.
        let snapshot = self
            .reader
            .begin_with_config(Some(IsolationLevel::RepeatableRead), Some(AccessMode::ReadOnly))
            .await?;
        copy_all(&snapshot, &target).await?;
        snapshot.commit().await?;
        target.close().await
    }

    /// Removes from a restored database the rows that must not be valid again: sessions, codes,
    /// links and everything that was under way. With `end_access`, the access of clients too.
    /// Grants made after the backup are not in it, and so are not valid.
    pub async fn after_restore(&self, now: Timestamp, end_access: bool) -> Result<(), StoreError> {
        let sweeper = self.sweeper.turn().await;
        let database = &*sweeper;
        tables::each(&mut Restoring(database)).await?;
        authorization_code::Entity::update_many()
            .col_expr(authorization_code::Column::ConsumedAt, Expr::value(now.0))
            .filter(authorization_code::Column::ConsumedAt.is_null())
            .exec(database)
            .await?;
        if end_access {
            access_grant::Entity::update_many()
                .col_expr(access_grant::Column::RevokedAt, Expr::value(now.0))
                .col_expr(access_grant::Column::RevokeReason, Expr::value("restored"))
                .filter(access_grant::Column::RevokedAt.is_null())
                .exec(database)
                .await?;
            access_token::Entity::update_many()
                .col_expr(access_token::Column::RevokedAt, Expr::value(now.0))
                .filter(access_token::Column::RevokedAt.is_null())
                .exec(database)
                .await?;
        }
        self.forget_cached();
        Ok(())
    }

    /// Copies all rows into `target`, which must hold none, in one transaction. Nothing may write
    /// here meanwhile.
    pub async fn copy_to(&self, target: &Self) -> Result<u64, StoreError> {
        let empty = user::Entity::find().count(&target.reader).await? == 0
            && client::Entity::find().count(&target.reader).await? == 0
            && setting::Entity::find().count(&target.reader).await? == 0;
        if !empty {
            return Err(StoreError::NotEmpty);
        }
        copy_all(&self.reader, target).await
    }
}

/// Copies every table, in one transaction of the target.
async fn copy_all<C: ConnectionTrait>(source: &C, target: &Store) -> Result<u64, StoreError> {
    let sweeper = target.sweeper.turn().await;
    let transaction = sweeper.begin().await?;
    let mut copy = Copying { source, target: &transaction, rows: 0 };
    tables::each(&mut copy).await?;
    let rows = copy.rows;
    transaction.commit().await?;
    drop(sweeper);
    target.forget_cached();
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::{DbBackend, Iterable, Statement};

    use super::*;

    /// The names of the tables.
    struct Names(BTreeSet<String>);

    impl EachTable for Names {
        async fn table<T: Table>(&mut self) -> Result<(), StoreError> {
            let name = T::default().table_name().to_owned();
            let columns = T::PrimaryKey::iter().count();
            assert!(T::expired(Timestamp(0)).is_none() || columns == 1, "{name}");
            assert!(self.0.insert(name), "named twice");
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_table_of_the_schema_is_among_those_that_copies_and_housekeeping_know() {
        let folder = std::env::temp_dir().join(format!("doorward-copy-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&Config::default(), &folder).await.unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'seaql_migrations'";
        let rows = store
            .reader
            .query_all_raw(Statement::from_string(DbBackend::Sqlite, names))
            .await
            .unwrap();
        let schema: BTreeSet<String> =
            rows.into_iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        let mut known = Names(BTreeSet::new());
        tables::each(&mut known).await.unwrap();
        assert!(schema.len() > 25);
        assert_eq!(schema, known.0);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
