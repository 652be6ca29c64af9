//! Passkeys: read straight from the database, because they authenticate users.

use doorward_model::{AuditKind, Passkey, Timestamp, UserId};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    entity::prelude::*, sea_query::Expr,
};

use crate::{
    Store, StoreError,
    condition::Condition,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, factor, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkey")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub user_id: String,
    pub name: String,
    pub credential: String,
    pub created_at: i64,
    pub last_used_at: Option<i64>,
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

pub(crate) fn from_row(row: Model) -> Passkey {
    Passkey {
        id: row.id,
        user_id: UserId::from_text(row.user_id),
        name: row.name,
        credential: row.credential,
        created_at: Timestamp(row.created_at),
        last_used_at: row.last_used_at.map(Timestamp),
    }
}

impl Store {
    /// A user's passkeys, the first added first.
    pub async fn passkeys_of(&self, user_id: &UserId) -> Result<Vec<Passkey>, StoreError> {
        let rows = self
            .point()
            .all(
                Entity::find()
                    .filter(Column::UserId.eq(user_id.as_str()))
                    .order_by_asc(Column::CreatedAt)
                    .order_by_asc(Column::Id),
            )
            .await?;
        Ok(rows.into_iter().map(from_row).collect())
    }

    /// The passkey with this credential id.
    pub async fn passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError> {
        Ok(self.point().by_id::<Entity>(id).await?.map(from_row))
    }
}

pub(crate) fn insert(new: Passkey) -> Write {
    let event = factor(AuditKind::FactorAdded, &new.user_id, "passkey");
    let row = Model {
        id: new.id,
        user_id: new.user_id.as_str().to_owned(),
        name: new.name,
        credential: new.credential,
        created_at: new.created_at.0,
        last_used_at: None,
    };
    Write {
        name: Name::Decides(Condition::InsertPasskey),
        work: run(Entity::insert(row.into_active_model()).on_conflict(nothing())),
        stale: None,
        audit: Audit::Entry(event),
    }
}

pub(crate) fn use_one(id: &str, credential: &str, at: Timestamp) -> Write {
    let update = Entity::update_many()
        .col_expr(Column::Credential, Expr::value(credential))
        .col_expr(Column::LastUsedAt, Expr::value(at.0));
    Write {
        name: Name::Decides(Condition::UsePasskey),
        work: run(update.filter(Column::Id.eq(id))),
        stale: None,
        // The session that it opens has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn delete(user_id: &UserId, id: &str) -> Write {
    let theirs = Where::all().add(Column::Id.eq(id)).add(Column::UserId.eq(user_id.as_str()));
    Write {
        name: Name::Decides(Condition::DeletePasskey),
        work: run(Entity::delete_many().filter(theirs)),
        stale: None,
        audit: Audit::Entry(factor(AuditKind::FactorRemoved, user_id, "passkey")),
    }
}
