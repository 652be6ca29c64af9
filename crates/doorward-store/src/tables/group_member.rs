//! Members of groups by an administrator's decision. Their writes are with the groups.

use doorward_model::Timestamp;
use sea_orm::{Condition as Where, entity::prelude::*};

use crate::tables::{Copied, Table};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "group_member")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub group_name: String,
    pub user_id: String,
    pub since: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        // They end with their user or group. That of a user who is deleted while they become a
        // member has no effect.
        None
    }
}
