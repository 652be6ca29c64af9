//! Table `token_revocation`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "token_revocation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub upstream: String,
    pub user_id: String,
    pub issuer: String,
    pub resource: Option<String>,
    pub tokens: String,
    pub registration: Option<String>,
    pub access: Option<String>,
    pub tries: i64,
    pub due_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
