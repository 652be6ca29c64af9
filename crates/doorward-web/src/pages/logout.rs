//! Signing out.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::Visitor;
use doorward_federation::{LogoutForm, SignedOut};
use doorward_language::text;
use doorward_model::routes;
use doorward_transport::{answer, cookies::Cookie};

use super::error::ErrorPage;
use crate::{
    Web,
    browser::Browser,
    frame::{Frame, draw},
    language::filters,
    visitor::form,
};

#[derive(Template)]
#[template(path = "logout.html")]
struct Page {
    frame: Frame,
    /// The form that signs out at the provider too.
    upstream: Option<LogoutForm>,
    /// The provider with a continuing session, where it has no sign-out page.
    continues: Option<String>,
}

pub(crate) async fn get(State(web): State<Web>, browser: Browser) -> Response {
    let page = Page { frame: web.frame(Some(&browser)), upstream: None, continues: None };
    draw(StatusCode::OK, &page, false)
}

pub(crate) async fn post(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &browser, "logout", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    // A relying party may wait for the user; what the form says of it is checked again.
    let target = match web.services.issuer.logout_request(&params).await {
        Ok(asked) => asked.target,
        Err(failure) => return ErrorPage::from_failure(&failure).draw(&web),
    };
    let visitor = browser.visitor.as_ref().or(browser.waiting.as_ref());
    leave(&web, visitor, target.as_deref()).await
}

/// The page for a browser in which no user is signed in.
pub(crate) fn done(web: &Web) -> Response {
    let page = Page { frame: web.frame(None), upstream: None, continues: None };
    draw(StatusCode::OK, &page, false)
}

/// Ends the session of a browser and redirects it to `target`, or shows the consequence for the
/// session at the identity provider.
pub(crate) async fn leave(web: &Web, visitor: Option<&Visitor>, target: Option<&str>) -> Response {
    let mut there = SignedOut::Here;
    if let Some(visitor) = visitor {
        if let Err(error) = web.services.accounts.sign_out(visitor).await {
            return ErrorPage::unavailable(&error).draw(web);
        }
        there = match web.services.federation.signed_out(&visitor.session).await {
            Ok(there) => there,
            Err(error) => return ErrorPage::unavailable(&error).draw(web),
        };
    }
    let page = |upstream, continues| Page { frame: web.frame(None), upstream, continues };
    let mut response = match (target, there) {
        (Some(target), _) => answer::see_other(target),
        (None, SignedOut::Here) => answer::see_other(&web.at(routes::LOGOUT)),
        // The form leads to the provider, where the user has to confirm. It is not submitted
        // automatically: the session at the provider may serve other applications.
        (None, SignedOut::AtProvider(form)) => draw(StatusCode::OK, &page(Some(form), None), true),
        (None, SignedOut::Continues(name)) => draw(StatusCode::OK, &page(None, Some(name)), false),
    };
    web.cookies.clear(response.headers_mut(), Cookie::Session);
    response
}
