//! The schema: migrated at the start, and refused if it is newer.

use migrations::Migrator;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

use crate::{StoreError, backend::Backend};

/// Migrates the schema in one transaction: a server that is stopped in between, or a migration that
/// fails, leaves the schema as it was. Replicas that start together do so one after the other; a
/// schema of a newer version is refused.
pub(super) async fn migrate(
    connection: &DatabaseConnection,
    backend: Backend,
) -> Result<(), StoreError> {
    // A schema that is up to date takes no lock: commands start while the server writes.
    if is_current(connection).await? {
        return Ok(());
    }
    // SQLite takes its lock here, so that two processes do not both migrate.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = connection.begin_with_options(options).await?;
    if backend == Backend::Postgres {
        // Held by the transaction, so that a dead replica cannot keep it.
        transaction.execute_unprepared("SELECT pg_advisory_xact_lock(7310575217430413)").await?;
    }
    Migrator::install(&transaction).await?;
    if !is_current(&transaction).await? {
        Migrator::up(&transaction, None).await?;
    }
    Ok(transaction.commit().await?)
}

/// Returns whether every migration was applied.
///
/// # Errors
/// [`StoreError::NewerSchema`] where a migration was applied that this version does not know.
async fn is_current(connection: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let backend = connection.get_database_backend();
    let exists = match backend {
        sea_orm::DbBackend::Postgres => {
            "SELECT 1 FROM information_schema.tables WHERE table_name = 'seaql_migrations' AND table_schema = current_schema()"
        }
        _ => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'",
    };
    if connection.query_one_raw(Statement::from_string(backend, exists)).await?.is_none() {
        return Ok(false);
    }
    let known: Vec<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = connection
        .query_all_raw(Statement::from_string(backend, "SELECT version FROM seaql_migrations"))
        .await?;
    for row in &applied {
        let version: String = row.try_get_by_index(0)?;
        if !known.contains(&version) {
            return Err(StoreError::NewerSchema(version));
        }
    }
    Ok(applied.len() == known.len())
}

#[cfg(test)]
mod tests {
    use doorward_model::{Level, UserId};

    use super::*;
    use crate::{Config, Store};

    async fn old_database(folder: &std::path::Path) -> DatabaseConnection {
        let url = format!("sqlite://{}?mode=rwc", folder.join("doorward.db").display());
        sea_orm::Database::connect(url).await.unwrap()
    }

    #[tokio::test]
    async fn p6_ca54_the_first_schema_s_rows_mean_the_same_after_the_upgrade() {
        let folder = std::env::temp_dir().join(format!("doorward-upgrade-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let old = old_database(&folder).await;
        Migrator::up(&old, Some(1)).await.unwrap();
        for statement in [
            "INSERT INTO person VALUES ('u_1', 'ann', 'a@b.example', NULL, '[\"admin\"]', 1, NULL)",
            "INSERT INTO session VALUES ('hash', 's_1', 'u_1', 5, 6, 99, 99, 'agent', '127.0.0.1')",
            "INSERT INTO access_grant VALUES ('g_1', 'c_1', 'u_1', 'mcp:read', '[\"https://d/mcp\"]', 5, 5, 5, 99, NULL, NULL)",
        ] {
            old.execute_unprepared(statement).await.unwrap();
        }
        old.close().await.unwrap();
        let store = Store::open(&Config::default(), &folder).await.unwrap();
        let user = store.user(&UserId::from_text("u_1")).await.unwrap().unwrap();
        assert!(
            user.is_administrator()
                && user.provider_roles.is_empty()
                && user.display_name.is_none()
        );
        let session = store
            .session(&doorward_model::HashedToken::from_stored("hash".to_owned()))
            .await
            .unwrap()
            .unwrap();
        assert!(session.complete && session.upstream.is_none());
        let grant = store.grant(&doorward_model::GrantId::from_text("g_1")).await.unwrap().unwrap();
        assert_eq!(
            (grant.subject.authentication.level, grant.subject.authentication.amr.len()),
            (Level::SingleFactor, 0)
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn p6_a_migration_that_fails_leaves_the_schema_as_it_was_and_the_next_start_migrates() {
        let folder =
            std::env::temp_dir().join(format!("doorward-upgrade-fails-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let old = old_database(&folder).await;
        Migrator::up(&old, Some(5)).await.unwrap();
        let schema = "SELECT count(*) FROM sqlite_master";
        let count = async || {
            let statement = Statement::from_string(old.get_database_backend(), schema);
            let row = old.query_one_raw(statement).await.unwrap().unwrap();
            row.try_get_by_index::<i64>(0).unwrap()
        };
        // The last migration finds its table there already; those before it succeed.
        old.execute_unprepared("CREATE TABLE user_group (id TEXT)").await.unwrap();
        let before = count().await;
        assert!(Store::open(&Config::default(), &folder).await.is_err());
        assert_eq!(count().await, before);
        old.execute_unprepared("DROP TABLE user_group").await.unwrap();
        old.close().await.unwrap();
        Store::open(&Config::default(), &folder).await.unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn p6_a_token_from_before_its_level_was_recorded_counts_as_made_with_one_factor() {
        let folder =
            std::env::temp_dir().join(format!("doorward-upgrade-token-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let old = old_database(&folder).await;
        Migrator::up(&old, Some(5)).await.unwrap();
        let columns = "id, token, user_id, name, scopes, upstreams, created_at, expires_at";
        let statement = format!(
            "INSERT INTO access_token ({columns}) VALUES ('t_1', 'hash', 'u_1', 'ci', 'mcp:write', '[]', 5, 99)"
        );
        old.execute_unprepared(&statement).await.unwrap();
        old.close().await.unwrap();
        let store = Store::open(&Config::default(), &folder).await.unwrap();
        let token = store
            .access_token(&doorward_model::HashedToken::from_stored("hash".to_owned()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (token.authentication.level, token.authentication.amr.as_slice()),
            (Level::SingleFactor, ["pat".to_owned()].as_slice())
        );
        assert!(token.identity.is_none());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
