//! Personal and service access tokens of all users.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{Holder, NewToken, TokenList};
use doorward_model::{AccessToken, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{
    Answered, ApiCaller, JsonBody, Operation, PathValue, Place, QueryParams, done, needs, show,
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_TOKENS,
            "listTokens",
            "Lists personal access tokens and service tokens, the newest first.",
            list,
        )
        .query::<TokenList>()
        .answer::<Tokens>(200, "The tokens."),
        Operation::post(
            needs::ALL,
            routes::API_TOKENS,
            "addServiceToken",
            "Creates a token for a service: an account that cannot sign in, which is created if \
             there is none.",
            add,
        )
        .body::<New>()
        .answer::<Added>(201, "The token. Its value is not shown again.")
        .problem(409, "The account is a user's, or the account has too many tokens."),
        Operation::delete(needs::ALL, routes::API_TOKEN, "revokeToken", "Revokes a token.", revoke)
            .empty("The token was revoked.")
            .missing("There is no such active token."),
    ]
}

/// An access token without its value.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AccessToken")]
struct TokenView {
    id: String,
    name: String,
    user_id: String,
    scopes: String,
    /// The upstreams that it reaches; none means all.
    upstreams: Vec<String>,
    created_at: i64,
    rotated_at: Option<i64>,
    expires_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TokenView {
    fn of(token: &AccessToken) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            user_id: token.user_id.to_string(),
            scopes: token.scopes.to_string(),
            upstreams: token.upstreams.iter().map(ToString::to_string).collect(),
            created_at: token.created_at.0,
            rotated_at: token.rotated_at.map(|at| at.0),
            expires_at: token.expires_at.0,
            last_used_at: token.last_used_at.map(|at| at.0),
            revoked_at: token.revoked_at.map(|at| at.0),
        }
    }
}

/// A page of tokens.
#[derive(Serialize, JsonSchema)]
struct Tokens {
    tokens: Vec<TokenView>,
    #[serde(flatten)]
    place: Place,
}

/// A service token to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewServiceToken")]
struct New {
    /// The service's account.
    #[schemars(length(min = 1, max = 64))]
    #[schemars(extend("x-code" = "invalid_name"))]
    service: String,
    /// The purpose of the token.
    #[schemars(length(min = 1, max = 80))]
    #[schemars(extend("x-code" = "invalid_name"))]
    name: String,
    /// The scopes, such as `mcp:read`.
    #[schemars(
        length(min = 1),
        inner(regex(pattern = r"^(admin|mcp:(read|write|destructive)(:[a-z][a-z0-9-]*)?)$"))
    )]
    #[schemars(extend("x-code" = "invalid_scope"))]
    scopes: Vec<String>,
    /// The upstreams that it reaches; none means all.
    #[serde(default)]
    #[schemars(inner(length(min = 1, max = 32), regex(pattern = r"^[a-z][a-z0-9-]*$")))]
    #[schemars(extend("x-code" = "invalid_upstream"))]
    upstreams: Vec<String>,
    /// Lifetime in days.
    #[schemars(range(min = 1, max = 3660))]
    #[schemars(extend("x-code" = "invalid_days"))]
    days: u32,
}

/// A token with its value.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AddedToken")]
struct Added {
    #[serde(flatten)]
    token: TokenView,
    /// The value of the token, shown only once.
    value: String,
}

async fn list(
    State(console): State<Arc<Console>>,
    QueryParams(asked): QueryParams<TokenList>,
) -> Answered {
    let (rows, place) = Place::of(console.admin.tokens.list(&asked).await?);
    let tokens = rows.iter().map(|(token, _)| TokenView::of(token)).collect();
    Ok(show(StatusCode::OK, &Tokens { tokens, place }))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(new): JsonBody<New>,
) -> Answered {
    let New { service, name, scopes, upstreams, days } = new;
    let wanted = NewToken { name, scopes, upstreams, days };
    let authority = Authority::administrators_api(caller.authentication());
    let made = console.admin.tokens.make(&authority, &Holder::Service(service), wanted).await?.made;
    Ok(show(
        StatusCode::CREATED,
        &Added { token: TokenView::of(&made.token), value: made.value.reveal().to_owned() },
    ))
}

async fn revoke(State(console): State<Arc<Console>>, PathValue(id): PathValue) -> Answered {
    console.admin.tokens.revoke(&id).await?;
    Ok(done())
}
