//! Pending revocations of tokens at the issuers of upstreams.

use doorward_model::{Sealed, Timestamp, UserId, trust::Revocation};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::upstream_name,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "token_revocation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub upstream: String,
    pub user_id: String,
    pub issuer: String,
    pub resource: Option<String>,
    pub tokens: String,
    pub registration: Option<String>,
    pub access: Option<String>,
    pub tries: i64,
    pub due_at: i64,
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

pub(crate) fn from_row(row: Model) -> Result<Revocation, StoreError> {
    Ok(Revocation {
        upstream: upstream_name("token_revocation", &row.upstream)?,
        id: row.id,
        user_id: UserId::from_text(row.user_id),
        issuer: row.issuer,
        resource: row.resource,
        tokens: Sealed::from_stored(row.tokens),
        registration: row.registration.map(Sealed::from_stored),
        access: row.access.map(Sealed::from_stored),
        tries: row.tries,
        due_at: Timestamp(row.due_at),
    })
}

pub(crate) fn to_row(new: &Revocation) -> Model {
    Model {
        id: new.id.clone(),
        upstream: new.upstream.to_string(),
        user_id: new.user_id.to_string(),
        issuer: new.issuer.clone(),
        resource: new.resource.clone(),
        tokens: new.tokens.as_str().to_owned(),
        registration: new.registration.as_ref().map(|sealed| sealed.as_str().to_owned()),
        access: new.access.as_ref().map(|sealed| sealed.as_str().to_owned()),
        tries: new.tries,
        due_at: new.due_at.0,
    }
}

impl Store {
    /// Revocations that are due at `now`, the oldest first.
    pub async fn revocations_due(
        &self,
        now: Timestamp,
        most: u64,
    ) -> Result<Vec<Revocation>, StoreError> {
        let due = Entity::find().filter(Column::DueAt.lte(now.0));
        let due = due.order_by_asc(Column::DueAt).order_by_asc(Column::Id).limit(most);
        due.all(&self.reader).await?.into_iter().map(from_row).collect()
    }
}

/// Queues the revocation of tokens that belong to no connection any more.
pub(crate) fn queue(new: &Revocation) -> Write {
    Write {
        name: Name::Always("queue_revocation"),
        work: run(Entity::insert(to_row(new).into_active_model()).on_conflict(nothing())),
        stale: None,
        // The end of the connection has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn claim(id: &str, due: Timestamp, until: Timestamp) -> Write {
    let free = Where::all().add(Column::Id.eq(id)).add(Column::DueAt.eq(due.0));
    Write {
        name: Name::Decides(Condition::ClaimRevocation),
        work: run(Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(until.0))
            .col_expr(Column::Tries, Expr::col(Column::Tries).add(1))
            .filter(free)),
        stale: None,
        // The end of the upstream has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn forget(id: &str) -> Write {
    Write {
        name: Name::Always("forget_revocation"),
        work: run(Entity::delete_many().filter(Column::Id.eq(id))),
        stale: None,
        audit: Audit::Silent,
    }
}
