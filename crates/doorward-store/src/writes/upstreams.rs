//! Writes of upstreams, pinned tools, connections and kept results.

use doorward_model::{
    AuditKind, AuditSubject, Connection, HashedToken, Sealed, Timestamp, UpstreamId, UpstreamName,
    UserId,
    upstream::{
        ConnectAttempt, KeptResult, Pinned, PinnedTool, StoredUpstream, ToolState,
        UpstreamRegistration,
    },
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, NotSet,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::json;

use super::{Audit, Name, Work, Write, about, nothing, run, trust};
use crate::{
    audit::compare::Row,
    condition::Condition,
    convert::upstreams as convert,
    entities::{
        connect_attempt::{self, Column as A},
        connection::{self, Column as N},
        kept_result::{self, Column as K},
        upstream,
        upstream_registration::{self, Column as R},
        upstream_tool::{self, Column as T},
    },
    invalidate::Invalidation,
};

/// The time at which tokens of a connection that ended are due to be revoked: from now on.
pub(super) const AT_ONCE: Timestamp = Timestamp(0);
/// Rows of one statement: PostgreSQL takes at most 65,535 parameters.
const ROWS: usize = 500;

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

/// The undecided tools of an upstream.
pub(super) fn undecided(upstream: &str) -> Where {
    Where::all()
        .add(T::Upstream.eq(upstream))
        .add(T::State.eq(ToolState::Waiting.as_str()))
        .add(T::Class.is_null())
}

pub(super) fn pin_new(tools: &[PinnedTool]) -> Write {
    let insert = |some: &[PinnedTool]| {
        let rows = some.iter().map(|tool| convert::tool_row(tool).into_active_model());
        upstream_tool::Entity::insert_many(rows).on_conflict(nothing()).into()
    };
    Write {
        name: Name::Always("pin_new_tools"),
        work: Work::Statements(tools.chunks(ROWS).map(insert).collect()),
        stale: tools.first().map(|tool| Invalidation::Pinned(tool.upstream.as_str().to_owned())),
        // An upstream may list any number; an administrator's decision has an entry.
        audit: Audit::Silent,
    }
}

pub(super) fn note_changed(
    upstream: &UpstreamName,
    tool: &str,
    definition: String,
    pinned: Pinned,
    first: bool,
) -> Write {
    let which = Where::all().add(T::Upstream.eq(upstream.as_str())).add(T::Tool.eq(tool));
    let noted = upstream_tool::Entity::update_many()
        .col_expr(T::Changed, Expr::value(definition))
        .col_expr(T::Pinned, Expr::value(pinned.as_str()));
    let event =
        about(AuditKind::ToolChanged, AuditSubject::Tool, &format!("{}/{tool}", upstream.as_str()));
    Write {
        name: Name::Always("note_changed_tool"),
        work: run(noted.filter(which)),
        stale: Some(Invalidation::Pinned(upstream.as_str().to_owned())),
        // An upstream may change a definition any number of times; until an administrator decides,
        // the first change is reported.
        audit: if first { Audit::Entry(event) } else { Audit::Silent },
    }
}

pub(super) fn repin(tool: &PinnedTool, seen_definition: &str, seen_state: ToolState) -> Write {
    let upstream = tool.upstream.as_str();
    let as_seen = Where::all()
        .add(T::Upstream.eq(upstream))
        .add(T::Tool.eq(tool.tool.as_str()))
        .add(T::Definition.eq(seen_definition));
    let row = convert::tool_row(tool).into_active_model().reset_all();
    let row = upstream_tool::ActiveModel { upstream: NotSet, tool: NotSet, ..row };
    Write {
        name: Name::Always("repin_tool"),
        work: run(upstream_tool::Entity::update_many()
            .set(row)
            .filter(as_seen.add(T::State.eq(seen_state.as_str())))),
        stale: Some(Invalidation::Pinned(upstream.to_owned())),
        // No decision: a row of an older version becomes whole, or a tool counts as new, which has
        // no entry either.
        audit: Audit::Silent,
    }
}

pub(super) fn forget_undecided(upstream: &UpstreamName, tools: &[String]) -> Write {
    let delete = |some: &[String]| {
        upstream_tool::Entity::delete_many()
            .filter(undecided(upstream.as_str()).add(T::Tool.is_in(some)))
            .into()
    };
    Write {
        name: Name::Always("forget_undecided_tools"),
        work: Work::Statements(tools.chunks(ROWS).map(delete).collect()),
        stale: Some(Invalidation::Pinned(upstream.as_str().to_owned())),
        audit: Audit::Silent,
    }
}

pub(super) fn decide(
    tool: &PinnedTool,
    seen_definition: &str,
    seen_changed: Option<&str>,
) -> Write {
    let upstream = tool.upstream.as_str();
    let mut as_seen = Where::all()
        .add(T::Upstream.eq(upstream))
        .add(T::Tool.eq(tool.tool.as_str()))
        .add(T::Definition.eq(seen_definition));
    as_seen = as_seen.add(match seen_changed {
        Some(changed) => T::Changed.eq(changed),
        None => T::Changed.is_null(),
    });
    let row = convert::tool_row(tool).into_active_model().reset_all();
    let row = upstream_tool::ActiveModel { upstream: NotSet, tool: NotSet, ..row };
    let event =
        about(AuditKind::ToolDecided, AuditSubject::Tool, &format!("{upstream}/{}", tool.tool));
    Write {
        name: Name::Decides(Condition::DecideTool),
        work: run(upstream_tool::Entity::update_many().set(row).filter(as_seen)),
        stale: Some(Invalidation::Pinned(upstream.to_owned())),
        audit: Audit::Compared {
            event,
            row: Row::Tool(upstream.to_owned(), tool.tool.clone()),
            only_if_different: false,
        },
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
pub(super) struct Awaited {
    pub(super) state: HashedToken,
    pub(super) upstream: UpstreamName,
    pub(super) user_id: UserId,
    pub(super) browser: HashedToken,
}

pub(super) fn redeem_attempt(attempt: &Awaited, now: Timestamp) -> Write {
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
