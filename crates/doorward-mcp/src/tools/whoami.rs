//! `whoami`: for whom the client acts, and what it may do.

use doorward_model::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    BoxFuture, ToolCall, ToolError,
    builtin::{BuiltIn, Context, arguments, result, schema},
};

pub(super) const TOOL: BuiltIn = BuiltIn {
    name: "whoami",
    title: "Who am I?",
    description: "Tells for whom you act here: the person who signed in, the client, the scopes, and until when the access token counts.",
    scope: Scope::Read,
    destructive: false,
    input: schema::<Arguments>,
    output: schema::<Answer>,
    call,
};

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {}

/// The caller.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// The person's stable identifier (`sub`).
    user_id: String,
    /// The name that the person signs in with.
    name: String,
    /// The person's e-mail address, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The person's roles.
    roles: Vec<String>,
    /// The client that acts.
    client_id: String,
    /// What the client calls itself.
    client_name: String,
    /// What the access token allows.
    scopes: Vec<String>,
    /// When the access token ends, in seconds since 1970.
    token_expires_at: i64,
}

fn call(context: &Context, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
    Box::pin(async move {
        let Arguments {} = arguments(&call)?;
        let caller = &call.caller;
        let person = context.store.person(&caller.user_id).await?.ok_or_else(|| ToolError::Failed("the person is no longer known here".to_owned()))?;
        let client = context.store.client(&caller.client_id).await?;
        result(&Answer {
            user_id: person.id.to_string(),
            name: person.name.to_string(),
            email: person.email.clone(),
            roles: person.roles.iter().map(ToString::to_string).collect(),
            client_id: caller.client_id.to_string(),
            client_name: client.map(|client| client.name.clone()).unwrap_or_default(),
            scopes: caller.scopes.closure().iter().map(|scope| scope.name().to_owned()).collect(),
            token_expires_at: caller.expires_at,
        })
    })
}
