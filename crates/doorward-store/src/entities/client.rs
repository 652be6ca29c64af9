//! Table `client`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub source: String,
    pub name: String,
    pub redirect_uris: String,
    pub auth_method: String,
    pub secret: Option<String>,
    pub refresh_tokens: bool,
    pub grant_types: Option<String>,
    pub scopes: String,
    pub service: Option<String>,
    pub trust: Option<String>,
    pub trust_issuer: Option<String>,
    pub openid: Option<String>,
    pub client_uri: Option<String>,
    pub jwks: Option<String>,
    pub jwks_uri: Option<String>,
    pub metadata: String,
    pub created_at: i64,
    pub authorized_at: Option<i64>,
    pub disabled_at: Option<i64>,
    pub fresh_until: Option<i64>,
    pub approved_at: Option<i64>,
    pub pinned_at: Option<i64>,
    pub exchange: Option<String>,
    pub rules: Option<String>,
    pub registration_token: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
