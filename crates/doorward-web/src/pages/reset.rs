//! A forgotten password: the request for a mail, and setting a new one by the link in it. Opening
//! the link does not use it.

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{RESET_SECONDS, UserError};
use doorward_language::{Message, text};
use doorward_model::{User, routes};
use doorward_transport::Params;

use super::error::ErrorPage;
use crate::{
    Web,
    browser::Browser,
    entrance::SignInTarget,
    frame::{Frame, draw},
    language::{Language, filters},
    reasons,
    visitor::form,
};

#[derive(Template)]
#[template(path = "forgot.html")]
struct Forgot {
    frame: Frame,
    csrf: String,
    sent: bool,
    error: Option<Message>,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct Reset {
    frame: Frame,
    csrf: String,
    name: String,
    done: bool,
    /// The password that is replaced is a first one.
    first: bool,
    /// The user has had no password.
    new: bool,
    /// The query of the sign-in page, which goes on from there.
    onward: String,
    password_min_length: usize,
    error: Option<Message>,
}

fn show_forgot(
    web: &Web,
    browser: &Browser,
    status: StatusCode,
    sent: bool,
    error: Option<Message>,
) -> Response {
    let page = Forgot { frame: web.frame(None), csrf: web.csrf(browser, "forgot"), sent, error };
    browser.remember(web, draw(status, &page, false))
}

impl Web {
    /// Reports that a forgotten password can be replaced by a mail.
    pub(crate) fn sends_resets(&self) -> bool {
        self.services.mail_writer.are_sent() && self.services.accounts.config().passwords
    }

    /// Sends the link for a forgotten password, if the user exists. Runs in the background, so that
    /// the response takes the same time in both cases.
    fn send_reset(&self, asked: String) {
        let web = self.clone();
        tokio::spawn(Language::current().speaking(async move {
            let users = match web.services.accounts.forgot_password(&asked).await {
                Ok(users) => users,
                Err(error) => {
                    tracing::error!(%error, "a mail about a forgotten password could not be sent");
                    return;
                }
            };
            for user in users {
                let link = web.services.accounts.password_link(&user, RESET_SECONDS);
                let url = web.at(&routes::LOGIN_RESET.replace("{secret}", &link));
                if let Some(prepared) = web.services.mail_writer.forgotten_password(&user, url) {
                    prepared.send_in_background();
                }
            }
        }));
    }
}

pub(crate) async fn forgot(State(web): State<Web>, browser: Browser) -> Response {
    if !web.sends_resets() {
        return ErrorPage::not_found().draw(&web);
    }
    show_forgot(&web, &browser, StatusCode::OK, false, None)
}

pub(crate) async fn ask(
    State(web): State<Web>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    if !web.sends_resets() {
        return ErrorPage::not_found().draw(&web);
    }
    let params = match form(&web, &browser, "forgot", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    if !web.asking.allows(browser.address) {
        let error = Some(text::sign_in_reset_too_often());
        return show_forgot(&web, &browser, StatusCode::TOO_MANY_REQUESTS, false, error);
    }
    web.send_reset(params.get("name").unwrap_or_default().chars().take(254).collect());
    show_forgot(&web, &browser, StatusCode::OK, true, None)
}

/// The form in which a user chooses a password.
struct Form<'a> {
    user: &'a User,
    /// The part of the query with which a sign-in goes on.
    onward: &'a str,
    /// The password was set.
    done: bool,
    error: Option<Message>,
}

fn show(
    web: &Web,
    browser: &Browser,
    status: StatusCode,
    Form { user, onward, done, error }: Form<'_>,
) -> Response {
    let page = Reset {
        first: user.password_temporary && !done,
        new: user.password.is_none(),
        onward: onward.to_owned(),
        frame: web.frame(None),
        csrf: web.csrf(browser, "reset"),
        name: user.name.to_string(),
        done,
        password_min_length: web.services.accounts.config().password_min_length,
        error,
    };
    browser.remember(web, draw(status, &page, false))
}

fn refused(web: &Web, error: UserError) -> Response {
    match error {
        UserError::Store(error) => return ErrorPage::unavailable(&error).draw(web),
        UserError::Hasher(error) => return ErrorPage::from_hasher(&error).draw(web),
        _ => {}
    }
    ErrorPage::link(text::error_link_password())
        .with_link(text::common_sign_in(), web.at(routes::LOGIN))
        .draw(web)
}

/// The part of the query with which a sign-in goes on.
fn onward_of(request: &Request<Body>) -> String {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    SignInTarget { request: params.get("request"), next: params.get("next") }.query()
}

pub(crate) async fn get(
    State(web): State<Web>,
    Path(secret): Path<String>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    if !web.services.accounts.config().passwords {
        return ErrorPage::not_found().draw(&web);
    }
    let onward = onward_of(&request);
    match web.services.accounts.password_link_of(&secret).await {
        Ok(user) => {
            let form = Form { user: &user, onward: &onward, done: false, error: None };
            show(&web, &browser, StatusCode::OK, form)
        }
        Err(error) => refused(&web, error),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    Path(secret): Path<String>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    if !web.services.accounts.config().passwords {
        return ErrorPage::not_found().draw(&web);
    }
    let onward = onward_of(&request);
    let params = match form(&web, &browser, "reset", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let user = match web.services.accounts.password_link_of(&secret).await {
        Ok(user) => user,
        Err(error) => return refused(&web, error),
    };
    match web
        .services
        .accounts
        .set_password_by_link(&secret, params.get("password").unwrap_or_default().to_owned())
        .await
    {
        Ok(_) => {
            let form = Form { user: &user, onward: &onward, done: true, error: None };
            show(&web, &browser, StatusCode::OK, form)
        }
        Err(UserError::Password(error)) => {
            let error = Some(text::sign_in_reset_not_set(reasons::password(&error)));
            let form = Form { user: &user, onward: &onward, done: false, error };
            show(&web, &browser, StatusCode::BAD_REQUEST, form)
        }
        Err(error) => refused(&web, error),
    }
}
