//! Tools of all upstreams that wait for a decision, and decisions about several of them.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_admin::{ApprovalList, Listed, Refusal, ToolVersion, WaitingTool};
use doorward_gateway::Decision;
use doorward_model::routes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    operation::{Answered, ApiCaller, JsonBody, Operation, QueryParams, needs, show},
    reviewed::Reviewed,
};
use crate::Console;

/// Maximum number of decisions of one request.
const MOST: usize = 500;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ_OR_UPSTREAMS,
            routes::API_APPROVALS,
            "listApprovals",
            "Lists the tools of all upstreams that wait for a decision.",
            list,
        )
        .query::<ApprovalList>()
        .answer::<Approvals>(200, "The tools."),
        Operation::post(
            needs::UPSTREAMS,
            routes::API_APPROVALS,
            "decideTools",
            "Approves or rejects several tools, each as it was read. A refused decision stops no \
             other.",
            decide,
        )
        .body::<Decisions>()
        .answer::<Outcome>(200, "The number of decisions, and the refused ones."),
    ]
}

/// Some tools that wait for a decision.
#[derive(Serialize, JsonSchema)]
struct Approvals {
    tools: Vec<Approval>,
    /// The number of all tools that fit.
    total: u64,
    /// The parameter `after` of the next part.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The parameter `before` of the previous part.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
}

/// A tool that waits for a decision.
#[derive(Serialize, JsonSchema)]
struct Approval {
    /// The name of its upstream.
    upstream: String,
    #[serde(flatten)]
    tool: Reviewed,
}

/// Decisions about tools.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ToolDecisions")]
struct Decisions {
    #[schemars(length(min = 1, max = 500))]
    decisions: Vec<One>,
}

/// A decision about a tool.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OneToolDecision")]
struct One {
    /// The name of the upstream.
    upstream: String,
    /// The tool's name at the upstream.
    tool: String,
    /// The etag of the state that was read.
    etag: String,
    decision: Verdict,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ApprovalDecision")]
enum Verdict {
    Approve,
    Reject,
}

/// The outcome of decisions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DecidedTools")]
struct Outcome {
    /// The number of decisions that were made.
    decided: u64,
    /// The refused ones.
    refused: Vec<RefusedTool>,
}

/// A refused decision.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RefusedDecision")]
struct RefusedTool {
    upstream: String,
    tool: String,
    /// The code of the refusal.
    code: String,
    /// The reason.
    detail: String,
}

async fn list(
    State(console): State<Arc<Console>>,
    QueryParams(asked): QueryParams<ApprovalList>,
) -> Answered {
    let Listed { rows, total, next, previous, .. } =
        console.admin.upstreams.list_waiting(&asked).await?;
    let tool = |WaitingTool { upstream, tool }: WaitingTool| Approval {
        upstream: upstream.name.to_string(),
        tool: tool.into(),
    };
    let tools = rows.into_iter().map(tool).collect();
    Ok(show(StatusCode::OK, &Approvals { tools, total, next, previous }))
}

async fn decide(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(asked): JsonBody<Decisions>,
) -> Answered {
    if !(1..=MOST).contains(&asked.decisions.len()) {
        let why = format!("1 to {MOST} at once");
        return Err(Refusal::ListParameter("decisions".to_owned(), why).into());
    }
    let decisions = asked.decisions.iter().map(|one| {
        let decision = match one.decision {
            Verdict::Approve => Decision::Approve,
            Verdict::Reject => Decision::Reject,
        };
        let seen = Some(one.etag.as_str());
        (ToolVersion { upstream: &one.upstream, tool: &one.tool, seen }, decision)
    });
    let decisions: Vec<_> = decisions.collect();
    let by = caller.user.name.as_str();
    let outcome = console.admin.upstreams.decide_all(&decisions, by).await;
    let refused = outcome.refused.into_iter().map(|(upstream, tool, refusal)| RefusedTool {
        upstream,
        tool,
        code: refusal.code().as_str().to_owned(),
        detail: refusal.to_string(),
    });
    let outcome = Outcome { decided: outcome.decided, refused: refused.collect() };
    Ok(show(StatusCode::OK, &outcome))
}
