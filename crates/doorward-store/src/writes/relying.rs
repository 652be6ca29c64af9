//! Writes of the use of sessions by relying parties.

use doorward_model::{
    ClientId, HashedToken, RelyingChange, RelyingSession, SessionId, Timestamp, UserId,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr},
};

use super::{Audit, Name, Sql, Write, run};
use crate::{
    condition::Condition,
    convert::relying::session_row,
    entities::{
        client,
        relying_session::{Column as R, Entity},
        session::{self, Column as S},
    },
};

/// The write of a change to the use of a session.
pub(super) fn of(change: RelyingChange) -> Write {
    match change {
        RelyingChange::Put(session) => put(&session),
        RelyingChange::Follow { from, to, user_id } => follow(&from, &to, &user_id),
        RelyingChange::ClaimNotice { sid, due, until } => claim(&sid, due, until),
        RelyingChange::Forget { sid } => silent(
            Name::Always("forget_relying_session"),
            Entity::delete_many().filter(R::Sid.eq(sid)),
        ),
    }
}

/// A write whose cause has the entry in the audit: the consent, the sign-in, the end of the session.
fn silent(name: Name, sql: impl Into<Sql>) -> Write {
    Write { name, work: run(sql), stale: None, audit: Audit::Silent }
}

fn put(session: &RelyingSession) -> Write {
    let again = OnConflict::column(R::Sid).update_column(R::Scopes).to_owned();
    let insert = Entity::insert(session_row(session)).on_conflict(again);
    silent(Name::Always("put_relying_session"), insert)
}

fn follow(from: &HashedToken, to: &SessionId, user_id: &UserId) -> Write {
    let before = session::Entity::find()
        .select_only()
        .column(S::Id)
        .filter(S::Token.eq(from.as_str()))
        .into_query();
    let update = Entity::update_many()
        .col_expr(R::SessionId, Expr::value(to.as_str()))
        .filter(R::UserId.eq(user_id.as_str()))
        .filter(R::DueAt.is_null())
        .filter(R::SessionId.in_subquery(before));
    silent(Name::Always("follow_relying_sessions"), update)
}

fn claim(sid: &str, due: Option<Timestamp>, until: Timestamp) -> Write {
    let seen = due.map_or_else(|| R::DueAt.is_null(), |due| R::DueAt.eq(due.0));
    let update = Entity::update_many()
        .col_expr(R::DueAt, Expr::value(until.0))
        .col_expr(R::Tries, Expr::col(R::Tries).add(1))
        .filter(R::Sid.eq(sid))
        .filter(seen);
    silent(Name::Decides(Condition::ClaimLogoutNotice), update)
}

/// Ends all uses by a client that is blocked or deleted. It keeps its settings with them: a client
/// that is deleted in the same unit has none when it is told.
pub(super) fn end_of_client(client_id: &ClientId, at: Timestamp) -> Sql {
    let settings = client::Entity::find()
        .select_only()
        .column(client::Column::Openid)
        .filter(client::Column::Id.eq(client_id.as_str()))
        .into_query();
    let settings = SimpleExpr::SubQuery(None, Box::new(settings.into()));
    Entity::update_many()
        .col_expr(R::DueAt, Expr::value(at.0))
        .col_expr(R::Openid, settings)
        .filter(R::ClientId.eq(client_id.as_str()))
        .filter(R::DueAt.is_null())
        .into()
}

/// Ends uses: relying parties are told at once, and what was allowed in these sessions is not
/// allowed any more.
pub(super) fn end(which: Where, at: Timestamp) -> Sql {
    Entity::update_many()
        .col_expr(R::DueAt, Expr::value(at.0))
        .filter(which.add(R::DueAt.is_null()))
        .into()
}
