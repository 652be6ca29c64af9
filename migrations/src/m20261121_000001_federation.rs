//! Sign-in through identity providers, second factors, and the authentication of users.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_text, maybe_time, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn tables() -> Vec<TableCreateStatement> {
    vec![
        table("provider", [key("id"), text("settings"), maybe_text("secret"), time("created_at")]),
        table(
            "identity",
            [
                key("id"),
                text("provider"),
                text("issuer"),
                text("subject"),
                text("user_id"),
                maybe_text("username"),
                maybe_text("email"),
                maybe_text("display_name"),
                text("roles"),
                time("created_at"),
                time("last_login_at"),
                time("confirmed_at"),
                time("next_check_at"),
                maybe_text("credential"),
                maybe_time("ended_at"),
            ],
        ),
        table(
            "invitation",
            [key("id"), text("provider"), text("email"), text("user_id"), time("created_at")],
        ),
        table(
            "sign_in",
            [
                key("state"),
                text("provider"),
                text("browser"),
                text("payload"),
                time("expires_at"),
                maybe_time("consumed_at"),
            ],
        ),
        table(
            "passkey",
            [
                key("id"),
                text("user_id"),
                text("name"),
                text("credential"),
                time("created_at"),
                maybe_time("last_used_at"),
            ],
        ),
        table(
            "totp",
            [
                key("user_id"),
                text("secret"),
                time("created_at"),
                maybe_time("confirmed_at"),
                time("last_step"),
            ],
        ),
        table("recovery_code", [key("code"), text("user_id")]),
    ]
}

/// Columns that older tables gain. Rows that exist get the value that was true of them.
fn new_columns() -> Vec<(&'static str, ColumnDef)> {
    let list = |name| text(name).default("[]").take();
    let plain = |name| text(name).default("").take();
    vec![
        ("person", list("provider_roles")),
        ("person", maybe_text("display_name")),
        ("session", plain("acr")),
        ("session", list("amr")),
        (
            "session",
            ColumnDef::new(Alias::new("complete")).boolean().not_null().default(true).take(),
        ),
        ("session", maybe_text("provider")),
        ("session", maybe_text("identity")),
        ("session", maybe_text("upstream_sid")),
        ("session", maybe_text("id_token")),
        ("authorization_code", plain("acr")),
        ("authorization_code", list("amr")),
        ("authorization_code", maybe_text("identity")),
        ("access_grant", plain("acr")),
        ("access_grant", list("amr")),
        ("access_grant", maybe_text("identity")),
    ]
}

const INDEXES: &[(&str, &str)] = &[
    ("identity", "user_id"),
    ("identity", "next_check_at"),
    ("invitation", "user_id"),
    ("sign_in", "expires_at"),
    ("passkey", "user_id"),
    ("recovery_code", "user_id"),
    ("session", "identity"),
    ("access_grant", "identity"),
    ("session", "upstream_sid"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, mut column) in new_columns() {
            manager
                .alter_table(Table::alter().table(Alias::new(table)).add_column(&mut column).take())
                .await?;
        }
        for (table, column) in INDEXES {
            manager.create_index(index(table, column)).await?;
        }
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "identities cannot be taken away from people; restore a backup instead".to_owned(),
        ))
    }
}
