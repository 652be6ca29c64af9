//! The connections of a service to upstreams: its part of the page of a user, and the page on which
//! an administrator connects it once.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Refusal, UserState};
use doorward_language::{Message, text};
use doorward_model::{UpstreamName, User, routes};
use doorward_web::{
    ConnectingAccount, ErrorPage, Frame, PendingConnection, SignInTarget, filters, form, moment,
};

use crate::{
    Console,
    pages::{Administrator, draw},
    refusals::oops,
};

/// An upstream on the page of a service.
pub(super) struct Connectable {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) good: bool,
    pub(super) state: Message,
    pub(super) detail: String,
    /// The path of the page that connects.
    pub(super) page: String,
    /// There is a connection to end.
    pub(super) held: bool,
}

/// The upstreams of a service; none for the account of a user.
pub(super) async fn of(
    console: &Console,
    user: &User,
    state: UserState,
) -> Result<Vec<Connectable>, Refusal> {
    if state != UserState::Service {
        return Ok(Vec::new());
    }
    let now = console.clock.now();
    let all = console.admin.upstreams.connections(user).await?;
    let shown = all.into_iter().map(|one| {
        let good = one.works(now);
        let state = match &one.connection {
            None => text::account_service_not_connected(),
            Some(_) if good => text::account_service_ready(),
            Some(_) => text::account_service_expired(),
        };
        let held = one.connection.as_ref();
        let account = held.and_then(|held| held.account.clone());
        let since =
            held.map(|held| text::account_service_connected(moment(held.created_at)).to_string());
        Connectable {
            name: one.upstream.name.to_string(),
            title: one.upstream.title.clone(),
            good,
            state,
            detail: account.into_iter().chain(since).collect::<Vec<_>>().join(" · "),
            page: one.page,
            held: one.connection.is_some(),
        }
    });
    Ok(shown.collect())
}

#[derive(Template)]
#[template(path = "admin_connect.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    service: String,
    back: String,
    title: String,
    host: String,
    scopes: Vec<String>,
    new_scopes: Vec<String>,
    /// The scopes that the form was shown with.
    shown: String,
}

/// The service and the upstream of the URL.
async fn named(
    console: &Console,
    id: &str,
    upstream: &str,
) -> Result<(Arc<User>, UpstreamName), Response> {
    let service = console.admin.users.service(id).await;
    let service = service.map_err(|refusal| oops(&refusal).draw(&console.web))?;
    let upstream =
        UpstreamName::parse(upstream).map_err(|_| ErrorPage::not_found().draw(&console.web))?;
    Ok((service, upstream))
}

/// The path of the page.
fn path(service: &User, upstream: UpstreamName) -> String {
    let of_user = routes::ADMIN_USER_CONNECT.replace("{user}", service.id.as_str());
    routes::of_upstream(&of_user, upstream)
}

/// The name of the form: it is for one service and upstream.
fn purpose(service: &User, upstream: UpstreamName) -> String {
    format!("connect:{}:{upstream}", service.id)
}

/// Names the target and the purpose of the redirect. It changes nothing, so a link may lead here.
pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path((id, upstream)): Path<(String, String)>,
) -> Response {
    let (service, upstream) = match named(&console, &id, &upstream).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let prospect = match console.web.service_prospect(upstream, &service).await {
        Ok(prospect) => prospect,
        Err(response) => return response,
    };
    let PendingConnection { title, host, mut scopes, new_scopes, .. } = prospect;
    let shown = scopes.join(" ");
    scopes.retain(|scope| !new_scopes.contains(scope));
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "users",
        csrf: console.web.csrf(&administrator.0.browser, &purpose(&service, upstream)),
        service: service.name.to_string(),
        back: routes::ADMIN_USER.replace("{user}", service.id.as_str()),
        title,
        host,
        scopes,
        new_scopes,
        shown,
    };
    draw(StatusCode::OK, &page)
}

/// Redirects the administrator. Only the form of the page above leads here.
pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path((id, upstream)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (service, upstream) = match named(&console, &id, &upstream).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let purpose = purpose(&service, upstream);
    let params = match form(&console.web, &administrator.0.browser, &purpose, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let page = path(&service, upstream);
    let target = SignInTarget::page(&page);
    let authority = match console.web.authority(&administrator.0.visitor, &target).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let shown = params.get("shown").unwrap_or_default();
    let connecting = ConnectingAccount { upstream, account: &service, shown, page: &page };
    console.web.connect_service(&authority, &administrator.0, connecting).await
}
