//! Writes of versions of the policy.

use doorward_model::{AuditKind, AuditSubject, PolicyVersion};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::{Audit, Name, Work, Write, about, nothing};
use crate::{
    condition::Condition,
    convert::policy::version_row,
    entities::policy_version::{Column, Entity},
};

/// How many versions are kept.
const KEPT: i64 = 1000;

pub(super) fn insert(version: &PolicyVersion) -> Write {
    let detail = json!({
        "rules": version.rules, "default": version.default.as_str(), "restores": version.restores,
    });
    let event = about(AuditKind::PolicyChanged, AuditSubject::Policy, &version.number.to_string());
    let old = Entity::delete_many().filter(Column::Number.lte(version.number - KEPT));
    let new = Entity::insert(version_row(version)).on_conflict(nothing());
    Write {
        name: Name::Decides(Condition::InsertPolicyVersion),
        work: Work::Statements(vec![old.into(), new.into()]),
        // The setting that is written with it makes caches stale.
        stale: None,
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}
