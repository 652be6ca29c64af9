//! Recovery codes: read straight from the database, because they authenticate users.

use doorward_model::{AuditKind, HashedToken, Timestamp, UserId};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    entity::prelude::*,
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Sql, Work, Write, factor, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub code: String,
    pub user_id: String,
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
    /// Counts the recovery codes that a user has left.
    pub async fn recovery_codes_left(&self, user_id: &UserId) -> Result<u64, StoreError> {
        Ok(Entity::find().filter(Column::UserId.eq(user_id.as_str())).count(&self.reader).await?)
    }
}

pub(crate) fn replace(user_id: &UserId, codes: &[HashedToken]) -> Write {
    let mut statements: Vec<Sql> =
        vec![Entity::delete_many().filter(Column::UserId.eq(user_id.as_str())).into()];
    let row = |code: &HashedToken| Model {
        code: code.as_str().to_owned(),
        user_id: user_id.as_str().to_owned(),
    };
    if !codes.is_empty() {
        statements.push(
            Entity::insert_many(codes.iter().map(|code| row(code).into_active_model())).into(),
        );
    }
    let kind = if codes.is_empty() { AuditKind::FactorRemoved } else { AuditKind::FactorAdded };
    Write {
        name: Name::Always("replace_recovery_codes"),
        work: Work::Statements(statements),
        stale: None,
        audit: Audit::Entry(factor(kind, user_id, "recovery codes")),
    }
}

pub(crate) fn use_up(user_id: &UserId, code: &HashedToken) -> Write {
    let theirs =
        Where::all().add(Column::Code.eq(code.as_str())).add(Column::UserId.eq(user_id.as_str()));
    Write {
        name: Name::Decides(Condition::UseRecoveryCode),
        work: run(Entity::delete_many().filter(theirs)),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorRemoved, user_id, "one recovery code, used")),
    }
}
