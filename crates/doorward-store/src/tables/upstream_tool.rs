//! Pinned definitions of the tools of upstreams, and the decisions on them.

use std::sync::Arc;

use doorward_model::{
    AuditKind, AuditSubject, Timestamp, ToolClass, UpstreamName,
    upstream::{Pinned, PinnedTool, ToolState},
};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, Condition as Where, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, entity::prelude::*, sea_query::Expr,
};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    audit::row::Row,
    condition::Condition,
    convert::{damaged, upstream_name},
    db::Db,
    invalidate::Invalidation,
    tables::{Copied, Table},
    writes::{Audit, Name, Work, Write, about, nothing, run},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream_tool")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub upstream: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub tool: String,
    pub state: String,
    pub definition: String,
    pub changed: Option<String>,
    pub class: Option<String>,
    pub first_seen_at: i64,
    pub decided_at: Option<i64>,
    pub pinned: Option<String>,
    pub origin: Option<String>,
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

/// Rows of one statement: PostgreSQL takes at most 65,535 parameters.
const ROWS: usize = 500;

pub(crate) fn from_row(row: Model) -> Result<PinnedTool, StoreError> {
    let wrong = || damaged("upstream_tool", &format!("{} {}", row.upstream, row.tool));
    Ok(PinnedTool {
        upstream: upstream_name("upstream_tool", &row.upstream)?,
        state: ToolState::parse(&row.state).ok_or_else(wrong)?,
        class: row
            .class
            .as_deref()
            .map(|class| ToolClass::parse(class).ok_or_else(wrong))
            .transpose()?,
        pinned: Pinned::parse(row.pinned.as_deref()).ok_or_else(wrong)?,
        tool: row.tool,
        definition: row.definition,
        origin: row.origin,
        changed: row.changed,
        first_seen_at: Timestamp(row.first_seen_at),
        decided_at: row.decided_at.map(Timestamp),
    })
}

pub(crate) fn to_row(tool: &PinnedTool) -> Model {
    Model {
        upstream: tool.upstream.as_str().to_owned(),
        tool: tool.tool.clone(),
        state: tool.state.as_str().to_owned(),
        definition: tool.definition.clone(),
        changed: tool.changed.clone(),
        class: tool.class.map(|class| class.as_str().to_owned()),
        first_seen_at: tool.first_seen_at.0,
        decided_at: tool.decided_at.map(|at| at.0),
        pinned: tool.pinned.as_str().map(str::to_owned),
        origin: tool.origin.clone(),
    }
}

impl Store {
    /// Records of an upstream's tools, by name.
    pub async fn pinned_tools(
        &self,
        name: UpstreamName,
    ) -> Result<Arc<Vec<PinnedTool>>, StoreError> {
        let read = || async move {
            let which = Entity::find().filter(Column::Upstream.eq(name.as_str()));
            let rows = which.order_by_asc(Column::Tool).all(&self.reader).await?;
            rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>().map(Some)
        };
        Ok(self.caches.pinned.get(&name.as_str().to_owned(), read).await?.unwrap_or_default())
    }
}

/// The undecided tools of an upstream.
pub(crate) fn undecided(upstream: &str) -> Where {
    Where::all()
        .add(Column::Upstream.eq(upstream))
        .add(Column::State.eq(ToolState::Waiting.as_str()))
        .add(Column::Class.is_null())
}

pub(crate) fn pin_new(tools: &[PinnedTool]) -> Write {
    let insert = |some: &[PinnedTool]| {
        let rows = some.iter().map(|tool| to_row(tool).into_active_model());
        Entity::insert_many(rows).on_conflict(nothing()).into()
    };
    Write {
        name: Name::Always("pin_new_tools"),
        work: Work::Statements(tools.chunks(ROWS).map(insert).collect()),
        stale: tools.first().map(|tool| Invalidation::Pinned(tool.upstream.as_str().to_owned())),
        // An upstream may list any number; an administrator's decision has an entry.
        audit: Audit::Silent,
    }
}

