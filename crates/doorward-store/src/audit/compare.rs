//! Compares a row before and after a write, for its entry.

use doorward_model::{AuditEvent, AuditKind, ProviderId, Resource, Timestamp, UpstreamName};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};
use serde_json::{Map, Value, json};

use super::row::Row;
use crate::{
    db::Db,
    tables::{
        access_grant, access_token, client, connection, external_resource, group, group_member,
        identity, invitation, session, setting, upstream_registration, upstream_tool,
        upstream_trust, user,
    },
    writes::Dependents,
};

/// The members of a row that matter to the audit; null if there is no row.
pub(crate) async fn state(db: Db<'_>, row: &Row) -> Result<Value, DbErr> {
    let list = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    Ok(match row {
        Row::User(id) => db.one(user::Entity::find_by_id(id.as_str())).await?.map(|row| {
            json!({"name": row.name, "email": row.email, "display_name": row.display_name, "roles": list(&row.roles),
                "provider_roles": list(&row.provider_roles), "group_roles": list(&row.group_roles), "disabled": row.disabled_at.is_some()})
        }),
        Row::Client(id) => db.one(client::Entity::find_by_id(id.as_str())).await?.map(|row| {
            json!({"name": row.name, "redirect_uris": list(&row.redirect_uris), "auth_method": row.auth_method, "scopes": row.scopes,
                "jwks_uri": row.jwks_uri, "trust": row.trust.as_deref().map(list), "rules": row.rules.as_deref().map(list), "blocked": row.disabled_at.is_some(), "approved": row.approved_at.is_some(), "pinned": row.pinned_at.is_some()})
        }),
        Row::Setting(name) => db.one(setting::Entity::find_by_id(name.as_str())).await?.map(|row| json!({"value": row.value})),
        Row::Provider(id, passwords) => Some(dependents(db, id, *passwords).await?),
        Row::Upstream(name, resource) => Some(of_upstream(db, name, resource).await?),
        Row::Resource(id) => of_resource(db, id).await?,
        Row::Group(name) => of_group(db, name).await?,
        Row::Tool(upstream, tool) => db.one(upstream_tool::Entity::find_by_id((upstream.clone(), tool.clone())))
            .await?
            .map(|row| json!({"state": row.state, "class": row.class, "definition": doorward_model::id::etag(&[&row.definition])})),
    }
    .unwrap_or_default())
}

/// The number of accounts at a provider, and of their dependents.
async fn dependents(db: Db<'_>, id: &str, passwords: bool) -> Result<Value, DbErr> {
    let of = Dependents {
        provider: ProviderId::from_stored(id),
        kept_issuers: None,
        at: Timestamp(0),
        passwords,
    };
    let counted = [
        (
            "accounts",
            db.count(
                identity::Entity::find()
                    .filter(identity::Column::Provider.eq(id))
                    .filter(identity::Column::EndedAt.is_null()),
            )
            .await?,
        ),
        ("sessions", db.count(session::Entity::find().filter(of.sessions())).await?),
        ("grants", db.count(access_grant::Entity::find().filter(of.grants())).await?),
        ("access_tokens", db.count(access_token::Entity::find().filter(of.access_tokens())).await?),
        (
            "invitations",
            db.count(invitation::Entity::find().filter(invitation::Column::Provider.eq(id)))
                .await?,
        ),
    ];
    Ok(counted
        .into_iter()
        .map(|(name, count)| (name.to_owned(), Value::from(count)))
        .collect::<Map<_, _>>()
        .into())
}

/// An external resource server, and the number of grants for it. A secret is named by a part of its
/// hash, so that a replaced one is seen.
async fn of_resource(db: Db<'_>, id: &str) -> Result<Option<Value>, DbErr> {
    let list = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let Some(row) = db.one(external_resource::Entity::find_by_id(id)).await? else {
        return Ok(None);
    };
    let grants = access_grant::Entity::find()
        .filter(access_grant::only_for(&Resource::from_stored(row.url.clone())));
    Ok(Some(json!({
        "url": row.url, "name": row.name, "scopes": list(&row.scopes), "roles": list(&row.roles),
        "secret": doorward_model::id::etag(&[&row.secret]), "grants": db.count(grants).await?,
    })))
}

/// A group, and the number of its members by an administrator's decision.
async fn of_group(db: Db<'_>, name: &str) -> Result<Option<Value>, DbErr> {
    let list = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let Some(row) = db.one(group::row::Entity::find_by_id(name)).await? else {
        return Ok(None);
    };
    let members = group_member::Entity::find().filter(group_member::Column::GroupName.eq(name));
    Ok(Some(json!({
        "description": row.description, "roles": list(&row.roles),
        "members": db.count(members).await?,
    })))
}

/// The pin of an upstream, and the number of objects that depend on it.
async fn of_upstream(db: Db<'_>, name: &UpstreamName, resource: &Resource) -> Result<Value, DbErr> {
    let trust = db.one(upstream_trust::Entity::find_by_id(name.as_str())).await?;
    let pinned = |text: Option<&String>| text.cloned().map_or(Value::Null, Value::from);
    let text = name.as_str();
    let connections = connection::Entity::find().filter(connection::Column::Upstream.eq(text));
    let registrations = upstream_registration::Entity::find()
        .filter(upstream_registration::Column::Upstream.eq(text));
    Ok(json!({
        "location": pinned(trust.as_ref().map(|row| &row.location)),
        "issuer": pinned(trust.as_ref().and_then(|row| row.issuer.as_ref())),
        "resource": pinned(trust.as_ref().and_then(|row| row.resource.as_ref())),
        "connections": db.count(connections).await?,
        "registrations": db.count(registrations).await?,
        "grants": db.count(access_grant::Entity::find().filter(access_grant::only_for(resource))).await?,
        "access_tokens": db.count(access_token::Entity::find().filter(access_token::only_for(name))).await?,
    }))
}

/// The members of a row before and after a write.
pub(crate) struct States {
    pub(crate) was: Value,
    pub(crate) now: Value,
}

/// The entry with the difference in it, or `None` if there is none and the entry is only wanted
/// with one.
pub(crate) fn entry(
    mut event: AuditEvent,
    row: &Row,
    states: &States,
    only_if_different: bool,
) -> Option<AuditEvent> {
    let States { was, now } = states;
    let (before, after) = (members(was, now), members(now, was));
    if only_if_different && before.is_empty() && after.is_empty() {
        return None;
    }
    // A metadata document that is read for the first time is a client that was added.
    if matches!(row, Row::Client(_)) && was.is_null() {
        event.kind = AuditKind::ClientAdded;
    }
    event.detail = json!({"before": before, "after": after}).to_string();
    Some(event)
}

/// The members of `value` that differ from those of `other`.
fn members(value: &Value, other: &Value) -> Map<String, Value> {
    let object = value.as_object().cloned().unwrap_or_default();
    object.into_iter().filter(|(name, held)| other.get(name) != Some(held)).collect()
}
