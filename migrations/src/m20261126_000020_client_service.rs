//! The service as which a client acts with `client_credentials`: the account, for clients that an
//! administrator added for one.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter().table(Alias::new("client")).add_column(maybe_text("service")).take(),
            )
            .await
    }
}
