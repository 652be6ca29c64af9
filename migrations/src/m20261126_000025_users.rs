//! The table of users has their name, as the model, the API and the commands have. Replicas of former
//! versions do not find it: stop them before the upgrade.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (former, users) = (Alias::new("person"), Alias::new("users"));
        manager.rename_table(Table::rename().table(former, users).take()).await?;
        for (table, column, former, reason) in [
            ("access_grant", "revoke_reason", "by_person", "by_user"),
            ("access_grant", "revoke_reason", "person_changed", "user_changed"),
            ("connect_step", "reason", "person_disabled", "user_disabled"),
        ] {
            let column = || Alias::new(column);
            let update = Query::update()
                .table(Alias::new(table))
                .value(column(), reason)
                .and_where(Expr::col(column()).eq(former))
                .take();
            manager.exec_stmt(update).await?;
        }
        Ok(())
    }
}
