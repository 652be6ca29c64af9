//! Writes of personal access tokens and tokens of services.

use doorward_model::{AccessToken, AccessTokenId, AuditKind, AuditSubject, HashedToken, Timestamp, UpstreamName, UserId};
use sea_orm::{ColumnTrait, Condition as Where, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;

use super::{Audit, Name, Write, about, nothing, run};
use crate::{
    condition::Condition,
    convert,
    entities::access_token::{Column as T, Entity},
    invalidate::Stale,
};

pub(super) fn insert(token: &AccessToken) -> Write {
    let detail = json!({"name": token.name, "of": token.user_id.as_str(), "scopes": token.scopes.to_string(), "expires_at": token.expires_at.0,
        "upstreams": token.upstreams.iter().map(UpstreamName::as_str).collect::<Vec<_>>()});
    let event = about(AuditKind::AccessTokenAdded, AuditSubject::AccessToken, token.id.as_str());
    Write {
        name: Name::Decides(Condition::InsertAccessToken),
        work: run(Entity::insert(convert::access_tokens::token_row(token)).on_conflict(nothing())),
        stale: Some(Stale::AccessTokens),
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}

pub(super) fn rotate((user_id, id): (&UserId, &AccessTokenId), token: &HashedToken, expires_at: Timestamp, now: Timestamp) -> Write {
    let live = Where::all().add(T::Id.eq(id.as_str())).add(T::UserId.eq(user_id.as_str())).add(T::RevokedAt.is_null()).add(T::ExpiresAt.gt(now.0));
    let update = Entity::update_many()
        .col_expr(T::Token, Expr::value(token.as_str()))
        .col_expr(T::RotatedAt, Expr::value(now.0))
        .col_expr(T::ExpiresAt, Expr::value(expires_at.0));
    Write {
        name: Name::Decides(Condition::RotateAccessToken),
        work: run(update.filter(live)),
        stale: Some(Stale::AccessTokens),
        audit: Audit::Entry(about(AuditKind::AccessTokenRotated, AuditSubject::AccessToken, id.as_str())),
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
        stale: Some(Stale::AccessTokens),
        audit: Audit::Entry(about(AuditKind::AccessTokenRevoked, AuditSubject::AccessToken, id.as_str())),
    }
}

pub(super) fn revoke_of_person(user_id: &UserId, at: Timestamp) -> Write {
    let which = Where::all().add(T::UserId.eq(user_id.as_str())).add(T::RevokedAt.is_null());
    Write {
        name: Name::Always("revoke_access_tokens_of_person"),
        work: run(Entity::update_many().col_expr(T::RevokedAt, Expr::value(at.0)).filter(which)),
        stale: Some(Stale::AccessTokens),
        audit: Audit::Entry(about(AuditKind::AccessTokenRevoked, AuditSubject::Person, user_id.as_str())),
    }
}

pub(super) fn mark_used(id: &AccessTokenId, now: Timestamp) -> Write {
    Write {
        name: Name::Always("use_access_token"),
        work: run(Entity::update_many().col_expr(T::LastUsedAt, Expr::value(now.0)).filter(T::Id.eq(id.as_str()))),
        stale: Some(Stale::AccessTokens),
        // The call has the entry.
        audit: Audit::Silent,
    }
}
