//! Personal access tokens and tokens of services.

use std::sync::Arc;

use doorward_model::{
    AccessToken, AccessTokenId, AuditKind, AuditSubject, HashedToken, IdentityId, ScopeSet,
    Timestamp, UpstreamName, UserId,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition as Where, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, IntoCondition},
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::{amr_to_text, authentication, damaged, list_from_text, list_to_text},
    invalidate::Invalidation,
    tables::{Copied, Table, access_grant, identity, session},
    writes::{Audit, Name, Work, Write, about, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub token: String,
    pub user_id: String,
    pub name: String,
    pub scopes: String,
    pub upstreams: String,
    pub created_at: i64,
    pub rotated_at: Option<i64>,
    pub expires_at: i64,
    pub last_used_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub acr: Option<String>,
    pub amr: Option<String>,
    pub identity: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// For how many seconds a token that expired is still shown: a month.
const TOKENS_KEPT: i64 = 30 * 86_400;

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(now: Timestamp) -> Option<Where> {
        Some(Column::ExpiresAt.lt(now.plus(-TOKENS_KEPT).0).into_condition())
    }
}

pub(crate) fn from_row(row: Model) -> Result<AccessToken, StoreError> {
    let upstreams = list_from_text("access_token", &row.id, &row.upstreams)?;
    // For tokens from before it was recorded, it is unknown.
    let (acr, amr) =
        (row.acr.as_deref().unwrap_or_default(), row.amr.as_deref().unwrap_or(r#"["pat"]"#));
    let authentication = authentication("access_token", &row.id, acr, amr)?;
    Ok(AccessToken {
        upstreams: upstreams
            .iter()
            .map(|name| UpstreamName::parse(name))
            .collect::<Result<_, _>>()
            .map_err(|_| damaged("access_token", &row.id))?,
        id: AccessTokenId::from_text(row.id),
        token: HashedToken::from_stored(row.token),
        user_id: UserId::from_text(row.user_id),
        name: row.name,
        scopes: ScopeSet::parse_known(&row.scopes),
        created_at: Timestamp(row.created_at),
        rotated_at: row.rotated_at.map(Timestamp),
        expires_at: Timestamp(row.expires_at),
        last_used_at: row.last_used_at.map(Timestamp),
        revoked_at: row.revoked_at.map(Timestamp),
        authentication,
        identity: row.identity.map(IdentityId::from_stored),
    })
}

pub(crate) fn to_row(token: &AccessToken) -> ActiveModel {
    ActiveModel {
        id: Set(token.id.to_string()),
        token: Set(token.token.as_str().to_owned()),
        user_id: Set(token.user_id.to_string()),
        name: Set(token.name.clone()),
        scopes: Set(token.scopes.to_string()),
        upstreams: Set(list_to_text(token.upstreams.iter().map(UpstreamName::as_str))),
        created_at: Set(token.created_at.0),
        rotated_at: Set(token.rotated_at.map(|at| at.0)),
        expires_at: Set(token.expires_at.0),
        last_used_at: Set(token.last_used_at.map(|at| at.0)),
        revoked_at: Set(token.revoked_at.map(|at| at.0)),
        acr: Set(Some(token.authentication.level.as_str().to_owned())),
        amr: Set(Some(amr_to_text(&token.authentication))),
        identity: Set(token.identity.as_ref().map(|identity| identity.as_str().to_owned())),
    }
}

impl Store {
    /// The token with this value, live or not.
    pub async fn access_token(
        &self,
        token: &HashedToken,
    ) -> Result<Option<Arc<AccessToken>>, StoreError> {
        let read = || async move {
            let row =
                self.point().one(Entity::find().filter(Column::Token.eq(token.as_str()))).await?;
            row.map(from_row).transpose()
        };
        self.caches.access_tokens.get(&token.as_str().to_owned(), read).await
    }

    /// A user's tokens, revoked ones too, the newest first.
    pub async fn access_tokens_of(&self, user_id: &UserId) -> Result<Vec<AccessToken>, StoreError> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user_id.as_str()))
            .order_by_desc(Column::CreatedAt)
            .order_by_asc(Column::Id)
            .limit(1000);
        rows.all(&self.reader).await?.into_iter().map(from_row).collect()
    }

    /// All tokens, the newest first.
    pub async fn access_tokens(&self, limit: u64) -> Result<Vec<AccessToken>, StoreError> {
        let rows =
            Entity::find().order_by_desc(Column::CreatedAt).order_by_asc(Column::Id).limit(limit);
        rows.all(&self.reader).await?.into_iter().map(from_row).collect()
    }

    /// The token with this handle, straight from the database.
    pub async fn access_token_of_id(
        &self,
        id: &AccessTokenId,
    ) -> Result<Option<AccessToken>, StoreError> {
        Entity::find_by_id(id.as_str()).one(&self.reader).await?.map(from_row).transpose()
    }

    /// Counts the valid tokens of a user.
    pub async fn count_access_tokens(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let live = Entity::find()
            .filter(Column::UserId.eq(user_id.as_str()))
            .filter(Column::RevokedAt.is_null())
            .filter(Column::ExpiresAt.gt(now.0));
        Ok(live.count(&self.reader).await?)
    }

    /// True if a session, grant or access token that began with this account counts at `now`.
    pub async fn is_identity_in_use(
        &self,
        id: &IdentityId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sessions = session::Entity::find()
            .filter(session::Column::Identity.eq(id.as_str()))
            .filter(session::Column::ExpiresAt.gt(now.0))
            .filter(session::Column::EndsAt.gt(now.0));
        let grants = access_grant::Entity::find()
            .filter(access_grant::Column::Identity.eq(id.as_str()))
            .filter(access_grant::Column::RevokedAt.is_null())
            .filter(access_grant::Column::ExpiresAt.gt(now.0));
        let tokens = Entity::find()
            .filter(Column::Identity.eq(id.as_str()))
            .filter(Column::RevokedAt.is_null())
            .filter(Column::ExpiresAt.gt(now.0));
        Ok(sessions.count(&self.reader).await? > 0
            || grants.count(&self.reader).await? > 0
            || tokens.count(&self.reader).await? > 0)
    }
}

