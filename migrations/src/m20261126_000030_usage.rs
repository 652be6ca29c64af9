//! Usage: the number, bytes and latency of tool calls by hour, counted from the audit. The next count
//! begins with the first entry of the audit.

use sea_orm_migration::prelude::*;

use crate::columns::{table, text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The columns that name the calls of a row.
const KEY: [&str; 6] = ["hour", "tool", "user_id", "client_id", "upstream", "outcome"];

/// The columns of the histogram: the calls that took up to so many milliseconds, and the rest.
const LATENCY: [&str; 15] = [
    "within_1",
    "within_2",
    "within_5",
    "within_10",
    "within_20",
    "within_50",
    "within_100",
    "within_200",
    "within_500",
    "within_1000",
    "within_2000",
    "within_5000",
    "within_10000",
    "within_30000",
    "beyond",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let [hour, keys @ ..] = KEY;
        let columns = std::iter::once(time(hour))
            .chain(keys.into_iter().map(text))
            .chain(["calls", "micros", "request_bytes", "response_bytes"].into_iter().map(time))
            .chain(LATENCY.into_iter().map(time));
        let mut key = Index::create();
        for column in KEY {
            key.col(Alias::new(column));
        }
        manager.create_table(table("usage_hour", columns).primary_key(&mut key).take()).await
    }
}
