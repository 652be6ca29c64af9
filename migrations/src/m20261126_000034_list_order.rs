//! Indexes in the order of the lists that administrators look through: users by time, clients by
//! time and by name. Names of users have one already.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const ORDERS: [(&str, &str, &str); 3] = [
    ("idx_users_created_at_id", "users", "created_at"),
    ("idx_client_created_at_id", "client", "created_at"),
    ("idx_client_name_id", "client", "name"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, column) in ORDERS {
            let mut index = Index::create();
            index.name(name).table(Alias::new(table)).col(Alias::new(column)).col(Alias::new("id"));
            manager.create_index(index.take()).await?;
        }
        Ok(())
    }
}
