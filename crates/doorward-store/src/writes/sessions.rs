//! Writes of sessions, and of the counts of attempts to guess a secret.

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, CountedAttempt, HashedToken, IdentityId, ProviderId,
    Session, SessionId, Timestamp, UserId,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, Set,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::json;

use super::{Audit, Name, Write, about, run};
use crate::{
    condition::Condition,
    convert,
    entities::{
        login_failure::{self, Column as F},
        session::{self, Column as S},
    },
    invalidate::Invalidation,
};

pub(super) fn insert(new: &Session) -> Write {
    let detail = json!({"by": new.authentication.amr, "provider": new.upstream.as_ref().map(|upstream| upstream.provider.as_str())});
    let mut event =
        AuditEvent::new(AuditKind::SignedIn).by(&new.user_id).detail(detail.to_string());
    event.actor.session_id = Some(new.id.to_string());
    event.address.clone_from(&new.address);
    Write {
        name: Name::Always("insert_session"),
        work: run(super::new(convert::session_row(new))),
        stale: None,
        // A session that waits for a second factor is no sign-in yet.
        audit: if new.complete { Audit::Entry(event) } else { Audit::Silent },
    }
}

pub(super) fn touch(token: &HashedToken, last_seen_at: Timestamp, expires_at: Timestamp) -> Write {
    let update = session::Entity::update_many()
        .col_expr(S::LastSeenAt, Expr::value(last_seen_at.0))
        .col_expr(S::ExpiresAt, Expr::value(expires_at.0));
    Write {
        name: Name::Always("touch_session"),
        work: run(update.filter(S::Token.eq(token.as_str()))),
        stale: Some(Invalidation::Session(token.as_str().to_owned())),
        audit: Audit::Silent,
    }
}

pub(super) fn end(token: &HashedToken, signs_in: bool) -> Write {
    Write {
        name: Name::Always("end_session"),
        work: run(session::Entity::delete_many().filter(S::Token.eq(token.as_str()))),
        stale: Some(Invalidation::Session(token.as_str().to_owned())),
        // A session that another one replaces did not end.
        audit: if signs_in {
            Audit::Silent
        } else {
            Audit::Entry(AuditEvent::new(AuditKind::SessionEnded))
        },
    }
}

pub(super) fn end_one_of_user(user_id: &UserId, session_id: &SessionId) -> Write {
    let event = about(AuditKind::SessionEnded, AuditSubject::User, user_id.as_str());
    Write {
        name: Name::Decides(Condition::EndSessionOfUser),
        work: run(session::Entity::delete_many()
            .filter(S::UserId.eq(user_id.as_str()))
            .filter(S::Id.eq(session_id.as_str()))),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(event.detail(json!({"session": session_id.as_str()}).to_string())),
    }
}

pub(super) fn end_of_user(user_id: &UserId, except: Option<&SessionId>) -> Write {
    let mut which = Where::all().add(S::UserId.eq(user_id.as_str()));
    if let Some(except) = except {
        which = which.add(S::Id.ne(except.as_str()));
    }
    let event = about(AuditKind::SessionEnded, AuditSubject::User, user_id.as_str());
    Write {
        name: Name::Always("end_sessions_of_user"),
        work: run(session::Entity::delete_many().filter(which)),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(
            event.detail(json!({"all_except": except.map(SessionId::as_str)}).to_string()),
        ),
    }
}

pub(super) fn end_of_identity(identity: &IdentityId, sid: Option<&str>) -> Write {
    let mut which = Where::all().add(S::Identity.eq(identity.as_str()));
    if let Some(sid) = sid {
        which = which.add(S::UpstreamSid.eq(sid));
    }
    Write {
        name: Name::Always("end_sessions_of_identity"),
        work: run(session::Entity::delete_many().filter(which)),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(about(
            AuditKind::SessionEnded,
            AuditSubject::Identity,
            identity.as_str(),
        )),
    }
}

pub(super) fn end_of_sid(provider: &ProviderId, sid: &str) -> Write {
    let which = Where::all().add(S::Provider.eq(provider.as_str())).add(S::UpstreamSid.eq(sid));
    Write {
        name: Name::Always("end_sessions_of_sid"),
        work: run(session::Entity::delete_many().filter(which)),
        stale: Some(Invalidation::Sessions),
        audit: Audit::Entry(about(
            AuditKind::SessionEnded,
            AuditSubject::Provider,
            provider.as_str(),
        )),
    }
}

fn first_failure(key: &str, at: Timestamp) -> login_failure::ActiveModel {
    login_failure::ActiveModel {
        name: Set(key.to_owned()),
        failures: Set(1),
        last_at: Set(at.0),
        previous_at: Set(None),
    }
}

fn held(column: F) -> Expr {
    Expr::col((login_failure::Entity, column))
}

/// Counts an attempt before the secret is compared. The one statement both decides and counts, so
/// that of attempts sent at once no more are compared than of attempts sent one after the other.
pub(super) fn count_attempt(attempt: &CountedAttempt) -> Write {
    let CountedAttempt { key, at, forget_after, .. } = attempt;
    let forgotten = || held(F::LastAt).lt(at.plus(-forget_after).0);
    let mut failures = Ord::max(attempt.free, 1);
    let mut allowed = Where::any().add(forgotten()).add(held(F::Failures).lt(failures));
    loop {
        let delay = attempt.delay_after(failures);
        let waited = held(F::LastAt).lte(at.plus(-delay).0);
        if attempt.delay_after(failures.saturating_add(1)) == delay {
            // The longest delay: it holds for any number of further failures.
            allowed = allowed.add(Where::all().add(held(F::Failures).gte(failures)).add(waited));
            break;
        }
        allowed = allowed.add(Where::all().add(held(F::Failures).eq(failures)).add(waited));
        failures += 1;
    }
    let counted = Expr::case(forgotten(), 1).finally(held(F::Failures).add(1));
    let mut again = OnConflict::column(F::Name);
    again
        .value(F::Failures, counted)
        .value(F::PreviousAt, held(F::LastAt))
        .value(F::LastAt, at.0)
        .action_cond_where(allowed);
    Write {
        name: Name::Decides(Condition::CountAttempt),
        work: run(login_failure::Entity::insert(first_failure(key, *at)).on_conflict(again)),
        stale: None,
        // The comparison has not been made yet; its failure is noted when it is known.
        audit: Audit::Silent,
    }
}

/// Takes back an attempt that turned out to be right, with the moment that it set, so that it
/// delays no other.
pub(super) fn take_back_attempt(key: &str) -> Write {
    let before =
        Expr::case(F::PreviousAt.is_null(), Expr::col(F::LastAt)).finally(Expr::col(F::PreviousAt));
    let update = login_failure::Entity::update_many()
        .col_expr(F::Failures, Expr::col(F::Failures).sub(1))
        .col_expr(F::LastAt, before.into());
    Write {
        name: Name::Always("take_back_attempt"),
        work: run(update.filter(F::Name.eq(key)).filter(F::Failures.gt(0))),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(super) fn clear_failures(key: &str) -> Write {
    Write {
        name: Name::Always("clear_login_failures"),
        work: run(login_failure::Entity::delete_many().filter(F::Name.eq(key))),
        stale: None,
        // The sign-in of the same unit has the entry.
        audit: Audit::Silent,
    }
}
