//! Toolsets.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{NewToolset, Proposal, Selected, ToolsetEdit};
use doorward_model::{Role, Toolset, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    edits::{self, Edited, Trial},
    operation::{
        Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, QueryParams, done, needs,
        show, show_state,
    },
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such toolset.";
    vec![
        Operation::get(
            needs::READ,
            routes::API_TOOLSETS,
            "listToolsets",
            "Lists toolsets, by name.",
            list,
        )
        .answer::<Toolsets>(200, "The toolsets."),
        Operation::post(
            needs::ALL,
            routes::API_TOOLSETS,
            "addToolset",
            "Adds a toolset: tools of several upstreams at an MCP URL of its own.",
            add,
        )
        .body::<New>()
        .answer::<ToolsetView>(201, "The toolset was added.")
        .with_etag()
        .problem(409, "The name is already in use, or there are too many toolsets."),
        Operation::get(
            needs::READ,
            routes::API_TOOLSET,
            "showToolset",
            "Shows a toolset with the tools that it selects at this moment.",
            one,
        )
        .answer::<Described>(200, "The toolset.")
        .with_etag()
        .missing(NONE),
        Operation::patch(
            needs::ALL,
            routes::API_TOOLSET,
            "changeToolset",
            "Changes a toolset. Clients see it at their next call. Omitted members stay.",
            change,
        )
        .query::<Trial>()
        .body::<Changes>()
        .answer::<Edited>(200, "What changed.")
        .with_etag()
        .if_match()
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_TOOLSET,
            "removeToolset",
            "Removes a toolset; the access of clients to it ends.",
            remove,
        )
        .empty("The toolset was removed.")
        .if_match()
        .missing(NONE),
    ]
}

/// A toolset.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Toolset")]
struct ToolsetView {
    /// The name in its URL.
    name: String,
    /// The display name.
    title: String,
    description: String,
    /// The URL for clients, which is the audience of their tokens.
    url: String,
    /// The lines of the selection: conditions that must all hold.
    selection: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    roles: Vec<String>,
    /// Seconds since 1970.
    created_at: i64,
    /// Names this state, for If-Match.
    etag: String,
}

impl ToolsetView {
    fn of(toolset: &Toolset, console: &Console) -> Self {
        Self {
            name: toolset.name.to_string(),
            title: toolset.title.clone(),
            description: toolset.description.clone(),
            url: console.admin.toolsets.url(toolset).to_string(),
            selection: toolset.selection.texts().map(ToOwned::to_owned).collect(),
            roles: toolset.roles.iter().map(Role::to_string).collect(),
            created_at: toolset.created_at.0,
            etag: toolset.etag(),
        }
    }
}

/// All toolsets.
#[derive(Serialize, JsonSchema)]
struct Toolsets {
    toolsets: Vec<ToolsetView>,
}

/// A toolset with its tools.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ToolsetWithTools")]
struct Described {
    #[serde(flatten)]
    toolset: ToolsetView,
    /// The tools that it selects of those that are known at this moment.
    tools: Vec<ToolView>,
    /// Each line of the selection with its effect.
    lines: Vec<LineView>,
}

/// A tool that a toolset selects.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SelectedTool")]
struct ToolView {
    upstream: String,
    /// Its name at the URL of the toolset.
    name: String,
    /// `read`, `write` or `destructive`.
    class: &'static str,
    /// `approved`, `waiting` or `changed`. Users see an approved tool alone.
    state: &'static str,
}

/// A line of a selection.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SelectionLine")]
struct LineView {
    line: String,
    /// The number of tools that it selects; null for a line about prompts or resources.
    tools: Option<usize>,
}

impl Described {
    fn of(toolset: ToolsetView, Selected { tools, lines }: Selected) -> Self {
        let tool = |tool: doorward_admin::SelectedTool| ToolView {
            upstream: tool.upstream,
            name: tool.name,
            class: tool.class.as_str(),
            state: tool.state.as_str(),
        };
        let line = |by: doorward_admin::SelectedBy| LineView { line: by.line, tools: by.tools };
        Self {
            toolset,
            tools: tools.into_iter().map(tool).collect(),
            lines: lines.into_iter().map(line).collect(),
        }
    }
}

/// A toolset to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToolset")]
struct New {
    /// The name in its URL, which never changes.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([a-z0-9-]*[a-z0-9])?$"))]
    name: String,
    /// The display name; by default the name.
    #[serde(default)]
    #[schemars(length(max = 80))]
    title: String,
    #[serde(default)]
    #[schemars(length(max = 500))]
    description: String,
    /// Lines such as `upstream=wiki tool=search_*`.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 500)))]
    selection: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 40)))]
    roles: Vec<String>,
}

/// The changes. Omitted members stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ToolsetChange")]
struct Changes {
    #[schemars(length(min = 1, max = 80))]
    title: Option<String>,
    #[schemars(length(max = 500))]
    description: Option<String>,
    /// The lines, which replace the current ones.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 500)))]
    selection: Option<Vec<String>>,
    /// The roles, which replace the current ones.
    #[schemars(length(max = 32), inner(length(min = 1, max = 40)))]
    roles: Option<Vec<String>>,
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let toolsets = console.admin.toolsets.all().await?;
    let toolsets = toolsets.iter().map(|toolset| ToolsetView::of(toolset, &console)).collect();
    Ok(show(StatusCode::OK, &Toolsets { toolsets }))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(New { name, title, description, selection, roles }): JsonBody<New>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let new = NewToolset { name, title, description, selection, roles };
    let toolset = console.admin.toolsets.add(&authority, new).await?;
    let view = ToolsetView::of(&toolset, &console);
    Ok(show_state(StatusCode::CREATED, &view, &toolset.etag()))
}

async fn one(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let toolset = console.admin.toolsets.named(&name).await?;
    let selected = console.admin.toolsets.selected(&toolset).await?;
    let described = Described::of(ToolsetView::of(&toolset, &console), selected);
    Ok(show_state(StatusCode::OK, &described, &toolset.etag()))
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(name), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(Changes { title, description, selection, roles }): JsonBody<Changes>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let change = ToolsetEdit { title, description, selection, roles };
    let effect = trial.effect();
    let proposal = Proposal { of: &name, change: &change, seen: Some(&seen), effect };
    let edit = console.admin.toolsets.edit(&authority, proposal).await?;
    Ok(edits::answer(edit, effect))
}

async fn remove(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
    IfMatch(seen): IfMatch,
) -> Answered {
    console.admin.toolsets.remove(&name, Some(&seen)).await?;
    Ok(done())
}
