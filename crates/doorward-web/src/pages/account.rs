//! A user's own page: connected apps, sessions, password.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{PasswordChange, UserError};
use doorward_audit::lately;
use doorward_language::{Message, text};
use doorward_model::{Change, ClientId, Listed, Role, Scope, ScopeSet, SessionId, routes};
use doorward_store::StoreError;
use doorward_transport::{Params, answer};

use super::{
    account_lists::{self as lists, App},
    activity, chats,
    done::Finished,
    error::ErrorPage,
};
use crate::{
    Web,
    entrance::SignInTarget,
    filters,
    frame::{Frame, draw_scripted},
    reasons,
    table::{List, Table, entries},
    visitor::{SignedIn, form},
};

/// Number of entries of the audit that the page has.
const LATELY: u64 = 8;

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
    feedback: Feedback,
    /// The app whose access can be reduced.
    app: Option<App>,
    narrow_csrf: String,
    apps: Table,
    services: Option<Table>,
    chats: Option<Table>,
    lately: Table,
    sessions: Table,
    has_password: bool,
    password_min_length: usize,
    password_csrf: String,
}

/// The answer to an action, above the page.
#[derive(Default)]
struct Feedback {
    status: StatusCode,
    message: Option<Message>,
    error: Option<Message>,
}

impl Feedback {
    /// An action that was not carried out.
    fn refused(status: StatusCode, error: Message) -> Self {
        Self { status, message: None, error: Some(error) }
    }
}

/// The newest entries of the audit that concern the user.
async fn newest(web: &Web, signed_in: &SignedIn) -> Result<Table, StoreError> {
    let rows = lately(&web.services.store, &signed_in.visitor.user.id, None, LATELY).await?.rows;
    let listed = Listed { rows, total: 0, skipped: 0, next: None, previous: None };
    let params = Params::default();
    let list = List::among(routes::ACCOUNT, &params, "lately");
    let table = entries::table(&list, &listed, activity::path_of);
    let all = (routes::ACCOUNT_ACTIVITY.to_owned(), text::account_all_activity());
    Ok(table.with_heading(text::account_recent(), None).with_more(all))
}

async fn page(
    web: &Web,
    signed_in: &SignedIn,
    params: &Params,
    feedback: Feedback,
) -> Result<Page, StoreError> {
    let (browser, user) = (&signed_in.browser, &signed_in.visitor.user);
    let csrf = |form: &str| web.csrf(browser, form);
    let mut apps = lists::apps(web, signed_in).await?;
    let services = web.services.upstreams.services(user).await?;
    let chats = chats::rows(web, signed_in).await?;
    let config = web.services.accounts.config();
    let table = lists::apps_table(params, &apps, &csrf("revoke"));
    let asked = params.get("app").and_then(|id| apps.iter().position(|app| app.client_id == id));
    Ok(Page {
        tab: "account",
        frame: web.frame(Some(browser)),
        email: user.email.clone().unwrap_or_default(),
        user: user.display_name.clone().unwrap_or_else(|| user.name.to_string()),
        login_name: user.name.to_string(),
        roles: user.all_roles().map(Role::to_string).collect::<Vec<_>>().join(", "),
        mcp_url: web.at(routes::MCP),
        feedback,
        app: asked.map(|at| apps.swap_remove(at)),
        narrow_csrf: csrf("narrow"),
        apps: table,
        services: (!services.is_empty())
            .then(|| lists::services_table(params, services, &csrf("disconnect"))),
        chats: (!chats.is_empty()).then(|| lists::chats_table(params, chats, &csrf("chats"))),
        lately: newest(web, signed_in).await?,
        sessions: lists::sessions_table(web, signed_in, params, &csrf("end-session")).await?,
        has_password: user.password.is_some() && config.passwords,
        password_min_length: config.password_min_length,
        password_csrf: csrf("password"),
    })
}

async fn show(web: &Web, signed_in: &SignedIn, params: &Params, feedback: Feedback) -> Response {
    let status = feedback.status;
    match page(web, signed_in, params, feedback).await {
        Ok(page) => draw_scripted(status, &page),
        Err(error) => ErrorPage::unavailable(&error).draw(web),
    }
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn, request: Request) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let done = Finished::ALL.into_iter().find(|done| params.get("done") == Some(done.name()));
    let feedback = Feedback { message: done.map(Finished::message), ..Feedback::default() };
    show(&web, &signed_in, &params, feedback).await
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
        Ok(()) => Finished::Revoked.redirect(&web),
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
            Ok(()) => Finished::Revoked.redirect(&web),
            Err(failure) => ErrorPage::from_failure(&failure).draw(&web),
        };
    }
    match web.services.store.apply(Change::NarrowGrants { user_id, client_id, scopes: kept }).await
    {
        Ok(()) => Finished::Narrowed.redirect(&web),
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
        Ok(true) => Finished::Ended.redirect(&web),
        Ok(false) => {
            let told = text::account_session_ended_already();
            let feedback = Feedback::refused(StatusCode::NOT_FOUND, told);
            show(&web, &signed_in, &Params::default(), feedback).await
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
            let message = Some(text::account_password_changed());
            let feedback = Feedback { message, ..Feedback::default() };
            show(&web, &signed_in, &Params::default(), feedback).await
        }
        Err(UserError::Store(error)) => ErrorPage::unavailable(&error).draw(&web),
        Err(UserError::Hasher(error)) => ErrorPage::from_hasher(&error).draw(&web),
        Err(error) => {
            let (status, wait) = match error {
                UserError::Wait(seconds) => (StatusCode::TOO_MANY_REQUESTS, Some(seconds)),
                _ => (StatusCode::BAD_REQUEST, None),
            };
            let told = text::account_password_not_changed(reasons::user(&error));
            let feedback = Feedback::refused(status, told);
            let response = show(&web, &signed_in, &Params::default(), feedback).await;
            match wait {
                Some(seconds) => answer::retry_after(response, u64::try_from(seconds).unwrap_or(1)),
                None => response,
            }
        }
    }
}
