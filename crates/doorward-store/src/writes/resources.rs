//! Writes of external resource servers.

use doorward_model::{
    AuditKind, AuditSubject, ExternalResource, Resource, ResourceChange, ResourceId, RevokeReason,
    Timestamp,
};
use sea_orm::{
    ActiveValue::NotSet,
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;

use super::{Audit, Name, Work, Write, about, grants_for, nothing, run};
use crate::{
    audit::row::Row,
    condition::Condition,
    convert::{list_to_text, resources::resource_row},
    entities::{
        access_grant::{self, Column as G},
        authorization_code::{self, Column as C},
        external_resource::{Column as R, Entity},
    },
    invalidate::Invalidation,
};

/// The write of a change to external resource servers.
pub(super) fn of(change: ResourceChange) -> Write {
    match change {
        ResourceChange::Insert(resource) => insert(&resource),
        ResourceChange::Update(resource) => update(&resource),
        ResourceChange::Delete { id, url, at } => delete(&id, &url, at),
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
        name: Name::Decides(Condition::InsertResource),
        work: run(Entity::insert(resource_row(resource)).on_conflict(nothing())),
        stale: Some(Invalidation::Resources),
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}

fn update(resource: &ExternalResource) -> Write {
    let mut row = resource_row(resource);
    // Its URL is its identity.
    (row.id, row.url, row.created_at) = (NotSet, NotSet, NotSet);
    Write {
        name: Name::Decides(Condition::UpdateResource),
        work: run(Entity::update_many().set(row).filter(R::Id.eq(resource.id.as_str()))),
        stale: Some(Invalidation::Resources),
        audit: Audit::Compared {
            event: about(AuditKind::ResourceChanged, AuditSubject::Resource, resource.id.as_str()),
            row: Row::Resource(resource.id.as_str().to_owned()),
            only_if_different: true,
        },
    }
}

fn delete(id: &ResourceId, url: &Resource, at: Timestamp) -> Write {
    let only = list_to_text(std::iter::once(url.as_str()));
    let ended = Expr::value(at.0);
    let codes = authorization_code::Entity::update_many()
        .col_expr(C::ConsumedAt, ended.clone())
        .filter(C::Resources.eq(only).and(C::ConsumedAt.is_null()));
    let grants = access_grant::Entity::update_many()
        .col_expr(G::RevokedAt, ended)
        .col_expr(G::RevokeReason, Expr::value(RevokeReason::ResourceRemoved.as_str()))
        .filter(grants_for(url));
    let row = Entity::delete_many().filter(R::Id.eq(id.as_str()));
    Write {
        name: Name::Decides(Condition::DeleteResource),
        work: Work::Statements(vec![codes.into(), grants.into(), row.into()]),
        // Grants of many.
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(AuditKind::ResourceRemoved, AuditSubject::Resource, id.as_str()),
            row: Row::Resource(id.as_str().to_owned()),
            only_if_different: false,
        },
    }
}
