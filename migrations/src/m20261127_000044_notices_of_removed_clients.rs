//! The settings of a relying party that was removed, for the notices that it is still to get.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter().table(Alias::new("relying_session")).take();
        manager.alter_table(table.clone().add_column(maybe_text("openid")).take()).await
    }
}
