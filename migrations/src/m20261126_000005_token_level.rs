//! The authentication of an access token's user when it was made, with the account at a provider,
//! and the time from which links to set a password count. For older tokens it is unknown: they
//! count as made with one factor, under the rules of that time.

use sea_orm_migration::prelude::*;

use crate::columns::{index, maybe_text, maybe_time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("access_token", maybe_text("acr")),
            ("access_token", maybe_text("amr")),
            ("access_token", maybe_text("identity")),
        ];
        for (table, mut column) in
            columns.into_iter().chain([("person", maybe_time("links_after"))])
        {
            manager
                .alter_table(Table::alter().table(Alias::new(table)).add_column(&mut column).take())
                .await?;
        }
        manager.create_index(index("access_token", "identity")).await
    }
}
