//! Table `upstream_tool`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_tool")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub tool: String,
    pub state: String,
    pub definition: String,
    pub changed: Option<String>,
    pub class: Option<String>,
    pub first_seen_at: i64,
    pub decided_at: Option<i64>,
    pub pinned: Option<String>,
    pub origin: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
