//! Proving a second factor, and setting one up where one is demanded and the user has none.

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{
    Ceremony, Enrolled, FactorError, NewAuthenticator, NewPasskey, SignedIn, Visitor,
};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_store::StoreError;
use doorward_transport::{Params, answer};

use super::error::ErrorPage;
use crate::{
    Web,
    browser::Browser,
    entrance::SignInTarget,
    frame::{Frame, draw_scripted, draw_with},
    language::filters,
    reasons,
    visitor::form,
};

#[derive(Template)]
#[template(path = "second_factor.html")]
struct Page {
    frame: Frame,
    csrf: String,
    request: Option<String>,
    next: Option<String>,
    user: String,
    error: Option<Message>,
    /// True if the user has no factor yet.
    enrolling: bool,
    authenticator: bool,
    recovery: bool,
    passkey: Option<Ceremony>,
    new_authenticator: Option<NewAuthenticator>,
    picture: Option<Picture>,
    /// The target with fewer scopes, when a scope is the reason for this step.
    skip: Option<String>,
}

/// Codes to be written down, and where to go on.
#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub(crate) struct Codes {
    pub(crate) frame: Frame,
    pub(crate) list: Vec<String>,
    pub(crate) onward: String,
    /// The codes as a file, in a URL that is in no log: the browser sends it nowhere.
    pub(crate) file: String,
}

impl Codes {
    /// The page of these codes.
    pub(crate) fn new(frame: Frame, list: Vec<String>, onward: String) -> Self {
        let lines: String =
            url::form_urlencoded::byte_serialize(format!("{}\n", list.join("\n")).as_bytes())
                .collect();
        let file = format!("data:text/plain;charset=utf-8,{}", lines.replace('+', "%20"));
        Self { frame, list, onward, file }
    }
}

/// A QR code as an SVG path.
pub(crate) struct Picture {
    pub(crate) size: i32,
    pub(crate) path: String,
}

/// Draws a QR code. A text that is too long has none.
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

/// The answer to a proof that failed: too many of them must wait.
pub(crate) fn refusal(mut response: Response, error: &FactorError) -> Response {
    match error {
        FactorError::Wait(seconds) => {
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            answer::retry_after(response, u64::try_from(*seconds).unwrap_or(1))
        }
        _ => response,
    }
}

/// The user who must prove a factor: waiting for it, or signed in and in need of a stronger
/// authentication.
fn subject(browser: &Browser) -> Option<&Visitor> {
    browser.waiting.as_ref().or(browser.visitor.as_ref())
}

async fn show(
    web: &Web,
    browser: &Browser,
    visitor: &Visitor,
    params: &Params,
    error: Option<&FactorError>,
) -> Response {
    let accounts = &web.services.accounts;
    let enrolled = match accounts.enrolled(&visitor.user.id).await {
        Ok(enrolled) => enrolled,
        Err(error) => return ErrorPage::unavailable(&error).draw(web),
    };
    // A user without a factor sets one up here, which needs a recent sign-in.
    let enrolling = if enrolled.any() {
        None
    } else {
        match web.authority(visitor, &onward_of(params)).await {
            Ok(authority) => Some(authority),
            Err(response) => return response,
        }
    };
    let passkey = match (&enrolling, enrolled) {
        (Some(authority), _) => accounts.begin_passkey(authority, &visitor.user).await.ok(),
        (None, Enrolled { passkeys: 0, .. }) => None,
        (None, _) => accounts.begin_passkey_proof(&visitor.user.id).await.ok(),
    };
    let new_authenticator = match &enrolling {
        Some(authority) => accounts.begin_authenticator(authority, &visitor.user).await.ok(),
        None => None,
    };
    let enrolling = enrolling.is_some();
    let skip = skip(web, browser, params).await;
    let page = Page {
        frame: web.frame(None),
        csrf: web.csrf(browser, "second-factor"),
        request: params.get("request").map(str::to_owned),
        next: params.get("next").map(str::to_owned),
        user: visitor.user.name.to_string(),
        error: error.map(reasons::factor),
        enrolling,
        authenticator: enrolled.authenticator,
        recovery: enrolled.recovery_codes > 0,
        picture: new_authenticator.as_ref().and_then(|new| picture(&new.url)),
        new_authenticator,
        skip,
        passkey,
    };
    let status = if error.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    let response = draw_with(
        status,
        &page,
        answer::PagePolicy {
            scripts: answer::Scripts::where_needed(page.passkey.is_some()),
            ..answer::PagePolicy::default()
        },
    );
    match error {
        Some(error) => refusal(response, error),
        None => response,
    }
}

