//! External resource servers between rows and records.

use doorward_model::{ExternalResource, HashedToken, Resource, ResourceId, Role, Scope, Timestamp};
use sea_orm::ActiveValue::Set;

use super::{damaged, list_from_text, list_to_text};
use crate::{StoreError, entities::external_resource};

const TABLE: &str = "external_resource";

pub(crate) fn resource(row: external_resource::Model) -> Result<ExternalResource, StoreError> {
    let scopes = list_from_text(TABLE, &row.id, &row.scopes)?;
    let roles = list_from_text(TABLE, &row.id, &row.roles)?;
    let unreadable = || damaged(TABLE, &row.id);
    let scope = |name: &String| Scope::parse(name).ok_or_else(unreadable);
    let role = |name: &String| Role::parse(name).map_err(|_| unreadable());
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

pub(crate) fn resource_row(resource: &ExternalResource) -> external_resource::ActiveModel {
    let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name()).collect();
    external_resource::ActiveModel {
        id: Set(resource.id.as_str().to_owned()),
        url: Set(resource.url.as_str().to_owned()),
        name: Set(resource.name.clone()),
        scopes: Set(list_to_text(scopes.iter().map(AsRef::as_ref))),
        roles: Set(list_to_text(resource.roles.iter().map(Role::as_str))),
        secret: Set(resource.secret.as_str().to_owned()),
        created_at: Set(resource.created_at.0),
    }
}
