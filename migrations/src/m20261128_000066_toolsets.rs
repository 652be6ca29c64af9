//! Toolsets: named selections of tools, prompts and resources.

use sea_orm_migration::prelude::*;

use crate::columns::{key, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            key("name"),
            text("title"),
            text("description"),
            text("selection"),
            text("roles"),
            time("created_at"),
        ];
        manager.create_table(table("toolset", columns)).await
    }
}
