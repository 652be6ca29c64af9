//! Groups of users with their roles, their members by an administrator's decision, and the roles that
//! each user has by groups, as a list in the user's row.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [key("name"), text("description"), text("roles"), time("created_at")];
        manager.create_table(table("user_group", columns)).await?;
        let columns = [key("id"), text("group_name"), text("user_id"), time("since")];
        manager.create_table(table("group_member", columns)).await?;
        manager.create_index(index("group_member", "group_name")).await?;
        manager.create_index(index("group_member", "user_id")).await?;
        let roles = text("group_roles").default("[]").take();
        let users = Table::alter().table(Alias::new("users")).add_column(roles).take();
        manager.alter_table(users).await
    }
}
