//! The connection attempts of clients, with the reasons of failures.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_language::timeline as texts;
use doorward_model::{
    routes,
    timeline::{Attempt, attempts},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{Answered, Operation, QueryParams, needs, show};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_TIMELINE,
            "showTimeline",
            "Lists the attempts of clients to connect, the newest first, each with a verdict.",
            list,
        )
        .query::<TimelineQuery>()
        .answer::<Timeline>(200, "The attempts."),
    ]
}

/// Selection of attempts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichAttempts")]
struct TimelineQuery {
    /// Attempts of this client: its client_id, or part of its name or of its user agent.
    #[schemars(length(max = 512))]
    client: Option<String>,
    /// Hours to examine, at most a week.
    #[schemars(range(min = 1, max = 168))]
    hours: Option<u64>,
    /// Maximum number, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u64>,
}

/// A list of attempts.
#[derive(Serialize, JsonSchema)]
struct Timeline {
    attempts: Vec<AttemptShown>,
}

/// One client's attempt to connect, up to its first call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
struct AttemptShown {
    client: String,
    client_id: Option<String>,
    user_id: Option<String>,
    began: i64,
    ended: i64,
    /// `connected`, `under way`, `refused` or `stopped`.
    standing: String,
    /// The code of the reason, for programs.
    code: String,
    /// The event in plain words.
    what: String,
    /// The remedy.
    advice: String,
    /// Advice for this client.
    quirk: Option<String>,
    steps: Vec<StepShown>,
}

/// One step.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Step")]
struct StepShown {
    at: i64,
    step: String,
    outcome: String,
    reason: Option<String>,
    detail: String,
    address: String,
    agent: String,
}

fn shown(console: &Console, attempt: &Attempt) -> AttemptShown {
    let verdict = attempt.verdict(console.clock.now());
    AttemptShown {
        client: attempt.name(),
        client_id: attempt.client_id().map(ToOwned::to_owned),
        user_id: attempt.user_id().map(ToOwned::to_owned),
        began: attempt.began().0,
        ended: attempt.ended().0,
        standing: verdict.standing.as_str().to_owned(),
        what: texts::verdict(&verdict),
        code: verdict.cause.code().to_owned(),
        advice: texts::advice(verdict.cause).map(|advice| advice.to_string()).unwrap_or_default(),
        quirk: verdict.quirk.map(|quirk| texts::quirk(quirk).to_string()),
        steps: attempt
            .steps
            .iter()
            .map(|step| StepShown {
                at: step.at.0,
                step: step.kind.as_str().to_owned(),
                outcome: step.outcome.as_str().to_owned(),
                reason: step.reason.map(|reason| reason.code().to_owned()),
                detail: step.detail.clone(),
                address: step.address.clone(),
                agent: step.agent.clone(),
            })
            .collect(),
    }
}

async fn list(
    State(console): State<Arc<Console>>,
    QueryParams(which): QueryParams<TimelineQuery>,
) -> Answered {
    let hours = which.hours.unwrap_or(24);
    let most = usize::try_from(which.limit.unwrap_or(50)).unwrap_or(200);
    console.store.flush().await?;
    let steps = console
        .store
        .connect_steps(console.clock.now().plus(-i64::try_from(hours).unwrap_or(24) * 3600))
        .await?;
    let all = attempts(steps);
    let wanted = which.client.filter(|client| !client.is_empty());
    let fits = |attempt: &&Attempt| wanted.as_ref().is_none_or(|client| attempt.is_of(client));
    Ok(show(
        StatusCode::OK,
        &Timeline {
            attempts: all
                .iter()
                .filter(fits)
                .take(most)
                .map(|attempt| shown(&console, attempt))
                .collect(),
        },
    ))
}
