//! Writes of personal access tokens and tokens of services.

use doorward_model::{
    AccessToken, AccessTokenId, AuditKind, AuditSubject, IdentityId, Timestamp, UpstreamName,
    UserId,
};
use sea_orm::{
    ActiveValue::NotSet, ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QuerySelect,
    QueryTrait, sea_query::Expr,
};
use serde_json::json;

use super::{Audit, Name, Work, Write, about, nothing, run};
use crate::{
    condition::Condition,
    convert,
    entities::{
        access_token::{Column as T, Entity},
        identity::{self, Column as I},
    },
    invalidate::Invalidation,
};

pub(super) fn insert(token: &AccessToken) -> Write {
    let detail = json!({"name": token.name, "of": token.user_id.as_str(), "scopes": token.scopes.to_string(), "expires_at": token.expires_at.0,
        "upstreams": token.upstreams.iter().map(UpstreamName::as_str).collect::<Vec<_>>()});
    let event = about(AuditKind::AccessTokenAdded, AuditSubject::AccessToken, token.id.as_str());
    Write {
        name: Name::Decides(Condition::InsertAccessToken),
        work: run(Entity::insert(convert::access_tokens::token_row(token)).on_conflict(nothing())),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}

pub(super) fn rotate(token: &AccessToken) -> Write {
    let now = token.rotated_at.unwrap_or(token.created_at);
    let live = Where::all()
        .add(T::Id.eq(token.id.as_str()))
        .add(T::UserId.eq(token.user_id.as_str()))
        .add(T::RevokedAt.is_null());
    let mut row = convert::access_tokens::token_row(token);
    // Columns that concurrent requests may have changed stay.
    (row.id, row.last_used_at, row.revoked_at) = (NotSet, NotSet, NotSet);
    Write {
        name: Name::Decides(Condition::RotateAccessToken),
        work: run(Entity::update_many().set(row).filter(live.add(T::ExpiresAt.gt(now.0)))),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(about(
            AuditKind::AccessTokenRotated,
            AuditSubject::AccessToken,
            token.id.as_str(),
        )),
    }
}

pub(super) fn revoke(id: &AccessTokenId, user_id: Option<&UserId>, at: Timestamp) -> Write {
    let mut which = Where::all().add(T::Id.eq(id.as_str())).add(T::RevokedAt.is_null());
    if let Some(user_id) = user_id {
        which = which.add(T::UserId.eq(user_id.as_str()));
    }
    Write {
        name: Name::Decides(Condition::RevokeAccessToken),
        work: run(Entity::update_many().col_expr(T::RevokedAt, Expr::value(at.0)).filter(which)),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(about(
            AuditKind::AccessTokenRevoked,
            AuditSubject::AccessToken,
            id.as_str(),
        )),
    }
}

pub(super) fn revoke_of_user(user_id: &UserId, at: Timestamp) -> Write {
    let which = Where::all().add(T::UserId.eq(user_id.as_str())).add(T::RevokedAt.is_null());
    Write {
        name: Name::Always("revoke_access_tokens_of_user"),
        work: run(Entity::update_many().col_expr(T::RevokedAt, Expr::value(at.0)).filter(which)),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(about(
            AuditKind::AccessTokenRevoked,
            AuditSubject::User,
            user_id.as_str(),
        )),
    }
}

pub(super) fn revoke_of_identity(identity: &IdentityId, at: Timestamp) -> Write {
    let which = Where::all().add(T::Identity.eq(identity.as_str())).add(T::RevokedAt.is_null());
    Write {
        name: Name::Always("revoke_access_tokens_of_identity"),
        work: run(Entity::update_many().col_expr(T::RevokedAt, Expr::value(at.0)).filter(which)),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(about(
            AuditKind::AccessTokenRevoked,
            AuditSubject::Identity,
            identity.as_str(),
        )),
    }
}

/// Notes the use. Accounts at providers of the token's user that are not checked, because nothing
/// seemed to depend on them, are due now.
pub(super) fn mark_used(id: &AccessTokenId, now: Timestamp) -> Write {
    let holder = Entity::find_by_id(id.as_str()).select_only().column(T::UserId).into_query();
    let idle = Where::all()
        .add(I::UserId.in_subquery(holder))
        .add(I::EndedAt.is_null())
        .add(I::NextCheckAt.gte(Timestamp::NEVER.0));
    let wake =
        identity::Entity::update_many().col_expr(I::NextCheckAt, Expr::value(now.0)).filter(idle);
    let note = Entity::update_many()
        .col_expr(T::LastUsedAt, Expr::value(now.0))
        .filter(T::Id.eq(id.as_str()));
    Write {
        name: Name::Always("use_access_token"),
        work: Work::Statements(vec![wake.into(), note.into()]),
        stale: Some(Invalidation::AccessTokens),
        // The call has the entry.
        audit: Audit::Silent,
    }
}
