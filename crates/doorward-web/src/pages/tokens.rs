//! A person's access tokens, for programs that cannot sign in with a browser (CA23).

use std::borrow::Cow;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{AccessTokenError, MadeAccessToken, NewAccessToken};
use doorward_model::{AccessToken, AccessTokenId, Scope, UpstreamName, routes, scope::SCOPES};
use doorward_transport::{Params, answer};

use super::error::Oops;
use crate::{
    Web,
    frame::{Frame, draw_copying, moment},
    language::filters,
    visitor::{SignedIn, form},
};

#[derive(Template)]
#[template(path = "tokens.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<String>,
    made: Option<Made>,
    tokens: Vec<Row>,
    ended: Vec<Row>,
    scopes: Vec<Choice>,
    upstreams: Vec<(String, String)>,
    max_days: u32,
    key_url: String,
    on: bool,
}

struct Made {
    name: String,
    value: String,
    expires: String,
    url: String,
}

struct Row {
    id: String,
    name: String,
    scopes: Vec<Cow<'static, str>>,
    upstreams: String,
    created: String,
    expires: String,
    used: Option<String>,
    state: &'static str,
}

struct Choice {
    name: Cow<'static, str>,
    title: Cow<'static, str>,
    description: Cow<'static, str>,
    checked: bool,
}

fn row(token: AccessToken, live: bool) -> Row {
    Row {
        id: token.id.to_string(),
        scopes: token.scopes.closure().iter().map(Scope::title).collect(),
        upstreams: token.upstreams.iter().map(UpstreamName::as_str).collect::<Vec<_>>().join(", "),
        created: moment(token.rotated_at.unwrap_or(token.created_at)),
        expires: moment(token.expires_at),
        used: token.last_used_at.map(moment),
        state: if token.revoked_at.is_some() {
            "revoked"
        } else if live {
            "live"
        } else {
            "expired"
        },
        name: token.name,
    }
}

async fn show(web: &Web, signed_in: &SignedIn, status: StatusCode, made: Option<MadeAccessToken>, error: Option<String>) -> Response {
    let visitor = &signed_in.visitor;
    let now = web.parts.clock.now();
    let (tokens, services) = match (web.parts.store.access_tokens_of(&visitor.person.id).await, web.parts.upstreams.services(&visitor.person).await) {
        (Ok(tokens), Ok(services)) => (tokens, services),
        (Err(error), _) | (_, Err(error)) => return Oops::unavailable(&error).draw(web),
    };
    let (live, ended): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| token.is_live(now));
    let offered = web.parts.access.effective(&SCOPES.iter().map(|info| info.scope).collect(), &visitor.person, &visitor.session.authentication);
    let possible =
        |scope: &Scope| *scope != Scope::OfflineAccess && offered.allows(*scope) && (!scope.is_administrative() || visitor.person.is_administrator());
    let choice = |scope: Scope| Choice { name: scope.name(), title: scope.title(), description: scope.description(), checked: scope == Scope::Read };
    let page = Page {
        frame: web.frame(Some(&signed_in.browser)),
        tab: "tokens",
        csrf: web.csrf(&signed_in.browser, "tokens"),
        error,
        made: made.map(|made| Made {
            name: made.token.name,
            value: made.value.reveal().to_owned(),
            expires: moment(made.token.expires_at),
            url: web.at(routes::MCP_KEY),
        }),
        tokens: live.into_iter().map(|token| row(token, true)).collect(),
        ended: ended.into_iter().take(20).map(|token| row(token, false)).collect(),
        scopes: SCOPES.iter().map(|info| info.scope).filter(possible).map(choice).collect(),
        upstreams: services.into_iter().map(|service| (service.name, service.title)).collect(),
        max_days: web.parts.accounts.config().access_token_max_days,
        key_url: web.at(routes::MCP_KEY),
        on: web.parts.accounts.config().access_tokens,
    };
    draw_copying(status, &page)
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn) -> Response {
    show(&web, &signed_in, StatusCode::OK, None, None).await
}

fn wanted(params: &Params) -> NewAccessToken {
    NewAccessToken {
        name: params.get("name").unwrap_or_default().to_owned(),
        scopes: params.names().filter_map(|name| Scope::named(name.strip_prefix("scope-")?)).collect(),
        upstreams: params.names().filter_map(|name| UpstreamName::parse(name.strip_prefix("upstream-")?).ok()).collect(),
        days: params.get("days").and_then(|days| days.parse().ok()).unwrap_or_default(),
    }
}

pub(crate) async fn post(State(web): State<Web>, signed_in: SignedIn, request: Request<Body>) -> Response {
    let params = match form(&web, &signed_in.browser, "tokens", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let visitor = &signed_in.visitor;
    let accounts = &web.parts.accounts;
    let id = AccessTokenId::from_text(params.get("token").unwrap_or_default());
    let done = match params.get("do") {
        Some("rotate") => accounts.rotate_access_token(&visitor.person.id, &id).await.map(Some),
        Some("revoke") => accounts.revoke_access_token(Some(&visitor.person.id), &id).await.map(|()| None),
        Some("make") => accounts.add_access_token(&visitor.person, &visitor.session.authentication, &web.parts.access, wanted(&params)).await.map(Some),
        _ => return Oops::bad_form("it says nothing to do").draw(&web),
    };
    match done {
        Ok(Some(made)) => show(&web, &signed_in, StatusCode::OK, Some(made), None).await,
        Ok(None) => answer::see_other(&web.at(routes::ACCOUNT_TOKENS)),
        Err(AccessTokenError::Store(error)) => Oops::unavailable(&error).draw(&web),
        Err(AccessTokenError::Unknown) => show(&web, &signed_in, StatusCode::NOT_FOUND, None, Some("That token has ended already.".to_owned())).await,
        Err(error) => show(&web, &signed_in, StatusCode::BAD_REQUEST, None, Some(format!("No token was made: {error}."))).await,
    }
}
