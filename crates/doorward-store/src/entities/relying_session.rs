//! Table `relying_session`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "relying_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sid: String,
    pub session_id: String,
    pub client_id: String,
    pub user_id: String,
    pub scopes: String,
    pub created_at: i64,
    pub due_at: Option<i64>,
    pub tries: i64,
    pub openid: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