/// The target with fewer scopes. A signed-in user may continue without the scopes that need a second
/// factor, unless the client needs one; a user whose session waits for one may not continue at all.
async fn skip(web: &Web, browser: &Browser, params: &Params) -> Option<String> {
    let sealed = params.get("request")?;
    let visitor = browser.visitor.as_ref()?;
    let request = web.reopen(sealed, browser).await.ok()?;
    let level = visitor.session.authentication.level;
    let may = request.level().is_none_or(|needed| needed <= level);
    may.then(|| web.at(&format!("{}?request={sealed}&settled=1", routes::CONSENT)))
}

fn onward_of(params: &Params) -> SignInTarget<'_> {
    SignInTarget { request: params.get("request"), next: params.get("next") }
}

pub(crate) async fn get(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    if let Some(visitor) = subject(&browser) {
        return show(&web, &browser, visitor, &params, None).await;
    }
    answer::see_other(
        web.at(&format!("{}?{}", routes::LOGIN, onward_of(&params).query())).trim_end_matches('?'),
    )
}

/// Verifies the posted proof, or sets the first factor up with it, which needs a recent sign-in.
/// Returns the method's name.
async fn prove(
    web: &Web,
    visitor: &Visitor,
    known: Option<&str>,
    params: &Params,
) -> Result<Result<&'static str, FactorError>, Response> {
    let accounts = &web.services.accounts;
    let (user, text) = (&visitor.user, |name: &str| params.get(name).unwrap_or_default());
    let enrolled = match accounts.enrolled(&user.id).await {
        Ok(enrolled) => enrolled,
        Err(error) => return Err(ErrorPage::unavailable(&error).draw(web)),
    };
    let by_passkey = text("method") == "passkey";
    if enrolled.any() {
        return Ok(if by_passkey {
            accounts
                .prove_by_passkey(&user.id, text("credential"), text("state"))
                .await
                .map(|()| "swk")
        } else {
            accounts.prove_by_code(user, text("code"), known).await
        });
    }
    let authority = web.authority(visitor, &onward_of(params)).await?;
    Ok(if by_passkey {
        let (answer, state) = (text("credential"), text("state"));
        let new = NewPasskey { name: text("name"), answer, state };
        accounts.add_passkey(&authority, user, new).await.map(|()| "swk")
    } else {
        accounts.confirm_authenticator(&authority, user, text("code"), known).await.map(|()| "otp")
    })
}

/// Recovery codes for a user who just set up a first factor, or used the last code, and signed in
/// recently.
async fn codes(web: &Web, signed_in: &SignedIn) -> Result<Option<Vec<String>>, StoreError> {
    let accounts = &web.services.accounts;
    let Some(visitor) = accounts.holder(signed_in.token.reveal()).await? else { return Ok(None) };
    match accounts.authority(&visitor).await? {
        Ok(authority) => accounts.first_recovery_codes(&authority, &visitor.user.id).await,
        Err(_) => Ok(None),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &browser, "second-factor", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(visitor) = subject(&browser) else { return answer::see_other(&web.at(routes::LOGIN)) };
    let method = match prove(&web, visitor, browser.known.as_deref(), &params).await {
        Ok(Ok(method)) => method,
        Ok(Err(FactorError::Store(error))) => return ErrorPage::unavailable(&error).draw(&web),
        Ok(Err(error)) => {
            tracing::info!(user = %visitor.user.id, error = error.logged(), "a second factor was not verified");
            return show(&web, &browser, visitor, &params, Some(&error)).await;
        }
        Err(response) => return response,
    };
    let outcome = async {
        let signed_in = web.services.accounts.complete(visitor, method, browser.facts()).await?;
        let codes = codes(&web, &signed_in).await?;
        Ok::<_, StoreError>((signed_in, codes))
    };
    let onward = onward_of(&params);
    match outcome.await {
        Ok((signed_in, None)) => web.let_in(&signed_in, &onward),
        Ok((signed_in, Some(codes))) => {
            let page = Codes::new(web.frame(None), codes, web.at(&onward.target()));
            web.with_session(draw_scripted(StatusCode::OK, &page), &signed_in)
        }
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}
