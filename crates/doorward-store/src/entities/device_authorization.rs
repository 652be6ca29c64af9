//! Table `device_authorization`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_authorization")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub device_code: String,
    pub user_code: String,
    pub client_id: String,
    pub grant_id: String,
    pub scopes: String,
    pub resources: String,
    pub address: String,
    pub agent: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub poll_seconds: i64,
    pub polled_at: Option<i64>,
    pub state: String,
    pub user_id: Option<String>,
    pub auth_time: Option<i64>,
    pub acr: Option<String>,
    pub amr: Option<String>,
    pub identity: Option<String>,
    pub granted: Option<String>,
    pub spent_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
