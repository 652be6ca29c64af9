//! Who may call which tool, and why.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_model::{PersonName, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{Answered, Asked, Operation, Refused, needs, show};
use crate::{app::App, explain};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_EXPLAIN,
            "explainPolicy",
            "Says whether a person may call a tool through a client, and why.",
            explain,
        )
        .query::<Which>()
        .answer::<Explained>(200, "The answer, step by step.")
        .missing("There is no such person or tool."),
    ]
}

/// Which call.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichCall")]
struct Which {
    /// The person's sign-in name.
    user: String,
    /// The tool, by its name at /mcp.
    tool: String,
    /// The client's id or name; without one, any client.
    client: Option<String>,
}

/// The answer.
#[derive(Serialize, JsonSchema)]
struct Explained {
    tool: String,
    /// `allow`, `confirm`, `deny` or `not offered`.
    answer: String,
    why: Vec<String>,
}

async fn explain(State(app): State<Arc<App>>, Asked(which): Asked<Which>) -> Answered {
    let name = PersonName::parse(&which.user).map_err(|_| Refused::missing("person"))?;
    let person = app.store.person_named(&name).await?.ok_or_else(|| Refused::missing("person"))?;
    let found = explain::explain(
        &app.store,
        &app.gateway,
        app.mcp.judge(),
        (&person, which.client.as_deref().unwrap_or_default(), &which.tool),
    )
    .await?;
    let explained = found.ok_or_else(|| Refused::missing("tool"))?;
    Ok(show(
        StatusCode::OK,
        &Explained {
            tool: explained.tool,
            answer: explained.answer.to_owned(),
            why: explained.why,
        },
    ))
}
