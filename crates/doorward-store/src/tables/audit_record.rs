//! Recorded arguments and results of calls.

use doorward_model::{Sealed, Timestamp};
use sea_orm::{ActiveValue::Set, Condition as Where, EntityTrait, entity::prelude::*};

use crate::{
    Store, StoreError,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_record")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub at: i64,
    pub body: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        // A setting states how long they are kept.
        None
    }
}

impl Store {
    /// The recorded arguments and result of a call.
    pub async fn audit_record(&self, id: &str) -> Result<Option<Sealed>, StoreError> {
        Ok(Entity::find_by_id(id).one(&self.reader).await?.map(|row| Sealed::from_stored(row.body)))
    }
}

pub(crate) fn insert(id: String, at: Timestamp, body: &Sealed) -> Write {
    let row = ActiveModel { id: Set(id), at: Set(at.0), body: Set(body.as_str().to_owned()) };
    Write {
        name: Name::Always("insert_record"),
        work: run(Entity::insert(row)),
        stale: None,
        // The call has the entry, and it refers to the record.
        audit: Audit::Silent,
    }
}
