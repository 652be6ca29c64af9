//! Writes of pinned tools.

use doorward_model::{
    AuditKind, AuditSubject, UpstreamName,
    upstream::{Pinned, PinnedTool, ToolState},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition as Where, EntityTrait, IntoActiveModel, NotSet,
    QueryFilter, sea_query::Expr,
};

use super::{Audit, Name, Work, Write, about, nothing, run};
use crate::{
    audit::row::Row,
    condition::Condition,
    convert::upstreams as convert,
    entities::upstream_tool::{self, Column as T},
    invalidate::Invalidation,
};

/// Rows of one statement: PostgreSQL takes at most 65,535 parameters.
const ROWS: usize = 500;

/// The undecided tools of an upstream.
pub(super) fn undecided(upstream: &str) -> Where {
    Where::all()
        .add(T::Upstream.eq(upstream))
        .add(T::State.eq(ToolState::Waiting.as_str()))
        .add(T::Class.is_null())
}

pub(super) fn pin_new(tools: &[PinnedTool]) -> Write {
    let insert = |some: &[PinnedTool]| {
        let rows = some.iter().map(|tool| convert::tool_row(tool).into_active_model());
        upstream_tool::Entity::insert_many(rows).on_conflict(nothing()).into()
    };
    Write {
        name: Name::Always("pin_new_tools"),
        work: Work::Statements(tools.chunks(ROWS).map(insert).collect()),
        stale: tools.first().map(|tool| Invalidation::Pinned(tool.upstream.as_str().to_owned())),
        // An upstream may list any number; an administrator's decision has an entry.
        audit: Audit::Silent,
    }
}

pub(super) fn note_changed(
    upstream: &UpstreamName,
    tool: &str,
    definition: String,
    pinned: Pinned,
    first: bool,
) -> Write {
    let which = Where::all().add(T::Upstream.eq(upstream.as_str())).add(T::Tool.eq(tool));
    let noted = upstream_tool::Entity::update_many()
        .col_expr(T::Changed, Expr::value(definition))
        .col_expr(T::Pinned, Expr::value(pinned.as_str()));
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

pub(super) fn repin(tool: &PinnedTool, seen_definition: &str, seen_state: ToolState) -> Write {
    let upstream = tool.upstream.as_str();
    let as_seen = Where::all()
        .add(T::Upstream.eq(upstream))
        .add(T::Tool.eq(tool.tool.as_str()))
        .add(T::Definition.eq(seen_definition));
    let row = convert::tool_row(tool).into_active_model().reset_all();
    let row = upstream_tool::ActiveModel { upstream: NotSet, tool: NotSet, ..row };
    Write {
        name: Name::Always("repin_tool"),
        work: run(upstream_tool::Entity::update_many()
            .set(row)
            .filter(as_seen.add(T::State.eq(seen_state.as_str())))),
        stale: Some(Invalidation::Pinned(upstream.to_owned())),
        // No decision: a row of an older version becomes whole, or a tool counts as new, which has
        // no entry either.
        audit: Audit::Silent,
    }
}

pub(super) fn forget_undecided(upstream: &UpstreamName, tools: &[String]) -> Write {
    let delete = |some: &[String]| {
        upstream_tool::Entity::delete_many()
            .filter(undecided(upstream.as_str()).add(T::Tool.is_in(some)))
            .into()
    };
    Write {
        name: Name::Always("forget_undecided_tools"),
        work: Work::Statements(tools.chunks(ROWS).map(delete).collect()),
        stale: Some(Invalidation::Pinned(upstream.as_str().to_owned())),
        audit: Audit::Silent,
    }
}

pub(super) fn decide(
    tool: &PinnedTool,
    seen_definition: &str,
    seen_changed: Option<&str>,
) -> Write {
    let upstream = tool.upstream.as_str();
    let mut as_seen = Where::all()
        .add(T::Upstream.eq(upstream))
        .add(T::Tool.eq(tool.tool.as_str()))
        .add(T::Definition.eq(seen_definition));
    as_seen = as_seen.add(match seen_changed {
        Some(changed) => T::Changed.eq(changed),
        None => T::Changed.is_null(),
    });
    let row = convert::tool_row(tool).into_active_model().reset_all();
    let row = upstream_tool::ActiveModel { upstream: NotSet, tool: NotSet, ..row };
    let event =
        about(AuditKind::ToolDecided, AuditSubject::Tool, &format!("{upstream}/{}", tool.tool));
    Write {
        name: Name::Decides(Condition::DecideTool),
        work: run(upstream_tool::Entity::update_many().set(row).filter(as_seen)),
        stale: Some(Invalidation::Pinned(upstream.to_owned())),
        audit: Audit::Compared {
            event,
            row: Row::Tool(upstream.to_owned(), tool.tool.clone()),
            only_if_different: false,
        },
    }
}
