//! Writes of the identities of upstreams, of their pinned authorization servers, and of pending
//! revocations at them.

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, Resource, RevokeReason, Sealed, ServerPin, Timestamp,
    UpstreamId, UpstreamName, UpstreamTrust,
    trust::{Ended, Ending, Revocation},
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{BinOper, Expr, ExprTrait, Func, InsertStatement, OnConflict, Query},
};
use serde_json::json;

use super::{Audit, Name, Sql, Work, Write, about, nothing, run, tools};
use crate::{
    audit::row::Row,
    condition::Condition,
    convert::{list_to_text, upstreams as convert},
    entities::{
        access_grant::{self, Column as G},
        access_token::{self, Column as T},
        authorization_code::{self, Column as C},
        connect_attempt, connection,
        connection::Column as N,
        token_revocation::{self, Column as V},
        upstream, upstream_registration,
        upstream_registration::Column as R,
        upstream_tool,
        upstream_trust::{self, Column as U},
    },
    invalidate::Invalidation,
};

/// The most tokens of one upstream that are revoked at their issuers. Those of further users end
/// here alone.
const MOST_REVOKED: u64 = 10_000;

/// The row of an upstream with this identity.
pub(super) fn is(upstream: &UpstreamName, id: &UpstreamId) -> Where {
    Where::all().add(U::Upstream.eq(upstream.as_str())).add(U::Id.eq(id.as_str()))
}

/// Locks the row until the unit is applied, and finds out if it exists.
pub(super) fn touch(which: Where) -> Sql {
    upstream_trust::Entity::update_many().col_expr(U::Id, Expr::col(U::Id)).filter(which).into()
}

pub(super) fn begin(new: &UpstreamTrust) -> Write {
    Write {
        name: Name::Always("begin_upstream"),
        work: run(upstream_trust::Entity::insert(convert::trust_row(new).into_active_model())
            .on_conflict(nothing())),
        stale: Some(Invalidation::Trusts),
        // An upstream that is added by command has an entry; one of the file is in that file.
        audit: Audit::Silent,
    }
}

/// The grants for one resource alone.
pub(crate) fn grants_for(resource: &Resource) -> Where {
    Where::all()
        .add(G::Resources.eq(list_to_text([resource.as_str()].into_iter())))
        .add(G::RevokedAt.is_null())
}

/// The personal and service tokens that reach one upstream alone.
pub(crate) fn tokens_for(upstream: &UpstreamName) -> Where {
    Where::all()
        .add(T::Upstreams.eq(list_to_text([upstream.as_str()].into_iter())))
        .add(T::RevokedAt.is_null())
}

/// Ends connections: their tokens are queued to be revoked at their issuers, each with the
/// registration that they were given to, and the connections are deleted. `access` states how the
/// issuers are reached where the upstream ends too.
pub(crate) fn end_connections(which: &Where, access: Option<&Sealed>, due: Timestamp) -> [Sql; 3] {
    [
        // First, so that no refresh stores other tokens between the other two, and no other unit
        // ends the same connections.
        connection::Entity::update_many()
            .col_expr(N::Version, Expr::col(N::Version))
            .filter(which.clone())
            .into(),
        Sql::Insert(queue_revocations(which, access, due)),
        connection::Entity::delete_many().filter(which.clone()).into(),
    ]
}

fn queue_revocations(which: &Where, access: Option<&Sealed>, due: Timestamp) -> InsertStatement {
    let of = |column: N| Expr::col((connection::Entity, column));
    let joined = |left: Expr, right: Expr| left.binary(BinOper::Custom("||"), right);
    // The nonce of the sealed tokens, which follows `v1.`, is never used twice.
    let nonce = Func::cust("substr").arg(of(N::Tokens)).arg(4_i32).arg(16_i32);
    let id = joined(of(N::Upstream), Expr::val("/"));
    let id = joined(joined(id, of(N::UserId)), Expr::val("/"));
    let id = joined(id, nonce.into());
    let registered = Where::all()
        .add(
            Expr::col((upstream_registration::Entity, R::Upstream))
                .equals((connection::Entity, N::Upstream)),
        )
        .add(
            Expr::col((upstream_registration::Entity, R::Issuer))
                .equals((connection::Entity, N::Issuer)),
        );
    let select = Query::select()
        .expr(id)
        .expr(of(N::Upstream))
        .expr(of(N::UserId))
        .expr(of(N::Issuer))
        .expr(of(N::Resource))
        .expr(of(N::Tokens))
        .expr(Expr::col((upstream_registration::Entity, R::Credentials)))
        .expr(Expr::val(access.map(|sealed| sealed.as_str().to_owned())))
        .expr(Expr::val(0_i64))
        .expr(Expr::val(due.0))
        .from(connection::Entity)
        .left_join(upstream_registration::Entity, registered)
        .cond_where(Where::all().add(which.clone()).add(of(N::Tokens).is_not_null()))
        .limit(MOST_REVOKED)
        .to_owned();
    let columns = [
        V::Id,
        V::Upstream,
        V::UserId,
        V::Issuer,
        V::Resource,
        V::Tokens,
        V::Registration,
        V::Access,
        V::Tries,
        V::DueAt,
    ];
    let mut insert = Query::insert().into_table(token_revocation::Entity).columns(columns).take();
    // The numbers of columns are equal, which is all that can be wrong here.
    let _ = insert.select_from(select);
    // Tokens that are queued already are queued once.
    insert.on_conflict(OnConflict::new().do_nothing().to_owned());
    insert
}

