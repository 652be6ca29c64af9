//! Signing out.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_model::routes;
use doorward_transport::{answer, cookies::Cookie};

use super::error::Oops;
use crate::{
    Web,
    frame::{Frame, draw},
    visitor::{Browser, form},
};

#[derive(Template)]
#[template(path = "logout.html")]
struct Page {
    frame: Frame,
}

pub(crate) async fn get(State(web): State<Web>, browser: Browser) -> Response {
    draw(StatusCode::OK, &Page { frame: web.frame(Some(&browser)) }, false)
}

pub(crate) async fn post(State(web): State<Web>, browser: Browser, request: Request<Body>) -> Response {
    if let Err(response) = form(&web, &browser, "logout", request).await {
        return response;
    }
    if let Some(visitor) = &browser.visitor
        && let Err(error) = web.parts.accounts.sign_out(visitor).await
    {
        return Oops::unavailable(&error).draw(&web);
    }
    let mut response = answer::see_other(&web.at(routes::LOGOUT));
    web.cookies.clear(response.headers_mut(), Cookie::Session);
    response
}
