//! `list_connected_apps`: the clients that act for this user.

use doorward_model::{Program, ToolClass};
use doorward_store::ConnectedApp;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ToolCall, ToolError,
    builtin::{BuiltIn, Context, arguments, result, schema},
};

pub(super) const TOOL: BuiltIn = BuiltIn {
    name: "list_connected_apps",
    title: "Connected apps",
    description: "Lists the apps that may act for this user, with their scopes and last use. \
        revoke_connected_app revokes the access of one.",
    class: ToolClass::Read,
    input: schema::<Arguments>,
    output: schema::<Answer>,
    call,
};

/// The requested part of the list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Only apps with this text in their name, without regard to case.
    #[serde(default)]
    name_contains: Option<String>,
    /// Maximum number.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: usize,
    /// Number of entries to skip at the beginning.
    #[serde(default)]
    offset: usize,
}

fn default_limit() -> usize {
    50
}

/// Connected apps.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// The apps, ordered by name.
    apps: Vec<App>,
    /// Total number.
    total: usize,
}

/// One connected app.
#[derive(Serialize, JsonSchema)]
struct App {
    /// Its identifier, for revoke_connected_app.
    client_id: String,
    /// The name that it gives itself.
    name: String,
    /// Its permissions.
    scopes: Vec<String>,
    /// The time of the first consent, in seconds since 1970.
    connected_at: i64,
    /// The time of the last use, in seconds since 1970, to within some minutes.
    last_used_at: i64,
    /// True if it is the app of this call.
    #[serde(rename = "this_app")]
    asks: bool,
}

fn call(context: &Context, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
    Box::pin(async move {
        let Arguments { name_contains, limit, offset } = arguments(&call)?;
        if !(1..=200).contains(&limit) {
            return Err(ToolError::Arguments("limit must be between 1 and 200".to_owned()));
        }
        let mut apps = context
            .store
            .connected_apps(call.inbound.caller.user_id(), context.clock.now())
            .await?;
        if let Some(part) = name_contains.map(|part| part.to_lowercase()) {
            apps.retain(|app| app.name().to_lowercase().contains(&part));
        }
        let total = apps.len();
        let describe = |app: ConnectedApp| App {
            name: app.name().to_owned(),
            asks: call.inbound.caller.program() == Program::Client(&app.client_id),
            client_id: app.client_id.to_string(),
            scopes: app.scopes.iter().map(|scope| scope.name().into_owned()).collect(),
            connected_at: app.connected_at.0,
            last_used_at: app.last_used_at.0,
        };
        result(&Answer {
            apps: apps.into_iter().skip(offset).take(limit).map(describe).collect(),
            total,
        })
    })
}