/// Ends everything that depends on an upstream, and last the upstream itself or its identity.
pub(super) fn end(ending: &Ending) -> Write {
    let name = ending.upstream.as_str();
    let at = || Expr::value(ending.at.0);
    let resource = list_to_text([ending.resource.as_str()].into_iter());
    let mut statements: Vec<Sql> = vec![
        // First, so that nothing is added for it until the unit is done.
        touch(Where::all().add(U::Upstream.eq(name))),
    ];
    statements.extend(end_connections(
        &Where::all().add(N::Upstream.eq(name)),
        ending.access.as_ref(),
        ending.at,
    ));
    // Pending revocations of earlier users use the upstream's former access.
    let reached = ending.access.as_ref().map(|sealed| sealed.as_str().to_owned());
    statements.extend([
        token_revocation::Entity::update_many()
            .col_expr(V::Access, Expr::value(reached))
            .filter(V::Upstream.eq(name).and(V::Access.is_null()))
            .into(),
        connect_attempt::Entity::delete_many()
            .filter(connect_attempt::Column::Upstream.eq(name))
            .into(),
        upstream_registration::Entity::delete_many().filter(R::Upstream.eq(name)).into(),
        authorization_code::Entity::update_many()
            .col_expr(C::ConsumedAt, at())
            .filter(C::Resources.eq(resource).and(C::ConsumedAt.is_null()))
            .into(),
        access_grant::Entity::update_many()
            .col_expr(G::RevokedAt, at())
            .col_expr(G::RevokeReason, Expr::value(RevokeReason::UpstreamEnded.as_str()))
            .filter(grants_for(&ending.resource))
            .into(),
        access_token::Entity::update_many()
            .col_expr(T::RevokedAt, at())
            .filter(tokens_for(&ending.upstream))
            .into(),
    ]);
    let still = match &ending.id {
        Some(id) => is(&ending.upstream, id),
        None => Where::all().add(U::Upstream.eq(name)),
    };
    let (condition, kind) = match &ending.why {
        Ended::Deleted { stored } => {
            statements
                .push(upstream_tool::Entity::delete_many().filter(tools::undecided(name)).into());
            statements.push(upstream_trust::Entity::delete_many().filter(still).into());
            if *stored {
                statements.push(
                    upstream::Entity::delete_many().filter(upstream::Column::Name.eq(name)).into(),
                );
            }
            let condition =
                if *stored { Condition::DeleteUpstream } else { Condition::ReplaceUpstream };
            (condition, AuditKind::UpstreamDeleted)
        }
        Ended::Moved(next) => {
            statements.push(replace(next, still));
            (Condition::ReplaceUpstream, AuditKind::UpstreamMoved)
        }
        Ended::Accepted(next) => {
            statements.push(replace(next, still.add(names(ending.named.as_ref()))));
            (Condition::ReplaceUpstream, AuditKind::UpstreamServerAccepted)
        }
    };
    Write {
        name: Name::Decides(condition),
        work: Work::Statements(statements),
        // Connections, grants and tokens of many.
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(kind, AuditSubject::Upstream, name),
            row: Row::Upstream(ending.upstream, ending.resource.clone()),
            only_if_different: false,
        },
    }
}

