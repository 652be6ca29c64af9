//! Notices to relying parties about sessions that ended: the time of the next attempt, which is
//! null while the session runs, and the number of attempts.

use sea_orm_migration::prelude::*;

use crate::columns::{index, maybe_time, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = || Table::alter().table(Alias::new("relying_session")).take();
        manager.alter_table(table().add_column(maybe_time("due_at")).take()).await?;
        let tries = time("tries").default(0).take();
        manager.alter_table(table().add_column(tries).take()).await?;
        manager.create_index(index("relying_session", "due_at")).await
    }
}
