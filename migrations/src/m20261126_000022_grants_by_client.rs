//! Grants are found by user and client together: a user may have any number of grants of other
//! clients. The index of users alone is part of the new one.

use sea_orm_migration::prelude::*;

const OLD: &str = "access_grant_user_id";
const NEW: &str = "access_grant_user_client";

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

fn index(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(Alias::new("access_grant")).take();
    for column in columns {
        index.col(Alias::new(*column));
    }
    index
}

fn without(name: &'static str) -> IndexDropStatement {
    Index::drop().name(name).table(Alias::new("access_grant")).to_owned()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index(NEW, &["user_id", "client_id"])).await?;
        manager.drop_index(without(OLD)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index(OLD, &["user_id"])).await?;
        manager.drop_index(without(NEW)).await
    }
}
