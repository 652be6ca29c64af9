//! Authorization requests that clients push before a browser refers to them (RFC 9126).

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [key("reference"), text("client_id"), text("params"), time("expires_at")];
        manager.create_table(table("pushed_request", columns)).await?;
        manager.create_index(index("pushed_request", "expires_at")).await
    }
}
