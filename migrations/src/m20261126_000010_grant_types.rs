//! The set of grant types of a client. `refresh_tokens` stated the same of one of them; it is still
//! written for servers of the previous release that share the database during an upgrade, and is
//! dropped in a later release. A client that such a server wrote has no set: it follows from that
//! column.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const FOLLOW: &str = r#"UPDATE client SET grant_types = CASE WHEN refresh_tokens THEN '["authorization_code","refresh_token"]' ELSE '["authorization_code"]' END"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Alias::new("client"))
                    .add_column(maybe_text("grant_types"))
                    .take(),
            )
            .await?;
        manager.get_connection().execute_unprepared(FOLLOW).await.map(drop)
    }
}
