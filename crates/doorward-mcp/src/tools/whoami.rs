//! `whoami`: the user for whom the client acts, and its permissions.

use doorward_model::{Program, ToolClass};
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
    description: "Returns for whom you act here: the user and how they signed in, their roles, the \
        client, the scopes, and the expiry of the access token.",
    class: ToolClass::Read,
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
    /// The user's stable identifier (`sub`).
    user_id: String,
    /// The name that the user signs in with.
    name: String,
    /// The user's e-mail address, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The user's display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    /// The user's roles.
    roles: Vec<String>,
    /// The user's sign-in before they allowed the client.
    signed_in: SignedIn,
    /// The user's accounts at identity providers.
    identities: Vec<Account>,
    /// The client that acts.
    client_id: String,
    /// The name that the client gives itself.
    client_name: String,
    /// The scopes of the access token.
    scopes: Vec<String>,
    /// The time of the access token's end, in seconds since 1970.
    token_expires_at: i64,
}

/// A sign-in.
#[derive(Serialize, JsonSchema)]
struct SignedIn {
    /// The time, in seconds since 1970.
    at: i64,
    /// The level of authentication (`acr`).
    level: String,
    /// By which methods (`amr`).
    methods: Vec<String>,
}

/// An account at an identity provider.
#[derive(Serialize, JsonSchema)]
struct Account {
    /// The provider.
    provider: String,
    /// The user name or e-mail address at the identity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The time of the provider's last confirmation that the account exists, in seconds since 1970.
    confirmed_at: i64,
}

fn call(context: &Context, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
    Box::pin(async move {
        let Arguments {} = arguments(&call)?;
        let caller = &call.inbound.caller;
        let user = &caller.user;
        let identities = context.store.identities_of(caller.user_id()).await?;
        let client = match caller.program() {
            Program::Client(id) => context.store.client(id).await?,
            Program::Token(_) => None,
        };
        result(&Answer {
            user_id: user.id.to_string(),
            name: user.name.to_string(),
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            roles: user.all_roles().map(ToString::to_string).collect(),
            signed_in: SignedIn {
                at: caller.auth_time().0,
                level: caller.authentication().level.as_str().to_owned(),
                methods: caller.authentication().amr.clone(),
            },
            identities: identities
                .into_iter()
                .map(|identity| Account {
                    provider: identity.provider.to_string(),
                    name: identity.email.or(identity.username),
                    confirmed_at: identity.confirmed_at.0,
                })
                .collect(),
            client_id: caller.program().to_string(),
            client_name: client.map(|client| client.name.clone()).unwrap_or_default(),
            scopes: caller.scopes.closure().iter().map(|scope| scope.name().into_owned()).collect(),
            token_expires_at: caller.expires_at,
        })
    })
}
