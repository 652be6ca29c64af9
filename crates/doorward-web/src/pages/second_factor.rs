//! Proving a second factor, and setting one up where one is demanded and none is there.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{Ceremony, Enrolled, FactorError, NewAuthenticator, Visitor};
use doorward_model::routes;
use doorward_transport::{Params, answer};

use super::error::Oops;
use crate::{
    Web,
    entrance::Onward,
    frame::{Frame, draw, draw_with},
    language::filters,
    visitor::{Browser, form},
};

#[derive(Template)]
#[template(path = "second_factor.html")]
struct Page {
    frame: Frame,
    csrf: String,
    request: Option<String>,
    next: Option<String>,
    person: String,
    error: Option<String>,
    /// Whether there is nothing to prove with yet.
    enrolling: bool,
    authenticator: bool,
    recovery: bool,
    passkey: Option<Ceremony>,
    new_authenticator: Option<NewAuthenticator>,
    picture: Option<Picture>,
    /// Where to go on with less, when a scope is what asked for this.
    skip: Option<String>,
}

/// Codes to be written down, and where to go on.
#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub(crate) struct Codes {
    pub(crate) frame: Frame,
    pub(crate) list: Vec<String>,
    pub(crate) onward: String,
}

/// A QR code as an SVG path.
pub(crate) struct Picture {
    pub(crate) size: i32,
    pub(crate) path: String,
}

/// Draws a QR code. Text that is too long for one has none.
pub(crate) fn picture(text: &str) -> Option<Picture> {
    use std::fmt::Write;
    let code = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                let _ = write!(path, "M{},{}h1v1h-1z", x + 4, y + 4);
            }
        }
    }
    Some(Picture { size: code.size() + 8, path })
}

/// What a failed proof says on a page.
pub(crate) fn words(error: &FactorError) -> String {
    let mut text = format!("{error}.");
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// Whose factor is to be proved: somebody who waits for it, or somebody who is in and needs more.
fn subject(browser: &Browser) -> Option<&Visitor> {
    browser.waiting.as_ref().or(browser.visitor.as_ref())
}

async fn show(web: &Web, browser: &Browser, visitor: &Visitor, params: &Params, error: Option<&FactorError>) -> Response {
    let accounts = &web.parts.accounts;
    let enrolled = match accounts.enrolled(&visitor.person.id).await {
        Ok(enrolled) => enrolled,
        Err(error) => return Oops::unavailable(&error).draw(web),
    };
    let enrolling = !enrolled.any();
    let passkey = match enrolled {
        Enrolled { passkeys: 0, .. } if !enrolling => None,
        Enrolled { passkeys: 0, .. } => accounts.begin_passkey(&visitor.person).await.ok(),
        _ => accounts.begin_passkey_proof(&visitor.person.id).await.ok(),
    };
    let new_authenticator = if enrolling { accounts.begin_authenticator(&visitor.person).await.ok() } else { None };
    // Somebody who is in may go on with what needs no second factor; somebody who waits may not go on at all.
    let skip = params.get("request").filter(|_| browser.visitor.is_some()).map(|sealed| web.at(&format!("{}?request={sealed}&settled=1", routes::CONSENT)));
    let page = Page {
        frame: web.frame(None),
        csrf: web.csrf(browser, "second-factor"),
        request: params.get("request").map(str::to_owned),
        next: params.get("next").map(str::to_owned),
        person: visitor.person.name.to_string(),
        error: error.map(words),
        enrolling,
        authenticator: enrolled.authenticator,
        recovery: enrolled.recovery_codes > 0,
        picture: new_authenticator.as_ref().and_then(|new| picture(&new.url)),
        new_authenticator,
        skip,
        passkey,
    };
    let status = match error {
        None => StatusCode::OK,
        Some(FactorError::Wait(_)) => StatusCode::TOO_MANY_REQUESTS,
        Some(_) => StatusCode::UNAUTHORIZED,
    };
    draw_with(status, &page, answer::PagePolicy { submits_elsewhere: false, scripts: page.passkey.is_some() })
}

pub(crate) async fn get(State(web): State<Web>, browser: Browser, request: Request<Body>) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if let Some(visitor) = subject(&browser) {
        return show(&web, &browser, visitor, &params, None).await;
    }
    let onward = Onward { request: params.get("request"), next: params.get("next") };
    answer::see_other(web.at(&format!("{}?{}", routes::LOGIN, onward.query())).trim_end_matches('?'))
}

/// Proves by what was posted. Answers the method's name.
async fn prove(web: &Web, visitor: &Visitor, params: &Params) -> Result<&'static str, FactorError> {
    let accounts = &web.parts.accounts;
    let (person, text) = (&visitor.person, |name: &str| params.get(name).unwrap_or_default());
    let enrolling = !accounts.enrolled(&person.id).await?.any();
    match (text("method"), enrolling) {
        ("passkey", false) => accounts.prove_by_passkey(&person.id, text("credential"), text("state")).await.map(|()| "swk"),
        ("passkey", true) => accounts.add_passkey(person, text("name"), text("credential"), text("state")).await.map(|()| "swk"),
        (_, false) => accounts.prove_by_code(person, text("code")).await,
        (_, true) => accounts.confirm_authenticator(person, text("code")).await.map(|()| "otp"),
    }
}

pub(crate) async fn post(State(web): State<Web>, browser: Browser, request: Request<Body>) -> Response {
    let params = match form(&web, &browser, "second-factor", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let onward = Onward { request: params.get("request"), next: params.get("next") };
    let Some(visitor) = subject(&browser) else { return answer::see_other(&web.at(routes::LOGIN)) };
    let method = match prove(&web, visitor, &params).await {
        Ok(method) => method,
        Err(FactorError::Store(error)) => return Oops::unavailable(&error).draw(&web),
        Err(error) => {
            tracing::info!(person = %visitor.person.id, ?error, "a second factor was not proved");
            return show(&web, &browser, visitor, &params, Some(&error)).await;
        }
    };
    let accounts = &web.parts.accounts;
    let outcome = async {
        Ok::<_, doorward_store::StoreError>((
            accounts.complete(visitor, method, browser.facts()).await?,
            accounts.first_recovery_codes(&visitor.person.id).await?,
        ))
    };
    match outcome.await {
        Ok((signed_in, None)) => web.let_in(&signed_in, &onward),
        Ok((signed_in, Some(codes))) => {
            let page = Codes { frame: web.frame(None), list: codes, onward: web.at(&onward.target()) };
            web.with_session(draw(StatusCode::OK, &page, false), &signed_in)
        }
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}
