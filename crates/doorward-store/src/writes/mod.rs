//! The writes: for each change one function of its table states its name and condition, its
//! statements, the cached values that it makes stale and its audit entry. No part has a default.

mod reads;

use doorward_model::{AuditEvent, AuditKind, AuditSubject, UserId};
use sea_orm::{
    ActiveModelTrait, DbErr, DeleteMany, EntityTrait, Insert, InsertMany, QueryTrait, UpdateMany,
    sea_query::{DeleteStatement, InsertStatement, OnConflict, UpdateStatement},
};
use serde_json::json;

pub(crate) use reads::{Dependents, Read};

use crate::{
    audit::row::{Row, Tagged},
    condition::Condition,
    db::Db,
    invalidate::Invalidation,
    kept::Kept,
    rows::{Existing, Rows},
};

/// A change as it is applied.
#[derive(Debug)]
pub(crate) struct Write {
    /// The name under which it is counted, and its condition.
    pub(crate) name: Name,
    /// Its effect on the database.
    pub(crate) work: Work,
    /// The cached values that it makes stale.
    pub(crate) stale: Option<Invalidation>,
    /// Its entry in the audit, which is counted too.
    pub(crate) audit: Audit,
}

/// The name of a write. It also states if the write decides.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    /// The last statement must touch exactly one row; otherwise the unit is refused.
    Decides(Condition),
    /// It holds for any number of rows.
    Always(&'static str),
}

impl Name {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Decides(condition) => condition.as_str(),
            Self::Always(name) => name,
        }
    }
}

/// The effect of a write on the database.
#[derive(Debug)]
pub(crate) enum Work {
    /// Statements in order. Of a deciding write, the last one decides.
    Statements(Vec<Sql>),
    /// The few that have to read before they can write.
    Read(Read),
}

/// The entry of a write in the audit.
#[derive(Debug)]
pub(crate) enum Audit {
    /// It has none: no permission changes, or another write of the same unit has the entry.
    Silent,
    /// An entry in the same transaction.
    Entry(AuditEvent),
    /// An entry in the same transaction with the state of a row before and after.
    Compared {
        /// The entry, without its detail.
        event: AuditEvent,
        /// The row.
        row: Box<dyn Row>,
        /// The entry is left out if the row did not change.
        only_if_different: bool,
    },
    /// The write consists of entries.
    Entries(Vec<AuditEvent>),
}

/// A built statement.
#[derive(Debug)]
pub(crate) enum Sql {
    Rows(Rows),
    Kept(Kept),
    Insert(InsertStatement),
    Update(UpdateStatement),
    Delete(DeleteStatement),
}

impl Sql {
    pub(crate) async fn execute(&self, db: Db<'_>) -> Result<u64, DbErr> {
        match self {
            Self::Rows(rows) => rows.execute(db).await,
            Self::Kept(statement) => db.run_kept(statement).await,
            Self::Insert(statement) => db.run(statement).await,
            Self::Update(statement) => db.run(statement).await,
            Self::Delete(statement) => db.run(statement).await,
        }
    }
}

impl From<Rows> for Sql {
    fn from(rows: Rows) -> Self {
        Self::Rows(rows)
    }
}

impl From<Kept> for Sql {
    fn from(statement: Kept) -> Self {
        Self::Kept(statement)
    }
}

impl<A: ActiveModelTrait> From<Insert<A>> for Sql {
    fn from(insert: Insert<A>) -> Self {
        Self::Insert(insert.into_query())
    }
}

impl<A: ActiveModelTrait> From<InsertMany<A>> for Sql {
    fn from(insert: InsertMany<A>) -> Self {
        Self::Insert(insert.into_query())
    }
}

impl<E: EntityTrait> From<UpdateMany<E>> for Sql {
    fn from(update: UpdateMany<E>) -> Self {
        Self::Update(update.into_query())
    }
}

impl<E: EntityTrait> From<DeleteMany<E>> for Sql {
    fn from(delete: DeleteMany<E>) -> Self {
        Self::Delete(delete.into_query())
    }
}

/// Work of one statement.
pub(crate) fn run(sql: impl Into<Sql>) -> Work {
    Work::Statements(vec![sql.into()])
}

/// A row to be inserted. That another one has its key is an error.
pub(crate) fn fresh(row: impl ActiveModelTrait) -> Rows {
    Rows::one(row, Existing::Fails)
}

/// A row to be inserted unless another one has its key; the statement then touches none.
pub(crate) fn if_new(row: impl ActiveModelTrait) -> Rows {
    Rows::one(row, Existing::Stays)
}

/// Leaves an existing row alone; the statement then touches none.
pub(crate) fn nothing() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

/// The beginning of an entry.
pub(crate) fn about(kind: AuditKind, subject: AuditSubject, id: &str) -> AuditEvent {
    AuditEvent::new(kind).about(subject, id)
}

/// The beginning of an entry about a second factor.
pub(crate) fn factor(kind: AuditKind, user_id: &UserId, which: &str) -> AuditEvent {
    about(kind, AuditSubject::User, user_id.as_str()).detail(json!({"factor": which}).to_string())
}

pub(crate) fn expect(object: impl Tagged + 'static, etag: String) -> Write {
    Write {
        name: Name::Decides(Condition::Expect),
        work: Work::Read(Read::Expect { object: Box::new(object), etag }),
        stale: None,
        // It only reads.
        audit: Audit::Silent,
    }
}

pub(crate) fn expect_other_administrator(user_id: UserId) -> Write {
    Write {
        name: Name::Decides(Condition::ExpectOtherAdministrator),
        work: Work::Read(Read::OtherAdministrator(user_id)),
        stale: None,
        // It only reads.
        audit: Audit::Silent,
    }
}

pub(crate) fn audit(events: Vec<AuditEvent>) -> Write {
    Write {
        name: Name::Always("audit"),
        work: Work::Statements(Vec::new()),
        stale: None,
        audit: Audit::Entries(events),
    }
}
