//! Signing out.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_federation::LogoutForm;
use doorward_model::routes;
use doorward_transport::{answer, cookies::Cookie};

use super::error::Oops;
use crate::{
    Web,
    frame::{Frame, draw},
    language::filters,
    visitor::{Browser, form},
};

#[derive(Template)]
#[template(path = "logout.html")]
struct Page {
    frame: Frame,
    /// The form that signs out at the provider too.
    upstream: Option<LogoutForm>,
}

pub(crate) async fn get(State(web): State<Web>, browser: Browser) -> Response {
    draw(StatusCode::OK, &Page { frame: web.frame(Some(&browser)), upstream: None }, false)
}

pub(crate) async fn post(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    if let Err(response) = form(&web, &browser, "logout", request).await {
        return response;
    }
    let mut upstream = None;
    if let Some(visitor) = browser.visitor.as_ref().or(browser.waiting.as_ref()) {
        if let Err(error) = web.parts.accounts.sign_out(visitor).await {
            return Oops::unavailable(&error).draw(&web);
        }
        upstream = match web.parts.federation.signed_out(&visitor.session).await {
            Ok(upstream) => upstream,
            Err(error) => return Oops::unavailable(&error).draw(&web),
        };
    }
    let mut response = if upstream.is_some() {
        // The form leads to the provider, where the person has to confirm. It is not sent by
        // itself: the session there may serve others.
        draw(StatusCode::OK, &Page { frame: web.frame(None), upstream }, true)
    } else {
        answer::see_other(&web.at(routes::LOGOUT))
    };
    web.cookies.clear(response.headers_mut(), Cookie::Session);
    response
}
