//! Conversations with the agent, and the tokens of the model that each user used on a day.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns =
            [key("id"), text("user_id"), text("body"), time("updated_at"), time("expires_at")];
        manager.create_table(table("conversation", columns)).await?;
        manager.create_index(index("conversation", "user_id")).await?;
        manager.create_index(index("conversation", "expires_at")).await?;
        let columns = [key("id"), text("user_id"), time("day"), time("tokens")];
        manager.create_table(table("used_tokens", columns)).await
    }
}
