//! Signing in.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{Attempt, SignInRefusal};
use doorward_issuer::AuthorizationRequest;
use doorward_model::routes;
use doorward_transport::{Params, answer, cookies::Cookie};

use super::error::Oops;
use crate::{
    Web,
    frame::{Frame, draw},
    visitor::{Browser, form},
};

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    frame: Frame,
    csrf: String,
    client: Option<String>,
    request: Option<String>,
    next: Option<String>,
    name: String,
    error: Option<String>,
}

/// The only places, besides a request's next step, to which signing in leads (CA20).
fn local(next: Option<&str>) -> &'static str {
    if next == Some(routes::ADMIN) { routes::ADMIN } else { routes::ACCOUNT }
}

struct Showing<'a> {
    request: Option<(&'a str, &'a AuthorizationRequest)>,
    next: Option<&'a str>,
    name: &'a str,
    error: Option<String>,
    status: StatusCode,
}

fn show(web: &Web, browser: &Browser, showing: Showing<'_>) -> Response {
    let page = Page {
        // Who signs in here is nobody yet, whoever else is signed in.
        frame: web.frame(None),
        csrf: web.csrf(browser, "login"),
        client: showing.request.map(|(_, request)| request.client.name.clone()),
        request: showing.request.map(|(sealed, _)| sealed.to_owned()),
        next: showing.next.map(str::to_owned),
        name: showing.name.to_owned(),
        error: showing.error,
    };
    browser.remember(web, draw(showing.status, &page, false))
}

pub(crate) async fn get(State(web): State<Web>, browser: Browser, request: Request<Body>) -> Response {
    let Ok(params) = Params::from_query(request.uri().query()) else { return Oops::bad_form("its address is malformed").draw(&web) };
    let next = params.get("next");
    let switching = params.get("switch").is_some();
    match params.get("request") {
        None if browser.visitor.is_some() && !switching => answer::see_other(&web.at(local(next))),
        None => show(&web, &browser, Showing { request: None, next, name: "", error: None, status: StatusCode::OK }),
        Some(sealed) => {
            let request = match web.reopen(sealed, &browser).await {
                Ok(request) => request,
                Err(response) => return response,
            };
            let now = web.parts.clock.now();
            let signed_in = browser.visitor.as_ref().is_some_and(|visitor| !request.needs_login(visitor.session.auth_time, now));
            if signed_in && !switching {
                return web.proceed(&request, &browser).await;
            }
            let name = request.login_hint().unwrap_or_default();
            show(&web, &browser, Showing { request: Some((sealed, &request)), next: None, name, error: None, status: StatusCode::OK })
        }
    }
}

pub(crate) async fn post(State(web): State<Web>, browser: Browser, request: Request<Body>) -> Response {
    let params = match form(&web, &browser, "login", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let pending = match params.get("request") {
        None => None,
        Some(sealed) => match web.reopen(sealed, &browser).await {
            Ok(request) => Some((sealed, request)),
            Err(response) => return response,
        },
    };
    let name = params.get("name").unwrap_or_default();
    let attempt = Attempt {
        name: name.to_owned(),
        password: params.get("password").unwrap_or_default().to_owned(),
        address: browser.address,
        user_agent: browser.user_agent.clone(),
        previous: browser.previous_session(),
    };
    let signed_in = match web.parts.accounts.sign_in(attempt).await {
        Ok(Ok(signed_in)) => signed_in,
        Ok(Err(refusal)) => {
            let (status, error) = match refusal {
                SignInRefusal::Wrong => (StatusCode::UNAUTHORIZED, "Name and password do not belong together.".to_owned()),
                SignInRefusal::Wait(seconds) => (StatusCode::TOO_MANY_REQUESTS, format!("Too many failed attempts. Try again in {seconds} seconds.")),
            };
            let showing =
                Showing { request: pending.as_ref().map(|(sealed, request)| (*sealed, request)), next: params.get("next"), name, error: Some(error), status };
            let response = show(&web, &browser, showing);
            return if let SignInRefusal::Wait(seconds) = refusal { answer::retry_after(response, u64::try_from(seconds).unwrap_or(1)) } else { response };
        }
        Err(error) => {
            tracing::error!(%error, "signing in failed");
            return Oops::from_failure(&doorward_issuer::Failure {
                code: doorward_model::OAuthErrorCode::TemporarilyUnavailable,
                why: "signing in is not possible".to_owned(),
            })
            .draw(&web);
        }
    };
    // The next step looks at the new session, so it is taken by the browser's next request.
    let target = match pending {
        Some((sealed, _)) => format!("{}?request={sealed}", routes::CONSENT),
        None => local(params.get("next")).to_owned(),
    };
    let mut response = answer::see_other(&web.at(&target));
    web.cookies.set(response.headers_mut(), Cookie::Session, signed_in.token.reveal(), Some(signed_in.max_age));
    web.cookies.clear(response.headers_mut(), Cookie::Browser);
    response
}
