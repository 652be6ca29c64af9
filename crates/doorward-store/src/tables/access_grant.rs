//! Grants: the permissions of a client for an account.

mod in_force;
mod live;

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, Client, ClientId, Delegation, Grant, GrantId, IdentityId,
    KeyThumbprint, Resource, RevokeReason, ScopeSet, Subject, Timestamp, UserId,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition as Where, EntityTrait, PaginatorTrait, QueryFilter,
    QueryTrait, entity::prelude::*, sea_query::Expr,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::{amr_to_text, authentication, damaged, list_from_text, list_to_text},
    invalidate::Invalidation,
    kept::Kept,
    tables::{Copied, Table, authorization_code, device_authorization, relying_session},
    writes::{Audit, Name, Read, Sql, Work, Write, about, fresh, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_grant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub client_id: String,
    pub user_id: String,
    pub scopes: String,
    pub resources: String,
    pub auth_time: i64,
    pub acr: String,
    pub amr: String,
    pub identity: Option<String>,
    pub sid: Option<String>,
    pub created_at: i64,
    pub last_used_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    pub revoke_reason: Option<String>,
    pub delegation: Option<String>,
    pub jkt: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        // `housekeeping.rs` deletes them: other tables decide.
        None
    }
}

/// A client that may act for a user, with the permissions of all its grants together.
#[derive(Clone, Debug)]
pub struct ConnectedApp {
    /// The client's id.
    pub client_id: ClientId,
    /// The client, unless it was deleted.
    pub client: Option<Arc<Client>>,
    /// The scopes that it may have, with implied ones.
    pub scopes: ScopeSet,
    /// The time of the oldest of its grants.
    pub connected_at: Timestamp,
    /// The time at which any of its grants was last used.
    pub last_used_at: Timestamp,
}

impl ConnectedApp {
    /// The name that the client gives itself, or else its ID.
    pub fn name(&self) -> &str {
        self.client.as_ref().map_or(self.client_id.as_str(), |client| &client.name)
    }
}

pub(crate) fn from_row(row: Model) -> Result<Grant, StoreError> {
    let resources = list_from_text("access_grant", &row.id, &row.resources)?;
    let delegation = match row.delegation.as_deref() {
        Some(text) => {
            Some(Delegation::from_text(text).ok_or_else(|| damaged("access_grant", &row.id))?)
        }
        None => None,
    };
    Ok(Grant {
        delegation,
        key: row.jkt.map(KeyThumbprint::from_stored),
        subject: Subject {
            account: UserId::from_text(row.user_id),
            auth_time: Timestamp(row.auth_time),
            authentication: authentication("access_grant", &row.id, &row.acr, &row.amr)?,
            identity: row.identity.map(IdentityId::from_stored),
            sid: row.sid,
        },
        id: GrantId::from_text(row.id),
        client_id: ClientId::from_text(row.client_id),
        scopes: ScopeSet::from_stored(&row.scopes),
        resources: resources.into_iter().map(Resource::from_stored).collect(),
        created_at: Timestamp(row.created_at),
        last_used_at: Timestamp(row.last_used_at),
        expires_at: Timestamp(row.expires_at),
        revoked_at: row.revoked_at.map(Timestamp),
    })
}

pub(crate) fn to_row(grant: &Grant) -> ActiveModel {
    ActiveModel {
        id: Set(grant.id.as_str().to_owned()),
        client_id: Set(grant.client_id.as_str().to_owned()),
        user_id: Set(grant.subject.account.as_str().to_owned()),
        scopes: Set(grant.scopes.to_string()),
        resources: Set(list_to_text(grant.resources.iter().map(Resource::as_str))),
        auth_time: Set(grant.subject.auth_time.0),
        acr: Set(grant.subject.authentication.level.as_str().to_owned()),
        amr: Set(amr_to_text(&grant.subject.authentication)),
        identity: Set(grant.subject.identity.as_ref().map(|id| id.as_str().to_owned())),
        sid: Set(grant.subject.sid.clone()),
        created_at: Set(grant.created_at.0),
        last_used_at: Set(grant.last_used_at.0),
        expires_at: Set(grant.expires_at.0),
        revoked_at: Set(grant.revoked_at.map(|at| at.0)),
        revoke_reason: Set(None),
        delegation: Set(grant.delegation.as_ref().map(Delegation::to_text)),
        jkt: Set(grant.key.as_ref().map(|key| key.as_str().to_owned())),
    }
}

impl Store {
    /// The grant with this id, revoked or not.
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Arc<Grant>>, StoreError> {
        let read = || async move {
            self.point().by_id::<Entity>(id.as_str()).await?.map(from_row).transpose()
        };
        self.caches.grants.get(&id.as_str().to_owned(), read).await
    }

