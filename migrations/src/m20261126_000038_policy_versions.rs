//! Versions of the policy that administrators saved.

use sea_orm_migration::prelude::*;

use crate::columns::{maybe_time, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            time("number").primary_key().take(),
            text("rules"),
            text("fallback"),
            text("author"),
            time("created_at"),
            maybe_time("restores"),
        ];
        manager.create_table(table("policy_version", columns)).await
    }
}
