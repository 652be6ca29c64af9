//! Applies the writes of a unit inside one transaction.

use doorward_model::{Actor, AuditEvent, AuditStamp};
use sea_orm::DbErr;
use serde_json::Value;

use crate::{
    audit::compare,
    condition::Condition,
    db::Db,
    writes::{Audit, Name, Work, Write},
};

/// The result of a unit, short of a database failure.
#[derive(Debug)]
pub(crate) enum Applied {
    /// All writes are in place, pending the commit.
    Done(UnitEntries),
    /// This condition did not hold; the unit must be rolled back.
    Refused(Condition),
}

/// The entries of a unit, to be appended in its transaction.
#[derive(Debug, Default)]
pub(crate) struct UnitEntries {
    /// Those that its writes state, which are counted when the unit is through.
    pub(crate) stated: Vec<AuditEvent>,
    /// Those that it consists of, which were counted when they were noted.
    pub(crate) noted: Vec<AuditEvent>,
}

impl UnitEntries {
    /// All entries, in the order of the chain.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &AuditEvent> {
        self.noted.iter().chain(&self.stated)
    }
}

/// Applies writes in order. Their entries are left to the caller, which appends those of several
/// units at once. `stamp` holds the actor, the time and the origin.
pub(crate) async fn unit(
    db: Db<'_>,
    writes: Vec<Write>,
    stamp: &AuditStamp,
) -> Result<Applied, DbErr> {
    let mut told = UnitEntries::default();
    for Write { name, work, stale: _, audit } in writes {
        let was = match &audit {
            Audit::Compared { row, .. } => row.state(db).await?.unwrap_or_default(),
            Audit::Silent | Audit::Entry(_) | Audit::Entries(_) => Value::Null,
        };
        if let (false, Name::Decides(condition)) = (execute(db, &work).await?, name) {
            return Ok(Applied::Refused(condition));
        }
        let entry = match audit {
            Audit::Silent => None,
            Audit::Entry(event) => Some(event),
            Audit::Compared { event, row, only_if_different } => {
                let now = row.state(db).await?.unwrap_or_default();
                let states = compare::States { was, now };
                compare::entry(event, row.as_ref(), &states, only_if_different)
            }
            Audit::Entries(events) => {
                told.noted.extend(events);
                None
            }
        };
        told.stated.extend(entry.map(|event| stamped(event, stamp)));
    }
    Ok(Applied::Done(told))
}

/// Runs a write. `false` means that its last statement did not touch exactly one row.
async fn execute(db: Db<'_>, work: &Work) -> Result<bool, DbErr> {
    match work {
        Work::Statements(statements) => {
            let mut rows = 0;
            for statement in statements {
                rows = statement.execute(db).await?;
            }
            Ok(rows == 1)
        }
        Work::Read(read) => read.execute(db).await,
    }
}

/// Fills in actor, time and origin.
pub(crate) fn stamped(mut event: AuditEvent, stamp: &AuditStamp) -> AuditEvent {
    event.at = stamp.at;
    if event.actor.user_id.is_none() || event.actor.user_id == stamp.actor.user_id {
        let own = std::mem::take(&mut event.actor);
        let held = stamp.actor.clone();
        event.actor = Actor {
            user_id: own.user_id.or(held.user_id),
            user_name: own.user_name.or(held.user_name),
            client_id: own.client_id.or(held.client_id),
            session_id: own.session_id.or(held.session_id),
            token_id: own.token_id.or(held.token_id),
            grant_id: own.grant_id.or(held.grant_id),
        };
    }
    if event.address.is_empty() {
        event.address.clone_from(&stamp.address);
    }
    event.request_id.clone_from(&stamp.request_id);
    event
}
