//! The connections of services to upstreams. A browser makes them; here they are listed and ended.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use doorward_admin::ServiceConnection;
use doorward_model::{Timestamp, routes};
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::{Answered, Operation, PathValue, done, needs, show};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_USER_CONNECTIONS,
            "listConnections",
            "Lists the upstreams to which a service can be connected, each with the page on which \
             an administrator connects it once.",
            list,
        )
        .answer::<Connections>(200, "The upstreams.")
        .missing("There is no such service."),
        Operation::delete(
            needs::ALL,
            routes::API_USER_CONNECTION,
            "endConnection",
            "Ends the connection of a service to an upstream. Its tokens are revoked there.",
            end,
        )
        .empty("The connection was ended.")
        .missing("There is no such service or connection."),
    ]
}

/// An upstream to which a service can be connected.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceConnection")]
struct ConnectionView {
    upstream: String,
    title: String,
    /// True if the service can use it.
    connected: bool,
    /// The account there, as far as its authorization server named it.
    account: Option<String>,
    /// The reason for which an administrator must connect it again.
    problem: Option<String>,
    connected_at: Option<i64>,
    /// The page on which an administrator connects it.
    connect_url: String,
}

impl ConnectionView {
    fn of(console: &Console, one: &ServiceConnection, now: Timestamp) -> Self {
        let held = one.connection.as_ref();
        Self {
            upstream: one.upstream.name.to_string(),
            title: one.upstream.title.clone(),
            connected: one.works(now),
            account: held.and_then(|held| held.account.clone()),
            problem: held.and_then(|held| held.problem).map(|problem| problem.to_string()),
            connected_at: held.map(|held| held.created_at.0),
            connect_url: console.public_url.at(&one.page),
        }
    }
}

/// Connections.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServiceConnections")]
struct Connections {
    connections: Vec<ConnectionView>,
}

async fn list(State(console): State<Arc<Console>>, PathValue(id): PathValue) -> Answered {
    let service = console.admin.users.service(&id).await?;
    let all = console.admin.upstreams.connections(&service).await?;
    let now = console.clock.now();
    let connections = all.iter().map(|one| ConnectionView::of(&console, one, now)).collect();
    Ok(show(StatusCode::OK, &Connections { connections }))
}

async fn end(
    State(console): State<Arc<Console>>,
    Path((id, upstream)): Path<(String, String)>,
) -> Answered {
    let service = console.admin.users.service(&id).await?;
    console.admin.upstreams.disconnect(&service, &upstream).await?;
    Ok(done())
}
