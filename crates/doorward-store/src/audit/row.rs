//! The rows that a write compares: before and after it, for its entry, or with the state that was
//! read. Each table states how its own are read.

use std::fmt;

use doorward_model::AuditKind;
use futures_util::future::BoxFuture;
use sea_orm::{DbErr, EntityTrait, PrimaryKeyTrait, QuerySelect, TryIntoModel};
use serde_json::Value;

use crate::{StoreError, db::Db};

/// A row that is compared.
pub(crate) trait Row: fmt::Debug + Send + Sync {
    /// The members of the row that matter to the audit; `None` if there is no row.
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>>;

    /// The kind of the entry if there was no row before, where it is another one.
    fn kind_if_new(&self) -> Option<AuditKind> {
        None
    }
}

/// A row whose entity tag a unit expects.
pub(crate) trait Tagged: fmt::Debug + Send + Sync {
    /// The entity tag of the row, which is locked until the unit is through; `None` if there is no
    /// row.
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>>;
}

/// The entity tag of the row with this key, which is locked until the unit is through; `None` if
/// there is no row.
pub(crate) fn etag_of<'a, E>(
    db: Db<'a>,
    key: &'a str,
    etag: fn(E::Model) -> Result<String, StoreError>,
) -> BoxFuture<'a, Result<Option<String>, DbErr>>
where
    E: EntityTrait,
    E::PrimaryKey: PrimaryKeyTrait<ValueType = String>,
    E::ActiveModel: TryIntoModel<E::Model>,
{
    Box::pin(async move {
        let row = db.one(E::find_by_id(key.to_owned()).lock_exclusive()).await?;
        let unreadable = |_| DbErr::Custom(format!("{key} cannot be read"));
        row.map(etag).transpose().map_err(unreadable)
    })
}

/// A list that is stored as text, for the state of a row.
pub(crate) fn list(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
