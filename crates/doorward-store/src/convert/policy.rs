//! Versions of the policy between rows and records.

use doorward_model::{Effect, PolicyVersion, Timestamp};
use sea_orm::ActiveValue::Set;

use super::{damaged, list_from_text, list_to_text};
use crate::{StoreError, entities::policy_version};

const TABLE: &str = "policy_version";

pub(crate) fn version(row: policy_version::Model) -> Result<PolicyVersion, StoreError> {
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

pub(crate) fn version_row(version: &PolicyVersion) -> policy_version::ActiveModel {
    policy_version::ActiveModel {
        number: Set(version.number),
        rules: Set(list_to_text(version.rules.iter().map(String::as_str))),
        fallback: Set(version.default.as_str().to_owned()),
        author: Set(version.author.clone()),
        created_at: Set(version.created_at.0),
        restores: Set(version.restores),
    }
}
