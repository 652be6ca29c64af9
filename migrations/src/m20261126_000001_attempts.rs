//! The attempt before the last one of a counter, so that an attempt that turns out to be right can
//! be taken back.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_time;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Alias::new("login_failure"))
                    .add_column(maybe_time("previous_at"))
                    .take(),
            )
            .await
    }
}
