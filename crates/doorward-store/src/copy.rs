//! Copies everything from one database to another: for the move from SQLite to PostgreSQL, for
//! backups, and back from them.

use std::path::Path;

use doorward_model::Timestamp;
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    IsolationLevel, PaginatorTrait, QueryFilter, TransactionTrait, sea_query::Expr,
};

use crate::{
    Backend, Config, Store, StoreError,
    entities::{
        access_grant, access_token, audit, audit_record, authorization_code, client,
        connect_attempt, connection, device_authorization, external_resource, identity, invitation,
        kept_result, login_failure, one_time_link, passkey, policy_version, provider,
        recovery_code, refresh_token, relying_session, session, setting, sign_in, signing_key,
        spent_value, token_revocation, totp, upstream, upstream_registration, upstream_tool,
        upstream_trust, usage_hour, user,
    },
    tables::pushed_request,
};

/// Rows a statement: SQLite takes at most 32,766 parameters, and the widest table has 26 columns.
const ROWS: u64 = 500;

macro_rules! copied {
    ($($table:ident),* $(,)?) => {
        /// The names of the tables that a copy has. Together with [`LEFT_BEHIND`] they are the
        /// whole schema.
        #[cfg(test)]
        fn copied_tables() -> Vec<&'static str> {
            use sea_orm::EntityName;
            vec![$($table::Entity.table_name()),*]
        }

        async fn copy_tables<C: ConnectionTrait>(source: &C, target: &DatabaseTransaction) -> Result<u64, StoreError> {
            let mut total = 0_u64;
            // On the heap, one after the other: together they would make a future of many
            // kilobytes.
            $(total += Box::pin(copy_table::<$table::Entity, C>(source, target)).await?;)*
            Ok(total)
        }
    };
}

copied!(
    user,
    client,
    session,
    relying_session,
    pushed_request,
    authorization_code,
    access_grant,
    refresh_token,
    one_time_link,
    spent_value,
    signing_key,
    setting,
    policy_version,
    login_failure,
    provider,
    identity,
    invitation,
    sign_in,
    passkey,
    totp,
    recovery_code,
    upstream,
    device_authorization,
    external_resource,
    upstream_tool,
    upstream_registration,
    upstream_trust,
    token_revocation,
    connection,
    connect_attempt,
    kept_result,
    access_token,
    audit,
    audit_record,
    usage_hour
);

/// Tables that a copy leaves out: the steps of connecting clients explain the last week at one
/// server, and their numbers come from the database itself.
#[cfg(test)]
const LEFT_BEHIND: [&str; 1] = ["connect_step"];

async fn copy_table<E, C>(source: &C, target: &DatabaseTransaction) -> Result<u64, StoreError>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + Sync,
    E::ActiveModel: Send,
    C: ConnectionTrait,
{
    let mut total = 0;
    let mut pages = E::find().paginate(source, ROWS);
    while let Some(rows) = pages.fetch_and_next().await? {
        total += u64::try_from(rows.len()).unwrap_or(0);
        if !rows.is_empty() {
            E::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
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
        session::Entity::delete_many().exec(database).await?;
        relying_session::Entity::delete_many().exec(database).await?;
        one_time_link::Entity::delete_many().exec(database).await?;
        sign_in::Entity::delete_many().exec(database).await?;
        connect_attempt::Entity::delete_many().exec(database).await?;
        kept_result::Entity::delete_many().exec(database).await?;
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
    let rows = copy_tables(source, &transaction).await?;
    transaction.commit().await?;
    drop(sweeper);
    target.forget_cached();
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::{DbBackend, Statement};

    use super::*;

    #[tokio::test]
    async fn a_copy_has_every_table_of_the_schema() {
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
        let known: BTreeSet<String> =
            copied_tables().into_iter().chain(LEFT_BEHIND).map(str::to_owned).collect();
        assert!(schema.len() > 25);
        assert_eq!(schema, known);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
