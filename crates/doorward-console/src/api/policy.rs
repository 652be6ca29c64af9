//! Explanations of the policy.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_admin::{Call, Named};
use doorward_model::routes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{Answered, Asked, Operation, needs, show};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_EXPLAIN,
            "explainPolicy",
            "Explains whether a user may use a tool, a prompt, a resource or an upstream through a \
             client.",
            explain,
        )
        .query::<Which>()
        .answer::<Explained>(200, "The decision, step by step.")
        .problem(400, "None or several of tool, prompt, resource, template and upstream are given.")
        .missing("There is no such user, tool or upstream."),
    ]
}

/// The use to be explained. Exactly one of `tool`, `prompt`, `resource`, `template` and `upstream`
/// is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichCall")]
struct Which {
    /// The user's ID or sign-in name.
    user: String,
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
    /// The client's ID or name; without one, any client.
    client: Option<String>,
}

/// The answer.
#[derive(Serialize, JsonSchema)]
struct Explained {
    /// The item, under its name at /mcp.
    item: String,
    /// `allow`, `confirm`, `deny` or `not offered`.
    answer: String,
    why: Vec<String>,
}

async fn explain(State(console): State<Arc<Console>>, Asked(which): Asked<Which>) -> Answered {
    let client = which.client.as_deref().unwrap_or_default();
    let item = Named {
        tool: which.tool.as_deref(),
        prompt: which.prompt.as_deref(),
        resource: which.resource.as_deref(),
        template: which.template.as_deref(),
        upstream: which.upstream.as_deref(),
    };
    let call = Call { user: &which.user, client, item };
    let explained = console.admin.policies.explain(call).await?;
    Ok(show(
        StatusCode::OK,
        &Explained {
            item: explained.item,
            answer: explained.answer.as_str().to_owned(),
            why: explained.why.iter().map(ToString::to_string).collect(),
        },
    ))
}
