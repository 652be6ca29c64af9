//! Links of accounts at chat servers with users, and posts that are answered once.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_time, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            key("id"),
            text("server"),
            text("account"),
            text("name"),
            text("user_id"),
            text("grant_id"),
            time("created_at"),
        ];
        manager.create_table(table("chat_link", columns)).await?;
        let unique = index("chat_link", "account").col(Alias::new("server")).unique().take();
        manager.create_index(unique).await?;
        manager.create_index(index("chat_link", "user_id")).await?;
        let columns = [
            key("id"),
            text("connector"),
            text("post"),
            text("channel"),
            text("root"),
            time("claimed_at"),
            maybe_time("answered_at"),
        ];
        manager.create_table(table("chat_post", columns)).await?;
        manager.create_index(index("chat_post", "claimed_at")).await
    }
}
