//! Trust rules: the tokens of another issuer with which a workload acts as the service of a client,
//! and the issuer alone, by which the client is found.

use sea_orm_migration::prelude::*;

use crate::columns::{index, maybe_text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["trust", "trust_issuer"] {
            manager
                .alter_table(
                    Table::alter().table(Alias::new("client")).add_column(maybe_text(name)).take(),
                )
                .await?;
        }
        manager.create_index(index("client", "trust_issuer")).await
    }
}
