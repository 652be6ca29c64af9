//! Authenticator apps: read straight from the database, because they authenticate users.

use doorward_model::{AuditKind, Sealed, Timestamp, Totp, UserId};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, entity::prelude::*,
    sea_query::Expr,
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Work, Write, factor, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "totp")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: String,
    pub secret: String,
    pub created_at: i64,
    pub confirmed_at: Option<i64>,
    pub last_step: i64,
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

pub(crate) fn from_row(row: Model) -> Totp {
    Totp {
        user_id: UserId::from_text(row.user_id),
        secret: Sealed::from_stored(row.secret),
        created_at: Timestamp(row.created_at),
        confirmed_at: row.confirmed_at.map(Timestamp),
        last_step: row.last_step,
    }
}

impl Store {
    /// A user's authenticator app, confirmed or not.
    pub async fn totp_of(&self, user_id: &UserId) -> Result<Option<Totp>, StoreError> {
        Ok(self.point().by_id::<Entity>(user_id.as_str()).await?.map(from_row))
    }
}

pub(crate) fn put(new: &Totp) -> Write {
    let unconfirmed = Where::all()
        .add(Column::UserId.eq(new.user_id.as_str()))
        .add(Column::ConfirmedAt.is_null());
    let row = Model {
        user_id: new.user_id.as_str().to_owned(),
        secret: new.secret.as_str().to_owned(),
        created_at: new.created_at.0,
        confirmed_at: None,
        last_step: new.last_step,
    };
    let insert = Entity::insert(row.into_active_model()).on_conflict(nothing());
    Write {
        name: Name::Decides(Condition::PutTotp),
        work: Work::Statements(vec![
            Entity::delete_many().filter(unconfirmed).into(),
            insert.into(),
        ]),
        stale: None,
        // It proves nothing until its first code confirms it.
        audit: Audit::Silent,
    }
}

pub(crate) fn confirm(user_id: &UserId, step: i64, at: Timestamp) -> Write {
    let waiting = Where::all()
        .add(Column::UserId.eq(user_id.as_str()))
        .add(Column::ConfirmedAt.is_null())
        .add(Column::LastStep.lt(step));
    let update = Entity::update_many()
        .col_expr(Column::ConfirmedAt, Expr::value(at.0))
        .col_expr(Column::LastStep, Expr::value(step));
    Write {
        name: Name::Decides(Condition::ConfirmTotp),
        work: run(update.filter(waiting)),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorAdded, user_id, "authenticator app")),
    }
}

pub(crate) fn use_code(user_id: &UserId, step: i64) -> Write {
    let later = Where::all()
        .add(Column::UserId.eq(user_id.as_str()))
        .add(Column::ConfirmedAt.is_not_null())
        .add(Column::LastStep.lt(step));
    Write {
        name: Name::Decides(Condition::UseTotp),
        work: run(Entity::update_many()
            .col_expr(Column::LastStep, Expr::value(step))
            .filter(later)),
        stale: None,
        // The session that it completes has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn delete(user_id: &UserId) -> Write {
    Write {
        name: Name::Always("delete_totp"),
        work: run(Entity::delete_many().filter(Column::UserId.eq(user_id.as_str()))),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorRemoved, user_id, "authenticator app")),
    }
}
