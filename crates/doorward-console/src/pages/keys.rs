//! Signing keys.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{KeyState, Refusal};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::answer;
use doorward_web::{ErrorPage, Frame, filters, form, moment};

use crate::{
    Console,
    pages::{Administrator, draw},
    refusals::{Alert, alert, oops},
};

#[derive(Template)]
#[template(path = "admin_keys.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    keys: Vec<Key>,
}

struct Key {
    kid: String,
    algorithm: &'static str,
    state: Message,
    active: bool,
    since: String,
    until: String,
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    error: Option<Alert>,
) -> Result<Page, Refusal> {
    let records = console.admin.keys.all().await?;
    let keys = records.into_iter().rev().map(|(key, state)| Key {
        active: state == KeyState::Active,
        state: match state {
            KeyState::Active => text::admin_keys_state_active(),
            KeyState::Next => text::admin_keys_state_next(),
            KeyState::Verifies | KeyState::Retired => text::admin_keys_state_verifies(),
        },
        kid: key.kid.clone(),
        algorithm: key.algorithm.as_str(),
        since: moment(key.activates_at),
        until: key.retires_at.map(moment).unwrap_or_default(),
    });
    Ok(Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "keys",
        csrf: console.web.csrf(&administrator.0.browser, "keys"),
        error,
        keys: keys.collect(),
    })
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    status: StatusCode,
    error: Option<Alert>,
) -> Response {
    match page(console, administrator, error).await {
        Ok(page) => draw(status, &page),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
) -> Response {
    show(&console, &administrator, StatusCode::OK, None).await
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "keys", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let admin = &console.admin;
    let done = match params.get("do") {
        Some("rotate") => admin.keys.rotate(false).await.map(drop),
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    };
    match done.map_err(|refusal| alert(&console, &refusal)) {
        Ok(()) => answer::see_other(&console.web.at(routes::ADMIN_KEYS)),
        Err(Ok((status, alert))) => show(&console, &administrator, status, Some(alert)).await,
        Err(Err(response)) => response,
    }
}
