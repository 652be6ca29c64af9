//! One-time links.

use doorward_model::{AuditEvent, AuditKind, HashedToken, OneTimeLink, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter,
    entity::prelude::*,
    sea_query::{Expr, IntoCondition},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "one_time_link")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub expires_at: i64,
    pub consumed_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::NotRestored;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Column::ExpiresAt.lt(now.plus(-86_400).0).into_condition())
    }
}

pub(crate) fn from_row(row: Model) -> OneTimeLink {
    OneTimeLink {
        token: HashedToken::from_stored(row.token),
        expires_at: Timestamp(row.expires_at),
        consumed_at: row.consumed_at.map(Timestamp),
    }
}

impl Store {
    /// The one-time link with this hash, used or not.
    pub async fn link(&self, token: &HashedToken) -> Result<Option<OneTimeLink>, StoreError> {
        Ok(self.point().by_id::<Entity>(token.as_str()).await?.map(from_row))
    }
}

pub(crate) fn insert(link: &OneTimeLink) -> Write {
    let row = ActiveModel {
        token: Set(link.token.as_str().to_owned()),
        expires_at: Set(link.expires_at.0),
        consumed_at: Set(None),
    };
    Write {
        name: Name::Always("insert_link"),
        work: run(Entity::insert(row)),
        stale: None,
        audit: Audit::Entry(AuditEvent::new(AuditKind::AdminLinkMade)),
    }
}

pub(crate) fn redeem(token: &HashedToken, now: Timestamp) -> Write {
    let unused = Where::all()
        .add(Column::Token.eq(token.as_str()))
        .add(Column::ConsumedAt.is_null())
        .add(Column::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemLink),
        work: run(Entity::update_many()
            .col_expr(Column::ConsumedAt, Expr::value(now.0))
            .filter(unused)),
        stale: None,
        audit: Audit::Entry(AuditEvent::new(AuditKind::AdminLinkUsed)),
    }
}
