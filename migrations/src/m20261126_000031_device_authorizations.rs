//! Device authorizations: requests of clients on devices without a browser (RFC 8628).

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_text, maybe_time, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            key("device_code"),
            text("user_code"),
            text("client_id"),
            text("grant_id"),
            text("scopes"),
            text("resources"),
            text("address"),
            text("agent"),
            time("created_at"),
            time("expires_at"),
            time("poll_seconds"),
            maybe_time("polled_at"),
            text("state"),
            maybe_text("user_id"),
            maybe_time("auth_time"),
            maybe_text("acr"),
            maybe_text("amr"),
            maybe_text("identity"),
            maybe_text("granted"),
            maybe_time("spent_at"),
        ];
        manager.create_table(table("device_authorization", columns)).await?;
        let unique = index("device_authorization", "user_code").unique().take();
        manager.create_index(unique).await?;
        manager.create_index(index("device_authorization", "expires_at")).await
    }
}
