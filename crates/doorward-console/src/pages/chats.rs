//! Accounts at chat servers that are linked with users.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_admin::Refusal;
use doorward_language::text;
use doorward_model::routes;
use doorward_transport::answer;
use doorward_web::{ErrorPage, Frame, filters, form, moment};

use crate::{
    Console,
    pages::{Administrator, draw_found, list::Feedback},
    refusals::{Alert, alert},
};

#[derive(Template)]
#[template(path = "admin_chats.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    links: Vec<Link>,
}

struct Link {
    id: String,
    name: String,
    account: String,
    server: String,
    user: String,
    user_path: String,
    since: String,
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    error: Option<Alert>,
) -> Result<Page, Refusal> {
    let links = console.admin.chats.all().await?.into_iter().map(|(link, user)| Link {
        user: user.map_or_else(|| link.user_id.to_string(), |user| user.name.to_string()),
        user_path: routes::ADMIN_USER.replace("{user}", link.user_id.as_str()),
        id: link.id.to_string(),
        since: moment(link.created_at),
        name: link.name,
        account: link.account,
        server: link.server,
    });
    Ok(Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "chats",
        csrf: console.web.csrf(&administrator.0.browser, "admin-chats"),
        error,
        links: links.collect(),
    })
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    Feedback { status, error, .. }: Feedback,
) -> Response {
    draw_found(console, status, page(console, administrator, error).await)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
) -> Response {
    show(&console, &administrator, Feedback::default()).await
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "admin-chats", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(link) = params.get("link") else {
        return ErrorPage::incomplete("link").draw(&console.web);
    };
    match console.admin.chats.end(link).await.map_err(|refusal| alert(&console, &refusal)) {
        Ok(()) => answer::see_other(&console.web.at(routes::ADMIN_CHATS)),
        Err(Ok(alert)) => show(&console, &administrator, Feedback::refused(alert)).await,
        Err(Err(response)) => response,
    }
}
