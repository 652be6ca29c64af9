//! Relying parties: their settings, what codes and grants keep for ID tokens, and their use of
//! browser sessions.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_text, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("client", "openid"),
            ("authorization_code", "nonce"),
            ("authorization_code", "sid"),
            ("access_grant", "sid"),
        ] {
            let add = Table::alter().table(Alias::new(table)).add_column(maybe_text(column)).take();
            manager.alter_table(add).await?;
        }
        let columns = [
            key("sid"),
            text("session_id"),
            text("client_id"),
            text("user_id"),
            text("scopes"),
            time("created_at"),
        ];
        manager.create_table(table("relying_session", columns)).await?;
        manager.create_index(index("relying_session", "session_id")).await
    }
}
