//! A user's own page: connected apps, sessions, password.

use std::{borrow::Cow, collections::BTreeSet};

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{PasswordChange, UserError};
use doorward_audit::{AuditRow, lately};
use doorward_language::{Message, scope_title, text};
use doorward_model::{
    Change, ClientId, ClientSource, RedirectUri, Scope, ScopeSet, SessionId, Timestamp, routes,
};
use doorward_store::{ConnectedApp, StoreError};
use doorward_transport::answer;

use super::{chats, error::ErrorPage};
use crate::{
    Service, ServiceState, Web,
    entrance::SignInTarget,
    filters,
    frame::{Frame, browser_name, draw_scripted, moment},
    reasons,
    visitor::{SignedIn, form},
};

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    email: String,
    user: String,
    login_name: String,
    roles: String,
    mcp_url: String,
    message: Option<Message>,
    error: Option<Message>,
    apps: Vec<App>,
    lately: Vec<AuditRow>,
    narrow_csrf: String,
    services: Vec<ServiceRow>,
    disconnect_csrf: String,
    chats: Vec<chats::Row>,
    chats_csrf: String,
    sessions: Vec<SessionRow>,
    has_password: bool,
    password_min_length: usize,
    revoke_csrf: String,
    end_csrf: String,
    password_csrf: String,
}

struct App {
    client_id: String,
    name: String,
    unverified: bool,
    /// The hosts that receive the access of an app with an unverified name, in one line.
    receivers: String,
    scopes: Vec<AppScope>,
    tools: Vec<String>,
    connected: String,
    last_used: String,
}

/// A scope that an app holds.
struct AppScope {
    name: Cow<'static, str>,
    title: Message,
}

struct ServiceRow {
    name: String,
    title: String,
    state: Message,
    good: bool,
    detail: String,
    connect: Option<Message>,
    disconnect: bool,
}

struct SessionRow {
    id: String,
    browser: String,
    current: bool,
    address: String,
    since: String,
    last_seen: String,
}

async fn apps(web: &Web, signed_in: &SignedIn) -> Result<Vec<App>, StoreError> {
    let apps = web
        .services
        .store
        .connected_apps(&signed_in.visitor.user.id, web.services.clock.now())
        .await?;
    let mut rows = Vec::new();
    for app in apps {
        let tools =
            web.services.store.last_tools(&signed_in.visitor.user.id, &app.client_id).await?;
        rows.push(row(&app, tools.into_iter().map(|(tool, _)| tool).collect()));
    }
    Ok(rows)
}

fn row(app: &ConnectedApp, tools: Vec<String>) -> App {
    let unverified = app.client.as_ref();
    let unverified = unverified.filter(|client| client.source == ClientSource::Registration);
    let receivers: BTreeSet<String> = unverified
        .iter()
        .flat_map(|client| &client.redirect_uris)
        .map(|uri| RedirectUri::display_host(uri.as_str()))
        .collect();
    App {
        name: app.name().to_owned(),
        unverified: app.client.is_none() || unverified.is_some(),
        receivers: receivers.into_iter().collect::<Vec<_>>().join(", "),
        client_id: app.client_id.to_string(),
        scopes: app
            .scopes
            .iter()
            .map(|scope| AppScope { name: scope.name(), title: scope_title(scope) })
            .collect(),
        tools,
        connected: moment(app.connected_at),
        last_used: moment(app.last_used_at),
    }
}

fn service_row(service: Service) -> ServiceRow {
    let connected = service.connected_at.map(|at| moment(Timestamp(at)));
    let mut detail = vec![text::account_service_tools(service.tools)];
    detail.extend(connected.map(text::account_service_connected));
    detail.extend(service.account.map(text::account_service_account));
    detail.extend(service.scopes.map(text::account_service_scopes));
    detail.extend(service.problem);
    let detail: Vec<String> = detail.iter().map(ToString::to_string).collect();
    let (state, good) = match service.state {
        ServiceState::Ready => (text::account_service_ready(), true),
        ServiceState::NotConnected => (text::account_service_not_connected(), false),
        ServiceState::Expired => (text::account_service_expired(), false),
        ServiceState::Unreachable => (text::account_service_unreachable(), false),
    };
    ServiceRow {
        connect: service.connectable.then(|| match service.state {
            ServiceState::NotConnected => text::account_connect(),
            ServiceState::Ready | ServiceState::Expired | ServiceState::Unreachable => {
                text::account_connect_again()
            }
        }),
        disconnect: service.connectable && service.connected_at.is_some(),
        name: service.name,
        title: service.title,
        state,
        good,
        detail: detail.join(" · "),
    }
}

async fn sessions(web: &Web, signed_in: &SignedIn) -> Result<Vec<SessionRow>, StoreError> {
    let sessions = web.services.accounts.sessions_of(&signed_in.visitor.user.id).await?;
    Ok(sessions
        .into_iter()
        .map(|session| SessionRow {
            current: session.id == signed_in.visitor.session.id,
            id: session.id.to_string(),
            browser: browser_name(&session.user_agent),
            address: session.address,
            since: moment(session.auth_time),
            last_seen: moment(session.last_seen_at),
        })
        .collect())
}

