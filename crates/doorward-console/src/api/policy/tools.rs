//! The tools that a user may use.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_admin::{Answer, ToolPermission, ToolPermissions, ToolsQuestion};
use doorward_model::{ToolClass, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{
    groups::RoleShown,
    operation::{Answered, Operation, QueryParams, Refused, needs, show},
};
use crate::Console;

pub(super) fn operation() -> Operation {
    Operation::get(
        needs::READ,
        routes::API_POLICY_TOOLS,
        "toolsOfUser",
        "Lists the tools of all upstreams and the built-in ones, each with the answer to whether a \
         user may use it and the reason.",
        tools,
    )
    .query::<ToolsQuery>()
    .answer::<Tools>(200, "A part of the tools, by upstream and name; the built-in ones first.")
    .missing("There is no such user, upstream or toolset.")
}

/// The user, and the tools to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichToolsOfUser")]
struct ToolsQuery {
    /// The user's ID or sign-in name.
    user: String,
    /// The client's ID or name; by default any client.
    client: Option<String>,
    /// The name of the toolset at whose URL the client calls; by default /mcp.
    toolset: Option<String>,
    /// Only tools of the upstream of this name; `-` for the built-in ones.
    upstream: Option<String>,
    /// Only tools of this class: `read`, `write` or `destructive`.
    class: Option<String>,
    /// Only tools with this answer.
    answer: Option<Answer>,
    /// Only tools with this text in their name at /mcp.
    #[schemars(length(max = 200))]
    search: Option<String>,
    /// Maximum number, 1 to 200. A part may be shorter although others follow.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
    /// The start of the part: `next` of the one before.
    after: Option<String>,
}

/// A part of the tools.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ToolsOfUser")]
struct Tools {
    tools: Vec<Row>,
    /// The parameter `after` of the next part; null if there is none.
    next: Option<String>,
}

/// A tool with the answer for the user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ToolOfUser")]
struct Row {
    /// The name at /mcp.
    tool: String,
    /// The display name of the upstream; null for built-in tools.
    upstream: Option<String>,
    /// `read`, `write` or `destructive`.
    class: &'static str,
    /// `allow`, `confirm`, `needs approval`, `deny` or `not offered`.
    answer: &'static str,
    /// The step that decided.
    reason: Option<String>,
    /// The roles of the user that rules or the upstream name, with their sources.
    roles: Vec<RoleShown>,
}

impl From<ToolPermission> for Row {
    fn from(ToolPermission { upstream, class, explained, roles }: ToolPermission) -> Self {
        Self {
            tool: explained.item,
            upstream,
            class: class.as_str(),
            answer: explained.answer.as_str(),
            reason: explained.reason.as_ref().map(ToString::to_string),
            roles: roles.into_iter().map(Into::into).collect(),
        }
    }
}

async fn tools(
    State(console): State<Arc<Console>>,
    QueryParams(which): QueryParams<ToolsQuery>,
) -> Answered {
    let class = match which.class.as_deref() {
        None => None,
        Some(name) => Some(
            ToolClass::parse(name)
                .ok_or_else(|| Refused::bad("class must be read, write or destructive"))?,
        ),
    };
    let question = ToolsQuestion {
        user: &which.user,
        client: which.client.as_deref().unwrap_or_default(),
        toolset: which.toolset.as_deref().unwrap_or_default(),
        search: which.search.as_deref().unwrap_or_default(),
        upstream: which.upstream.as_deref(),
        class,
        answer: which.answer,
    };
    let policies = &console.admin.policies;
    let ToolPermissions { rows, next } =
        policies.tools_of(question, which.limit, which.after.as_deref()).await?;
    Ok(show(StatusCode::OK, &Tools { tools: rows.into_iter().map(Into::into).collect(), next }))
}
