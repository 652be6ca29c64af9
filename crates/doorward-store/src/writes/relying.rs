//! Writes of the use of sessions by relying parties.

use doorward_model::{RelyingChange, RelyingSession};
use sea_orm::{EntityTrait, sea_query::OnConflict};

use super::{Audit, Name, Write, run};
use crate::{
    convert::relying::session_row,
    entities::relying_session::{Column as R, Entity},
};

/// The write of a change to the use of a session.
pub(super) fn of(change: RelyingChange) -> Write {
    match change {
        RelyingChange::Put(session) => put(&session),
    }
}

fn put(session: &RelyingSession) -> Write {
    let again = OnConflict::column(R::Sid).update_column(R::Scopes).to_owned();
    Write {
        name: Name::Always("put_relying_session"),
        work: run(Entity::insert(session_row(session)).on_conflict(again)),
        stale: None,
        // The consent of the same unit has the entry.
        audit: Audit::Silent,
    }
}
