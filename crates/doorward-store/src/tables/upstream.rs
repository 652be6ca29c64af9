//! Upstreams that were added at run time.

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, Resource, RevokeReason, Sealed, Timestamp, UpstreamName,
    trust::{Ended, Ending},
    upstream::StoredUpstream,
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    audit::row::{Row, Tagged, etag_of},
    condition::Condition,
    convert::{list_to_text, upstream_name},
    db::Db,
    invalidate::Invalidation,
    tables::{
        Copied, Table, access_grant, access_token, authorization_code, connect_attempt, connection,
        token_revocation, upstream_registration, upstream_tool, upstream_trust,
    },
    writes::{Audit, Name, Sql, Work, Write, about, expect, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub settings: String,
    pub secrets: Option<String>,
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

pub(crate) fn from_row(row: Model) -> Result<StoredUpstream, StoreError> {
    Ok(StoredUpstream {
        name: upstream_name("upstream", &row.name)?,
        settings: row.settings,
        secrets: row.secrets.map(Sealed::from_stored),
        created_at: Timestamp(row.created_at),
    })
}

pub(crate) fn to_row(upstream: &StoredUpstream) -> Model {
    Model {
        name: upstream.name.as_str().to_owned(),
        settings: upstream.settings.clone(),
        secrets: upstream.secrets.as_ref().map(|sealed| sealed.as_str().to_owned()),
        created_at: upstream.created_at.0,
    }
}

impl Store {
    /// The upstreams that were added by command, by name.
    pub async fn upstreams(&self) -> Result<Arc<Vec<StoredUpstream>>, StoreError> {
        let read = || async move {
            let rows = Entity::find().order_by_asc(Column::Name).all(&self.reader).await?;
            rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.upstreams.get(&(), read).await?.unwrap_or_default())
    }
}

/// The statements that end everything that depends on an upstream.
fn end_dependents(ending: &Ending) -> Vec<Sql> {
    let name = ending.upstream.as_str();
    let at = || Expr::value(ending.at.0);
    let resource = list_to_text([ending.resource.as_str()].into_iter());
    let mut statements: Vec<Sql> = vec![
        // First, so that nothing is added for it until the unit is done.
        upstream_trust::touch(Where::all().add(upstream_trust::Column::Upstream.eq(name))),
    ];
    statements.extend(connection::end(
        &Where::all().add(connection::Column::Upstream.eq(name)),
        ending.access.as_ref(),
        ending.at,
    ));
    // Pending revocations of earlier users use the upstream's former access.
    let reached = ending.access.as_ref().map(|sealed| sealed.as_str().to_owned());
    statements.extend([
        token_revocation::Entity::update_many()
            .col_expr(token_revocation::Column::Access, Expr::value(reached))
            .filter(
                token_revocation::Column::Upstream
                    .eq(name)
                    .and(token_revocation::Column::Access.is_null()),
            )
            .into(),
        connect_attempt::Entity::delete_many()
            .filter(connect_attempt::Column::Upstream.eq(name))
            .into(),
        upstream_registration::Entity::delete_many()
            .filter(upstream_registration::Column::Upstream.eq(name))
            .into(),
        authorization_code::Entity::update_many()
            .col_expr(authorization_code::Column::ConsumedAt, at())
            .filter(
                authorization_code::Column::Resources
                    .eq(resource)
                    .and(authorization_code::Column::ConsumedAt.is_null()),
            )
            .into(),
        access_grant::Entity::update_many()
            .col_expr(access_grant::Column::RevokedAt, at())
            .col_expr(
                access_grant::Column::RevokeReason,
                Expr::value(RevokeReason::UpstreamEnded.as_str()),
            )
            .filter(access_grant::only_for(&ending.resource))
            .into(),
        access_token::Entity::update_many()
            .col_expr(access_token::Column::RevokedAt, at())
            .filter(access_token::only_for(&ending.upstream))
            .into(),
    ]);
    statements
}

/// Ends everything that depends on an upstream, and last the upstream itself or its identity.
pub(crate) fn end(ending: &Ending) -> Write {
    let name = ending.upstream.as_str();
    let mut statements = end_dependents(ending);
    let still = match &ending.id {
        Some(id) => upstream_trust::is(&ending.upstream, id),
        None => Where::all().add(upstream_trust::Column::Upstream.eq(name)),
    };
    let (condition, kind) = match &ending.why {
        Ended::Deleted { stored } => {
            statements.push(
                upstream_tool::Entity::delete_many().filter(upstream_tool::undecided(name)).into(),
            );
            statements.push(upstream_trust::Entity::delete_many().filter(still).into());
            if *stored {
                statements.push(Entity::delete_many().filter(Column::Name.eq(name)).into());
            }
            let condition =
                if *stored { Condition::DeleteUpstream } else { Condition::ReplaceUpstream };
            (condition, AuditKind::UpstreamDeleted)
        }
        Ended::Moved(next) => {
            statements.push(upstream_trust::replace(next, still));
            (Condition::ReplaceUpstream, AuditKind::UpstreamMoved)
        }
        Ended::Accepted(next) => {
            statements.push(upstream_trust::replace(
                next,
                still.add(upstream_trust::names(ending.named.as_ref())),
            ));
            (Condition::ReplaceUpstream, AuditKind::UpstreamServerAccepted)
        }
    };
    Write {
        name: Name::Decides(condition),
        work: Work::Statements(statements),
        // Connections, grants and tokens of many.
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(kind, AuditSubject::Upstream, name),
            row: Box::new(Compared { name: ending.upstream, resource: ending.resource.clone() }),
            only_if_different: false,
        },
    }
}

