//! Values that may be used once, by name.

use doorward_model::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, entity::prelude::*,
    sea_query::IntoCondition,
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, if_new, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "spent_value")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Column::ExpiresAt.lt(now.0).into_condition())
    }
}

impl Store {
    /// True if a named value was spent, straight from the database.
    pub async fn is_spent(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.point().by_id::<Entity>(name).await?.is_some())
    }
}

pub(crate) fn spend(key: String, expires_at: Timestamp) -> Write {
    let row = ActiveModel { name: Set(key), expires_at: Set(expires_at.0) };
    Write {
        name: Name::Decides(Condition::SpendValue),
        work: run(if_new(row)),
        stale: None,
        audit: Audit::Silent,
    }
}