pub(crate) fn insert(token: &AccessToken) -> Write {
    let detail = json!({"name": token.name, "of": token.user_id.as_str(), "scopes": token.scopes.to_string(), "expires_at": token.expires_at.0,
        "upstreams": token.upstreams.iter().map(UpstreamName::as_str).collect::<Vec<_>>()});
    let event = about(AuditKind::AccessTokenAdded, AuditSubject::AccessToken, token.id.as_str());
    Write {
        name: Name::Decides(Condition::Row("insert_access_token")),
        work: run(Entity::insert(to_row(token)).on_conflict(nothing())),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}

pub(crate) fn rotate(token: &AccessToken) -> Write {
    let now = token.rotated_at.unwrap_or(token.created_at);
    let live = Where::all()
        .add(Column::Id.eq(token.id.as_str()))
        .add(Column::UserId.eq(token.user_id.as_str()))
        .add(Column::RevokedAt.is_null());
    let mut row = to_row(token);
    // Columns that concurrent requests may have changed stay.
    (row.id, row.last_used_at, row.revoked_at) = (NotSet, NotSet, NotSet);
    Write {
        name: Name::Decides(Condition::RotateAccessToken),
        work: run(Entity::update_many().set(row).filter(live.add(Column::ExpiresAt.gt(now.0)))),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(about(
            AuditKind::AccessTokenRotated,
            AuditSubject::AccessToken,
            token.id.as_str(),
        )),
    }
}

pub(crate) fn revoke(id: &AccessTokenId, user_id: Option<&UserId>, at: Timestamp) -> Write {
    let mut which = Where::all().add(Column::Id.eq(id.as_str())).add(Column::RevokedAt.is_null());
    if let Some(user_id) = user_id {
        which = which.add(Column::UserId.eq(user_id.as_str()));
    }
    Write {
        name: Name::Decides(Condition::RevokeAccessToken),
        work: run(Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(at.0))
            .filter(which)),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(about(
            AuditKind::AccessTokenRevoked,
            AuditSubject::AccessToken,
            id.as_str(),
        )),
    }
}

pub(crate) fn revoke_of_user(user_id: &UserId, at: Timestamp) -> Write {
    let which =
        Where::all().add(Column::UserId.eq(user_id.as_str())).add(Column::RevokedAt.is_null());
    Write {
        name: Name::Always("revoke_access_tokens_of_user"),
        work: run(Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(at.0))
            .filter(which)),
        stale: Some(Invalidation::AccessTokens),
        audit: Audit::Entry(about(
            AuditKind::AccessTokenRevoked,
            AuditSubject::User,
            user_id.as_str(),
        )),
    }
}

pub(crate) fn revoke_of_identity(identity: &IdentityId, at: Timestamp) -> Write {
    let which =
        Where::all().add(Column::Identity.eq(identity.as_str())).add(Column::RevokedAt.is_null());
    Write {
        name: Name::Always("revoke_access_tokens_of_identity"),
        work: run(Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(at.0))
            .filter(which)),
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
pub(crate) fn mark_used(id: &AccessTokenId, now: Timestamp) -> Write {
    let holder = Entity::find_by_id(id.as_str()).select_only().column(Column::UserId).into_query();
    let idle = Where::all()
        .add(identity::Column::UserId.in_subquery(holder))
        .add(identity::Column::EndedAt.is_null())
        .add(identity::Column::NextCheckAt.gte(Timestamp::NEVER.0));
    let wake = identity::Entity::update_many()
        .col_expr(identity::Column::NextCheckAt, Expr::value(now.0))
        .filter(idle);
    let note = Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(now.0))
        .filter(Column::Id.eq(id.as_str()));
    Write {
        name: Name::Always("use_access_token"),
        work: Work::Statements(vec![wake.into(), note.into()]),
        stale: Some(Invalidation::AccessTokens),
        // The call has the entry.
        audit: Audit::Silent,
    }
}

/// The personal and service tokens that reach one upstream alone.
pub(crate) fn only_for(upstream: &UpstreamName) -> Where {
    Where::all()
        .add(Column::Upstreams.eq(list_to_text([upstream.as_str()].into_iter())))
        .add(Column::RevokedAt.is_null())
}
