//! Table `upstream_trust`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_trust")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    pub id: String,
    pub location: String,
    pub issuer: Option<String>,
    pub resource: Option<String>,
    pub scopes: Option<String>,
    pub named_issuer: Option<String>,
    pub named_resource: Option<String>,
    pub named_scopes: Option<String>,
    pub since: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
