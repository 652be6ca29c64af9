//! The browser that sends a request, and the pages that it may open.

use axum::{
    body::Body,
    extract::{FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header, request::Parts as RequestParts},
    response::Response,
};
use doorward_accounts::Visitor;
use doorward_language::text;
use doorward_model::{Actor, Level, User, id::random_text, routes};
use doorward_store::origin;
use doorward_transport::{ClientAddress, Params, answer, cookies::Cookie, multipart::FileForm};

use crate::{
    Web,
    browser::Browser,
    entrance::{SignInTarget, local},
    pages::error::ErrorPage,
};

impl FromRequestParts<Web> for Browser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut RequestParts, web: &Web) -> Result<Self, Response> {
        let session_cookie = web.cookies.read(&parts.headers, Cookie::Session);
        let holder = match &session_cookie {
            Some(cookie) => web
                .services
                .accounts
                .holder(cookie)
                .await
                .map_err(|error| ErrorPage::unavailable(&error).draw(web))?,
            None => None,
        };
        let browser_cookie = web.cookies.read(&parts.headers, Cookie::Browser);
        let (binding, fresh_binding) = match (&holder, &session_cookie, browser_cookie) {
            (Some(_), Some(cookie), _) => (cookie.clone(), false),
            (_, _, Some(cookie)) => (cookie, false),
            _ => (random_text(web.services.entropy.as_ref(), 18), true),
        };
        let address = parts
            .extensions
            .get::<ClientAddress>()
            .copied()
            .unwrap_or(ClientAddress([0, 0, 0, 0].into()));
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if let Some(holder) = &holder {
            let user = &holder.user;
            origin::acting(Actor {
                user_id: Some(user.id.to_string()),
                user_name: Some(user.name.to_string()),
                session_id: Some(holder.session.id.to_string()),
                ..Actor::default()
            });
        }
        let (visitor, waiting) = match holder {
            Some(holder) if holder.session.complete => (Some(holder), None),
            holder => (None, holder),
        };
        let sign_in_cookie = web.cookies.read(&parts.headers, Cookie::SignIn);
        let known = web.cookies.read(&parts.headers, Cookie::Known);
        Ok(Self {
            binding,
            fresh_binding,
            visitor,
            waiting,
            sign_in_cookie,
            known,
            address,
            user_agent,
            session_cookie,
        })
    }
}

/// A browser with a signed-in user; another browser is redirected to the sign-in page.
pub struct SignedIn {
    /// The browser.
    pub browser: Browser,
    /// The session and its user.
    pub visitor: Visitor,
}

impl FromRequestParts<Web> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut RequestParts, web: &Web) -> Result<Self, Response> {
        let browser = Browser::from_request_parts(parts, web).await?;
        if let Some(visitor) = browser.visitor.clone() {
            Ok(Self { browser, visitor })
        } else {
            // The page on which a code is entered keeps the code of its URL.
            let path = if parts.uri.path().ends_with(routes::DEVICE) {
                parts.uri.path_and_query().map_or("", |whole| whole.as_str())
            } else {
                parts.uri.path()
            };
            let place = ["/admin", "/account/", "/connect/", "/confirm/", routes::DEVICE]
                .iter()
                .find_map(|place| path.find(place).map(|at| path.get(at..).unwrap_or_default()));
            let onward = SignInTarget { request: None, next: place };
            let next = if place.is_some_and(|place| local(Some(place)) == place) {
                onward.query()
            } else {
                String::new()
            };
            // A user who still has to prove a second factor continues with it.
            let place =
                if browser.waiting.is_some() { routes::LOGIN_SECOND_FACTOR } else { routes::LOGIN };
            Err(answer::see_other(&web.at(format!("{place}?{next}").trim_end_matches('?'))))
        }
    }
}

/// A browser of an administrator. For other users the response is 404.
pub struct Administrator(pub SignedIn);

/// A browser of an administrator, or of a user with the role auditor. For other users the response
/// is 404.
pub struct Auditor(pub SignedIn);

/// The browser of a signed-in user that `admits` admits, with a second factor where administrators
/// need one; then the user continues at `next`.
async fn admitted(
    parts: &mut RequestParts,
    web: &Web,
    admits: fn(&User) -> bool,
    next: &str,
) -> Result<SignedIn, Response> {
    let signed_in = SignedIn::from_request_parts(parts, web).await?;
    if !admits(&signed_in.visitor.user) {
        return Err(ErrorPage::not_found().draw(web));
    }
    if web.settings.rules.now().access.second_factor_for_administrators
        && signed_in.visitor.session.authentication.level != Level::MultiFactor
    {
        let next = url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
        let path = format!("{}?next={next}", routes::LOGIN_SECOND_FACTOR);
        return Err(answer::see_other(&web.at(&path)));
    }
    Ok(signed_in)
}

impl FromRequestParts<Web> for Auditor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut RequestParts, web: &Web) -> Result<Self, Response> {
        let admits = |user: &User| !user.administrative_scopes().is_empty();
        admitted(parts, web, admits, routes::ADMIN_USAGE).await.map(Self)
    }
}

impl FromRequestParts<Web> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut RequestParts, web: &Web) -> Result<Self, Response> {
        admitted(parts, web, User::is_administrator, routes::ADMIN).await.map(Self)
    }
}

/// A form that was submitted from a page of this server in this browser.
pub async fn form(
    web: &Web,
    browser: &Browser,
    name: &str,
    request: Request<Body>,
) -> Result<Params, Response> {
    let headers = request.headers().clone();
    let params =
        Params::from_form(request).await.map_err(|error| ErrorPage::malformed(&error).draw(web))?;
    let sent = Sent { name, headers: &headers, params: &params };
    refusal(web, browser, &sent).map_or(Ok(params), Err)
}

/// A form with files that was submitted from a page of this server in this browser. The files have
/// at most `max` bytes together.
pub async fn file_form(
    web: &Web,
    browser: &Browser,
    name: &str,
    request: Request<Body>,
    max: usize,
) -> Result<FileForm, Response> {
    let headers = request.headers().clone();
    let sent = FileForm::read(request, max).await;
    let sent = sent.map_err(|error| ErrorPage::malformed(&error).draw(web))?;
    let head = Sent { name, headers: &headers, params: &sent.params };
    refusal(web, browser, &head).map_or(Ok(sent), Err)
}

/// A form that arrived.
struct Sent<'a> {
    name: &'a str,
    headers: &'a HeaderMap,
    params: &'a Params,
}

/// The refusal of a form that was not sent from a page of this server in this browser.
fn refusal(web: &Web, browser: &Browser, sent: &Sent<'_>) -> Option<Response> {
    let Sent { name, headers, params } = sent;
    if web.services.csrf.accepts(headers, Some(&browser.binding), name, params.get("csrf")) {
        return None;
    }
    tracing::warn!(
        form = name,
        origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()),
        "a form was refused: it was not sent from a page of this server in this browser, or is too \
         old"
    );
    let oops = ErrorPage::new(
        StatusCode::FORBIDDEN,
        text::error_form_expired(),
        text::error_form_expired_why(),
        text::error_reload_and_retry(),
    );
    Some(oops.draw(web))
}
