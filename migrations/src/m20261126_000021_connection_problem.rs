//! The reason for which a connection ended becomes a code; it was an English sentence.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CODES: &str = "UPDATE connection SET problem = CASE problem \
    WHEN 'the access ended, and the upstream gave nothing to refresh it with' THEN 'expired' \
    WHEN 'the upstream no longer accepts the access that you gave' THEN 'refused' \
    WHEN 'the upstream no longer knows this server' THEN 'unknown_client' \
    WHEN 'the upstream refused the access' THEN 'call_refused' \
    WHEN 'the registration of this server at the upstream is gone' THEN 'registration_gone' END \
    WHERE problem IS NOT NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(CODES).await.map(drop)
    }
}
