//! Settings that change while the server runs, and how the server is.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use doorward_admin::{Finding, SettingsChange, ShownSettings};
use doorward_model::routes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Answered, IfMatch, Operation, Sent, needs, show, show_state},
    providers::Tried,
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(needs::READ, routes::API_SETTINGS, "showSettings", "Shows the settings that change while the server runs.", list)
            .answer::<Settings>(200, "The settings.")
            .with_etag(),
        Operation::put(
            needs::ALL,
            routes::API_SETTINGS,
            "changeSettings",
            "Changes settings. Switching the MCP server on makes its metadata public and asks for an acknowledgement.",
            change,
        )
        .body::<Changed>()
        .answer::<Settings>(200, "The settings as they are now.")
        .with_etag()
        .if_match(),
        Operation::get(needs::READ, routes::API_HEALTH, "showHealth", "Tells how the server is.", health).answer::<Tried>(200, "What was found."),
    ]
}

/// Settings that change while the server runs.
#[derive(Serialize, JsonSchema)]
struct Settings {
    /// The MCP server is on.
    mcp_enabled: bool,
    /// A notice that every page shows; empty for none.
    notice: String,
    /// The documents that are public while the MCP server is on.
    public: Vec<String>,
}

/// The changes. A member that is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SettingsChange")]
struct Changed {
    mcp_enabled: Option<bool>,
    /// That the administrator knows what becomes public; needed to switch the MCP server on.
    #[serde(default)]
    acknowledge: bool,
    /// A notice that every page shows; empty for none.
    #[schemars(length(max = 500))]
    notice: Option<String>,
}

impl Settings {
    fn of(shown: ShownSettings) -> Self {
        let ShownSettings { mcp_enabled, notice, public, etag: _ } = shown;
        Self { mcp_enabled, notice, public }
    }
}

fn answer(shown: ShownSettings) -> Response {
    let etag = shown.etag.clone();
    show_state(StatusCode::OK, &Settings::of(shown), &etag)
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    Ok(answer(console.admin.settings.show().await?))
}

async fn change(
    State(console): State<Arc<Console>>,
    IfMatch(seen): IfMatch,
    Sent(changed): Sent<Changed>,
) -> Answered {
    let Changed { mcp_enabled, acknowledge, notice } = changed;
    let change = SettingsChange { mcp_enabled, acknowledged: acknowledge, notice };
    Ok(answer(console.admin.settings.change(change, Some(&seen)).await?))
}

async fn health(State(console): State<Arc<Console>>) -> Answered {
    let found: Vec<Finding> =
        console.admin.health.look().await.into_iter().map(Into::into).collect();
    Ok(show(StatusCode::OK, &Tried::of(&found)))
}