    /// The grant with this id straight from the database, for decisions that a replica's delay must
    /// not bend.
    pub async fn grant_uncached(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        self.point().by_id::<Entity>(id.as_str()).await?.map(from_row).transpose()
    }

    /// The clients that may act for a user at `now`, by name.
    pub async fn connected_apps(
        &self,
        user_id: &UserId,
        now: Timestamp,
    ) -> Result<Vec<ConnectedApp>, StoreError> {
        let mut apps: Vec<ConnectedApp> = Vec::new();
        for grant in self.live_grants_of(user_id, now).await? {
            if let Some(app) = apps.iter_mut().find(|app| app.client_id == grant.client_id) {
                app.scopes = app.scopes.union(&grant.scopes).closure();
                app.connected_at = app.connected_at.min(grant.created_at);
                app.last_used_at = app.last_used_at.max(grant.last_used_at);
            } else {
                let client = self.client(&grant.client_id).await?;
                let scopes = grant.scopes.closure();
                apps.push(ConnectedApp {
                    client_id: grant.client_id,
                    client,
                    scopes,
                    connected_at: grant.created_at,
                    last_used_at: grant.last_used_at,
                });
            }
        }
        apps.sort_by_cached_key(|app| (app.name().to_lowercase(), app.client_id.to_string()));
        Ok(apps)
    }

    /// The number of grants to a client that count at `now`.
    pub async fn count_client_grants(
        &self,
        client_id: &ClientId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(Entity::find()
            .filter(Column::ClientId.eq(client_id.as_str()))
            .filter(Column::RevokedAt.is_null())
            .filter(Column::ExpiresAt.gt(now.0))
            .count(&self.reader)
            .await?)
    }
}

pub(crate) fn insert(grant: &Grant) -> Write {
    let mut event = about(AuditKind::GrantGiven, AuditSubject::Grant, grant.id.as_str())
        .by(&grant.subject.account)
        .through(&grant.client_id);
    event.actor.grant_id = Some(grant.id.to_string());
    Write {
        name: Name::Always("insert_grant"),
        work: run(fresh(to_row(grant))),
        stale: None,
        audit: Audit::Entry(
            event.detail(authorization_code::reach(&grant.scopes, &grant.resources)),
        ),
    }
}

pub(crate) fn mark_used(grant_id: &GrantId, now: Timestamp) -> Write {
    let update = || {
        let live = Where::all()
            .add(Column::Id.eq(grant_id.as_str()))
            .add(Column::RevokedAt.is_null())
            .add(Column::ExpiresAt.gt(now.0));
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(now.0))
            .filter(live)
            .into_query()
    };
    let values = vec![now.0.into(), grant_id.as_str().into(), now.0.into()];
    Write {
        name: Name::Decides(Condition::UseGrant),
        work: run(Kept::new("use grant", values, update)),
        stale: Some(Invalidation::Grant(grant_id.to_string())),
        // The refresh or the call that uses it has the entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn narrow(user_id: UserId, client_id: ClientId, scopes: ScopeSet) -> Write {
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
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(at.0))
        .col_expr(Column::RevokeReason, Expr::value(reason.as_str()))
        .filter(which.add(Column::RevokedAt.is_null()))
        .into()
}

/// Revokes one grant.
fn revoke_by_id(grant_id: &GrantId, at: Timestamp, reason: RevokeReason) -> Sql {
    let update = || {
        let which =
            Where::all().add(Column::Id.eq(grant_id.as_str())).add(Column::RevokedAt.is_null());
        Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(at.0))
            .col_expr(Column::RevokeReason, Expr::value(reason.as_str()))
            .filter(which)
            .into_query()
    };
    let values = vec![at.0.into(), reason.as_str().into(), grant_id.as_str().into()];
    Kept::new("revoke grant", values, update).into()
}

pub(crate) fn revoke_one(grant_id: &GrantId, at: Timestamp, reason: RevokeReason) -> Write {
    let event = about(AuditKind::GrantRevoked, AuditSubject::Grant, grant_id.as_str());
    Write {
        name: Name::Always("revoke_grant"),
        work: run(revoke_by_id(grant_id, at, reason)),
        stale: Some(Invalidation::Grant(grant_id.to_string())),
        audit: Audit::Entry(event.detail(json!({"reason": reason.as_str()}).to_string())),
    }
}

/// The grant that replaces others of the same user and client.
pub(crate) struct Successor {
    pub(crate) user_id: UserId,
    pub(crate) client_id: ClientId,
    pub(crate) by: GrantId,
    pub(crate) at: Timestamp,
    pub(crate) reason: RevokeReason,
}

