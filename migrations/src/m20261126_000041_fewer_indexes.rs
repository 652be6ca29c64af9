//! Fewer entries of indexes for each row that is written: indexes that another one covers are gone,
//! and columns that are empty in most rows are indexed where they are not.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Of `client`, the index by time and identifier serves both orders; of `access_grant`, every read
/// by user asks for grants that are not revoked, which have an index of their own.
const COVERED: [(&str, &str); 2] =
    [("client_created_at", "client"), ("access_grant_user_client", "access_grant")];
/// Indexes of columns that are empty in most rows.
const SPARSE: [(&str, &str); 4] = [
    ("access_grant", "identity"),
    ("session", "identity"),
    ("session", "upstream_sid"),
    ("client", "trust_issuer"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop =
            |name: &str, table: &str| Index::drop().name(name).table(Alias::new(table)).to_owned();
        for (name, table) in COVERED {
            manager.drop_index(drop(name, table)).await?;
        }
        for (table, column) in SPARSE {
            let name = format!("{table}_{column}");
            manager.drop_index(drop(&name, table)).await?;
            let mut index = Index::create();
            index.name(&name).table(Alias::new(table)).col(Alias::new(column));
            index.and_where(Expr::col(Alias::new(column)).is_not_null());
            manager.create_index(index.take()).await?;
        }
        Ok(())
    }
}
