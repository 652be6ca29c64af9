//! Counts of calls by the hour. They are written and read by `usage`.

use doorward_model::Timestamp;
use sea_orm::{Condition as Where, entity::prelude::*};

use crate::tables::{Copied, Table};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_hour")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hour: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub tool: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub outcome: String,
    pub calls: i64,
    pub micros: i64,
    pub request_bytes: i64,
    pub response_bytes: i64,
    pub within_1: i64,
    pub within_2: i64,
    pub within_5: i64,
    pub within_10: i64,
    pub within_20: i64,
    pub within_50: i64,
    pub within_100: i64,
    pub within_200: i64,
    pub within_500: i64,
    pub within_1000: i64,
    pub within_2000: i64,
    pub within_5000: i64,
    pub within_10000: i64,
    pub within_30000: i64,
    pub beyond: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        None
    }
}
