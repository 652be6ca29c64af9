//! The account at the provider that vouches for a user's e-mail address.

use sea_orm_migration::prelude::*;

use crate::columns::{index, maybe_text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Users without a password got their e-mail address from the account with the same one; that of
/// other users was set by an administrator.
const FOLLOW: &str = "UPDATE person SET email_by = (SELECT MIN(identity.id) FROM identity WHERE identity.user_id = person.id AND \
                      LOWER(identity.email) = LOWER(person.email)) WHERE password IS NULL AND email IS NOT NULL";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(Alias::new("person"))
                    .add_column(maybe_text("email_by"))
                    .take(),
            )
            .await?;
        manager.create_index(index("person", "email_by")).await?;
        manager.create_index(index("identity", "provider")).await?;
        manager.get_connection().execute_unprepared(FOLLOW).await.map(drop)
    }
}
