//! Keys that sign tokens.

use std::sync::Arc;

use doorward_model::{AuditKind, AuditSubject, Sealed, SigningAlgorithm, SigningKey, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder,
    entity::prelude::*,
    sea_query::{Expr, IntoCondition},
};

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::damaged,
    invalidate::Invalidation,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, about, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    pub algorithm: String,
    pub public_jwk: String,
    pub private: String,
    pub created_at: i64,
    pub activates_at: i64,
    pub retires_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Column::RetiresAt.lt(now.plus(-86_400).0).into_condition())
    }
}

pub(crate) fn from_row(row: Model) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        algorithm: SigningAlgorithm::parse(&row.algorithm)
            .ok_or_else(|| damaged("signing_key", &row.kid))?,
        kid: row.kid,
        public_jwk: row.public_jwk,
        private: Sealed::from_stored(row.private),
        created_at: Timestamp(row.created_at),
        activates_at: Timestamp(row.activates_at),
        retires_at: row.retires_at.map(Timestamp),
    })
}

pub(crate) fn to_row(key: &SigningKey) -> ActiveModel {
    ActiveModel {
        kid: Set(key.kid.clone()),
        algorithm: Set(key.algorithm.as_str().to_owned()),
        public_jwk: Set(key.public_jwk.clone()),
        private: Set(key.private.as_str().to_owned()),
        created_at: Set(key.created_at.0),
        activates_at: Set(key.activates_at.0),
        retires_at: Set(key.retires_at.map(|at| at.0)),
    }
}

impl Store {
    /// All signing keys, oldest activation first.
    pub async fn signing_keys(&self) -> Result<Arc<Vec<SigningKey>>, StoreError> {
        let read = || async move {
            let rows = self
                .point()
                .all(Entity::find().order_by_asc(Column::ActivatesAt).order_by_asc(Column::Kid))
                .await?;
            rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.signing_keys.get(&(), read).await?.unwrap_or_default())
    }
}

pub(crate) fn insert(key: &SigningKey) -> Write {
    Write {
        name: Name::Decides(Condition::Row("insert_signing_key")),
        work: run(Entity::insert(to_row(key)).on_conflict(nothing())),
        stale: Some(Invalidation::SigningKeys),
        audit: Audit::Entry(about(AuditKind::KeyAdded, AuditSubject::Key, &key.kid)),
    }
}

pub(crate) fn retire(except: &str, at: Timestamp) -> Write {
    let others = Where::all().add(Column::Kid.ne(except)).add(Column::RetiresAt.is_null());
    Write {
        name: Name::Always("retire_signing_keys"),
        work: run(Entity::update_many()
            .col_expr(Column::RetiresAt, Expr::value(at.0))
            .filter(others)),
        stale: Some(Invalidation::SigningKeys),
        // The key that was added has the entry.
        audit: Audit::Silent,
    }
}
