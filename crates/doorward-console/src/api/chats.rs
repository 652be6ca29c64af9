//! Accounts at chat servers that are linked with users.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_model::routes;
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::{Answered, Operation, PathValue, done, needs, show};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_CHATS,
            "listChatLinks",
            "Lists the accounts at chat servers that are linked with users, the newest first: at \
             most 1000.",
            list,
        )
        .answer::<Links>(200, "The links."),
        Operation::delete(
            needs::ALL,
            routes::API_CHAT,
            "endChatLink",
            "Ends the link of an account at a chat server. What it gave ends at once.",
            end,
        )
        .empty("The link was ended.")
        .missing("There is no such link."),
    ]
}

/// An account at a chat server that is linked with a user.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChatLink")]
struct ChatLinkView {
    id: String,
    /// The chat server, by its URL.
    server: String,
    /// The account there, by its identifier.
    account: String,
    /// The name of the account when it was linked.
    name: String,
    user_id: String,
    created_at: i64,
}

/// Links.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChatLinks")]
struct Links {
    links: Vec<ChatLinkView>,
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let all = console.admin.chats.all().await?;
    let links = all.into_iter().map(|(link, _)| ChatLinkView {
        id: link.id.to_string(),
        server: link.server,
        account: link.account,
        name: link.name,
        user_id: link.user_id.to_string(),
        created_at: link.created_at.0,
    });
    Ok(show(StatusCode::OK, &Links { links: links.collect() }))
}

async fn end(State(console): State<Arc<Console>>, PathValue(id): PathValue) -> Answered {
    console.admin.chats.end(&id).await?;
    Ok(done())
}
