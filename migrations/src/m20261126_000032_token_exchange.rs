//! Token exchange (RFC 8693): the permission of a client, and the origin of an exchanged grant.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [("client", "exchange"), ("access_grant", "delegation")] {
            manager
                .alter_table(
                    Table::alter().table(Alias::new(table)).add_column(maybe_text(column)).take(),
                )
                .await?;
        }
        Ok(())
    }
}
