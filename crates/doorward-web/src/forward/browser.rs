//! Browsers at an external resource server behind a proxy: they are redirected to this server to
//! sign in, and get a cookie of the other host.
//!
//! 1. The other host sets a cookie with a random value and redirects to `/auth/start` with a sealed
//!    value that names it ([`PassageKind::Begin`]).
//! 2. This server has the user sign in, unless there is a session, and redirects back with a ticket
//!    ([`PassageKind::Ticket`]) that is accepted once, within a minute, together with that cookie:
//!    a ticket that another user obtained signs no browser in.
//! 3. The other host sets its own cookie ([`PassageKind::Cookie`]), which refers to the session of
//!    this server and ends with it.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::Response,
};
use doorward_issuer::{Failure, Passage, PassageKind, ResourceUser};
use doorward_language::text;
use doorward_model::{
    Change, ExternalResource, HashedToken, PlainToken, Timestamp, id::random_text, routes,
};
use doorward_store::StoreError;
use doorward_transport::{Params, answer};
use url::Url;

use super::{asked::ForwardedRequest, reply::Reply};
use crate::{Browser, ErrorPage, Web, entrance::SignInTarget, pages::login::passing};

/// Seconds for which a user may take to sign in.
const BEGIN_SECONDS: i64 = 600;
/// Seconds for which a ticket counts.
const TICKET_SECONDS: i64 = 60;
/// Seconds for which a browser keeps the cookie. The session ends it earlier.
const COOKIE_SECONDS: i64 = 30 * 86_400;
/// The longest URL to which a browser returns. For a longer one, it is the resource server's own.
const LONGEST_RETURN: usize = 1000;
/// The path below a resource server's URL at which tickets arrive.
const SIGNED_IN: &str = "/.doorward/signed-in";
/// The path below a resource server's URL that signs out.
const SIGN_OUT: &str = "/.doorward/sign-out";

/// The URL of a resource server without a trailing slash.
fn base(resource: &ExternalResource) -> &str {
    resource.url.as_str().trim_end_matches('/')
}

/// The name of a cookie of the resource server's host: one for each resource server, since several
/// may share a host. On https it can be set by that host alone.
fn cookie_name(resource: &ExternalResource, purpose: &str) -> String {
    let prefix = if resource.url.as_str().starts_with("https://") { "__Host-" } else { "" };
    format!("{prefix}doorward-{purpose}-{}", resource.id)
}

fn cookie(resource: &ExternalResource, purpose: &str, value: &str, seconds: i64) -> String {
    let secure = if resource.url.as_str().starts_with("https://") { "; Secure" } else { "" };
    let name = cookie_name(resource, purpose);
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// The value of a cookie. If it is sent twice, neither value is accepted.
fn read_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = all
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, value)| *key == name && value.len() <= 1024)
        .map(|(_, value)| value.to_owned());
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The user of a browser, or the answer that leads to one.
pub(super) async fn guest(
    web: &Web,
    parts: &Parts,
    asked: &ForwardedRequest,
    resource: &ExternalResource,
) -> Result<Result<ResourceUser, Reply>, Failure> {
    let below = |path: &str| {
        let mut url = asked.url.clone();
        url.set_query(None);
        asked.is_page && url.as_str() == format!("{}{path}", base(resource))
    };
    if below(SIGNED_IN) {
        return arrive(web, parts, asked, resource).await.map(Err);
    }
    if below(SIGN_OUT) {
        let cookie = Some(cookie(resource, "user", "", 0));
        return Ok(Err(Reply::Redirect { to: web.at(routes::LOGOUT), cookie }));
    }
    let held = read_cookie(&parts.headers, &cookie_name(resource, "user"));
    let held = held.and_then(|sealed| open(web, PassageKind::Cookie, &sealed, resource));
    if let Some(passage) = held {
        let holder =
            web.services.accounts.holder_of(passage.secret).await.map_err(Failure::from)?;
        if let Some(holder) = holder.filter(|holder| holder.session.complete) {
            let session = &holder.session;
            let issuer = &web.services.issuer;
            let (at, how) = (session.auth_time, &session.authentication);
            let found = issuer.guest_in_browser(resource, &holder.user, at, how).await?;
            return Ok(found.ok_or(Reply::Forbidden("your roles do not allow this server")));
        }
    }
    Ok(Err(if asked.is_page {
        begin(web, parts, asked.url.as_str(), resource)
    } else {
        Reply::Challenge { invalid: false }
    }))
}

/// Opens a value that was sealed for this resource server.
fn open(
    web: &Web,
    kind: PassageKind,
    sealed: &str,
    resource: &ExternalResource,
) -> Option<Passage> {
    let opened = web.services.issuer.open_passage(kind, sealed)?;
    (opened.resource == resource.id).then_some(opened)
}

fn age(web: &Web, passage: &Passage) -> i64 {
    web.services.clock.now().since(passage.at)
}

