//! The identities of upstreams, with their pinned authorization servers.

use std::sync::Arc;

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, ServerPin, Timestamp, UpstreamId, UpstreamName,
    UpstreamTrust,
};
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    entity::prelude::*, sea_query::Expr,
};
use serde_json::json;

use crate::{
    Store, StoreError,
    condition::Condition,
    convert::upstream_name,
    invalidate::Invalidation,
    tables::{Copied, Table},
    writes::{Audit, Name, Sql, Write, about, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_trust")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    pub id: String,
    pub location: String,
    pub issuer: Option<String>,
    pub resource: Option<String>,
    pub scopes: Option<String>,
    pub named_issuer: Option<String>,
    pub named_resource: Option<String>,
    pub named_scopes: Option<String>,
    pub since: i64,
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

/// The words of a list of scopes, which are separated by spaces (RFC 6749 section 3.3).
fn words(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub(crate) fn from_row(row: Model) -> Result<UpstreamTrust, StoreError> {
    let pin = |issuer: Option<String>, resource, scopes| {
        issuer.map(|issuer| ServerPin { issuer, resource, scopes: words(scopes) })
    };
    Ok(UpstreamTrust {
        upstream: upstream_name("upstream_trust", &row.upstream)?,
        id: UpstreamId::from_text(row.id),
        location: row.location,
        server: pin(row.issuer, row.resource, row.scopes),
        named: pin(row.named_issuer, row.named_resource, row.named_scopes),
        since: Timestamp(row.since),
    })
}

pub(crate) fn to_row(trust: &UpstreamTrust) -> Model {
    let (server, named) = (trust.server.as_ref(), trust.named.as_ref());
    Model {
        upstream: trust.upstream.as_str().to_owned(),
        id: trust.id.as_str().to_owned(),
        location: trust.location.clone(),
        issuer: server.map(|pin| pin.issuer.clone()),
        resource: server.and_then(|pin| pin.resource.clone()),
        scopes: server.map(|pin| pin.scopes.join(" ")),
        named_issuer: named.map(|pin| pin.issuer.clone()),
        named_resource: named.and_then(|pin| pin.resource.clone()),
        named_scopes: named.map(|pin| pin.scopes.join(" ")),
        since: trust.since.0,
    }
}

impl Store {
    /// The identities of all upstreams with their pins, by name.
    pub async fn upstream_trusts(&self) -> Result<Arc<Vec<UpstreamTrust>>, StoreError> {
        let read = || async move {
            let rows = Entity::find().order_by_asc(Column::Upstream).all(&self.reader).await?;
            rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.trusts.get(&(), read).await?.unwrap_or_default())
    }

    /// The identity of an upstream as it is at this moment, for callers that change it.
    pub async fn upstream_trust_now(
        &self,
        name: UpstreamName,
    ) -> Result<Option<UpstreamTrust>, StoreError> {
        let row = self.point().by_id::<Entity>(name.as_str()).await?;
        row.map(from_row).transpose()
    }
}

/// The row of an upstream with this identity.
pub(crate) fn is(upstream: &UpstreamName, id: &UpstreamId) -> Where {
    Where::all().add(Column::Upstream.eq(upstream.as_str())).add(Column::Id.eq(id.as_str()))
}

/// Locks the row until the unit is applied, and finds out if it exists.
pub(crate) fn touch(which: Where) -> Sql {
    Entity::update_many().col_expr(Column::Id, Expr::col(Column::Id)).filter(which).into()
}

pub(crate) fn begin(new: &UpstreamTrust) -> Write {
    Write {
        name: Name::Always("begin_upstream"),
        work: run(Entity::insert(to_row(new).into_active_model()).on_conflict(nothing())),
        stale: Some(Invalidation::Trusts),
        // An upstream that is added by command has an entry; one of the file is in that file.
        audit: Audit::Silent,
    }
}

/// Gives the row another identity, with its pins.
pub(crate) fn replace(next: &UpstreamTrust, still: Where) -> Sql {
    let row = to_row(next);
    Entity::update_many()
        .col_expr(Column::Id, Expr::value(row.id))
        .col_expr(Column::Location, Expr::value(row.location))
        .col_expr(Column::Issuer, Expr::value(row.issuer))
        .col_expr(Column::Resource, Expr::value(row.resource))
        .col_expr(Column::Scopes, Expr::value(row.scopes))
        .col_expr(Column::NamedIssuer, Expr::value(row.named_issuer))
        .col_expr(Column::NamedResource, Expr::value(row.named_resource))
        .col_expr(Column::NamedScopes, Expr::value(row.named_scopes))
        .col_expr(Column::Since, Expr::value(row.since))
        .filter(still)
        .into()
}

/// The rows that name this other server.
pub(crate) fn names(named: Option<&ServerPin>) -> Where {
    let Some(named) = named else { return Where::all().add(Column::NamedIssuer.is_null()) };
    let which = Where::all()
        .add(Column::NamedIssuer.eq(named.issuer.as_str()))
        .add(Column::NamedScopes.eq(named.scopes.join(" ")));
    which.add(match &named.resource {
        Some(resource) => Column::NamedResource.eq(resource.as_str()),
        None => Column::NamedResource.is_null(),
    })
}

pub(crate) fn pin(upstream: &UpstreamName, id: &UpstreamId, server: &ServerPin) -> Write {
    let free =
        Where::any().add(Column::Issuer.is_null()).add(Column::Issuer.eq(server.issuer.as_str()));
    let nothing = || Expr::value(Option::<String>::None);
    Write {
        name: Name::Decides(Condition::PinUpstream),
        work: run(Entity::update_many()
            .col_expr(Column::Issuer, Expr::value(server.issuer.as_str()))
            .col_expr(Column::Resource, Expr::value(server.resource.clone()))
            .col_expr(Column::Scopes, Expr::value(server.scopes.join(" ")))
            .col_expr(Column::NamedIssuer, nothing())
            .col_expr(Column::NamedResource, nothing())
            .col_expr(Column::NamedScopes, nothing())
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

pub(crate) fn note_named(
    upstream: &UpstreamName,
    id: &UpstreamId,
    named: Option<&ServerPin>,
    first: bool,
) -> Write {
    Write {
        name: Name::Always("note_named_server"),
        work: run(Entity::update_many()
            .col_expr(Column::NamedIssuer, Expr::value(named.map(|pin| pin.issuer.clone())))
            .col_expr(
                Column::NamedResource,
                Expr::value(named.and_then(|pin| pin.resource.clone())),
            )
            .col_expr(Column::NamedScopes, Expr::value(named.map(|pin| pin.scopes.join(" "))))
            .filter(is(upstream, id))),
        stale: Some(Invalidation::Trusts),
        // An upstream may name any number: the first is reported.
        audit: named
            .filter(|_| first)
            .map_or(Audit::Silent, |named| Audit::Entry(names_another(upstream, named))),
    }
}
