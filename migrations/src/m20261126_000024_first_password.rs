//! A first password that an administrator chose: the user chooses another one at the first sign-in.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new(Alias::new("password_temporary"))
            .boolean()
            .not_null()
            .default(false)
            .take();
        manager
            .alter_table(Table::alter().table(Alias::new("person")).add_column(column).take())
            .await
    }
}
