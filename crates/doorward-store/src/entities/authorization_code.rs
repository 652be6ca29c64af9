//! Table `authorization_code`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub grant_id: String,
    pub client_id: String,
    pub user_id: String,
    pub redirect_uri: String,
    pub scopes: String,
    pub resources: String,
    pub challenge: String,
    pub auth_time: i64,
    pub acr: String,
    pub amr: String,
    pub identity: Option<String>,
    pub nonce: Option<String>,
    pub sid: Option<String>,
    pub expires_at: i64,
    pub consumed_at: Option<i64>,
    pub jkt: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
