//! The newest lines of the processes of an upstream.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_model::routes;
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::{Answered, Operation, PathValue, Refused, needs, show};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ_OR_UPSTREAMS,
            routes::API_UPSTREAM_LOG,
            "showUpstreamLog",
            "Shows the newest 200 lines that the processes of a local upstream wrote to their \
             standard error on this server, without the secrets that they were given.",
            log,
        )
        .answer::<ProcessLog>(200, "The lines, the oldest first.")
        .missing("There is no such upstream, or it has no processes."),
    ]
}

/// The newest lines.
#[derive(Serialize, JsonSchema)]
struct ProcessLog {
    lines: Vec<Line>,
}

/// A line.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogLine")]
struct Line {
    /// The time at which it was read, in seconds since 1970.
    at: i64,
    text: String,
}

async fn log(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let upstream = console.admin.upstreams.named(&name).await?;
    let lines = upstream.process_lines().ok_or_else(|| Refused::missing("process"))?;
    let lines = lines.into_iter().map(|line| Line { at: line.at.0, text: line.text }).collect();
    Ok(show(StatusCode::OK, &ProcessLog { lines }))
}
