//! Toolsets.

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, Resource, RevokeReason, Timestamp, Toolset, ToolsetChange,
    ToolsetName, policy::Selection,
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
    convert::{damaged, list_from_text, list_to_text, roles, roles_to_text},
    db::Db,
    invalidate::Invalidation,
    tables::{Copied, Table, access_grant, authorization_code},
    writes::{Audit, Name, Work, Write, about, expect, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "toolset")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub title: String,
    pub description: String,
    pub selection: String,
    pub roles: String,
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

const TABLE: &str = "toolset";

pub(crate) fn from_row(row: Model) -> Result<Toolset, StoreError> {
    let unreadable = || damaged(TABLE, &row.name);
    let lines = list_from_text(TABLE, &row.name, &row.selection)?;
    let selection = Selection::parse(lines.iter().map(String::as_str));
    Ok(Toolset {
        name: ToolsetName::parse(&row.name).map_err(|_| unreadable())?,
        selection: selection.map_err(|_| unreadable())?,
        roles: roles(TABLE, &row.name, &row.roles)?,
        title: row.title,
        description: row.description,
        created_at: Timestamp(row.created_at),
    })
}

pub(crate) fn to_row(toolset: &Toolset) -> ActiveModel {
    ActiveModel {
        name: Set(toolset.name.to_string()),
        title: Set(toolset.title.clone()),
        description: Set(toolset.description.clone()),
        selection: Set(list_to_text(toolset.selection.texts())),
        roles: Set(roles_to_text(&toolset.roles)),
        created_at: Set(toolset.created_at.0),
    }
}

impl Store {
    /// All toolsets, by name.
    pub async fn toolsets(&self) -> Result<Arc<Vec<Arc<Toolset>>>, StoreError> {
        let read = || async move {
            let rows = self.point().all(Entity::find().order_by_asc(Column::Name)).await?;
            let toolsets = rows.into_iter().map(|row| from_row(row).map(Arc::new));
            toolsets.collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.toolsets.get(&(), read).await?.unwrap_or_default())
    }
}

/// The write of a change to toolsets.
pub(crate) fn of(change: ToolsetChange) -> Write {
    match change {
        ToolsetChange::Insert(toolset) => insert(&toolset),
        ToolsetChange::Update(toolset) => update(&toolset),
        ToolsetChange::Expect { name, etag } => expect(Compared(name), etag),
        ToolsetChange::Delete { name, url, at } => delete(name, &url, at),
    }
}

/// A toolset as the audit compares it.
#[derive(Debug)]
struct Compared(ToolsetName);

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let Some(row) = db.by_id::<Entity>(self.0.as_str()).await? else {
                return Ok(None);
            };
            Ok(Some(json!({
                "title": row.title, "description": row.description,
                "selection": list(&row.selection), "roles": list(&row.roles),
            })))
        })
    }
}

impl Tagged for Compared {
    fn etag<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<String>, DbErr>> {
        etag_of::<Entity>(db, self.0.as_str(), |row| from_row(row).map(|toolset| toolset.etag()))
    }
}

fn insert(toolset: &Toolset) -> Write {
    let selection: Vec<_> = toolset.selection.texts().collect();
    let roles: Vec<_> = toolset.roles.iter().map(doorward_model::Role::as_str).collect();
    let detail = json!({
        "title": toolset.title, "description": toolset.description,
        "selection": selection, "roles": roles,
    });
    let event = about(AuditKind::ToolsetAdded, AuditSubject::Toolset, toolset.name.as_str());
    Write {
        name: Name::Decides(Condition::Free("insert_toolset")),
        work: run(Entity::insert(to_row(toolset)).on_conflict(nothing())),
        stale: Some(Invalidation::Toolsets),
        audit: Audit::Entry(event.detail(detail.to_string())),
    }
}

fn update(toolset: &Toolset) -> Write {
    let mut row = to_row(toolset);
    // Its name is its identity.
    (row.name, row.created_at) = (NotSet, NotSet);
    Write {
        name: Name::Decides(Condition::Row("update_toolset")),
        work: run(Entity::update_many().set(row).filter(Column::Name.eq(toolset.name.as_str()))),
        stale: Some(Invalidation::Toolsets),
        audit: Audit::Compared {
            event: about(AuditKind::ToolsetChanged, AuditSubject::Toolset, toolset.name.as_str()),
            row: Box::new(Compared(toolset.name)),
            only_if_different: true,
        },
    }
}

fn delete(name: ToolsetName, url: &Resource, at: Timestamp) -> Write {
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
            Expr::value(RevokeReason::ToolsetRemoved.as_str()),
        )
        .filter(access_grant::only_for(url));
    let row = Entity::delete_many().filter(Column::Name.eq(name.as_str()));
    Write {
        name: Name::Decides(Condition::Row("delete_toolset")),
        work: Work::Statements(vec![codes.into(), grants.into(), row.into()]),
        // Grants of many.
        stale: Some(Invalidation::Everything),
        audit: Audit::Compared {
            event: about(AuditKind::ToolsetRemoved, AuditSubject::Toolset, name.as_str()),
            row: Box::new(Compared(name)),
            only_if_different: false,
        },
    }
}
