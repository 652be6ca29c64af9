//! Versions of rules that administrators saved.

use doorward_model::{AuditKind, AuditSubject, RuleSet, RuleVersion, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, entity::prelude::*,
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::damaged,
    tables::{Copied, Table},
    writes::{Audit, Name, Work, Write, about, nothing},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub set_name: String,
    pub number: i64,
    pub content: String,
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

const TABLE: &str = "rule_version";

/// Maximum number of versions of a set that are kept.
const KEPT: i64 = 1000;

/// The key of a version.
fn key(set: RuleSet, number: i64) -> String {
    format!("{}/{number}", set.as_str())
}

pub(crate) fn from_row(row: Model) -> Result<RuleVersion, StoreError> {
    Ok(RuleVersion {
        set: RuleSet::parse(&row.set_name).ok_or_else(|| damaged(TABLE, &row.id))?,
        number: row.number,
        content: row.content,
        author: row.author,
        created_at: Timestamp(row.created_at),
        restores: row.restores,
    })
}

pub(crate) fn to_row(version: &RuleVersion) -> ActiveModel {
    ActiveModel {
        id: Set(key(version.set, version.number)),
        set_name: Set(version.set.as_str().to_owned()),
        number: Set(version.number),
        content: Set(version.content.clone()),
        author: Set(version.author.clone()),
        created_at: Set(version.created_at.0),
        restores: Set(version.restores),
    }
}

impl Store {
    /// The version of a set of rules with this number.
    pub async fn rule_version(
        &self,
        set: RuleSet,
        number: i64,
    ) -> Result<Option<RuleVersion>, StoreError> {
        self.point().by_id::<Entity>(key(set, number)).await?.map(from_row).transpose()
    }

    /// The newest versions of a set of rules, with numbers below `before`.
    pub async fn rule_versions(
        &self,
        set: RuleSet,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<RuleVersion>, StoreError> {
        let rows = Entity::find()
            .filter(Column::SetName.eq(set.as_str()))
            .filter(Column::Number.lt(before.unwrap_or(i64::MAX)))
            .order_by_desc(Column::Number)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(from_row).collect()
    }
}

pub(crate) fn insert(version: &RuleVersion) -> Write {
    let settings: Value = serde_json::from_str(&version.content).unwrap_or_default();
    let detail = json!({
        "set": version.set.as_str(), "settings": settings, "restores": version.restores,
    });
    let subject = key(version.set, version.number);
    let event = about(AuditKind::RulesChanged, AuditSubject::Rules, &subject);
    let old = Entity::delete_many()
        .filter(Column::SetName.eq(version.set.as_str()))
        .filter(Column::Number.lte(version.number - KEPT));
    let new = Entity::insert(to_row(version)).on_conflict(nothing());
    Write {
        name: Name::Decides(Condition::InsertRuleVersion),
        work: Work::Statements(vec![old.into(), new.into()]),
        // The setting that is written with it makes caches stale.
        stale: None,
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}
