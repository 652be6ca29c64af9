//! Signing keys, and everybody's access tokens.

use std::collections::HashMap;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::AccessTokenError;
use doorward_model::{AccessTokenId, routes};
use doorward_store::StoreError;
use doorward_transport::answer;

use super::{admin_clients::words, error::Oops};
use crate::{
    Told, Web,
    frame::{Frame, draw, moment},
    language::filters,
    visitor::{Administrator, form},
};

#[derive(Template)]
#[template(path = "admin_keys.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<String>,
    keys: Vec<Key>,
    tokens: Vec<Token>,
}

struct Key {
    kid: String,
    algorithm: &'static str,
    state: &'static str,
    since: String,
    until: String,
}

struct Token {
    id: String,
    name: String,
    person: String,
    scopes: String,
    used: String,
    expires: String,
    live: bool,
}

async fn page(
    web: &Web,
    administrator: &Administrator,
    error: Option<String>,
) -> Result<Page, StoreError> {
    let (store, now) = (&web.parts.store, web.parts.clock.now());
    let records = store.signing_keys().await?;
    let active = records
        .iter()
        .filter(|key| key.activates_at <= now)
        .max_by_key(|key| key.activates_at)
        .map(|key| key.kid.clone());
    let keys = records.iter().rev().map(|key| Key {
        state: if Some(&key.kid) == active.as_ref() {
            "signs"
        } else if key.activates_at > now {
            "will sign"
        } else {
            "verifies only"
        },
        kid: key.kid.clone(),
        algorithm: key.algorithm.as_str(),
        since: moment(key.activates_at),
        until: key.retires_at.map(moment).unwrap_or_default(),
    });
    let mut people: HashMap<String, String> = HashMap::new();
    let mut tokens = Vec::new();
    for token in store.access_tokens(200).await? {
        let id = token.user_id.to_string();
        if !people.contains_key(&id) {
            let name = store
                .person(&token.user_id)
                .await?
                .map_or_else(|| id.clone(), |person| person.name.to_string());
            people.insert(id.clone(), name);
        }
        tokens.push(Token {
            live: token.is_live(now),
            id: token.id.to_string(),
            name: token.name,
            person: people.get(&id).cloned().unwrap_or_default(),
            scopes: token.scopes.to_string(),
            used: token.last_used_at.map_or_else(|| "never".to_owned(), moment),
            expires: moment(token.expires_at),
        });
    }
    Ok(Page {
        frame: web.frame(Some(&administrator.0.browser)),
        tab: "keys",
        csrf: web.csrf(&administrator.0.browser, "keys"),
        error,
        keys: keys.collect(),
        tokens,
    })
}

async fn show(
    web: &Web,
    administrator: &Administrator,
    status: StatusCode,
    error: Option<String>,
) -> Response {
    match page(web, administrator, error).await {
        Ok(page) => draw(status, &page, false),
        Err(error) => Oops::unavailable(&error).draw(web),
    }
}

pub(crate) async fn get(State(web): State<Web>, administrator: Administrator) -> Response {
    show(&web, &administrator, StatusCode::OK, None).await
}

pub(crate) async fn post(
    State(web): State<Web>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &administrator.0.browser, "keys", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let refused = match params.get("do") {
        Some("rotate") => web.parts.console.rotate_keys().await.err(),
        Some("revoke") => {
            let id = AccessTokenId::from_text(params.get("token").unwrap_or_default());
            match web.parts.accounts.revoke_access_token(None, &id).await {
                Ok(()) => None,
                Err(AccessTokenError::Store(error)) => Some(Told::Store(error)),
                Err(_) => Some(Told::Missing),
            }
        }
        _ => return Oops::bad_form("it says nothing to do").draw(&web),
    };
    match refused {
        None => answer::see_other(&web.at(routes::ADMIN_KEYS)),
        Some(Told::Store(error)) => Oops::unavailable(&error).draw(&web),
        Some(told) => show(&web, &administrator, StatusCode::CONFLICT, Some(words(&told))).await,
    }
}
