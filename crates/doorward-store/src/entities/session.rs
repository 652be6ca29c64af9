//! Table `session`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub id: String,
    pub user_id: String,
    pub auth_time: i64,
    pub last_seen_at: i64,
    pub expires_at: i64,
    pub ends_at: i64,
    pub user_agent: String,
    pub address: String,
    pub acr: String,
    pub amr: String,
    pub complete: bool,
    pub provider: Option<String>,
    pub identity: Option<String>,
    pub upstream_sid: Option<String>,
    pub id_token: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
