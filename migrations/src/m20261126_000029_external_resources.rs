//! External resource servers: the URLs of other programs that accept this server's tokens.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            key("id"),
            text("url"),
            text("name"),
            text("scopes"),
            text("roles"),
            text("secret"),
            time("created_at"),
        ];
        manager.create_table(table("external_resource", columns)).await?;
        manager.create_index(index("external_resource", "url").unique().take()).await
    }
}
