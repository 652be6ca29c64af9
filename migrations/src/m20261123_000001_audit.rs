//! The audit, the steps of connecting clients, personal access tokens and service tokens, and
//! administrators' decisions about clients.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_text, maybe_time, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn numbered() -> ColumnDef {
    ColumnDef::new(Alias::new("seq")).big_integer().not_null().auto_increment().primary_key().take()
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "audit",
            [
                // Counted by the server, without gaps: a missing number is a deleted entry.
                ColumnDef::new(Alias::new("seq")).big_integer().not_null().primary_key().take(),
                time("at"),
                text("kind"),
                text("outcome"),
                maybe_text("user_id"),
                maybe_text("user_name"),
                maybe_text("client_id"),
                maybe_text("session_id"),
                maybe_text("token_id"),
                maybe_text("grant_id"),
                maybe_text("address"),
                maybe_text("request_id"),
                maybe_text("subject"),
                maybe_text("tool"),
                maybe_text("upstream"),
                maybe_text("class"),
                maybe_text("decision"),
                maybe_time("micros"),
                maybe_time("request_bytes"),
                maybe_time("response_bytes"),
                maybe_text("detail"),
                text("hash"),
            ],
        ),
        table("audit_record", [key("id"), time("at"), text("body")]),
        table(
            "connect_step",
            [
                numbered(),
                time("at"),
                text("step"),
                text("outcome"),
                text("address"),
                text("agent"),
                maybe_text("client_id"),
                maybe_text("client_name"),
                maybe_text("user_id"),
                maybe_text("flow"),
                maybe_text("reason"),
                maybe_text("detail"),
            ],
        ),
        table(
            "access_token",
            [
                key("id"),
                text("token"),
                text("user_id"),
                text("name"),
                text("scopes"),
                text("upstreams"),
                time("created_at"),
                maybe_time("rotated_at"),
                time("expires_at"),
                maybe_time("last_used_at"),
                maybe_time("revoked_at"),
            ],
        ),
    ]
}

const INDEXES: &[(&str, &str)] = &[
    ("connect_step", "at"),
    ("connect_step", "client_id"),
    ("access_token", "user_id"),
    ("audit_record", "at"),
];

/// The search keys of the audit. Entries without the value are not in its index.
const SEARCHED: [&str; 5] = ["user_id", "client_id", "kind", "tool", "subject"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, column) in INDEXES {
            manager.create_index(index(table, column)).await?;
        }
        manager.create_index(index("access_token", "token").unique().take()).await?;
        let database = manager.get_connection();
        for column in SEARCHED {
            // The DSL has neither partial indexes nor triggers; this SQL has the same meaning in
            // both databases.
            database.execute_unprepared(&format!("CREATE INDEX audit_{column} ON audit ({column}, seq) WHERE {column} IS NOT NULL")).await?;
        }
        for statement in append_only(manager.get_database_backend()) {
            database.execute_unprepared(statement).await?;
        }
        for column in ["approved_at", "pinned_at"] {
            manager
                .alter_table(
                    Table::alter()
                        .table(Alias::new("client"))
                        .add_column(maybe_time(column))
                        .take(),
                )
                .await?;
        }
        Ok(())
    }
}

/// Entries may be added and, by retention, deleted from the old end; never changed.
fn append_only(backend: sea_orm_migration::sea_orm::DbBackend) -> &'static [&'static str] {
    match backend {
        sea_orm_migration::sea_orm::DbBackend::Postgres => &[
            "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$",
            "CREATE TRIGGER audit_append_only BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()",
        ],
        _ => &[
            "CREATE TRIGGER audit_append_only BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
        ],
    }
}
