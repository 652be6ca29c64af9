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
use doorward_model::{
    AccessToken, AccessTokenId, Scope, Timestamp, UpstreamName, routes, scope::SCOPES,
};
use doorward_transport::{Params, answer};

use super::error::ErrorPage;
use crate::{
    Web,
    entrance::{SignInTarget, filled},
    frame::{Frame, draw_scripted, moment},
    language::filters,
    reasons,
    table::{Badge, Cell, Column, List, Moves, Row, RowAction, Table},
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
    table: Table,
    scopes: Vec<Choice>,
    upstreams: Vec<UpstreamChoice>,
    /// The token is to be limited to some upstreams.
    limited: bool,
    typed: String,
    days: String,
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

struct Choice {
    name: Cow<'static, str>,
    title: Message,
    description: Message,
    checked: bool,
}

/// The state of a token, and that it is valid.
fn state(token: &AccessToken, now: Timestamp) -> Badge {
    if token.revoked_at.is_some() {
        Badge::new(text::tokens_state_revoked(), false)
    } else if token.is_live(now) {
        Badge::new(text::tokens_state_live(), true)
    } else {
        Badge::new(text::tokens_state_expired(), false)
    }
}

fn row(token: &AccessToken, now: Timestamp, csrf: &str) -> Row {
    let scopes: Vec<String> =
        token.scopes.closure().iter().map(|scope| scope_title(scope).to_string()).collect();
    let upstreams: Vec<&str> = token.upstreams.iter().map(UpstreamName::as_str).collect();
    let id = token.id.to_string();
    let action = |label: Message, named: Message, verb: &str| {
        let fields = [("csrf", csrf), ("token", &id), ("do", verb)];
        let fields = fields.map(|(name, value)| (name, value.to_owned())).to_vec();
        RowAction::form(label, named, routes::ACCOUNT_TOKENS, fields)
    };
    let actions = if token.is_live(now) {
        let name = &token.name;
        vec![
            action(text::tokens_rotate(), text::tokens_rotate_named(name.clone()), "rotate"),
            action(text::common_revoke(), text::tokens_revoke_named(name.clone()), "revoke"),
        ]
    } else {
        Vec::new()
    };
    let never = || text::tokens_never_used().to_string();
    let cells = vec![
        Cell::Name { label: token.name.clone(), below: id.clone() },
        Cell::Badges(vec![state(token, now)]),
        Cell::Long(scopes.join(" · ")),
        Cell::Long(upstreams.join(", ")),
        Cell::Time(moment(token.expires_at)),
        Cell::Time(token.last_used_at.map_or_else(never, moment)),
        Cell::Actions(actions),
    ];
    Row::new(id.clone(), token.name.clone(), cells)
}

/// The list of the user's tokens, the valid ones first.
fn table(web: &Web, params: &Params, mut tokens: Vec<AccessToken>, csrf: &str) -> Table {
    let now = web.services.clock.now();
    let list = List::new(routes::ACCOUNT_TOKENS, params, &[]);
    tokens.sort_by_key(|token| !token.is_live(now));
    let listed = list.of_all(tokens, |token| token.id.to_string());
    let heads = [
        text::common_name(),
        text::common_state(),
        text::tokens_scopes(),
        text::tokens_services(),
        text::tokens_expires(),
        text::account_used(),
        text::account_actions(),
    ];
    let heads = heads.map(Column::plain).into();
    Table::new(&list, &listed, heads, |token| row(token, now, csrf))
        .with_heading(text::tokens_yours(), None)
        .with_moves(Moves::of(text::tokens_none()))
}

/// The days that the form begins with.
const USUAL_DAYS: &str = "90";

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
    let days = typed.get("days");
    let visitor = &signed_in.visitor;
    let csrf = web.csrf(&signed_in.browser, "tokens");
    let (tokens, services) = match (
        web.services.store.access_tokens_of(&visitor.user.id).await,
        web.services.upstreams.services(&visitor.user).await,
    ) {
        (Ok(tokens), Ok(services)) => (tokens, services),
        (Err(error), _) | (_, Err(error)) => return ErrorPage::unavailable(&error).draw(web),
    };
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
        checked: if days.is_some() { wanted.scopes.contains(scope) } else { scope == Scope::Read },
    };
    let page = Page {
        frame: web.frame(Some(&signed_in.browser)),
        tab: "tokens",
        table: table(web, typed, tokens, &csrf),
        csrf,
        error,
        made: made.map(|made| Made {
            name: made.token.name,
            value: made.value.reveal().to_owned(),
            expires: moment(made.token.expires_at),
            url: web.at(routes::MCP_KEY),
        }),
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
        limited: !wanted.upstreams.is_empty(),
        days: days.unwrap_or(USUAL_DAYS).to_owned(),
        typed: wanted.name.clone(),
        key_url: web.at(routes::MCP_KEY),
        max_days: web.services.accounts.config().access_token_max_days,
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
            Err(error) => refused(&web, &signed_in, &params, error).await,
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
        Err(error) => refused(&web, &signed_in, &params, error).await,
    }
}

/// The page with the reason, and with what was typed.
async fn refused(
    web: &Web,
    signed_in: &SignedIn,
    typed: &Params,
    error: AccessTokenError,
) -> Response {
    let (status, told) = match error {
        AccessTokenError::Store(error) => return ErrorPage::unavailable(&error).draw(web),
        AccessTokenError::Unknown => (StatusCode::NOT_FOUND, text::tokens_ended_already()),
        error => (StatusCode::BAD_REQUEST, text::tokens_not_created(reasons::token(&error))),
    };
    show(web, signed_in, typed, status, Err(told)).await
}
