//! `list_connected_apps`: the clients that act for this person.

use std::collections::BTreeMap;

use doorward_model::{Grant, Scope, ScopeSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    BoxFuture, ToolCall, ToolError,
    builtin::{BuiltIn, Context, arguments, result, schema},
};

pub(super) const TOOL: BuiltIn = BuiltIn {
    name: "list_connected_apps",
    title: "Connected apps",
    description: "Lists the apps that may act for this person, with their scopes and last use. revoke_connected_app withdraws one's access.",
    scope: Scope::Read,
    destructive: false,
    input: schema::<Arguments>,
    output: schema::<Answer>,
    call,
};

/// Which part of the list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Only apps whose name contains this, without regard to case.
    #[serde(default)]
    name_contains: Option<String>,
    /// How many at most.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: usize,
    /// How many to leave out at the beginning.
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
    /// How many there are in all.
    total: usize,
}

/// One connected app.
#[derive(Serialize, JsonSchema)]
struct App {
    /// Its identifier, for revoke_connected_app.
    client_id: String,
    /// What it calls itself.
    name: String,
    /// What it may do.
    scopes: Vec<String>,
    /// When it was first allowed, in seconds since 1970.
    connected_at: i64,
    /// When it was last used, in seconds since 1970, to within some minutes.
    last_used_at: i64,
    /// Whether it is the app that asks.
    #[serde(rename = "this_app")]
    asks: bool,
}

fn call(context: &Context, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
    Box::pin(async move {
        let Arguments { name_contains, limit, offset } = arguments(&call)?;
        if !(1..=200).contains(&limit) {
            return Err(ToolError::Arguments("limit must be between 1 and 200".to_owned()));
        }
        let mut by_client = BTreeMap::<String, Vec<Grant>>::new();
        for grant in context.store.live_grants_of(&call.caller.user_id, context.clock.now()).await? {
            by_client.entry(grant.client_id.to_string()).or_default().push(grant);
        }
        let mut apps = Vec::with_capacity(by_client.len());
        for (client_id, grants) in by_client {
            let client = context.store.client(&doorward_model::ClientId::from_text(client_id.clone())).await?;
            let scopes = grants.iter().fold(ScopeSet::default(), |all, grant| all.union(&grant.scopes)).closure();
            apps.push(App {
                name: client.map_or_else(|| client_id.clone(), |client| client.name.clone()),
                asks: client_id == call.caller.client_id.as_str(),
                client_id,
                scopes: scopes.iter().map(|scope| scope.name().to_owned()).collect(),
                connected_at: grants.iter().map(|grant| grant.created_at.0).min().unwrap_or_default(),
                last_used_at: grants.iter().map(|grant| grant.last_used_at.0).max().unwrap_or_default(),
            });
        }
        if let Some(part) = name_contains.map(|part| part.to_lowercase()) {
            apps.retain(|app| app.name.to_lowercase().contains(&part));
        }
        apps.sort_by(|one, other| one.name.cmp(&other.name).then_with(|| one.client_id.cmp(&other.client_id)));
        let total = apps.len();
        result(&Answer { apps: apps.into_iter().skip(offset).take(limit).collect(), total })
    })
}
