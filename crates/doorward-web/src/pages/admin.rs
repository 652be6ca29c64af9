//! The administrator's first page: the switch, the notice, how the server is, and what is there.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_model::{Change, ClientSource, routes};
use doorward_store::StoreError;
use doorward_transport::answer;

use super::error::Oops;
use crate::{
    Look, NOTICE_SETTING, Web,
    frame::{Frame, draw},
    language::filters,
    visitor::{Administrator, form},
};

/// The longest notice, in characters.
const LONGEST_NOTICE: usize = 500;

#[derive(Template)]
#[template(path = "admin.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    notice_csrf: String,
    error: Option<String>,
    enabled: bool,
    mcp_url: String,
    notice: String,
    made_public: Vec<String>,
    people: u64,
    clients: u64,
    providers: usize,
    waiting: usize,
    health: Vec<Look>,
}

async fn page(
    web: &Web,
    administrator: &Administrator,
    error: Option<String>,
) -> Result<Page, StoreError> {
    let store = &web.parts.store;
    let mut clients = 0;
    for source in
        [ClientSource::Administrator, ClientSource::MetadataDocument, ClientSource::Registration]
    {
        clients += store.count_clients(source).await?;
    }
    let browser = &administrator.0.browser;
    let tools = web.parts.upstreams.review().await?;
    Ok(Page {
        frame: web.frame(Some(browser)),
        tab: "admin",
        csrf: web.csrf(browser, "mcp-switch"),
        notice_csrf: web.csrf(browser, "notice"),
        error,
        enabled: store
            .setting(web.parts.mcp_setting)
            .await?
            .map_or(web.parts.mcp_enabled_by_default, |value| value == "true"),
        mcp_url: web.at(routes::MCP),
        notice: store.setting(NOTICE_SETTING).await?.unwrap_or_default(),
        made_public: web.parts.console.made_public(),
        people: store.count_people().await?,
        clients,
        providers: web.parts.federation.all_providers().await?.len(),
        waiting: tools
            .iter()
            .flat_map(|upstream| &upstream.tools)
            .filter(|tool| matches!(tool.state, "waiting" | "changed"))
            .count(),
        health: web.parts.console.health().await,
    })
}

async fn show(
    web: &Web,
    administrator: &Administrator,
    status: StatusCode,
    error: Option<String>,
) -> Response {
    match page(web, administrator, error).await {
        Ok(page) => draw(status, &page, false),
        Err(error) => Oops::unavailable(&error).draw(web),
    }
}

pub(crate) async fn get(State(web): State<Web>, administrator: Administrator) -> Response {
    show(&web, &administrator, StatusCode::OK, None).await
}

pub(crate) async fn switch_mcp(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "mcp-switch", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(enabled) = params.get("enabled").and_then(|value| value.parse::<bool>().ok()) else {
        return Oops::bad_form("enabled must be true or false").draw(&web);
    };
    if enabled && params.get("acknowledged").is_none() {
        let told = "Nothing was changed: tick that you know what becomes public.".to_owned();
        return show(&web, &administrator, StatusCode::BAD_REQUEST, Some(told)).await;
    }
    match web
        .parts
        .store
        .apply(Change::PutSetting {
            key: web.parts.mcp_setting.to_owned(),
            value: enabled.to_string(),
        })
        .await
    {
        Ok(()) => {
            tracing::warn!(enabled, administrator = %administrator.0.visitor.person.id, "the MCP server was switched; its metadata is public while it is on");
            answer::see_other(&web.at(routes::ADMIN))
        }
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}

pub(crate) async fn notice(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "notice", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let value = params.get("notice").unwrap_or_default().trim().to_owned();
    if value.chars().count() > LONGEST_NOTICE || value.chars().any(char::is_control) {
        let told = format!(
            "Nothing was changed: a notice has one line of at most {LONGEST_NOTICE} characters."
        );
        return show(&web, &administrator, StatusCode::BAD_REQUEST, Some(told)).await;
    }
    match web.parts.store.apply(Change::PutSetting { key: NOTICE_SETTING.to_owned(), value }).await
    {
        Ok(()) => answer::see_other(&web.at(routes::ADMIN)),
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}
