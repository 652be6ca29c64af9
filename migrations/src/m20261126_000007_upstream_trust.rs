//! The identity of each upstream with the authorization server that is pinned, the resource of
//! connections and registrations, and tokens that wait to be revoked at their issuer.
//!
//! Of older connections the issuer is known and, sealed, the resource. Identities are random and
//! made by the server at its next start; it then pins the issuer that the connections of an
//! upstream have in common.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_text, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let trust = [
            key("upstream"),
            text("id"),
            text("location"),
            maybe_text("issuer"),
            maybe_text("resource"),
            maybe_text("scopes"),
            maybe_text("named_issuer"),
            maybe_text("named_resource"),
            maybe_text("named_scopes"),
            time("since"),
        ];
        manager.create_table(table("upstream_trust", trust)).await?;
        let revocation = [
            key("id"),
            text("upstream"),
            text("user_id"),
            text("issuer"),
            maybe_text("resource"),
            text("tokens"),
            maybe_text("registration"),
            maybe_text("access"),
            time("tries"),
            time("due_at"),
        ];
        manager.create_table(table("token_revocation", revocation)).await?;
        manager.create_index(index("token_revocation", "due_at")).await?;
        for name in ["connection", "upstream_registration"] {
            manager
                .alter_table(
                    Table::alter()
                        .table(Alias::new(name))
                        .add_column(maybe_text("resource"))
                        .take(),
                )
                .await?;
        }
        Ok(())
    }
}