/// Gives the row another identity, with its pins.
fn replace(next: &UpstreamTrust, still: Where) -> Sql {
    let row = convert::trust_row(next);
    upstream_trust::Entity::update_many()
        .col_expr(U::Id, Expr::value(row.id))
        .col_expr(U::Location, Expr::value(row.location))
        .col_expr(U::Issuer, Expr::value(row.issuer))
        .col_expr(U::Resource, Expr::value(row.resource))
        .col_expr(U::Scopes, Expr::value(row.scopes))
        .col_expr(U::NamedIssuer, Expr::value(row.named_issuer))
        .col_expr(U::NamedResource, Expr::value(row.named_resource))
        .col_expr(U::NamedScopes, Expr::value(row.named_scopes))
        .col_expr(U::Since, Expr::value(row.since))
        .filter(still)
        .into()
}

/// The rows that name this other server.
fn names(named: Option<&ServerPin>) -> Where {
    let Some(named) = named else { return Where::all().add(U::NamedIssuer.is_null()) };
    let which = Where::all()
        .add(U::NamedIssuer.eq(named.issuer.as_str()))
        .add(U::NamedScopes.eq(named.scopes.join(" ")));
    which.add(match &named.resource {
        Some(resource) => U::NamedResource.eq(resource.as_str()),
        None => U::NamedResource.is_null(),
    })
}

pub(super) fn pin(upstream: &UpstreamName, id: &UpstreamId, server: &ServerPin) -> Write {
    let free = Where::any().add(U::Issuer.is_null()).add(U::Issuer.eq(server.issuer.as_str()));
    let nothing = || Expr::value(Option::<String>::None);
    Write {
        name: Name::Decides(Condition::PinUpstream),
        work: run(upstream_trust::Entity::update_many()
            .col_expr(U::Issuer, Expr::value(server.issuer.as_str()))
            .col_expr(U::Resource, Expr::value(server.resource.clone()))
            .col_expr(U::Scopes, Expr::value(server.scopes.join(" ")))
            .col_expr(U::NamedIssuer, nothing())
            .col_expr(U::NamedResource, nothing())
            .col_expr(U::NamedScopes, nothing())
            .filter(is(upstream, id).add(free))),
        stale: Some(Invalidation::Trusts),
        // The first pin is no decision.
        audit: Audit::Silent,
    }
}

fn names_another(upstream: &UpstreamName, named: &ServerPin) -> AuditEvent {
    let detail = json!({"issuer": named.issuer, "resource": named.resource});
    about(AuditKind::UpstreamNamesAnother, AuditSubject::Upstream, upstream.as_str())
        .detail(detail.to_string())
}

pub(super) fn note_named(
    upstream: &UpstreamName,
    id: &UpstreamId,
    named: Option<&ServerPin>,
    first: bool,
) -> Write {
    Write {
        name: Name::Always("note_named_server"),
        work: run(upstream_trust::Entity::update_many()
            .col_expr(U::NamedIssuer, Expr::value(named.map(|pin| pin.issuer.clone())))
            .col_expr(U::NamedResource, Expr::value(named.and_then(|pin| pin.resource.clone())))
            .col_expr(U::NamedScopes, Expr::value(named.map(|pin| pin.scopes.join(" "))))
            .filter(is(upstream, id))),
        stale: Some(Invalidation::Trusts),
        // An upstream may name any number: the first is reported.
        audit: named
            .filter(|_| first)
            .map_or(Audit::Silent, |named| Audit::Entry(names_another(upstream, named))),
    }
}

/// Queues the revocation of tokens that belong to no connection any more.
pub(super) fn queue_revocation(new: &Revocation) -> Write {
    Write {
        name: Name::Always("queue_revocation"),
        work: run(token_revocation::Entity::insert(
            convert::revocation_row(new).into_active_model(),
        )
        .on_conflict(nothing())),
        stale: None,
        // The end of the connection has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn claim_revocation(id: &str, due: Timestamp, until: Timestamp) -> Write {
    let free = Where::all().add(V::Id.eq(id)).add(V::DueAt.eq(due.0));
    Write {
        name: Name::Decides(Condition::ClaimRevocation),
        work: run(token_revocation::Entity::update_many()
            .col_expr(V::DueAt, Expr::value(until.0))
            .col_expr(V::Tries, Expr::col(V::Tries).add(1))
            .filter(free)),
        stale: None,
        // The end of the upstream has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn forget_revocation(id: &str) -> Write {
    Write {
        name: Name::Always("forget_revocation"),
        work: run(token_revocation::Entity::delete_many().filter(V::Id.eq(id))),
        stale: None,
        audit: Audit::Silent,
    }
}
