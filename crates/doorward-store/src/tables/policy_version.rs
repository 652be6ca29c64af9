//! Versions of the policy.

use doorward_model::{AuditKind, AuditSubject, Effect, PolicyVersion, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, entity::prelude::*,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::{damaged, list_from_text, list_to_text},
    tables::{Copied, Table},
    writes::{Audit, Name, Work, Write, about, nothing},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub rules: String,
    pub fallback: String,
    pub author: String,
    pub created_at: i64,
    pub restores: Option<i64>,
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

const TABLE: &str = "policy_version";

/// Maximum number of versions that are kept.
const KEPT: i64 = 1000;

pub(crate) fn from_row(row: Model) -> Result<PolicyVersion, StoreError> {
    let id = row.number.to_string();
    Ok(PolicyVersion {
        number: row.number,
        rules: list_from_text(TABLE, &id, &row.rules)?,
        default: Effect::parse(&row.fallback).ok_or_else(|| damaged(TABLE, &id))?,
        author: row.author,
        created_at: Timestamp(row.created_at),
        restores: row.restores,
    })
}

pub(crate) fn to_row(version: &PolicyVersion) -> ActiveModel {
    ActiveModel {
        number: Set(version.number),
        rules: Set(list_to_text(version.rules.iter().map(String::as_str))),
        fallback: Set(version.default.as_str().to_owned()),
        author: Set(version.author.clone()),
        created_at: Set(version.created_at.0),
        restores: Set(version.restores),
    }
}

impl Store {
    /// The version of the policy with this number.
    pub async fn policy_version(&self, number: i64) -> Result<Option<PolicyVersion>, StoreError> {
        self.point().one(Entity::find_by_id(number)).await?.map(from_row).transpose()
    }

    /// The newest versions of the policy, with numbers below `before`.
    pub async fn policy_versions(
        &self,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<PolicyVersion>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Number.lt(before.unwrap_or(i64::MAX)))
            .order_by_desc(Column::Number)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(from_row).collect()
    }
}

pub(crate) fn insert(version: &PolicyVersion) -> Write {
    let detail = json!({
        "rules": version.rules, "default": version.default.as_str(), "restores": version.restores,
    });
    let event = about(AuditKind::PolicyChanged, AuditSubject::Policy, &version.number.to_string());
    let old = Entity::delete_many().filter(Column::Number.lte(version.number - KEPT));
    let new = Entity::insert(to_row(version)).on_conflict(nothing());
    Write {
        name: Name::Decides(Condition::InsertPolicyVersion),
        work: Work::Statements(vec![old.into(), new.into()]),
        // The setting that is written with it makes caches stale.
        stale: None,
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}
