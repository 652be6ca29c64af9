//! The users who may use an item, or who have a role.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_admin::{Named, Permitted, UsersWith};
use doorward_model::routes;
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
        routes::API_POLICY_WHO,
        "whoMay",
        "Lists the enabled users who may use a tool, a prompt, a resource or an upstream, or who \
         have a role, each with the reasons.",
        who,
    )
    .query::<WhoQuery>()
    .answer::<Users>(200, "A part of the users, by name.")
    .missing("There is no such tool or upstream.")
}

/// The object of the question. Exactly one of `tool`, `prompt`, `resource`, `template`, `upstream`
/// and `role` is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichUsers")]
struct WhoQuery {
    /// The tool, by its name at /mcp.
    tool: Option<String>,
    /// The prompt, by its name at /mcp.
    prompt: Option<String>,
    /// The resource, by its URI at /mcp.
    resource: Option<String>,
    /// The resource template, by its URI at /mcp.
    template: Option<String>,
    /// The upstream as a whole, by its name.
    upstream: Option<String>,
    /// The role, or `group:NAME` for the members of a group.
    role: Option<String>,
    /// Maximum number, 1 to 200. A part may be shorter although others follow.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
    /// The start of the part: `next` of the one before.
    after: Option<String>,
}

/// A part of the users who may.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PermittedUsers")]
struct Users {
    users: Vec<Row>,
    /// The parameter `after` of the next part; null if there is none.
    next: Option<String>,
}

/// A user who may.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PermittedUser")]
struct Row {
    id: String,
    /// The sign-in name.
    name: String,
    /// `allow` or `confirm`; null if a role was asked for.
    answer: Option<&'static str>,
    /// The reasons, step by step.
    why: Vec<String>,
    /// The roles that the rules name, with their sources.
    roles: Vec<RoleShown>,
}

impl From<Permitted> for Row {
    fn from(Permitted { user, explained, roles }: Permitted) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.to_string(),
            answer: explained.as_ref().map(|explained| explained.answer.as_str()),
            why: explained.iter().flat_map(|one| &one.why).map(ToString::to_string).collect(),
            roles: roles.into_iter().map(Into::into).collect(),
        }
    }
}

async fn who(
    State(console): State<Arc<Console>>,
    QueryParams(which): QueryParams<WhoQuery>,
) -> Answered {
    let item = Named {
        tool: which.tool.as_deref(),
        prompt: which.prompt.as_deref(),
        resource: which.resource.as_deref(),
        template: which.template.as_deref(),
        upstream: which.upstream.as_deref(),
    };
    let names_item = [item.tool, item.prompt, item.resource, item.template, item.upstream]
        .iter()
        .any(Option::is_some);
    let whom = match which.role.as_deref() {
        Some(_) if names_item => return Err(Refused::bad("name a role or an item, not both")),
        Some(role) => UsersWith::Role(role),
        None => UsersWith::Permission(item),
    };
    let part = console.admin.policies.who(whom, which.limit, which.after.as_deref()).await?;
    let users = part.rows.into_iter().map(Into::into).collect();
    Ok(show(StatusCode::OK, &Users { users, next: part.next }))
}
