//! The pages, one file each.

mod account;
mod account_lists;
mod activity;
mod admin_link;
mod authorize;
mod chats;
mod clients_help;
mod confirm;
pub(crate) mod connect;
mod consent;
mod device;
mod done;
mod end_session;
pub(crate) mod error;
pub(crate) mod login;
mod logout;
mod provider;
mod reset;
mod second_factor;
mod security;
mod talks;
mod tokens;
mod welcome;

use axum::{Router, http::HeaderMap, response::Response};
use doorward_model::routes;
use doorward_transport::answer;
use doorward_transport::routing::{get, post};

use crate::{Web, frame::language_of};
use error::ErrorPage;

pub(crate) fn router(web: &Web) -> Router {
    let pages = Router::new()
        .route(routes::ROOT, get(root))
        .route(routes::AUTHORIZE, get(authorize::get).merge(post(authorize::post)))
        .route(routes::AUTH_START, get(crate::forward::start))
        .route(routes::LOGIN, get(login::get).merge(post(login::post)))
        .route(routes::LOGIN_PASSKEY, post(login::passkey))
        .route(routes::LOGIN_FORGOT, get(reset::forgot).merge(post(reset::ask)))
        .route(routes::LOGIN_RESET, get(reset::get).merge(post(reset::post)))
        .route(routes::LOGIN_WELCOME, get(welcome::get).merge(post(welcome::post)))
        .route(
            routes::LOGIN_SECOND_FACTOR,
            get(second_factor::get).merge(post(second_factor::post)),
        )
        .route(routes::LOGIN_PROVIDER, get(provider::start))
        .route(routes::LOGIN_CALLBACK, get(provider::callback).merge(post(provider::callback_form)))
        .route(routes::LOGOUT, get(logout::get).merge(post(logout::post)))
        .route(routes::END_SESSION, get(end_session::get).merge(post(end_session::post)))
        .route(routes::CONSENT, get(consent::get).merge(post(consent::post)))
        .route(routes::DEVICE, get(device::get).merge(post(device::post)))
        .route(routes::ACCOUNT, get(account::get))
        .route(routes::ACCOUNT_REVOKE, post(account::revoke))
        .route(routes::ACCOUNT_END_SESSION, post(account::end_session))
        .route(routes::ACCOUNT_PASSWORD, post(account::change_password))
        .route(routes::ACCOUNT_NARROW, post(account::narrow))
        .route(routes::ACCOUNT_CLIENTS, get(clients_help::get))
        .route(routes::ACCOUNT_TOKENS, get(tokens::get).merge(post(tokens::post)))
        .route(routes::ACCOUNT_ACTIVITY, get(activity::get))
        .route(routes::ACCOUNT_SECURITY, get(security::get))
        .route(routes::ACCOUNT_PASSKEYS, post(security::passkeys))
        .route(routes::ACCOUNT_AUTHENTICATOR, post(security::authenticator))
        .route(routes::ACCOUNT_RECOVERY, post(security::recovery_codes))
        .route(routes::ACCOUNT_IDENTITIES, post(security::unlink))
        .route(routes::ACCOUNT_CONNECTIONS, post(connect::disconnect))
        .route(routes::ACCOUNT_CONVERSATIONS, get(talks::get).merge(post(talks::post)))
        .route(routes::ACCOUNT_CHATS, post(chats::end))
        .route(routes::ACCOUNT_CHAT, get(chats::get).merge(post(chats::post)))
        .route(routes::CONNECT, get(connect::get).merge(post(connect::post)))
        .route(routes::CONNECT_CALLBACK, get(connect::callback))
        .route(routes::CONNECT_DONE, get(connect::done))
        .route(routes::CONFIRM, get(confirm::get).merge(post(confirm::post)))
        .route(routes::ADMIN_LINK, get(admin_link::get).merge(post(admin_link::post)))
        .with_state(web.clone());
    web.framed(pages)
}

async fn root(axum::extract::State(web): axum::extract::State<Web>) -> Response {
    answer::see_other(&web.at(routes::ACCOUNT))
}

/// The page for an IP address from which too many requests were refused.
pub async fn too_many(web: &Web, headers: &HeaderMap) -> Response {
    language_of(headers).speaking(async { ErrorPage::too_many_refused().draw(web) }).await
}

/// The page for a path that does not exist.
pub async fn not_found(web: &Web, headers: &HeaderMap) -> Response {
    language_of(headers).speaking(async { ErrorPage::not_found().draw(web) }).await
}
