//! The end of a reservation of an account at an identity provider.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_time;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter().table(Alias::new("identity")).take();
        manager.alter_table(table.clone().add_column(maybe_time("reserved_until")).take()).await
    }
}
