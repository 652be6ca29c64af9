//! `revoke_connected_app`: revokes a client's access.

use doorward_model::{Change, ClientId, RevokeReason, ToolClass};
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ToolCall, ToolError,
    builtin::{BuiltIn, Context, arguments, result, schema},
};

pub(super) const TOOL: BuiltIn = BuiltIn {
    name: "revoke_connected_app",
    title: "Revoke an app's access",
    description: "Revokes what this user allowed an app: all its tokens stop working at once. The \
        app can request access again, and the user is asked again.",
    class: ToolClass::Write,
    input: schema::<Arguments>,
    output: schema::<Answer>,
    call,
};

/// The app.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The app's client_id, as in list_connected_apps.
    client_id: String,
}

/// The revoked access.
#[derive(Serialize, JsonSchema)]
struct Answer {
    /// The app.
    client_id: String,
    /// Number of grants that ended.
    revoked_grants: usize,
}

fn call(context: &Context, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
    Box::pin(async move {
        let Arguments { client_id } = arguments(&call)?;
        let caller = &call.inbound.caller;
        let now = context.clock.now();
        let client = ClientId::from_text(client_id.clone());
        let live = context.store.count_grants_to(caller.user_id(), &client, now).await?;
        let revoked_grants = usize::try_from(live).unwrap_or(usize::MAX);
        if revoked_grants == 0 {
            return Err(ToolError::Failed("this user has no connected app with that client_id; list_connected_apps names them".to_owned()));
        }
        let unit = Change::RevokeGrantsOfUser {
            user_id: caller.user_id().clone(),
            client_id: Some(client),
            at: now,
            reason: RevokeReason::ByUser,
        };
        context.store.apply(unit).await?;
        tracing::info!(user = %caller.user_id(), by = %caller.program(), client = client_id, "access revoked by a tool");
        result(&Answer { client_id, revoked_grants })
    })
}
