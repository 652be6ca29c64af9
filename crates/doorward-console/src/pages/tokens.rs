//! The administrators' list of personal access tokens and service tokens.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Kind, Refusal, TokenList};
use doorward_language::{Message, text};
use doorward_model::{AccessToken, Timestamp, User, routes};
use doorward_transport::Params;
use doorward_web::{ErrorPage, Frame, filters, form, moment};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        sure::{self, Question},
        table::{self, Cell, Column, Filter, List, Row, Table},
    },
    refusals::{Alert, alert, oops},
};

/// The filters of the list.
const FILTERS: [&str; 1] = ["state"];
/// How many tokens a file is written of at once.
const AT_ONCE: u64 = 500;

#[derive(Template)]
#[template(path = "admin_tokens.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    message: Option<Message>,
    error: Option<Alert>,
    table: Table,
}

/// The contents of the page besides the tokens.
#[derive(Default)]
struct Say {
    status: StatusCode,
    message: Option<Message>,
    error: Option<Alert>,
}

fn columns() -> Vec<Column> {
    vec![
        Column::sorted(text::common_name(), "name"),
        Column::plain(text::admin_tokens_of()),
        Column::plain(text::admin_tokens_scopes()),
        Column::sorted(text::console_made(), "created"),
        Column::plain(text::admin_tokens_last_used()),
        Column::sorted(text::admin_tokens_expires(), "expires"),
        Column::plain(text::common_state()),
    ]
}

fn line((token, user): &(AccessToken, Option<User>), now: Timestamp) -> Row {
    let live = token.is_live(now);
    let state = if live { text::console_token_active() } else { text::admin_tokens_ended() };
    let owner = user.as_ref().map_or_else(|| token.user_id.to_string(), |one| one.name.to_string());
    let path = routes::ADMIN_USER.replace("{user}", token.user_id.as_str());
    Row {
        key: token.id.to_string(),
        name: token.name.clone(),
        value: "1".to_owned(),
        cells: vec![
            Cell::Text(token.name.clone()),
            Cell::Link { path, label: owner, below: String::new() },
            Cell::Text(token.scopes.to_string()),
            Cell::Time(moment(token.created_at)),
            Cell::Time(token.last_used_at.map_or_else(|| text::common_never().to_string(), moment)),
            Cell::Time(moment(token.expires_at)),
            Cell::Badges(vec![(state, live)]),
        ],
    }
}

/// All tokens that fit, as a file.
async fn as_file(console: &Console, mut asked: TokenList) -> Result<Response, Refusal> {
    (asked.limit, asked.after, asked.before) = (Some(AT_ONCE), None, None);
    let now = console.clock.now();
    let mut lines = Vec::new();
    loop {
        let part = console.admin.tokens.list(&asked).await?;
        lines.extend(part.rows.iter().map(|token| line(token, now)));
        asked.after = part.next;
        if asked.after.is_none() {
            return Ok(table::file("tokens", &columns(), &lines));
        }
    }
}

/// Shows the list that `params` ask for.
async fn show(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    say: Say,
) -> Response {
    let list = List { path: routes::ADMIN_TOKENS, params, filters: &FILTERS };
    let empty = Params::default();
    let whole = List { params: &empty, ..list };
    let tokens = &console.admin.tokens;
    let found = async {
        let asked = list.read::<TokenList>()?;
        if table::as_file(params) {
            return Ok::<_, Refusal>(Err(as_file(console, asked).await?));
        }
        Ok(Ok(tokens.list(&asked).await?))
    };
    let (list, part, refused) = match found.await {
        Ok(Ok(part)) => (list, part, None),
        Ok(Err(file)) => return file,
        // A list that cannot be asked for is answered with the whole one.
        Err(refusal) if Refusal::kind(&refusal) == Kind::Invalid => {
            let part = async { tokens.list(&whole.read()?).await };
            match part.await {
                Ok(part) => (whole, part, Some(refusal)),
                Err(refusal) => return oops(&refusal).draw(&console.web),
            }
        }
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let (status, error) = match refused {
        Some(refusal) => (StatusCode::BAD_REQUEST, Some(Alert::unanswered(&refusal))),
        None => (say.status, say.error),
    };
    let choices =
        vec![("active", text::console_token_active()), ("ended", text::admin_tokens_ended())];
    let state = Filter { name: "state", label: text::console_any_state(), choices };
    let csrf = console.web.csrf(&administrator.0.browser, "tokens");
    let search = (text::console_search_tokens(), vec![state]);
    let now = console.clock.now();
    let table = Table::new(&list, &part, search, columns(), |token| line(token, now));
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "tokens",
        message: say.message,
        error,
        table: table.with_actions(csrf, vec![("revoke", text::common_revoke())]),
    };
    draw(status, &page)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show(&console, &administrator, &params, Say::default()).await
}

/// Revokes the selected tokens once the administrator confirmed it.
pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "tokens", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    if params.get("do") != Some("revoke") {
        return ErrorPage::incomplete("do").draw(&console.web);
    }
    let keys = table::selected(&params);
    if !keys.is_empty() && !sure::is_sure(&params) {
        let question = Question {
            tab: "tokens",
            title: text::console_revoke_tokens(keys.len()),
            effect: text::console_revoke_tokens_effect(),
            objects: keys,
            button: text::common_revoke(),
            action: routes::ADMIN_TOKENS.to_owned(),
            back: routes::ADMIN_TOKENS.to_owned(),
        };
        return sure::ask(&console, &administrator, &params, question);
    }
    let (mut revoked, mut refused) = (0_u64, None);
    for key in keys {
        match console.admin.tokens.revoke(&key).await {
            Ok(()) => revoked += 1,
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    let say = match refused {
        None => Say { message: Some(text::console_tokens_revoked(revoked)), ..Say::default() },
        Some(refusal) => match alert(&console, &refusal) {
            Ok((status, alert)) => Say { status, message: None, error: Some(alert) },
            Err(response) => return response,
        },
    };
    show(&console, &administrator, &Params::default(), say).await
}
