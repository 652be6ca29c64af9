//! Conversations belong to the program through which they began, and name the place of it.

use sea_orm_migration::prelude::*;

use crate::columns::text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["program", "origin"] {
            let mut table = Table::alter().table(Alias::new("conversation")).take();
            manager.alter_table(table.add_column(text(name).default("").take()).take()).await?;
        }
        Ok(())
    }
}
