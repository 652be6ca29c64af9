//! The first schema: users, clients, sessions, codes, grants, refresh tokens, keys, settings.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().not_null().take()
}
fn maybe_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().null().take()
}
fn key(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().not_null().primary_key().take()
}
fn time(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().not_null().take()
}
fn maybe_time(name: &'static str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().null().take()
}
fn table(name: &'static str, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create().table(Alias::new(name)).take();
    for mut column in columns {
        table.col(&mut column);
    }
    table
}
fn index(table: &'static str, column: &'static str) -> IndexCreateStatement {
    Index::create()
        .name(format!("{table}_{column}"))
        .table(Alias::new(table))
        .col(Alias::new(column))
        .take()
}

#[expect(clippy::too_many_lines, reason = "a list of tables, which is never edited")]
fn tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "person",
            [
                key("id"),
                text("name").unique_key().take(),
                maybe_text("email"),
                maybe_text("password"),
                text("roles"),
                time("created_at"),
                maybe_time("disabled_at"),
            ],
        ),
        table(
            "client",
            [
                key("id"),
                text("source"),
                text("name"),
                text("redirect_uris"),
                text("auth_method"),
                maybe_text("secret"),
                ColumnDef::new(Alias::new("refresh_tokens")).boolean().not_null().take(),
                text("scopes"),
                maybe_text("client_uri"),
                maybe_text("jwks"),
                maybe_text("jwks_uri"),
                text("metadata"),
                time("created_at"),
                maybe_time("authorized_at"),
                maybe_time("disabled_at"),
                maybe_time("fresh_until"),
            ],
        ),
        table(
            "session",
            [
                key("token"),
                text("id").unique_key().take(),
                text("user_id"),
                time("auth_time"),
                time("last_seen_at"),
                time("expires_at"),
                time("ends_at"),
                text("user_agent"),
                text("address"),
            ],
        ),
        table(
            "authorization_code",
            [
                key("token"),
                text("grant_id"),
                text("client_id"),
                text("user_id"),
                text("redirect_uri"),
                text("scopes"),
                text("resources"),
                text("challenge"),
                time("auth_time"),
                time("expires_at"),
                maybe_time("consumed_at"),
            ],
        ),
        table(
            "access_grant",
            [
                key("id"),
                text("client_id"),
                text("user_id"),
                text("scopes"),
                text("resources"),
                time("auth_time"),
                time("created_at"),
                time("last_used_at"),
                time("expires_at"),
                maybe_time("revoked_at"),
                maybe_text("revoke_reason"),
            ],
        ),
        table(
            "refresh_token",
            [
                key("token"),
                text("grant_id"),
                time("expires_at"),
                maybe_time("used_at"),
                maybe_text("successor"),
            ],
        ),
        table("one_time_link", [key("token"), time("expires_at"), maybe_time("consumed_at")]),
        table("spent_value", [key("name"), time("expires_at")]),
        table(
            "signing_key",
            [
                key("kid"),
                text("algorithm"),
                text("public_jwk"),
                text("private"),
                time("created_at"),
                time("activates_at"),
                maybe_time("retires_at"),
            ],
        ),
        table("setting", [key("name"), text("value")]),
        table(
            "login_failure",
            [
                key("name"),
                ColumnDef::new(Alias::new("failures")).integer().not_null().take(),
                time("last_at"),
            ],
        ),
    ]
}

const INDEXES: &[(&str, &str)] = &[
    ("session", "user_id"),
    ("session", "expires_at"),
    ("authorization_code", "expires_at"),
    ("access_grant", "user_id"),
    ("access_grant", "client_id"),
    ("access_grant", "expires_at"),
    ("refresh_token", "grant_id"),
    ("refresh_token", "expires_at"),
    ("spent_value", "expires_at"),
    ("client", "created_at"),
    ("login_failure", "last_at"),
    ("one_time_link", "expires_at"),
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
        Err(DbErr::Migration(
            "the first schema has no earlier one to return to; restore a backup instead".to_owned(),
        ))
    }
}
