//! Settings that may change at run time, and the program's own marks.

use std::collections::BTreeMap;

use doorward_model::{AuditKind, AuditSubject, Timestamp};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QuerySelect,
    entity::prelude::*, sea_query::OnConflict,
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    audit::row::{Row, Tagged},
    condition::Condition,
    db::Db,
    invalidate::Invalidation,
    tables::{Copied, Table},
    writes::{Audit, Name, Write, about, expect, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setting")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub value: String,
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

/// The beginning of the names of marks: how far the entries of each journal are appended.
pub(crate) const JOURNAL_MARK: &str = "audit.journal.";

/// Settings with values that the audit records. The others are the program's own.
const SHOWN_SETTINGS: [&str; 3] = ["mcp.", "pages.", "registration."];

impl Store {
    /// A setting that may change at run time.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let read = || async move {
            Ok(Some(self.point().by_id::<Entity>(key).await?.map(|row| row.value)))
        };
        Ok(self
            .caches
            .settings
            .get(&key.to_owned(), read)
            .await?
            .and_then(|value| value.as_ref().clone()))
    }

    /// The values of several settings, by their names, in one statement. Those that are not set are
    /// left out.
    pub async fn settings(
        &self,
        names: Vec<String>,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = Entity::find().filter(Column::Name.is_in(names)).all(&self.reader).await?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }
}

/// An entry with the difference of a setting that administrators see.
fn changed(key: &str) -> Audit {
    if !SHOWN_SETTINGS.iter().any(|prefix| key.starts_with(prefix)) {
        return Audit::Silent;
    }
    let event = about(AuditKind::SettingChanged, AuditSubject::Setting, key);
    Audit::Compared { event, row: Box::new(Compared(key.to_owned())), only_if_different: true }
}

/// A setting as the audit compares it.
#[derive(Debug)]
struct Compared(String);

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let row = db.by_id::<Entity>(self.0.as_str()).await?;
            Ok(row.map(|row| json!({"value": row.value})))
        })
    }
}

impl Tagged for Compared {
    // A setting is its own entity tag.
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        Box::pin(async move {
            let row = db.one(Entity::find_by_id(self.0.as_str()).lock_exclusive()).await?;
            Ok(Some(row.map(|row| row.value).unwrap_or_default()))
        })
    }
}

/// Demands that a setting is as it was read.
pub(crate) fn expect_seen(key: String, etag: String) -> Write {
    expect(Compared(key), etag)
}

pub(crate) fn put(key: String, value: String) -> Write {
    let replace = OnConflict::column(Column::Name).update_column(Column::Value).to_owned();
    Write {
        name: Name::Always("put_setting"),
        audit: changed(&key),
        work: run(
            Entity::insert(ActiveModel { name: Set(key), value: Set(value) }).on_conflict(replace)
        ),
        stale: Some(Invalidation::Settings),
    }
}

pub(crate) fn mark_journal(journal: &str, seq: u64, at: Timestamp) -> Write {
    let replace = OnConflict::column(Column::Name).update_column(Column::Value).to_owned();
    let row = ActiveModel {
        name: Set(format!("{JOURNAL_MARK}{journal}")),
        value: Set(format!("{seq} {at}")),
    };
    Write {
        name: Name::Always("mark_journal"),
        work: run(Entity::insert(row).on_conflict(replace)),
        // It is read only when a server starts, and past the cache.
        stale: None,
        // The entries themselves are in the same unit.
        audit: Audit::Silent,
    }
}

pub(crate) fn insert(key: String, value: String) -> Write {
    Write {
        name: Name::Decides(Condition::InsertSetting),
        audit: changed(&key),
        work: run(Entity::insert(ActiveModel { name: Set(key), value: Set(value) })
            .on_conflict(nothing())),
        stale: Some(Invalidation::Settings),
    }
}
