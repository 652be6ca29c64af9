//! Settings of providers that were added state `sign_up` only where the operator decided: the
//! version before wrote its default, `open`, with all other settings.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Quotes within a text of JSON are escaped, so this finds members alone.
const FOLLOW: &str =
    r#"UPDATE provider SET settings = replace(settings, '"sign_up":"open"', '"sign_up":""')"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(FOLLOW).await.map(drop)
    }
}
