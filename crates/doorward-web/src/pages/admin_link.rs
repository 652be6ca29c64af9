//! The one-time link that makes an administrator. Opening it does not use it: only the form does.

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{NewAccount, UserError};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::{Params, answer};

use super::error::ErrorPage;
use crate::{
    Web,
    browser::Browser,
    entrance::SignInTarget,
    frame::{Frame, draw},
    language::filters,
    reasons,
    visitor::form,
};

#[derive(Template)]
#[template(path = "admin_link.html")]
struct Page {
    frame: Frame,
    csrf: String,
    name: String,
    password_min_length: usize,
    error: Option<Message>,
    passwords: bool,
    sign_in_url: String,
}

/// The refusal of the form.
struct Refused {
    status: StatusCode,
    why: Message,
}

fn show(
    web: &Web,
    browser: &Browser,
    secret: &str,
    name: &str,
    refused: Option<Refused>,
) -> Response {
    let (status, error) = match refused {
        Some(Refused { status, why }) => (status, Some(why)),
        None => (StatusCode::OK, None),
    };
    let back = routes::ADMIN_LINK.replace("{secret}", secret);
    let page = Page {
        frame: web.frame(Some(browser)),
        csrf: web.csrf(browser, "admin-link"),
        name: name.to_owned(),
        password_min_length: web.services.accounts.config().password_min_length,
        error,
        passwords: web.services.accounts.config().passwords,
        sign_in_url: web.at(&format!(
            "{}?{}",
            routes::LOGIN,
            SignInTarget { request: None, next: Some(&back) }.query()
        )),
    };
    browser.remember(web, draw(status, &page, false))
}

fn spent() -> ErrorPage {
    ErrorPage::link(text::error_link_administrator())
}

pub(crate) async fn get(
    State(web): State<Web>,
    Path(secret): Path<String>,
    browser: Browser,
) -> Response {
    match web.services.accounts.is_link_usable(&secret).await {
        Ok(true) => show(&web, &browser, &secret, "", None),
        Ok(false) => spent().draw(&web),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    Path(secret): Path<String>,
    browser: Browser,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &browser, "admin-link", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let accounts = &web.services.accounts;
    let result = match &browser.visitor {
        Some(visitor) => {
            let authority = match web
                .authority(
                    visitor,
                    &SignInTarget::page(&routes::ADMIN_LINK.replace("{secret}", &secret)),
                )
                .await
            {
                Ok(authority) => authority,
                Err(response) => return response,
            };
            accounts
                .become_administrator_by_link(&authority, &secret, &visitor.user)
                .await
                .map(|()| None)
        }
        None if web.services.accounts.config().passwords => {
            add(&web, &secret, &params, &browser).await.map(Some)
        }
        None => {
            let refused = Refused { status: StatusCode::FORBIDDEN, why: text::sign_in_first() };
            return show(&web, &browser, &secret, "", Some(refused));
        }
    };
    match result {
        Ok(signed_in) => {
            let response = answer::see_other(&web.at(routes::ADMIN));
            match signed_in {
                Some(signed_in) => web.with_session(response, &signed_in),
                None => response,
            }
        }
        Err(UserError::Link) => spent().draw(&web),
        Err(UserError::Store(error)) => ErrorPage::unavailable(&error).draw(&web),
        Err(UserError::Hasher(error)) => ErrorPage::from_hasher(&error).draw(&web),
        Err(error) => {
            let (name, why) = (params.get("name"), reasons::user(&error));
            let (status, why) = (StatusCode::BAD_REQUEST, text::sign_in_not_added(why));
            let refused = Some(Refused { status, why });
            show(&web, &browser, &secret, name.unwrap_or_default(), refused)
        }
    }
}

async fn add(
    web: &Web,
    secret: &str,
    params: &Params,
    browser: &Browser,
) -> Result<doorward_accounts::SignedIn, UserError> {
    let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let new = NewAccount {
        name: text("name"),
        email: None,
        password: Some(text("password")),
        password_temporary: false,
        roles: Vec::new(),
    };
    web.services.accounts.add_administrator_by_link(secret, new, browser.facts()).await
}
