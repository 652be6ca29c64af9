//! `wait`: takes its time, for tests of progress, cancellation and time limits of clients and
//! proxies by operators.

use std::time::Duration;

use doorward_model::ToolClass;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ToolCall, ToolError,
    builtin::{BuiltIn, Context, arguments, result, schema},
};

pub(super) const TOOL: BuiltIn = BuiltIn {
    name: "wait",
    title: "Wait",
    description: "Waits for some seconds and reports progress every second if the client requests \
        it. For testing long calls and their cancellation.",
    class: ToolClass::Read,
    input: schema::<Arguments>,
    output: schema::<Answer>,
    call,
};

/// Duration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Duration in seconds.
    #[serde(default = "default_seconds")]
    #[schemars(range(min = 0, max = 300))]
    seconds: u32,
}

fn default_seconds() -> u32 {
    5
}

/// The outcome.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// Number of seconds that passed.
    waited_seconds: u32,
}

fn call(_: &Context, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
    Box::pin(async move {
        let Arguments { seconds } = arguments(&call)?;
        if seconds > 300 {
            return Err(ToolError::Arguments("seconds must be at most 300".to_owned()));
        }
        for step in 0..seconds {
            call.progress
                .report(
                    f64::from(step),
                    Some(f64::from(seconds)),
                    Some(format!("waited {step} of {seconds} seconds")),
                )
                .await;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = call.cancelled.cancelled() => {
                    tracing::info!(waited = step, "the wait was cancelled by the client");
                    return Err(ToolError::Failed(format!("cancelled after {step} seconds")));
                }
            }
        }
        call.progress
            .report(f64::from(seconds), Some(f64::from(seconds)), Some("done".to_owned()))
            .await;
        result(&Answer { waited_seconds: seconds })
    })
}
