//! Upstreams: their settings, the approved tools, and each user's own access.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_text, maybe_time, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A table with a key of two columns.
fn pair(
    name: &'static str,
    keys: [&'static str; 2],
    columns: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = table(name, keys.map(text).into_iter().chain(columns));
    let [first, second] = keys;
    table.primary_key(Index::create().col(Alias::new(first)).col(Alias::new(second)));
    table
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "upstream",
            [key("name"), text("settings"), maybe_text("secrets"), time("created_at")],
        ),
        pair(
            "upstream_tool",
            ["upstream", "tool"],
            [
                text("state"),
                text("definition"),
                maybe_text("changed"),
                maybe_text("class"),
                time("first_seen_at"),
                maybe_time("decided_at"),
            ],
        ),
        pair(
            "upstream_registration",
            ["upstream", "issuer"],
            [text("credentials"), maybe_time("expires_at"), time("created_at")],
        ),
        pair(
            "connection",
            ["user_id", "upstream"],
            [
                text("issuer"),
                text("scopes"),
                maybe_text("tokens"),
                maybe_time("expires_at"),
                time("ends_at"),
                time("created_at"),
                time("version"),
                maybe_time("refreshing_until"),
                maybe_text("problem"),
            ],
        ),
        table(
            "connect_attempt",
            [
                key("state"),
                text("upstream"),
                text("user_id"),
                text("browser"),
                text("payload"),
                time("expires_at"),
                maybe_time("consumed_at"),
            ],
        ),
        table(
            "kept_result",
            [
                key("id"),
                text("user_id"),
                text("tool"),
                text("body"),
                time("size"),
                time("created_at"),
                time("expires_at"),
            ],
        ),
    ]
}

const INDEXES: &[(&str, &str)] = &[
    ("connection", "upstream"),
    ("connect_attempt", "expires_at"),
    ("kept_result", "user_id"),
    ("kept_result", "expires_at"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, column) in INDEXES {
            manager.create_index(index(table, column)).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("people's access to upstreams cannot be taken away by a migration; restore a backup instead".to_owned()))
    }
}
