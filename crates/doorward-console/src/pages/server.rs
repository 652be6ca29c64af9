//! Settings of the server: the switch of the MCP server, the notice, a test mail.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Kind, Refusal, SettingsChange};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::answer;
use doorward_web::{ErrorPage, Frame, filters, form};

use crate::{
    Console,
    findings::made_public,
    pages::{Administrator, draw_found, list::Feedback},
    refusals::{Alert, alert},
};

#[derive(Template)]
#[template(path = "admin_server.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    notice_csrf: String,
    mail_csrf: String,
    mail_is_sent: bool,
    mail_to: String,
    message: Option<Message>,
    error: Option<Alert>,
    enabled: bool,
    mcp_url: String,
    notice: String,
    made_public: [Message; 4],
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    error: Option<Alert>,
) -> Result<Page, Refusal> {
    let browser = &administrator.0.browser;
    let settings = console.admin.settings.show().await?;
    Ok(Page {
        frame: console.web.frame(Some(browser)),
        tab: "settings",
        csrf: console.web.csrf(browser, "mcp-switch"),
        notice_csrf: console.web.csrf(browser, "notice"),
        mail_csrf: console.web.csrf(browser, "test-mail"),
        mail_is_sent: console.admin.mails.are_sent(),
        mail_to: administrator.0.visitor.user.email.clone().unwrap_or_default(),
        message: None,
        error,
        enabled: settings.mcp_enabled,
        mcp_url: console.web.at(routes::MCP),
        notice: settings.notice,
        made_public: made_public(console),
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

pub(crate) async fn switch_mcp(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "mcp-switch", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(enabled) = params.get("enabled").and_then(|value| value.parse::<bool>().ok()) else {
        return ErrorPage::incomplete("enabled").draw(&console.web);
    };
    let change = SettingsChange {
        mcp_enabled: Some(enabled),
        acknowledged: params.get("acknowledged").is_some(),
        notice: None,
    };
    settle(&console, &administrator, change).await
}

async fn settle(
    console: &Console,
    administrator: &Administrator,
    change: SettingsChange,
) -> Response {
    let changed = console.admin.settings.change(change, None).await;
    match changed.map_err(|refusal| alert(console, &refusal)) {
        Ok(_) => answer::see_other(&console.web.at(routes::ADMIN_SETTINGS)),
        Err(Ok(alert)) => show(console, administrator, Feedback::refused(alert)).await,
        Err(Err(response)) => response,
    }
}

pub(crate) async fn notice(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "notice", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let notice = Some(params.get("notice").unwrap_or_default().to_owned());
    settle(&console, &administrator, SettingsChange { notice, ..SettingsChange::default() }).await
}

pub(crate) async fn test_mail(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "test-mail", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let asked = params.get("email").unwrap_or_default();
    let sent = console.admin.mails.test(asked).await;
    let (status, message, error) = match &sent {
        Ok(to) => (StatusCode::OK, Some(text::admin_test_mail_sent(to)), None),
        Err(refusal) => match refusal.kind() {
            Kind::Invalid => (StatusCode::BAD_REQUEST, None, Some(Alert::unanswered(refusal))),
            Kind::Missing | Kind::Conflict | Kind::Changed => {
                (StatusCode::CONFLICT, None, Some(Alert::unanswered(refusal)))
            }
            // The reason is what the administrator asks for: it is shown beside the form.
            Kind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, None, Some(Alert::unanswered(refusal)))
            }
        },
    };
    let page = page(&console, &administrator, error).await;
    let with_answer = |page| Page { message, mail_to: asked.to_owned(), ..page };
    draw_found(&console, status, page.map(with_answer))
}
