//! Long results of tools, and answers of clients for a replica that waits.

use doorward_model::{
    HashedToken, Sealed, Timestamp, UserId,
    upstream::{KeptEntry, KeptResult},
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, entity::prelude::*, sea_query::IntoCondition,
};

use crate::{
    Store, StoreError,
    invalidate::Invalidation,
    tables::{Copied, Table},
    writes::{Audit, Name, Work, Write, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "kept_result")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub user_id: String,
    pub tool: String,
    pub body: String,
    pub size: i64,
    pub created_at: i64,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::NotRestored;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Column::ExpiresAt.lt(now.0).into_condition())
    }
}

pub(crate) fn from_row(row: Model) -> KeptResult {
    KeptResult {
        id: HashedToken::from_stored(row.id),
        user_id: UserId::from_text(row.user_id),
        tool: row.tool,
        body: Sealed::from_stored(row.body),
        size: row.size,
        created_at: Timestamp(row.created_at),
        expires_at: Timestamp(row.expires_at),
    }
}

pub(crate) fn to_row(result: &KeptResult) -> Model {
    Model {
        id: result.id.as_str().to_owned(),
        user_id: result.user_id.as_str().to_owned(),
        tool: result.tool.clone(),
        body: result.body.as_str().to_owned(),
        size: result.size,
        created_at: result.created_at.0,
        expires_at: result.expires_at.0,
    }
}

impl Store {
    /// A long result of this user that has not expired at `now`.
    pub async fn kept_result(
        &self,
        user_id: &UserId,
        id: &HashedToken,
        now: Timestamp,
    ) -> Result<Option<KeptResult>, StoreError> {
        let theirs = Entity::find_by_id(id.as_str())
            .filter(Column::UserId.eq(user_id.as_str()))
            .filter(Column::ExpiresAt.gt(now.0));
        Ok(theirs.one(&self.reader).await?.map(from_row))
    }

    /// The results of this user that have not expired at `now`, without their texts, the newest
    /// first.
    pub async fn kept_list(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<KeptEntry>, StoreError> {
        let theirs = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Tool, Column::Size])
            .filter(Column::UserId.eq(user_id.as_str()))
            .filter(Column::ExpiresAt.gt(now.0))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id);
        let rows: Vec<(String, String, i64)> = theirs.into_tuple().all(&self.reader).await?;
        let entry = |(id, tool, size)| KeptEntry { id: HashedToken::from_stored(id), tool, size };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Results that are kept of this user under a tool's name and has not expired at `now`, the newest
    /// first.
    pub async fn kept_results(
        &self,
        user_id: &UserId,
        tool: &str,
        now: Timestamp,
    ) -> Result<Vec<KeptResult>, StoreError> {
        let theirs = Entity::find()
            .filter(Column::UserId.eq(user_id.as_str()))
            .filter(Column::Tool.eq(tool))
            .filter(Column::ExpiresAt.gt(now.0));
        Ok(theirs
            .order_by_desc(Column::CreatedAt)
            .all(&self.reader)
            .await?
            .into_iter()
            .map(from_row)
            .collect())
    }
}

pub(crate) fn keep(result: &KeptResult, most: u64) -> Write {
    let theirs = || Column::UserId.eq(result.user_id.as_str());
    let newest = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(theirs())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(most);
    let old = Where::all().add(theirs()).add(Column::Id.not_in_subquery(newest.into_query()));
    Write {
        name: Name::Always("keep_result"),
        work: Work::Statements(vec![
            Entity::insert(to_row(result).into_active_model()).into(),
            Entity::delete_many().filter(old).into(),
        ]),
        stale: None,
        // The call has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn relay(answer: &KeptResult) -> Write {
    let row = to_row(answer).into_active_model();
    Write {
        name: Name::Always("relay_answer"),
        work: run(Entity::insert(row).on_conflict(nothing())),
        stale: Some(Invalidation::Answers(answer.id.as_str().to_owned())),
        // The call has the entry.
        audit: Audit::Silent,
    }
}
