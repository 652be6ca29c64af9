//! Table `connection`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    pub issuer: String,
    pub scopes: String,
    pub tokens: Option<String>,
    pub expires_at: Option<i64>,
    pub ends_at: i64,
    pub created_at: i64,
    pub version: i64,
    pub refreshing_until: Option<i64>,
    pub problem: Option<String>,
    pub account: Option<String>,
    pub resource: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
