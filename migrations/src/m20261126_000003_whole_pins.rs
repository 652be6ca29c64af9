//! The extent of pinned definitions, and where the upstream was when they were pinned.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in ["pinned", "origin"] {
            manager
                .alter_table(
                    Table::alter()
                        .table(Alias::new("upstream_tool"))
                        .add_column(maybe_text(column))
                        .take(),
                )
                .await?;
        }
        Ok(())
    }
}
