//! A user links an account at a chat server with theirs, and ends the link (CA44). The page names the
//! account: the link alone gives nothing.

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{ChatLinkError, NewChatLink};
use doorward_language::{Message, scope_title, text};
use doorward_model::{ChatLink, ChatLinkId, Resource, ScopeSet, routes};
use doorward_store::StoreError;

use super::{done::Finished, error::ErrorPage};
use crate::{
    Web,
    entrance::SignInTarget,
    frame::{Frame, draw, moment},
    language::filters,
    visitor::{SignedIn, form},
};

#[derive(Template)]
#[template(path = "chat.html")]
struct Page {
    frame: Frame,
    csrf: String,
    link: String,
    done: Option<Message>,
    name: String,
    account: String,
    server: String,
    user: String,
    scopes: Vec<Message>,
    days: u32,
}

/// A linked account, as the account page shows it.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) server: String,
    pub(super) since: String,
}

/// The accounts that a user linked.
pub(super) async fn rows(web: &Web, signed_in: &SignedIn) -> Result<Vec<Row>, StoreError> {
    let (user_id, now) = (&signed_in.visitor.user.id, web.services.clock.now());
    let row = |link: ChatLink| Row {
        id: link.id.to_string(),
        name: link.name,
        server: link.server,
        since: moment(link.created_at),
    };
    Ok(web.services.store.chat_links(Some(user_id), now).await?.into_iter().map(row).collect())
}

fn refused(web: &Web, error: ChatLinkError) -> Response {
    let why = match error {
        ChatLinkError::Store(error) => return ErrorPage::unavailable(&error).draw(web),
        ChatLinkError::Link => text::chats_over(),
        ChatLinkError::Linked => text::chats_linked(),
        ChatLinkError::Disabled => text::chats_disabled(),
    };
    let title = text::chats_not_linked();
    ErrorPage::new(StatusCode::BAD_REQUEST, title, why, text::chats_write_again()).draw(web)
}

fn show(
    web: &Web,
    signed_in: &SignedIn,
    secret: &str,
    new: NewChatLink,
    done: Option<Message>,
) -> Response {
    let scopes = ScopeSet::parse_known(&new.scopes).closure();
    let page = Page {
        frame: web.frame(Some(&signed_in.browser)),
        csrf: web.csrf(&signed_in.browser, "chat"),
        link: secret.to_owned(),
        done,
        name: new.name,
        account: new.account,
        server: new.server,
        user: signed_in.visitor.user.name.to_string(),
        scopes: scopes.iter().map(scope_title).collect(),
        days: new.days,
    };
    draw(StatusCode::OK, &page, false)
}

/// Asks the user. Reading does not use the link.
pub(crate) async fn get(
    State(web): State<Web>,
    signed_in: SignedIn,
    Path(secret): Path<String>,
) -> Response {
    match web.services.accounts.chat_link_of(&secret) {
        Ok(new) => show(&web, &signed_in, &secret, new, None),
        Err(error) => refused(&web, error),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    signed_in: SignedIn,
    Path(secret): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "chat", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let new = match web.services.accounts.chat_link_of(&secret) {
        Ok(new) => new,
        Err(error) => return refused(&web, error),
    };
    match params.get("do") {
        Some("link") => {}
        Some("deny") => {
            return show(&web, &signed_in, &secret, new, Some(text::chats_denied()));
        }
        _ => return ErrorPage::incomplete("do").draw(&web),
    }
    let visitor = &signed_in.visitor;
    let next = routes::ACCOUNT_CHAT.replace("{secret}", &secret);
    let authority = match web.authority(visitor, &SignInTarget::page(&next)).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let resource = Resource::mcp(&web.settings.public_url);
    match web.services.accounts.link_chat(&authority, visitor, &secret, resource).await {
        Ok(_) => show(&web, &signed_in, &secret, new, Some(text::chats_done())),
        Err(error) => refused(&web, error),
    }
}

/// Ends a link of the user's.
pub(crate) async fn end(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "chats", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let Some(id) = params.get("link").map(ChatLinkId::from_text) else {
        return ErrorPage::incomplete("link").draw(&web);
    };
    let found = match web.services.store.chat_link(&id).await {
        Ok(found) => found.filter(|link| link.user_id == signed_in.visitor.user.id),
        Err(error) => return ErrorPage::unavailable(&error).draw(&web),
    };
    let Some(link) = found else { return ErrorPage::not_found().draw(&web) };
    match web.services.accounts.unlink_chat(&link).await {
        Ok(_) => Finished::Unlinked.redirect(&web),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}
