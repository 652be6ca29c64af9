//! The last statement of an identity provider about a user, for administrators.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table =
            Table::alter().table(Alias::new("identity")).add_column(maybe_text("statement")).take();
        manager.alter_table(table).await
    }
}
