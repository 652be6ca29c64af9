//! Writes of upstreams, connections and kept results.

use doorward_model::{
    AuditKind, AuditSubject, Connection, HashedToken, Sealed, Timestamp, UpstreamId, UpstreamName,
    UserId,
    upstream::{ConnectAttempt, KeptResult, StoredUpstream, UpstreamRegistration},
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::json;

use super::{Audit, Name, Work, Write, about, nothing, run, trust};
use crate::{
    condition::Condition,
    convert::upstreams as convert,
    entities::{
        connect_attempt::{self, Column as A},
        connection::{self, Column as N},
        kept_result::{self, Column as K},
        upstream,
        upstream_registration::{self, Column as R},
    },
    invalidate::Invalidation,
};

/// The time at which tokens of a connection that ended are due to be revoked: from now on.
pub(super) const AT_ONCE: Timestamp = Timestamp(0);

fn stale(user_id: &UserId) -> Invalidation {
    Invalidation::Connections(user_id.to_string())
}

fn of(user_id: &UserId, upstream: &UpstreamName) -> Where {
    Where::all().add(N::UserId.eq(user_id.as_str())).add(N::Upstream.eq(upstream.as_str()))
}

pub(super) fn insert(new: &StoredUpstream) -> Write {
    Write {
        name: Name::Decides(Condition::InsertUpstream),
        work: run(upstream::Entity::insert(convert::upstream_row(new).into_active_model())
            .on_conflict(nothing())),
        stale: Some(Invalidation::Upstreams),
        audit: Audit::Entry(about(
            AuditKind::UpstreamAdded,
            AuditSubject::Upstream,
            new.name.as_str(),
        )),
    }
}

pub(super) fn update(
    new: &StoredUpstream,
    seen: &str,
    seen_secrets: Option<&Sealed>,
    changed: &[String],
) -> Write {
    use upstream::Column as S;
    let secrets =
        seen_secrets.map_or_else(|| S::Secrets.is_null(), |sealed| S::Secrets.eq(sealed.as_str()));
    let as_seen =
        Where::all().add(S::Name.eq(new.name.as_str())).add(S::Settings.eq(seen)).add(secrets);
    let sealed = new.secrets.as_ref().map(|sealed| sealed.as_str().to_owned());
    let event = about(AuditKind::UpstreamChanged, AuditSubject::Upstream, new.name.as_str());
    Write {
        name: Name::Decides(Condition::UpdateUpstream),
        work: run(upstream::Entity::update_many()
            .col_expr(S::Settings, Expr::value(new.settings.as_str()))
            .col_expr(S::Secrets, Expr::value(sealed))
            .filter(as_seen)),
        stale: Some(Invalidation::Upstreams),
        audit: Audit::Entry(event.detail(json!({ "changed": changed }).to_string())),
    }
}

pub(super) fn put_registration(new: &UpstreamRegistration) -> Write {
    let replace = OnConflict::columns([R::Upstream, R::Issuer])
        .update_columns([R::Credentials, R::Resource, R::ExpiresAt, R::CreatedAt])
        .to_owned();
    Write {
        name: Name::Always("put_upstream_registration"),
        work: run(upstream_registration::Entity::insert(
            convert::registration_row(new).into_active_model(),
        )
        .on_conflict(replace)),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(super) fn delete_registration(upstream: &UpstreamName, issuer: &str) -> Write {
    let which = Where::all().add(R::Upstream.eq(upstream.as_str())).add(R::Issuer.eq(issuer));
    Write {
        name: Name::Always("delete_upstream_registration"),
        work: run(upstream_registration::Entity::delete_many().filter(which)),
        stale: None,
        audit: Audit::Silent,
    }
}

pub(super) fn put_connection(new: &Connection, id: &UpstreamId) -> Write {
    let columns = [
        N::Issuer,
        N::Resource,
        N::Scopes,
        N::Tokens,
        N::ExpiresAt,
        N::EndsAt,
        N::CreatedAt,
        N::RefreshingUntil,
        N::Problem,
        N::Account,
    ];
    // The version continues from its value: a refresh that is still under way must not count as
    // newer.
    let next = Expr::col((connection::Entity, N::Version)).add(1);
    let replace = OnConflict::columns([N::UserId, N::Upstream])
        .update_columns(columns)
        .value(N::Version, next)
        .to_owned();
    Write {
        name: Name::Decides(Condition::PutConnection),
        work: Work::Statements(vec![
            connection::Entity::insert(convert::connection_row(new).into_active_model())
                .on_conflict(replace)
                .into(),
            trust::touch(trust::is(&new.upstream, id)),
        ]),
        stale: Some(stale(&new.user_id)),
        audit: Audit::Entry(
            about(AuditKind::ConnectionMade, AuditSubject::Upstream, new.upstream.as_str())
                .by(&new.user_id),
        ),
    }
}

pub(super) fn keep_refreshed(known: &Connection) -> Write {
    let row = convert::connection_row(known);
    let still = of(&known.user_id, &known.upstream).add(N::Version.eq(known.version - 1));
    let update = connection::Entity::update_many()
        .col_expr(N::Scopes, Expr::value(row.scopes))
        .col_expr(N::Resource, Expr::value(row.resource))
        .col_expr(N::Tokens, Expr::value(row.tokens))
        .col_expr(N::ExpiresAt, Expr::value(row.expires_at))
        .col_expr(N::Version, Expr::value(row.version))
        .col_expr(N::RefreshingUntil, Expr::value(Option::<i64>::None))
        .col_expr(N::Problem, Expr::value(row.problem));
    Write {
        name: Name::Decides(Condition::KeepRefreshedConnection),
        work: run(update.filter(still)),
        stale: Some(stale(&known.user_id)),
        audit: Audit::Silent,
    }
}

pub(super) fn claim_refresh(
    (user_id, upstream): (&UserId, &UpstreamName),
    version: i64,
    now: Timestamp,
    until: Timestamp,
) -> Write {
    let free = Where::any().add(N::RefreshingUntil.is_null()).add(N::RefreshingUntil.lte(now.0));
    let still = of(user_id, upstream).add(N::Version.eq(version)).add(free);
    Write {
        name: Name::Decides(Condition::ClaimConnectionRefresh),
        work: run(connection::Entity::update_many()
            .col_expr(N::RefreshingUntil, Expr::value(until.0))
            .filter(still)),
        stale: Some(stale(user_id)),
        audit: Audit::Silent,
    }
}

pub(super) fn delete_connection(user_id: &UserId, upstream: &UpstreamName) -> Write {
    let event = about(AuditKind::ConnectionEnded, AuditSubject::Upstream, upstream.as_str());
    Write {
        name: Name::Always("delete_connection"),
        work: Work::Statements(
            trust::end_connections(&of(user_id, upstream), None, AT_ONCE).into(),
        ),
        stale: Some(stale(user_id)),
        audit: Audit::Entry(event.detail(json!({"user": user_id.as_str()}).to_string())),
    }
}

/// Ends all connections of a user.
pub(super) fn end_connections(user_id: &UserId) -> Write {
    let which = Where::all().add(N::UserId.eq(user_id.as_str()));
    Write {
        name: Name::Always("end_connections"),
        work: Work::Statements(trust::end_connections(&which, None, AT_ONCE).into()),
        stale: Some(stale(user_id)),
        // The end of the user's access has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn insert_attempt(new: &ConnectAttempt) -> Write {
    Write {
        name: Name::Always("insert_connect_attempt"),
        work: run(connect_attempt::Entity::insert(convert::attempt_row(new).into_active_model())),
        stale: None,
        audit: Audit::Silent,
    }
}

/// The attempt that must be under way for its callback to be accepted.
pub(super) struct PendingAttempt {
    pub(super) state: HashedToken,
    pub(super) upstream: UpstreamName,
    pub(super) user_id: UserId,
    pub(super) browser: HashedToken,
}

pub(super) fn redeem_attempt(attempt: &PendingAttempt, now: Timestamp) -> Write {
    let awaited = Where::all()
        .add(A::State.eq(attempt.state.as_str()))
        .add(A::Upstream.eq(attempt.upstream.as_str()))
        .add(A::UserId.eq(attempt.user_id.as_str()))
        .add(A::Browser.eq(attempt.browser.as_str()))
        .add(A::ConsumedAt.is_null())
        .add(A::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemConnectAttempt),
        work: run(connect_attempt::Entity::update_many()
            .col_expr(A::ConsumedAt, Expr::value(now.0))
            .filter(awaited)),
        stale: None,
        // The resulting connection has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn keep_result(result: &KeptResult, most: u64) -> Write {
    let theirs = || K::UserId.eq(result.user_id.as_str());
    let newest = kept_result::Entity::find()
        .select_only()
        .column(K::Id)
        .filter(theirs())
        .order_by_desc(K::CreatedAt)
        .order_by_desc(K::Id)
        .limit(most);
    let old = Where::all().add(theirs()).add(K::Id.not_in_subquery(newest.into_query()));
    Write {
        name: Name::Always("keep_result"),
        work: Work::Statements(vec![
            kept_result::Entity::insert(convert::kept_row(result).into_active_model()).into(),
            kept_result::Entity::delete_many().filter(old).into(),
        ]),
        stale: None,
        // The call has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn relay_answer(answer: &KeptResult) -> Write {
    let row = convert::kept_row(answer).into_active_model();
    Write {
        name: Name::Always("relay_answer"),
        work: run(kept_result::Entity::insert(row).on_conflict(nothing())),
        stale: Some(Invalidation::Answers(answer.id.as_str().to_owned())),
        // The call has the entry.
        audit: Audit::Silent,
    }
}
