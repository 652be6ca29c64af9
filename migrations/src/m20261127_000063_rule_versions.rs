//! Versions of all rules that administrators save, in one table, in place of those of the policy
//! alone.

use sea_orm_migration::prelude::*;

use crate::columns::{index, key, maybe_time, table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            key("id"),
            text("set_name"),
            time("number"),
            text("content"),
            text("author"),
            time("created_at"),
            maybe_time("restores"),
        ];
        manager.create_table(table("rule_version", columns)).await?;
        manager.create_index(index("rule_version", "set_name")).await?;
        // The rules are a list in JSON already, and the effect is one of three words.
        let saved = "INSERT INTO rule_version \
                     (id, set_name, number, content, author, created_at, restores) \
                     SELECT 'policy/' || CAST(number AS TEXT), 'policy', number, \
                     '{\"rules\":' || rules || ',\"default\":\"' || fallback || '\"}', \
                     author, created_at, restores FROM policy_version";
        manager.get_connection().execute_unprepared(saved).await?;
        manager.drop_table(Table::drop().table(Alias::new("policy_version")).take()).await
    }
}