/// An upstream as the audit compares it: its pin, and the number of objects that depend on it.
#[derive(Debug)]
struct Compared {
    name: UpstreamName,
    /// The resource that covers it alone.
    resource: Resource,
}

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let name = self.name.as_str();
            let trust = db.one(upstream_trust::Entity::find_by_id(name)).await?;
            let pinned = |text: Option<&String>| text.cloned().map_or(Value::Null, Value::from);
            let connections =
                connection::Entity::find().filter(connection::Column::Upstream.eq(name));
            let registrations = upstream_registration::Entity::find()
                .filter(upstream_registration::Column::Upstream.eq(name));
            let grants =
                access_grant::Entity::find().filter(access_grant::only_for(&self.resource));
            let access_tokens =
                access_token::Entity::find().filter(access_token::only_for(&self.name));
            Ok(Some(json!({
                "location": pinned(trust.as_ref().map(|row| &row.location)),
                "issuer": pinned(trust.as_ref().and_then(|row| row.issuer.as_ref())),
                "resource": pinned(trust.as_ref().and_then(|row| row.resource.as_ref())),
                "connections": db.count(connections).await?,
                "registrations": db.count(registrations).await?,
                "grants": db.count(grants).await?,
                "access_tokens": db.count(access_tokens).await?,
            })))
        })
    }
}

/// The settings of an upstream, of which a unit expects the state.
#[derive(Debug)]
struct Settings(UpstreamName);

impl Tagged for Settings {
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        etag_of::<Entity>(db, self.0.as_str(), |row| from_row(row).map(|stored| stored.etag()))
    }
}

/// Demands that the settings of an upstream are as they were read.
pub(crate) fn expect_seen(name: UpstreamName, etag: String) -> Write {
    expect(Settings(name), etag)
}

pub(crate) fn insert(new: &StoredUpstream) -> Write {
    Write {
        name: Name::Decides(Condition::Row("insert_upstream")),
        work: run(Entity::insert(to_row(new).into_active_model()).on_conflict(nothing())),
        stale: Some(Invalidation::Upstreams),
        audit: Audit::Entry(about(
            AuditKind::UpstreamAdded,
            AuditSubject::Upstream,
            new.name.as_str(),
        )),
    }
}

pub(crate) fn update(
    new: &StoredUpstream,
    seen: &str,
    seen_secrets: Option<&Sealed>,
    changed: &[String],
) -> Write {
    let secrets = seen_secrets
        .map_or_else(|| Column::Secrets.is_null(), |sealed| Column::Secrets.eq(sealed.as_str()));
    let as_seen = Where::all()
        .add(Column::Name.eq(new.name.as_str()))
        .add(Column::Settings.eq(seen))
        .add(secrets);
    let sealed = new.secrets.as_ref().map(|sealed| sealed.as_str().to_owned());
    let event = about(AuditKind::UpstreamChanged, AuditSubject::Upstream, new.name.as_str());
    Write {
        name: Name::Decides(Condition::UpdateUpstream),
        work: run(Entity::update_many()
            .col_expr(Column::Settings, Expr::value(new.settings.as_str()))
            .col_expr(Column::Secrets, Expr::value(sealed))
            .filter(as_seen)),
        stale: Some(Invalidation::Upstreams),
        audit: Audit::Entry(event.detail(json!({ "changed": changed }).to_string())),
    }
}
