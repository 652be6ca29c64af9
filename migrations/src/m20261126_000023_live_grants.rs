//! The live grants of a user to a client are found in the order of their last use, however many of
//! them ended: revoked ones are not part of the index.

use sea_orm_migration::prelude::*;

const NAME: &str = "access_grant_live";

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create()
            .name(NAME)
            .table(Alias::new("access_grant"))
            .col(Alias::new("user_id"))
            .col(Alias::new("client_id"))
            .col(Alias::new("last_used_at"))
            .and_where(Expr::col(Alias::new("revoked_at")).is_null())
            .take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name(NAME).table(Alias::new("access_grant")).to_owned();
        manager.drop_index(index).await
    }
}
