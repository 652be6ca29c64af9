//! Writes of authorization codes, grants and refresh tokens.

use doorward_model::{
    AuditKind, AuditSubject, AuthorizationCode, ClientId, Grant, GrantId, HashedToken, IdentityId,
    RefreshToken, Resource, RevokeReason, ScopeSet, Timestamp, UserId,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryTrait,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::json;

use super::{Audit, Name, Read, Sql, Work, Write, about, devices, new, relying, run};
use crate::{
    condition::Condition,
    convert,
    entities::{
        access_grant::{self, Column as G},
        authorization_code::{self, Column as C},
        device_authorization::Column as D,
        refresh_token::{self, Column as R},
        relying_session::Column as P,
    },
    invalidate::Invalidation,
    kept::Kept,
};

fn reach(scopes: &ScopeSet, resources: &[Resource]) -> String {
    json!({"scopes": scopes.to_string(), "resources": resources.iter().map(Resource::as_str).collect::<Vec<_>>()}).to_string()
}

pub(super) fn insert_code(code: &AuthorizationCode) -> Write {
    let event = about(AuditKind::ConsentAllowed, AuditSubject::Client, code.client_id.as_str())
        .by(&code.subject.account)
        .through(&code.client_id);
    Write {
        name: Name::Always("insert_code"),
        work: run(new(convert::code_row(code))),
        stale: None,
        audit: Audit::Entry(event.detail(reach(&code.scopes, &code.resources))),
    }
}

pub(super) fn redeem_code(token: &HashedToken, now: Timestamp) -> Write {
    let unspent = Where::all()
        .add(C::Token.eq(token.as_str()))
        .add(C::ConsumedAt.is_null())
        .add(C::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::RedeemCode),
        work: run(Kept::new(
            "redeem code",
            vec![now.0.into(), token.as_str().into(), now.0.into()],
            || {
                authorization_code::Entity::update_many()
                    .col_expr(C::ConsumedAt, Expr::value(now.0))
                    .filter(unspent.clone())
                    .into_query()
            },
        )),
        stale: None,
        // The grant of the same unit has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn insert(grant: &Grant) -> Write {
    let mut event = about(AuditKind::GrantGiven, AuditSubject::Grant, grant.id.as_str())
        .by(&grant.subject.account)
        .through(&grant.client_id);
    event.actor.grant_id = Some(grant.id.to_string());
    Write {
        name: Name::Always("insert_grant"),
        work: run(new(convert::grant_row(grant))),
        stale: None,
        audit: Audit::Entry(event.detail(reach(&grant.scopes, &grant.resources))),
    }
}

pub(super) fn mark_used(grant_id: &GrantId, now: Timestamp) -> Write {
    let live = Where::all()
        .add(G::Id.eq(grant_id.as_str()))
        .add(G::RevokedAt.is_null())
        .add(G::ExpiresAt.gt(now.0));
    Write {
        name: Name::Decides(Condition::UseGrant),
        work: run(access_grant::Entity::update_many()
            .col_expr(G::LastUsedAt, Expr::value(now.0))
            .filter(live)),
        stale: Some(Invalidation::Grant(grant_id.to_string())),
        // The refresh or the call that uses it has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn narrow(user_id: UserId, client_id: ClientId, scopes: ScopeSet) -> Write {
    let detail = json!({"client": client_id.as_str(), "scopes": scopes.to_string()}).to_string();
    Write {
        name: Name::Always("narrow_grants"),
        stale: Some(Invalidation::Grants),
        audit: Audit::Entry(
            about(AuditKind::GrantNarrowed, AuditSubject::User, user_id.as_str()).detail(detail),
        ),
        work: Work::Read(Read::NarrowGrants { user_id, client_id, scopes }),
    }
}

fn revoke(which: Where, at: Timestamp, reason: RevokeReason) -> Sql {
    access_grant::Entity::update_many()
        .col_expr(G::RevokedAt, Expr::value(at.0))
        .col_expr(G::RevokeReason, Expr::value(reason.as_str()))
        .filter(which.add(G::RevokedAt.is_null()))
        .into()
}

/// Spends codes that wait to be redeemed, so that no grant arises after the user or client was cut
/// off.
fn spend_codes(which: Where, at: Timestamp) -> Sql {
    authorization_code::Entity::update_many()
        .col_expr(C::ConsumedAt, Expr::value(at.0))
        .filter(which.add(C::ConsumedAt.is_null()))
        .into()
}

pub(super) fn revoke_one(grant_id: &GrantId, at: Timestamp, reason: RevokeReason) -> Write {
    let event = about(AuditKind::GrantRevoked, AuditSubject::Grant, grant_id.as_str());
    Write {
        name: Name::Always("revoke_grant"),
        work: run(revoke(Where::all().add(G::Id.eq(grant_id.as_str())), at, reason)),
        stale: Some(Invalidation::Grant(grant_id.to_string())),
        audit: Audit::Entry(event.detail(json!({"reason": reason.as_str()}).to_string())),
    }
}

pub(super) fn replace(
    grants: &[GrantId],
    (user_id, client_id): (&UserId, &ClientId),
    by: &GrantId,
    (at, reason): (Timestamp, RevokeReason),
) -> Write {
    let ids = || grants.iter().map(GrantId::as_str);
    let (event, stale) = match grants {
        [grant] => (
            about(AuditKind::GrantRevoked, AuditSubject::Grant, grant.as_str()),
            Invalidation::Grant(grant.to_string()),
        ),
        _ => (
            about(AuditKind::GrantRevoked, AuditSubject::User, user_id.as_str()),
            Invalidation::Grants,
        ),
    };
    let detail =
        json!({"reason": reason.as_str(), "by": by.as_str(), "grants": ids().collect::<Vec<_>>()});
    Write {
        name: Name::Always("replace_grants"),
        work: run(revoke(Where::all().add(G::Id.is_in(ids())), at, reason)),
        stale: Some(stale),
        audit: Audit::Entry(event.by(user_id).through(client_id).detail(detail.to_string())),
    }
}

pub(super) fn revoke_of_user(
    user_id: &UserId,
    client_id: Option<&ClientId>,
    at: Timestamp,
    reason: RevokeReason,
) -> Write {
    let mut which = Where::all().add(G::UserId.eq(user_id.as_str()));
    let mut codes = Where::all().add(C::UserId.eq(user_id.as_str()));
    let mut waiting = Where::all().add(D::UserId.eq(user_id.as_str()));
    let mut used = Where::all().add(P::UserId.eq(user_id.as_str()));
    if let Some(client_id) = client_id {
        waiting = waiting.add(D::ClientId.eq(client_id.as_str()));
        used = used.add(P::ClientId.eq(client_id.as_str()));
        which = which.add(G::ClientId.eq(client_id.as_str()));
        codes = codes.add(C::ClientId.eq(client_id.as_str()));
    }
    let detail =
        json!({"reason": reason.as_str(), "client": client_id.map(ClientId::as_str)}).to_string();
    Write {
        name: Name::Always("revoke_grants_of_user"),
        work: Work::Statements(vec![
            spend_codes(codes, at),
            devices::spend(waiting, at),
            // The consent of the running sessions ends too.
            relying::end(used, at),
            revoke(which, at, reason),
        ]),
        stale: Some(Invalidation::Grants),
        audit: Audit::Entry(
            about(AuditKind::GrantRevoked, AuditSubject::User, user_id.as_str()).detail(detail),
        ),
    }
}

pub(super) fn revoke_of_identity(
    identity: &IdentityId,
    at: Timestamp,
    reason: RevokeReason,
) -> Write {
    let codes = spend_codes(Where::all().add(C::Identity.eq(identity.as_str())), at);
    let event = about(AuditKind::GrantRevoked, AuditSubject::Identity, identity.as_str());
    Write {
        name: Name::Always("revoke_grants_of_identity"),
        work: Work::Statements(vec![
            codes,
            devices::spend(Where::all().add(D::Identity.eq(identity.as_str())), at),
            revoke(Where::all().add(G::Identity.eq(identity.as_str())), at, reason),
        ]),
        stale: Some(Invalidation::Grants),
        audit: Audit::Entry(event.detail(json!({"reason": reason.as_str()}).to_string())),
    }
}

pub(super) fn revoke_of_client(client_id: &ClientId, at: Timestamp, reason: RevokeReason) -> Write {
    let codes = spend_codes(Where::all().add(C::ClientId.eq(client_id.as_str())), at);
    let event = about(AuditKind::GrantRevoked, AuditSubject::Client, client_id.as_str());
    let mut statements = vec![
        codes,
        devices::spend(Where::all().add(D::ClientId.eq(client_id.as_str())), at),
        revoke(Where::all().add(G::ClientId.eq(client_id.as_str())), at, reason),
    ];
    if reason == RevokeReason::ClientRemoved {
        // Its users are signed out of it, and it is told.
        statements.insert(0, relying::end_of_client(client_id, at));
    }
    Write {
        name: Name::Always("revoke_grants_of_client"),
        work: Work::Statements(statements),
        stale: Some(Invalidation::Grants),
        audit: Audit::Entry(event.detail(json!({"reason": reason.as_str()}).to_string())),
    }
}

pub(super) fn insert_refresh_token(token: &RefreshToken) -> Write {
    Write {
        name: Name::Always("insert_refresh_token"),
        work: run(new(convert::refresh_token_row(token))),
        stale: None,
        // The grant, or the refresh, has the entry.
        audit: Audit::Silent,
    }
}

pub(super) fn use_refresh_token(
    token: &HashedToken,
    successor: &HashedToken,
    now: Timestamp,
) -> Write {
    // A grant that was revoked since the token was read yields nothing more.
    let live = Query::select()
        .column((access_grant::Entity, G::Id))
        .from(access_grant::Entity)
        .and_where(
            Expr::col((access_grant::Entity, G::Id)).equals((refresh_token::Entity, R::GrantId)),
        )
        .and_where(G::RevokedAt.is_null())
        .and_where(Expr::col((access_grant::Entity, G::ExpiresAt)).gt(now.0))
        .to_owned();
    let unused = Where::all()
        .add(R::Token.eq(token.as_str()))
        .add(R::UsedAt.is_null())
        .add(R::ExpiresAt.gt(now.0))
        .add(R::GrantId.in_subquery(live));
    let update = || {
        refresh_token::Entity::update_many()
            .col_expr(R::UsedAt, Expr::value(now.0))
            .col_expr(R::Successor, Expr::value(successor.as_str()))
            .filter(unused.clone())
            .into_query()
    };
    let values = vec![
        now.0.into(),
        successor.as_str().into(),
        token.as_str().into(),
        now.0.into(),
        now.0.into(),
    ];
    Write {
        name: Name::Decides(Condition::UseRefreshToken),
        work: run(Kept::new("use refresh token", values, update)),
        stale: None,
        // The issuer notes the refresh with its response.
        audit: Audit::Silent,
    }
}
