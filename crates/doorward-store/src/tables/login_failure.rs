//! Counts of attempts to guess a secret.

use doorward_model::{CountedAttempt, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, IntoCondition, OnConflict},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_failure")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub failures: i32,
    pub last_at: i64,
    pub previous_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Column::LastAt.lt(now.plus(-7 * 86_400).0).into_condition())
    }
}

/// The number of failed sign-ins for an account or an IP address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginFailures {
    /// The number of failures in a row.
    pub failures: u32,
    /// The time of the last one.
    pub last_at: Timestamp,
}

impl Store {
    /// Failed sign-ins counted under `key`.
    pub async fn login_failures(&self, key: &str) -> Result<LoginFailures, StoreError> {
        let row = self.point().by_id::<Entity>(key).await?;
        Ok(row.map_or_else(LoginFailures::default, |row| LoginFailures {
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            last_at: Timestamp(row.last_at),
        }))
    }
}

fn first(key: &str, at: Timestamp) -> ActiveModel {
    ActiveModel {
        name: Set(key.to_owned()),
        failures: Set(1),
        last_at: Set(at.0),
        previous_at: Set(None),
    }
}

fn held(column: Column) -> Expr {
    Expr::col((Entity, column))
}

/// Counts an attempt before the secret is compared. The one statement both decides and counts, so
/// that of attempts sent at once no more are compared than of attempts sent one after the other.
pub(crate) fn count(attempt: &CountedAttempt) -> Write {
    let CountedAttempt { key, at, forget_after, .. } = attempt;
    let forgotten = || held(Column::LastAt).lt(at.plus(-forget_after).0);
    let mut failures = Ord::max(attempt.free, 1);
    let mut allowed = Where::any().add(forgotten()).add(held(Column::Failures).lt(failures));
    loop {
        let delay = attempt.delay_after(failures);
        let waited = held(Column::LastAt).lte(at.plus(-delay).0);
        if attempt.delay_after(failures.saturating_add(1)) == delay {
            // The longest delay: it holds for any number of further failures.
            allowed =
                allowed.add(Where::all().add(held(Column::Failures).gte(failures)).add(waited));
            break;
        }
        allowed = allowed.add(Where::all().add(held(Column::Failures).eq(failures)).add(waited));
        failures += 1;
    }
    let counted = Expr::case(forgotten(), 1).finally(held(Column::Failures).add(1));
    let mut again = OnConflict::column(Column::Name);
    again
        .value(Column::Failures, counted)
        .value(Column::PreviousAt, held(Column::LastAt))
        .value(Column::LastAt, at.0)
        .action_cond_where(allowed);
    Write {
        name: Name::Decides(Condition::CountAttempt),
        work: run(Entity::insert(first(key, *at)).on_conflict(again)),
        stale: None,
        // The comparison has not been made yet; its failure is noted when it is known.
        audit: Audit::Silent,
    }
}

/// Takes back an attempt that turned out to be right, with the moment that it set, so that it
/// delays no other.
pub(crate) fn take_back(key: &str) -> Write {
    let before = Expr::case(Column::PreviousAt.is_null(), Expr::col(Column::LastAt))
        .finally(Expr::col(Column::PreviousAt));
    let update = Entity::update_many()
        .col_expr(Column::Failures, Expr::col(Column::Failures).sub(1))
        .col_expr(Column::LastAt, before.into());
    Write {
        name: Name::Always("take_back_attempt"),
        work: run(update.filter(Column::Name.eq(key)).filter(Column::Failures.gt(0))),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(crate) fn clear(key: &str) -> Write {
    Write {
        name: Name::Always("clear_login_failures"),
        work: run(Entity::delete_many().filter(Column::Name.eq(key))),
        stale: None,
        // The sign-in of the same unit has the entry.
        audit: Audit::Silent,
    }
}
