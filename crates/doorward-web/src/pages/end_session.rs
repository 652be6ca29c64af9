//! Sign-out at the request of a relying party (OpenID Connect RP-Initiated Logout 1.0).

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_issuer::LogoutRequest;
use doorward_language::text;
use doorward_model::routes;
use doorward_transport::{Params, answer};

use super::{error::ErrorPage, logout};
use crate::{
    Web,
    browser::Browser,
    frame::{Frame, draw},
    language::{Language, filters},
};

#[derive(Template)]
#[template(path = "end_session.html")]
struct Page {
    frame: Frame,
    /// The user who is signed in.
    user: String,
    /// The name of the relying party, if the request names one.
    app: Option<String>,
    csrf: String,
    /// The hidden fields that name the relying party and the URL afterwards.
    fields: Vec<(&'static str, String)>,
}

pub(crate) async fn get(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = match Params::from_query(request.uri().query()) {
        Ok(params) => params,
        Err(error) => return ErrorPage::malformed(&error).draw(&web),
    };
    let locales = params.get("ui_locales").filter(|locales| locales.len() <= 256);
    if let Some(language) = locales.and_then(Language::of_locales) {
        language.adopt();
    }
    let asked = match web.services.issuer.logout_request(&params).await {
        Ok(asked) => asked,
        Err(failure) => {
            tracing::info!(why = %failure.why, "signing out refused; a page was shown");
            return ErrorPage::from_failure(&failure).draw(&web);
        }
    };
    let Some(visitor) = browser.visitor.as_ref().or(browser.waiting.as_ref()) else {
        return match &asked.target {
            Some(target) => answer::see_other(target),
            None => logout::done(&web),
        };
    };
    let (user, session) = (&visitor.user.id, &visitor.session.id);
    match web.services.issuer.is_of_session(&asked, user, session).await {
        Ok(true) => logout::leave(&web, Some(visitor), asked.target.as_deref()).await,
        // Any page on the web can lead here, so the user decides.
        Ok(false) => ask(&web, &browser, visitor.user.name.as_str(), &asked, &params),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}

/// A posted request continues as a GET: browsers send the cookie of the session with that one only.
pub(crate) async fn post(State(web): State<Web>, request: Request<Body>) -> Response {
    match Params::from_form(request).await {
        Ok(params) => {
            answer::see_other(&web.at(&format!("{}?{}", routes::END_SESSION, params.encode())))
        }
        Err(error) => ErrorPage::malformed(&error).draw(&web),
    }
}

fn ask(
    web: &Web,
    browser: &Browser,
    user: &str,
    asked: &LogoutRequest,
    params: &Params,
) -> Response {
    let of = |name| params.get(name).map(|value| (name, value.to_owned()));
    let client = asked.client.as_ref().map(|client| ("client_id", client.id.to_string()));
    let uri = ["post_logout_redirect_uri", "state"].into_iter().filter_map(of);
    let page = Page {
        frame: web.frame(Some(browser)),
        user: user.to_owned(),
        app: asked.client.as_ref().map(|client| client.name.clone()),
        csrf: web.csrf(browser, "logout"),
        fields: client.into_iter().chain(uri).collect(),
    };
    // The answer to the form may redirect to the relying party.
    draw(StatusCode::OK, &page, true)
}
