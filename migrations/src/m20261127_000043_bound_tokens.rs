//! Stricter rules of clients (RFC 9126 §6, RFC 9449 §5.2), the keys to which codes and refresh
//! tokens are bound (RFC 9449 §5 and §10), and the tokens by which clients manage their
//! registration (RFC 7592 §3). All are null where there is none.

use sea_orm_migration::prelude::*;

use crate::columns::maybe_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("client", "rules"),
            ("client", "registration_token"),
            ("authorization_code", "jkt"),
            ("access_grant", "jkt"),
        ] {
            let table = || Table::alter().table(Alias::new(table)).take();
            manager.alter_table(table().add_column(maybe_text(column)).take()).await?;
        }
        Ok(())
    }
}