pub(crate) fn note_changed(
    upstream: &UpstreamName,
    tool: &str,
    definition: String,
    pinned: Pinned,
    first: bool,
) -> Write {
    let which = Where::all().add(Column::Upstream.eq(upstream.as_str())).add(Column::Tool.eq(tool));
    let noted = Entity::update_many()
        .col_expr(Column::Changed, Expr::value(definition))
        .col_expr(Column::Pinned, Expr::value(pinned.as_str()));
    let event =
        about(AuditKind::ToolChanged, AuditSubject::Tool, &format!("{}/{tool}", upstream.as_str()));
    Write {
        name: Name::Always("note_changed_tool"),
        work: run(noted.filter(which)),
        stale: Some(Invalidation::Pinned(upstream.as_str().to_owned())),
        // An upstream may change a definition any number of times; until an administrator decides,
        // the first change is reported.
        audit: if first { Audit::Entry(event) } else { Audit::Silent },
    }
}

pub(crate) fn repin(tool: &PinnedTool, seen_definition: &str, seen_state: ToolState) -> Write {
    let upstream = tool.upstream.as_str();
    let as_seen = Where::all()
        .add(Column::Upstream.eq(upstream))
        .add(Column::Tool.eq(tool.tool.as_str()))
        .add(Column::Definition.eq(seen_definition));
    let row = to_row(tool).into_active_model().reset_all();
    let row = ActiveModel { upstream: NotSet, tool: NotSet, ..row };
    Write {
        name: Name::Always("repin_tool"),
        work: run(Entity::update_many()
            .set(row)
            .filter(as_seen.add(Column::State.eq(seen_state.as_str())))),
        stale: Some(Invalidation::Pinned(upstream.to_owned())),
        // No decision: a row of an older version becomes whole, or a tool counts as new, which has
        // no entry either.
        audit: Audit::Silent,
    }
}

pub(crate) fn forget_undecided(upstream: &UpstreamName, tools: &[String]) -> Write {
    let delete = |some: &[String]| {
        Entity::delete_many()
            .filter(undecided(upstream.as_str()).add(Column::Tool.is_in(some)))
            .into()
    };
    Write {
        name: Name::Always("forget_undecided_tools"),
        work: Work::Statements(tools.chunks(ROWS).map(delete).collect()),
        stale: Some(Invalidation::Pinned(upstream.as_str().to_owned())),
        audit: Audit::Silent,
    }
}

/// A tool as the audit compares it. Its definition is named by a part of its hash.
#[derive(Debug)]
struct Compared {
    upstream: String,
    tool: String,
}

impl Row for Compared {
    fn state<'a>(&'a self, db: Db<'a>) -> BoxFuture<'a, Result<Option<Value>, DbErr>> {
        Box::pin(async move {
            let key = (self.upstream.clone(), self.tool.clone());
            let row = db.one(Entity::find_by_id(key)).await?;
            Ok(row.map(|row| {
                let definition = doorward_model::id::etag(&[&row.definition]);
                json!({"state": row.state, "class": row.class, "definition": definition})
            }))
        })
    }
}

pub(crate) fn decide(tool: &PinnedTool, seen: &PinnedTool) -> Write {
    let upstream = tool.upstream.as_str();
    let mut as_seen = Where::all()
        .add(Column::Upstream.eq(upstream))
        .add(Column::Tool.eq(tool.tool.as_str()))
        .add(Column::Definition.eq(seen.definition.as_str()))
        // The whole row is replaced: another decision, or another class, would be undone.
        .add(Column::State.eq(seen.state.as_str()));
    as_seen = as_seen.add(match seen.class {
        Some(class) => Column::Class.eq(class.as_str()),
        None => Column::Class.is_null(),
    });
    as_seen = as_seen.add(match seen.changed.as_deref() {
        Some(changed) => Column::Changed.eq(changed),
        None => Column::Changed.is_null(),
    });
    let row = to_row(tool).into_active_model().reset_all();
    let row = ActiveModel { upstream: NotSet, tool: NotSet, ..row };
    let event =
        about(AuditKind::ToolDecided, AuditSubject::Tool, &format!("{upstream}/{}", tool.tool));
    Write {
        name: Name::Decides(Condition::DecideTool),
        work: run(Entity::update_many().set(row).filter(as_seen)),
        stale: Some(Invalidation::Pinned(upstream.to_owned())),
        audit: Audit::Compared {
            event,
            row: Box::new(Compared { upstream: upstream.to_owned(), tool: tool.tool.clone() }),
            only_if_different: false,
        },
    }
}
