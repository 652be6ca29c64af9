//! The authorization endpoint (RFC 6749 §3.1): validates and continues with the dispatcher. GET
//! changes nothing.

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_transport::Params;

use super::error::ErrorPage;
use crate::{Web, browser::Browser, flow::adopt_language};

pub(crate) async fn get(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    match Params::from_query(request.uri().query()) {
        Ok(params) => begin(&web, &browser, params).await,
        Err(error) => ErrorPage::malformed(&error).draw(&web),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    match Params::from_form(request).await {
        Ok(params) => begin(&web, &browser, params).await,
        Err(error) => ErrorPage::malformed(&error).draw(&web),
    }
}

async fn begin(web: &Web, browser: &Browser, params: Params) -> Response {
    match web.services.issuer.begin(params, browser.address).await {
        Ok(request) => {
            adopt_language(&request);
            web.arrive(&request, browser).await
        }
        Err(refusal) => web.refuse(&refusal, browser),
    }
}
