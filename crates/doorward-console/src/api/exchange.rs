//! The permission of a client to exchange tokens.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::NewExchange;
use doorward_model::routes;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    clients::ClientView,
    operation::{Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, needs, show_state},
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such client.";
    vec![
        Operation::put(
            needs::ALL,
            routes::API_CLIENT_EXCHANGE,
            "permitExchange",
            "Permits a client to exchange users' tokens for narrower ones (RFC 8693).",
            permit,
        )
        .body::<Permission>()
        .answer::<ClientView>(200, "The client after the change.")
        .with_etag()
        .if_match()
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_CLIENT_EXCHANGE,
            "endExchange",
            "Ends the permission of a client to exchange tokens. Exchanged tokens end at once.",
            end,
        )
        .answer::<ClientView>(200, "The client after the change.")
        .with_etag()
        .if_match()
        .missing(NONE),
    ]
}

/// A permission to exchange tokens.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExchangePermission")]
struct Permission {
    /// The client_id of each client whose users' tokens it may exchange, besides its own.
    #[serde(default)]
    from: Vec<String>,
    /// Scopes that an exchanged token may have at most.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_scope"))]
    scopes: Vec<String>,
    /// The client is an AI back end: each token that it gets is for one upstream and for five
    /// minutes at most, and is in no list of the user's connected apps.
    #[serde(default)]
    back_end: bool,
    /// Tokens of identity providers that it may exchange once: each the name of the provider, the
    /// audience and, where one is required, a scope, with spaces between them.
    #[serde(default)]
    providers: Vec<String>,
}

async fn permit(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(id), IfMatch(seen)): (PathValue, IfMatch),
    JsonBody(Permission { from, scopes, back_end, providers }): JsonBody<Permission>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let new = NewExchange { from, scopes, back_end, providers };
    let clients = &console.admin.clients;
    let client = clients.set_exchange(&authority, &id, Some(&new), Some(&seen)).await?;
    Ok(show_state(StatusCode::OK, &ClientView::of(&client), &client.etag()))
}

async fn end(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(id), IfMatch(seen)): (PathValue, IfMatch),
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let clients = &console.admin.clients;
    let client = clients.set_exchange(&authority, &id, None, Some(&seen)).await?;
    Ok(show_state(StatusCode::OK, &ClientView::of(&client), &client.etag()))
}
