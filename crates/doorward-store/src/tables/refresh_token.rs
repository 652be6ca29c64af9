//! Refresh tokens.

use doorward_model::{GrantId, HashedToken, RefreshToken, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    kept::Kept,
    tables::{Copied, Table, access_grant},
    writes::{Audit, Name, Write, fresh, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub grant_id: String,
    pub expires_at: i64,
    pub used_at: Option<i64>,
    pub successor: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        // `housekeeping.rs` deletes them: other tables decide.
        None
    }
}

pub(crate) fn from_row(row: Model) -> RefreshToken {
    RefreshToken {
        token: HashedToken::from_stored(row.token),
        grant_id: GrantId::from_text(row.grant_id),
        expires_at: Timestamp(row.expires_at),
        used_at: row.used_at.map(Timestamp),
        successor: row.successor.map(HashedToken::from_stored),
    }
}

pub(crate) fn to_row(token: &RefreshToken) -> ActiveModel {
    ActiveModel {
        token: Set(token.token.as_str().to_owned()),
        grant_id: Set(token.grant_id.as_str().to_owned()),
        expires_at: Set(token.expires_at.0),
        used_at: Set(token.used_at.map(|at| at.0)),
        successor: Set(token.successor.as_ref().map(|hash| hash.as_str().to_owned())),
    }
}

impl Store {
    /// The refresh token with this hash, used or not, straight from the database.
    pub async fn refresh_token(
        &self,
        token: &HashedToken,
    ) -> Result<Option<RefreshToken>, StoreError> {
        Ok(self.point().by_id::<Entity>(token.as_str()).await?.map(from_row))
    }
}

pub(crate) fn insert(token: &RefreshToken) -> Write {
    Write {
        name: Name::Always("insert_refresh_token"),
        work: run(fresh(to_row(token))),
        stale: None,
        // The grant, or the refresh, has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn use_up(token: &HashedToken, successor: &HashedToken, now: Timestamp) -> Write {
    let update = || {
        // A grant that was revoked since the token was read yields nothing more.
        let live = Query::select()
            .column((access_grant::Entity, access_grant::Column::Id))
            .from(access_grant::Entity)
            .and_where(
                Expr::col((access_grant::Entity, access_grant::Column::Id))
                    .equals((Entity, Column::GrantId)),
            )
            .and_where(access_grant::Column::RevokedAt.is_null())
            .and_where(Expr::col((access_grant::Entity, access_grant::Column::ExpiresAt)).gt(now.0))
            .to_owned();
        let unused = Where::all()
            .add(Column::Token.eq(token.as_str()))
            .add(Column::UsedAt.is_null())
            .add(Column::ExpiresAt.gt(now.0))
            .add(Column::GrantId.in_subquery(live));
        Entity::update_many()
            .col_expr(Column::UsedAt, Expr::value(now.0))
            .col_expr(Column::Successor, Expr::value(successor.as_str()))
            .filter(unused)
            .into_query()
    };
    let values = vec![
        now.0.into(),
        successor.as_str().into(),
        token.as_str().into(),
        now.0.into(),
        now.0.into(),
    ];
    Write {
        name: Name::Decides(Condition::UseRefreshToken),
        work: run(Kept::new("use refresh token", values, update)),
        stale: None,
        // The issuer notes the refresh with its response.
        audit: Audit::Silent,
    }
}
