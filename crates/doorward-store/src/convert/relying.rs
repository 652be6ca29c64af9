//! The use of sessions by relying parties, between rows and records.

use doorward_model::{
    ClientId, EndedUse, RelyingParty, RelyingSession, ScopeSet, SessionId, Timestamp, UserId,
};
use sea_orm::ActiveValue::Set;

use crate::entities::relying_session;

pub(crate) fn session(row: relying_session::Model) -> RelyingSession {
    RelyingSession {
        sid: row.sid,
        session_id: SessionId::from_text(row.session_id),
        client_id: ClientId::from_text(row.client_id),
        user_id: UserId::from_text(row.user_id),
        scopes: ScopeSet::from_stored(&row.scopes),
        created_at: Timestamp(row.created_at),
    }
}

pub(crate) fn ended(row: relying_session::Model) -> EndedUse {
    let (due_at, tries) = (row.due_at.map(Timestamp), row.tries);
    let removed = row.openid.as_deref().and_then(RelyingParty::from_text);
    EndedUse { used: session(row), due_at, tries, removed }
}

pub(crate) fn session_row(session: &RelyingSession) -> relying_session::ActiveModel {
    relying_session::ActiveModel {
        sid: Set(session.sid.clone()),
        session_id: Set(session.session_id.as_str().to_owned()),
        client_id: Set(session.client_id.as_str().to_owned()),
        user_id: Set(session.user_id.as_str().to_owned()),
        scopes: Set(session.scopes.to_string()),
        created_at: Set(session.created_at.0),
        due_at: Set(None),
        tries: Set(0),
        openid: Set(None),
    }
}