async fn show(
    web: &Web,
    signed_in: &SignedIn,
    status: StatusCode,
    message: Option<Message>,
    error: Option<Message>,
) -> Response {
    let services = web.services.upstreams.services(&signed_in.visitor.user).await;
    let (apps, sessions, services) =
        match (apps(web, signed_in).await, sessions(web, signed_in).await, services) {
            (Ok(apps), Ok(sessions), Ok(services)) => (apps, sessions, services),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                return ErrorPage::unavailable(&error).draw(web);
            }
        };
    let chats = match chats::rows(web, signed_in).await {
        Ok(chats) => chats,
        Err(error) => return ErrorPage::unavailable(&error).draw(web),
    };
    let browser = &signed_in.browser;
    let lately = match lately(&web.services.store, &signed_in.visitor.user.id, None, 8).await {
        Ok(recent) => recent.rows,
        Err(error) => return ErrorPage::unavailable(&error).draw(web),
    };
    let page = Page {
        lately,
        tab: "account",
        email: signed_in.visitor.user.email.clone().unwrap_or_default(),
        narrow_csrf: web.csrf(browser, "narrow"),
        frame: web.frame(Some(browser)),
        user: signed_in
            .visitor
            .user
            .display_name
            .clone()
            .unwrap_or_else(|| signed_in.visitor.user.name.to_string()),
        login_name: signed_in.visitor.user.name.to_string(),
        roles: signed_in
            .visitor
            .user
            .all_roles()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
        mcp_url: web.at(routes::MCP),
        message,
        error,
        apps,
        services: services.into_iter().map(service_row).collect(),
        disconnect_csrf: web.csrf(browser, "disconnect"),
        chats,
        chats_csrf: web.csrf(browser, "chats"),
        sessions,
        has_password: signed_in.visitor.user.password.is_some()
            && web.services.accounts.config().passwords,
        password_min_length: web.services.accounts.config().password_min_length,
        revoke_csrf: web.csrf(browser, "revoke"),
        end_csrf: web.csrf(browser, "end-session"),
        password_csrf: web.csrf(browser, "password"),
    };
    draw_scripted(status, &page)
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn) -> Response {
    show(&web, &signed_in, StatusCode::OK, None, None).await
}

pub(crate) async fn revoke(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "revoke", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(client_id) = params.get("client_id") else {
        return ErrorPage::incomplete("client_id").draw(&web);
    };
    match web
        .services
        .issuer
        .revoke_access(&signed_in.visitor.user.id, Some(ClientId::from_text(client_id)))
        .await
    {
        Ok(()) => answer::see_other(&web.at(routes::ACCOUNT)),
        Err(failure) => ErrorPage::from_failure(&failure).draw(&web),
    }
}

/// Removes from an app the permissions that the user unticked. It keeps the others, and may request
/// again.
pub(crate) async fn narrow(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "narrow", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(client_id) = params.get("client_id").map(ClientId::from_text) else {
        return ErrorPage::incomplete("client_id").draw(&web);
    };
    let user_id = signed_in.visitor.user.id.clone();
    let kept: ScopeSet =
        params.names().filter_map(|name| Scope::parse(name.strip_prefix("scope-")?)).collect();
    // Nothing left is the end of it.
    if !kept.iter().any(|scope| scope != Scope::OfflineAccess) {
        return match web.services.issuer.revoke_access(&user_id, Some(client_id)).await {
            Ok(()) => answer::see_other(&web.at(routes::ACCOUNT)),
            Err(failure) => ErrorPage::from_failure(&failure).draw(&web),
        };
    }
    match web.services.store.apply(Change::NarrowGrants { user_id, client_id, scopes: kept }).await
    {
        Ok(()) => answer::see_other(&web.at(routes::ACCOUNT)),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}

pub(crate) async fn end_session(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "end-session", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(session_id) = params.get("session_id") else {
        return ErrorPage::incomplete("session_id").draw(&web);
    };
    match web
        .services
        .accounts
        .end_session(&signed_in.visitor.user.id, SessionId::from_text(session_id))
        .await
    {
        Ok(true) => answer::see_other(&web.at(routes::ACCOUNT)),
        Ok(false) => {
            show(
                &web,
                &signed_in,
                StatusCode::NOT_FOUND,
                None,
                Some(text::account_session_ended_already()),
            )
            .await
        }
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}

pub(crate) async fn change_password(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "password", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let visitor = &signed_in.visitor;
    let authority = match web.authority(visitor, &SignInTarget::page(routes::ACCOUNT)).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let (present, new, keep) = (text("present"), text("new"), visitor.session.id.clone());
    let change = PasswordChange { present, new, keep };
    match web
        .services
        .accounts
        .change_password(&authority, &visitor.user, change, &signed_in.browser.facts())
        .await
    {
        Ok(()) => {
            let done = Some(text::account_password_changed());
            show(&web, &signed_in, StatusCode::OK, done, None).await
        }
        Err(UserError::Store(error)) => ErrorPage::unavailable(&error).draw(&web),
        Err(UserError::Hasher(error)) => ErrorPage::from_hasher(&error).draw(&web),
        Err(error) => {
            let (status, wait) = match error {
                UserError::Wait(seconds) => (StatusCode::TOO_MANY_REQUESTS, Some(seconds)),
                _ => (StatusCode::BAD_REQUEST, None),
            };
            let told = text::account_password_not_changed(reasons::user(&error));
            let response = show(&web, &signed_in, status, None, Some(told)).await;
            match wait {
                Some(seconds) => answer::retry_after(response, u64::try_from(seconds).unwrap_or(1)),
                None => response,
            }
        }
    }
}
