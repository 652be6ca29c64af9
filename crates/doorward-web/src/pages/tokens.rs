//! A user's access tokens, for programs that cannot sign in with a browser (CA23).

use std::borrow::Cow;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_accounts::{AccessTokenError, MadeAccessToken, NewAccessToken};
use doorward_language::{Message, scope_description, scope_title, text};
use doorward_model::{AccessToken, AccessTokenId, Scope, UpstreamName, routes, scope::SCOPES};
use doorward_transport::{Params, answer};

use super::error::ErrorPage;
use crate::{
    Web,
    entrance::{SignInTarget, filled},
    frame::{Frame, draw_scripted, moment},
    language::filters,
    reasons,
    visitor::{SignedIn, form},
};

/// An upstream that a token can be limited to.
struct UpstreamChoice {
    name: String,
    title: String,
    checked: bool,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Message>,
    made: Option<Made>,
    tokens: Vec<Row>,
    ended: Vec<Row>,
    scopes: Vec<Choice>,
    upstreams: Vec<UpstreamChoice>,
    typed: String,
    days: u32,
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
    scopes: Vec<Message>,
    upstreams: String,
    created: String,
    expires: String,
    used: Option<String>,
    state: Message,
}

struct Choice {
    name: Cow<'static, str>,
    title: Message,
    description: Message,
    checked: bool,
}

fn row(token: AccessToken, live: bool) -> Row {
    Row {
        id: token.id.to_string(),
        scopes: token.scopes.closure().iter().map(scope_title).collect(),
        upstreams: token.upstreams.iter().map(UpstreamName::as_str).collect::<Vec<_>>().join(", "),
        created: moment(token.rotated_at.unwrap_or(token.created_at)),
        expires: moment(token.expires_at),
        used: token.last_used_at.map(moment),
        state: if token.revoked_at.is_some() {
            text::tokens_state_revoked()
        } else if live {
            text::tokens_state_live()
        } else {
            text::tokens_state_expired()
        },
        name: token.name,
    }
}

/// The fields of the form that a new sign-in keeps.
const TYPED: &[&str] = &["name", "days", "scope-*", "upstream-*"];

/// Shows the page. `typed` fills the form in.
async fn show(
    web: &Web,
    signed_in: &SignedIn,
    typed: &Params,
    status: StatusCode,
    outcome: Result<Option<MadeAccessToken>, Message>,
) -> Response {
    let (made, error) = match outcome {
        Ok(made) => (made, None),
        Err(error) => (None, Some(error)),
    };
    let wanted = wanted(typed);
    let filled = !wanted.name.is_empty();
    let visitor = &signed_in.visitor;
    let now = web.services.clock.now();
    let (tokens, services) = match (
        web.services.store.access_tokens_of(&visitor.user.id).await,
        web.services.upstreams.services(&visitor.user).await,
    ) {
        (Ok(tokens), Ok(services)) => (tokens, services),
        (Err(error), _) | (_, Err(error)) => return ErrorPage::unavailable(&error).draw(web),
    };
    let (live, ended): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| token.is_live(now));
    let offered = web.settings.rules.now().access.effective(
        &SCOPES.iter().map(|info| info.scope).collect(),
        &visitor.user,
        &visitor.session.authentication,
    );
    let possible = |scope: &Scope| {
        *scope != Scope::OfflineAccess
            && !scope.is_identity()
            && offered.allows(*scope)
            && (!scope.is_administrative() || visitor.user.administrative_scopes().allows(*scope))
    };
    let choice = |scope: Scope| Choice {
        name: scope.name(),
        title: scope_title(scope),
        description: scope_description(scope),
        checked: if filled { wanted.scopes.contains(scope) } else { scope == Scope::Read },
    };
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
        upstreams: services
            .into_iter()
            .map(|service| {
                (wanted.upstreams.iter().any(|name| name.as_str() == service.name), service)
            })
            .map(|(checked, service)| UpstreamChoice {
                name: service.name,
                title: service.title,
                checked,
            })
            .collect(),
        days: if wanted.days == 0 { 90 } else { wanted.days },
        typed: wanted.name.clone(),
        max_days: web.services.accounts.config().access_token_max_days,
        key_url: web.at(routes::MCP_KEY),
        on: web.services.accounts.config().access_tokens,
    };
    draw_scripted(status, &page)
}

pub(crate) async fn get(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let typed = Params::from_query(request.uri().query()).unwrap_or_default();
    show(&web, &signed_in, &typed, StatusCode::OK, Ok(None)).await
}

fn wanted(params: &Params) -> NewAccessToken {
    NewAccessToken {
        name: params.get("name").unwrap_or_default().to_owned(),
        scopes: params
            .names()
            .filter_map(|name| Scope::named(name.strip_prefix("scope-")?))
            .collect(),
        upstreams: params
            .names()
            .filter_map(|name| UpstreamName::parse(name.strip_prefix("upstream-")?).ok())
            .collect(),
        days: params.get("days").and_then(|days| days.parse().ok()).unwrap_or_default(),
    }
}

pub(crate) async fn post(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, "tokens", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let visitor = &signed_in.visitor;
    let accounts = &web.services.accounts;
    let id = AccessTokenId::from_text(params.get("token").unwrap_or_default());
    let verb = params.get("do").unwrap_or_default();
    if verb == "revoke" {
        return match accounts.revoke_access_token(Some(&visitor.user.id), &id).await {
            Ok(()) => answer::see_other(&web.at(routes::ACCOUNT_TOKENS)),
            Err(error) => refused(&web, &signed_in, error).await,
        };
    }
    let next = if verb == "make" {
        filled(routes::ACCOUNT_TOKENS, &params, TYPED)
    } else {
        routes::ACCOUNT_TOKENS.to_owned()
    };
    let authority = match web.authority(visitor, &SignInTarget::page(&next)).await {
        Ok(authority) => authority,
        Err(response) => return response,
    };
    let done = match verb {
        "rotate" => accounts.rotate_access_token(&authority, &visitor.user.id, &id).await,
        "make" => {
            let access = &web.settings.rules.now().access;
            accounts.add_access_token(&authority, &visitor.user, access, wanted(&params)).await
        }
        _ => return ErrorPage::incomplete("do").draw(&web),
    };
    match done {
        Ok(made) => {
            show(&web, &signed_in, &Params::default(), StatusCode::OK, Ok(Some(made))).await
        }
        Err(error) => refused(&web, &signed_in, error).await,
    }
}

async fn refused(web: &Web, signed_in: &SignedIn, error: AccessTokenError) -> Response {
    let (status, told) = match error {
        AccessTokenError::Store(error) => return ErrorPage::unavailable(&error).draw(web),
        AccessTokenError::Unknown => (StatusCode::NOT_FOUND, text::tokens_ended_already()),
        error => (StatusCode::BAD_REQUEST, text::tokens_not_created(reasons::token(&error))),
    };
    show(web, signed_in, &Params::default(), status, Err(told)).await
}