/// Sends a browser to this server to sign in.
fn begin(web: &Web, parts: &Parts, to: &str, resource: &ExternalResource) -> Reply {
    // Several pages that are opened at the same time share the value.
    let held = read_cookie(&parts.headers, &cookie_name(resource, "begin"));
    let held = held.filter(|value| value.len() == 24);
    let nonce = held.unwrap_or_else(|| random_text(web.services.entropy.as_ref(), 18));
    let to = if to.len() <= LONGEST_RETURN { to } else { resource.url.as_str() };
    let passage = Passage {
        resource: resource.id.clone(),
        at: web.services.clock.now(),
        secret: PlainToken::presented(&nonce).hashed(),
        once: String::new(),
        to: to.to_owned(),
    };
    let sealed = web.services.issuer.seal_passage(PassageKind::Begin, &passage);
    Reply::Redirect {
        to: web.at(&format!("{}?request={sealed}", routes::AUTH_START)),
        cookie: Some(cookie(resource, "begin", &nonce, BEGIN_SECONDS)),
    }
}

/// Takes a ticket, and gives the browser the cookie of this host.
async fn arrive(
    web: &Web,
    parts: &Parts,
    asked: &ForwardedRequest,
    resource: &ExternalResource,
) -> Result<Reply, Failure> {
    let ticket = asked.url.query_pairs().find(|(name, _)| name == "ticket");
    let ticket = ticket.and_then(|(_, sealed)| open(web, PassageKind::Ticket, &sealed, resource));
    let Some(ticket) = ticket.filter(|ticket| age(web, ticket) < TICKET_SECONDS) else {
        return Ok(begin(web, parts, resource.url.as_str(), resource));
    };
    let Some((nonce, once)) = ticket.once.split_once(' ') else {
        return Ok(Reply::Forbidden("the ticket is damaged"));
    };
    let Some(held) = read_cookie(&parts.headers, &cookie_name(resource, "begin")) else {
        return Ok(Reply::Forbidden("this browser did not begin the sign-in, or keeps no cookies"));
    };
    if !HashedToken::from_stored(nonce.to_owned()).matches(&PlainToken::presented(&held)) {
        return Ok(Reply::Forbidden("another browser began this sign-in"));
    }
    let expires_at = ticket.at.plus(2 * TICKET_SECONDS);
    let spend = Change::SpendValue { key: format!("forward:{once}"), expires_at };
    match web.services.store.apply(spend).await {
        Ok(()) => {}
        Err(StoreError::Refused(_)) => {
            return Ok(begin(web, parts, resource.url.as_str(), resource));
        }
        Err(error) => return Err(error.into()),
    }
    let to = ticket.to.clone();
    let kept = Passage { once: String::new(), to: String::new(), ..ticket };
    let sealed = web.services.issuer.seal_passage(PassageKind::Cookie, &kept);
    Ok(Reply::Redirect { to, cookie: Some(cookie(resource, "user", &sealed, COOKIE_SECONDS)) })
}

/// Signs a user in to a resource server: with the session of this browser, or after a sign-in.
pub(crate) async fn start(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let Some(sealed) = params.get("request") else {
        return ErrorPage::incomplete("request").draw(&web);
    };
    let begun = web.services.issuer.open_passage(PassageKind::Begin, sealed);
    let Some(begun) = begun.filter(|begun| age(&web, begun) < BEGIN_SECONDS) else {
        return ErrorPage::expired().draw(&web);
    };
    let resource = match web.services.issuer.resource_named(&begun.resource).await {
        Ok(Some(resource)) => resource,
        Ok(None) => return ErrorPage::not_found().draw(&web),
        Err(failure) => return ErrorPage::from_failure(&failure).draw(&web),
    };
    let Some(visitor) = &browser.visitor else {
        let next = format!("{}?request={sealed}", routes::AUTH_START);
        let place =
            if browser.waiting.is_some() { routes::LOGIN_SECOND_FACTOR } else { routes::LOGIN };
        let query = SignInTarget::page(&next).query();
        return answer::see_other(&web.at(&format!("{place}?{query}")));
    };
    let session = &visitor.session;
    let (at, how) = (session.auth_time, &session.authentication);
    match web.services.issuer.guest_in_browser(&resource, &visitor.user, at, how).await {
        Ok(Some(_)) => {}
        Ok(None) => {
            return ErrorPage::new(
                StatusCode::FORBIDDEN,
                text::error_resource_role(&resource.name),
                text::error_resource_role_why(),
                text::error_resource_role_advice(),
            )
            .draw(&web);
        }
        Err(failure) => return ErrorPage::from_failure(&failure).draw(&web),
    }
    let now: Timestamp = web.services.clock.now();
    let once = random_text(web.services.entropy.as_ref(), 16);
    let ticket = Passage {
        resource: resource.id.clone(),
        at: now,
        secret: session.token.clone(),
        once: format!("{} {once}", begun.secret.as_str()),
        to: begun.to,
    };
    let sealed = web.services.issuer.seal_passage(PassageKind::Ticket, &ticket);
    tracing::info!(user = %visitor.user.id, resource = %resource.id, "signed in to an external resource server");
    match Url::parse(&format!("{}{SIGNED_IN}?ticket={sealed}", base(&resource))) {
        // A redirect could not follow the form of the sign-in: the form may lead to this origin
        // only.
        Ok(target) => passing(&web, &resource.name, target.into()),
        Err(_) => ErrorPage::not_found().draw(&web),
    }
}
