//! The administrators' overview: the state of the server, and its numbers.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use doorward_admin::{Refusal, waits};
use doorward_language::text;
use doorward_model::{ClientSource, routes};
use doorward_web::{Frame, filters};

use crate::{
    Console,
    findings::Look,
    pages::{Administrator, draw},
    refusals::oops,
};

#[derive(Template)]
#[template(path = "admin.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    enabled: bool,
    mcp_url: String,
    users: u64,
    clients: u64,
    providers: usize,
    waiting: usize,
    health: Vec<Look>,
}

async fn page(console: &Console, administrator: &Administrator) -> Result<Page, Refusal> {
    let store = &console.store;
    let mut clients = 0;
    for source in
        [ClientSource::Administrator, ClientSource::MetadataDocument, ClientSource::Registration]
    {
        clients += store.count_clients(source).await?;
    }
    let reviewed = console.admin.upstreams.review().await?;
    let settings = console.admin.settings.show().await?;
    Ok(Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "admin",
        enabled: settings.mcp_enabled,
        mcp_url: console.web.at(routes::MCP),
        users: store.count_users().await?,
        clients,
        providers: console.admin.providers.all().await?.len(),
        waiting: reviewed
            .iter()
            .flat_map(|upstream| &upstream.tools)
            .filter(|tool| waits(tool))
            .count(),
        health: console.admin.health.look().await.into_iter().map(Look::of_part).collect(),
    })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
) -> Response {
    match page(&console, &administrator).await {
        Ok(page) => draw(StatusCode::OK, &page),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}
