//! `server_info`: a description of this server.

use doorward_model::ToolClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    BoxFuture, ToolCall, ToolError,
    builtin::{BuiltIn, Context, arguments, result, schema},
};

pub(super) const TOOL: BuiltIn = BuiltIn {
    name: "server_info",
    title: "About this server",
    description: "Returns the server's name, version, URL, time and uptime.",
    class: ToolClass::Read,
    input: schema::<Arguments>,
    output: schema::<Answer>,
    call,
};

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {}

/// The server.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// The name that the operator gave it.
    name: String,
    /// The program.
    program: String,
    /// The program's version.
    version: String,
    /// The URL of the authorization server.
    issuer: String,
    /// The server's time, in seconds since 1970.
    time: i64,
    /// Seconds for which it has been running.
    uptime_seconds: u64,
}

fn call(context: &Context, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
    Box::pin(async move {
        let Arguments {} = arguments(&call)?;
        result(&Answer {
            name: context.name.clone(),
            program: "doorward".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            issuer: context.public_url.clone(),
            time: context.clock.now().0,
            uptime_seconds: context.started.elapsed().as_secs(),
        })
    })
}
