//! External resource servers.

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, ExternalResource, HashedToken, Resource, ResourceChange, ResourceId,
    RevokeReason, Role, Scope, Timestamp,
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition as Where, EntityTrait, QueryFilter, QueryOrder,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    audit::row::{Row, Tagged, etag_of, list},
    condition::Condition,
    convert::{damaged, list_from_text, list_to_text},
    db::Db,
    invalidate::Invalidation,
    tables::{Copied, Table, access_grant, authorization_code},
    writes::{Audit, Name, Work, Write, about, expect, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "external_resource")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub url: String,
    pub name: String,
    pub scopes: String,
    pub roles: String,
    pub secret: String,
    pub created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Table for Entity {
    const COPIED: Copied = Copied::Always;

    fn expired(_: Timestamp) -> Option<Where> {
        None
    }
}

const TABLE: &str = "external_resource";

pub(crate) fn from_row(row: Model) -> Result<ExternalResource, StoreError> {
    let scopes = list_from_text(TABLE, &row.id, &row.scopes)?;
    let roles = list_from_text(TABLE, &row.id, &row.roles)?;
    let unreadable = || damaged(TABLE, &row.id);
    let scope = |name: &String| Scope::parse(name).ok_or_else(unreadable);
    let role = |name: &String| Role::named(name).map_err(|_| unreadable());
    Ok(ExternalResource {
        url: Resource::from_stored(row.url),
        name: row.name,
        scopes: scopes.iter().map(scope).collect::<Result<_, _>>()?,
        roles: roles.iter().map(role).collect::<Result<_, _>>()?,
        secret: HashedToken::from_stored(row.secret),
        created_at: Timestamp(row.created_at),
        id: ResourceId::from_text(row.id),
    })
}

pub(crate) fn to_row(resource: &ExternalResource) -> ActiveModel {
    let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name()).collect();
    ActiveModel {
        id: Set(resource.id.as_str().to_owned()),
        url: Set(resource.url.as_str().to_owned()),
        name: Set(resource.name.clone()),
        scopes: Set(list_to_text(scopes.iter().map(AsRef::as_ref))),
        roles: Set(list_to_text(resource.roles.iter().map(Role::as_str))),
        secret: Set(resource.secret.as_str().to_owned()),
        created_at: Set(resource.created_at.0),
    }
}

impl Store {
    /// All external resource servers, by URL.
    pub async fn external_resources(&self) -> Result<Arc<Vec<ExternalResource>>, StoreError> {
        let read = || async move {
            let rows = Entity::find().order_by_asc(Column::Url).order_by_asc(Column::Id);
            let rows = self.point().all(rows).await?;
            rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.resources.get(&(), read).await?.unwrap_or_default())
    }
}

/// The write of a change to external resource servers.
pub(crate) fn of(change: ResourceChange) -> Write {
    match change {
        ResourceChange::Insert(resource) => insert(&resource),
        ResourceChange::Update(resource) => update(&resource),
        ResourceChange::Expect { id, etag } => expect(Compared(id), etag),
        ResourceChange::Delete { id, url, at } => delete(&id, &url, at),
    }
}

/// An external resource server as the audit compares it, with the number of grants for it. A secret
/// is named by a part of its hash, so that a replaced one is seen.
#[derive(Debug)]
struct Compared(ResourceId);

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let Some(row) = db.by_id::<Entity>(self.0.as_str()).await? else {
                return Ok(None);
            };
            let grants = access_grant::Entity::find()
                .filter(access_grant::only_for(&Resource::from_stored(row.url.clone())));
            Ok(Some(json!({
                "url": row.url, "name": row.name, "scopes": list(&row.scopes),
                "roles": list(&row.roles), "secret": doorward_model::id::etag(&[&row.secret]),
                "grants": db.count(grants).await?,
            })))
        })
    }
}

impl Tagged for Compared {
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        etag_of::<Entity>(db, self.0.as_str(), |row| from_row(row).map(|resource| resource.etag()))
    }
}

fn insert(resource: &ExternalResource) -> Write {
    let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name()).collect();
    let roles: Vec<_> = resource.roles.iter().map(doorward_model::Role::as_str).collect();
    let detail = json!({
        "url": resource.url.as_str(), "name": resource.name, "scopes": scopes, "roles": roles,
    });
    let event = about(AuditKind::ResourceAdded, AuditSubject::Resource, resource.id.as_str());
    Write {
        name: Name::Decides(Condition::Free("insert_external_resource")),
        work: run(Entity::insert(to_row(resource)).on_conflict(nothing())),
        stale: Some(Invalidation::Resources),
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}

fn update(resource: &ExternalResource) -> Write {
    let mut row = to_row(resource);
    // Its URL is its identity.
    (row.id, row.url, row.created_at) = (NotSet, NotSet, NotSet);
    Write {
        name: Name::Decides(Condition::Row("update_external_resource")),
        work: run(Entity::update_many().set(row).filter(Column::Id.eq(resource.id.as_str()))),
        stale: Some(Invalidation::Resources),
        audit: Audit::Compared {
            event: about(AuditKind::ResourceChanged, AuditSubject::Resource, resource.id.as_str()),
            row: Box::new(Compared(resource.id.clone())),
            only_if_different: true,
        },
    }
}

fn delete(id: &ResourceId, url: &Resource, at: Timestamp) -> Write {
    let only = list_to_text(std::iter::once(url.as_str()));
    let ended = Expr::value(at.0);
    let codes = authorization_code::Entity::update_many()
        .col_expr(authorization_code::Column::ConsumedAt, ended.clone())
        .filter(
            authorization_code::Column::Resources
                .eq(only)
                .and(authorization_code::Column::ConsumedAt.is_null()),
        );
    let grants = access_grant::Entity::update_many()
        .col_expr(access_grant::Column::RevokedAt, ended)
        .col_expr(
            access_grant::Column::RevokeReason,
            Expr::value(RevokeReason::ResourceRemoved.as_str()),
        )
        .filter(access_grant::only_for(url));
    let row = Entity::delete_many().filter(Column::Id.eq(id.as_str()));
    Write {
        name: Name::Decides(Condition::Row("delete_external_resource")),
        work: Work::Statements(vec![codes.into(), grants.into(), row.into()]),
        // Grants of many.
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(AuditKind::ResourceRemoved, AuditSubject::Resource, id.as_str()),
            row: Box::new(Compared(id.clone())),
            only_if_different: false,
        },
    }
}
