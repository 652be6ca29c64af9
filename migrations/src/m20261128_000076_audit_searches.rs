//! Entries of the audit are searched by grant, browser session and token.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["grant_id", "session_id", "token_id"] {
            // As the first indexes of the audit: entries without the value are not in it.
            let statement = format!(
                "CREATE INDEX audit_{column} ON audit ({column}, seq) WHERE {column} IS NOT NULL"
            );
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
