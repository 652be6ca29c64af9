//! Table `user`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub email_by: Option<String>,
    pub password: Option<String>,
    pub password_temporary: bool,
    pub roles: String,
    pub provider_roles: String,
    pub display_name: Option<String>,
    pub created_at: i64,
    pub disabled_at: Option<i64>,
    pub links_after: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
