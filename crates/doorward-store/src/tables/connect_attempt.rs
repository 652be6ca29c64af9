//! Users on the way to the authorization server of an upstream.

use doorward_model::{
    HashedToken, Sealed, Timestamp, UpstreamName, UserId, upstream::ConnectAttempt,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter,
    entity::prelude::*,
    sea_query::{Expr, IntoCondition},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::upstream_name,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connect_attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub state: String,
    pub upstream: String,
    pub user_id: String,
    pub browser: String,
    pub payload: String,
    pub expires_at: i64,
    pub consumed_at: Option<i64>,
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

pub(crate) fn from_row(row: Model) -> Result<ConnectAttempt, StoreError> {
    Ok(ConnectAttempt {
        upstream: upstream_name("connect_attempt", &row.upstream)?,
        state: HashedToken::from_stored(row.state),
        user_id: UserId::from_text(row.user_id),
        browser: HashedToken::from_stored(row.browser),
        payload: Sealed::from_stored(row.payload),
        expires_at: Timestamp(row.expires_at),
    })
}

pub(crate) fn to_row(attempt: &ConnectAttempt) -> Model {
    Model {
        state: attempt.state.as_str().to_owned(),
        upstream: attempt.upstream.as_str().to_owned(),
        user_id: attempt.user_id.as_str().to_owned(),
        browser: attempt.browser.as_str().to_owned(),
        payload: attempt.payload.as_str().to_owned(),
        expires_at: attempt.expires_at.0,
        consumed_at: None,
    }
}

impl Store {
    /// A user on the way to an upstream's authorization server, straight from the database.
    pub async fn connect_attempt(
        &self,
        state: &HashedToken,
    ) -> Result<Option<ConnectAttempt>, StoreError> {
        self.point().by_id::<Entity>(state.as_str()).await?.map(from_row).transpose()
    }
}

pub(crate) fn insert(new: &ConnectAttempt) -> Write {
    Write {
        name: Name::Always("insert_connect_attempt"),
        work: run(Entity::insert(to_row(new).into_active_model())),
        stale: None,
        audit: Audit::Silent,
    }
}

/// The attempt that must be under way for its callback to be accepted.
pub(crate) struct PendingAttempt {
    pub(crate) state: HashedToken,
    pub(crate) upstream: UpstreamName,
    pub(crate) user_id: UserId,
    pub(crate) browser: HashedToken,
}

pub(crate) fn redeem(attempt: &PendingAttempt, now: Timestamp) -> Write {
    let awaited = Where::all()
        .add(Column::State.eq(attempt.state.as_str()))
        .add(Column::Upstream.eq(attempt.upstream.as_str()))
        .add(Column::UserId.eq(attempt.user_id.as_str()))
        .add(Column::Browser.eq(attempt.browser.as_str()))
        .add(Column::ConsumedAt.is_null())
        .add(Column::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemConnectAttempt),
        work: run(Entity::update_many()
            .col_expr(Column::ConsumedAt, Expr::value(now.0))
            .filter(awaited)),
        stale: None,
        // The resulting connection has the entry.
        audit: Audit::Silent,
    }
}
