//! Entries of the audit. They are written by `audit::chain`, and read by the other files there.

use doorward_model::{AuditKind, Timestamp};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder, entity::prelude::*,
};

use crate::{
    Store, StoreError,
    tables::{Copied, Table},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub at: i64,
    pub kind: String,
    pub outcome: String,
    pub user_id: Option<String>,
    pub user_name: Option<String>,
    pub client_id: Option<String>,
    pub session_id: Option<String>,
    pub token_id: Option<String>,
    pub grant_id: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
    pub subject: Option<String>,
    pub tool: Option<String>,
    pub upstream: Option<String>,
    pub class: Option<String>,
    pub decision: Option<String>,
    pub micros: Option<i64>,
    pub request_bytes: Option<i64>,
    pub response_bytes: Option<i64>,
    pub detail: Option<String>,
    pub hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        None
    }
}

impl Store {
    /// The time of the last entry of a kind in the audit.
    pub async fn last_of_kind(&self, kind: AuditKind) -> Result<Option<Timestamp>, StoreError> {
        let last = Entity::find()
            .filter(Column::Kind.eq(kind.as_str()))
            .order_by_desc(Column::Seq)
            .one(&self.reader)
            .await?;
        Ok(last.map(|entry| Timestamp(entry.at)))
    }
}