pub(crate) fn replace(grants: &[GrantId], new: &Successor) -> Write {
    let Successor { user_id, client_id, by, at, reason } = new;
    let ids = || grants.iter().map(GrantId::as_str);
    let (event, stale, ends) = match grants {
        [grant] => (
            about(AuditKind::GrantRevoked, AuditSubject::Grant, grant.as_str()),
            Invalidation::Grant(grant.to_string()),
            revoke_by_id(grant, *at, *reason),
        ),
        _ => (
            about(AuditKind::GrantRevoked, AuditSubject::User, user_id.as_str()),
            Invalidation::Grants,
            revoke(Where::all().add(Column::Id.is_in(ids())), *at, *reason),
        ),
    };
    let detail =
        json!({"reason": reason.as_str(), "by": by.as_str(), "grants": ids().collect::<Vec<_>>()});
    Write {
        name: Name::Always("replace_grants"),
        work: run(ends),
        stale: Some(stale),
        audit: Audit::Entry(event.by(user_id).through(client_id).detail(detail.to_string())),
    }
}

pub(crate) fn revoke_of_user(
    user_id: &UserId,
    client_id: Option<&ClientId>,
    at: Timestamp,
    reason: RevokeReason,
) -> Write {
    let mut which = Where::all().add(Column::UserId.eq(user_id.as_str()));
    let mut codes = Where::all().add(authorization_code::Column::UserId.eq(user_id.as_str()));
    let mut waiting = Where::all().add(device_authorization::Column::UserId.eq(user_id.as_str()));
    let mut used = Where::all().add(relying_session::Column::UserId.eq(user_id.as_str()));
    if let Some(client_id) = client_id {
        waiting = waiting.add(device_authorization::Column::ClientId.eq(client_id.as_str()));
        used = used.add(relying_session::Column::ClientId.eq(client_id.as_str()));
        which = which.add(Column::ClientId.eq(client_id.as_str()));
        codes = codes.add(authorization_code::Column::ClientId.eq(client_id.as_str()));
    }
    let detail =
        json!({"reason": reason.as_str(), "client": client_id.map(ClientId::as_str)}).to_string();
    Write {
        name: Name::Always("revoke_grants_of_user"),
        work: Work::Statements(vec![
            authorization_code::spend(codes, at),
            device_authorization::spend(waiting, at),
            // The consent of the running sessions ends too.
            relying_session::end(used, at),
            revoke(which, at, reason),
        ]),
        stale: Some(Invalidation::Grants),
        audit: Audit::Entry(
            about(AuditKind::GrantRevoked, AuditSubject::User, user_id.as_str()).detail(detail),
        ),
    }
}

pub(crate) fn revoke_of_identity(
    identity: &IdentityId,
    at: Timestamp,
    reason: RevokeReason,
) -> Write {
    let codes = authorization_code::spend(
        Where::all().add(authorization_code::Column::Identity.eq(identity.as_str())),
        at,
    );
    let event = about(AuditKind::GrantRevoked, AuditSubject::Identity, identity.as_str());
    Write {
        name: Name::Always("revoke_grants_of_identity"),
        work: Work::Statements(vec![
            codes,
            device_authorization::spend(
                Where::all().add(device_authorization::Column::Identity.eq(identity.as_str())),
                at,
            ),
            revoke(Where::all().add(Column::Identity.eq(identity.as_str())), at, reason),
        ]),
        stale: Some(Invalidation::Grants),
        audit: Audit::Entry(event.detail(json!({"reason": reason.as_str()}).to_string())),
    }
}

pub(crate) fn revoke_of_client(client_id: &ClientId, at: Timestamp, reason: RevokeReason) -> Write {
    let codes = authorization_code::spend(
        Where::all().add(authorization_code::Column::ClientId.eq(client_id.as_str())),
        at,
    );
    let event = about(AuditKind::GrantRevoked, AuditSubject::Client, client_id.as_str());
    let mut statements = vec![
        codes,
        device_authorization::spend(
            Where::all().add(device_authorization::Column::ClientId.eq(client_id.as_str())),
            at,
        ),
        revoke(Where::all().add(Column::ClientId.eq(client_id.as_str())), at, reason),
    ];
    if reason == RevokeReason::ClientRemoved {
        // Its users are signed out of it, and it is notified.
        statements.insert(0, relying_session::end_of_client(client_id, at));
    }
    Write {
        name: Name::Always("revoke_grants_of_client"),
        work: Work::Statements(statements),
        stale: Some(Invalidation::Grants),
        audit: Audit::Entry(event.detail(json!({"reason": reason.as_str()}).to_string())),
    }
}

/// The grants for one resource alone.
pub(crate) fn only_for(resource: &Resource) -> Where {
    Where::all()
        .add(Column::Resources.eq(list_to_text([resource.as_str()].into_iter())))
        .add(Column::RevokedAt.is_null())
}
