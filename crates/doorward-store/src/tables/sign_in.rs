//! Sign-ins through identity providers under way.

use doorward_model::{HashedToken, ProviderId, Sealed, SignInAttempt, Timestamp};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter,
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
#[sea_orm(table_name = "sign_in")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub state: String,
    pub provider: String,
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

pub(crate) fn from_row(row: Model) -> SignInAttempt {
    SignInAttempt {
        state: HashedToken::from_stored(row.state),
        provider: ProviderId::from_stored(row.provider),
        browser: HashedToken::from_stored(row.browser),
        payload: Sealed::from_stored(row.payload),
        expires_at: Timestamp(row.expires_at),
        consumed_at: row.consumed_at.map(Timestamp),
    }
}

impl Store {
    /// A sign-in under way, before or after its callback, straight from the database.
    pub async fn sign_in(&self, state: &HashedToken) -> Result<Option<SignInAttempt>, StoreError> {
        Ok(self.point().by_id::<Entity>(state.as_str()).await?.map(from_row))
    }
}

pub(crate) fn insert(new: &SignInAttempt) -> Write {
    let row = Model {
        state: new.state.as_str().to_owned(),
        provider: new.provider.as_str().to_owned(),
        browser: new.browser.as_str().to_owned(),
        payload: new.payload.as_str().to_owned(),
        expires_at: new.expires_at.0,
        consumed_at: None,
    };
    Write {
        name: Name::Always("insert_sign_in"),
        work: run(Entity::insert(row.into_active_model())),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(crate) fn redeem(
    state: &HashedToken,
    provider: &ProviderId,
    browser: &HashedToken,
    now: Timestamp,
) -> Write {
    let awaited = Where::all()
        .add(Column::State.eq(state.as_str()))
        .add(Column::Provider.eq(provider.as_str()))
        .add(Column::Browser.eq(browser.as_str()))
        .add(Column::ConsumedAt.is_null())
        .add(Column::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemSignIn),
        work: run(Entity::update_many()
            .col_expr(Column::ConsumedAt, Expr::value(now.0))
            .filter(awaited)),
        stale: None,
        // The session of the same unit has the entry.
        audit: Audit::Silent,
    }
}
