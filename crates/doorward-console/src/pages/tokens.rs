//! The administrators' list of personal access tokens and service tokens.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{Listed, Refusal, TokenList};
use doorward_language::{Message, text};
use doorward_model::{AccessToken, Timestamp, User, routes};
use doorward_transport::Params;
use doorward_web::table::{self, Badge, Cell, Column, Filter, Row};
use doorward_web::{ErrorPage, Frame, filters, form, moment};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        list::{self, Feedback, ListView, Parts, Rows},
        sure::{self, Question},
    },
};

#[derive(Template)]
#[template(path = "admin_tokens.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    parts: Parts,
}

/// The access tokens, as of a moment.
struct TokenRows(Timestamp);

impl Rows for TokenRows {
    type Query = TokenList;
    type Row = (AccessToken, Option<User>);

    const TAB: &'static str = "tokens";
    const NAME: &'static str = "tokens";
    const FILTERS: &'static [&'static str] = &["state"];

    fn path(&self) -> String {
        routes::ADMIN_TOKENS.to_owned()
    }

    fn title(&self) -> Message {
        text::console_tokens()
    }

    fn none(&self) -> Message {
        text::console_tokens_none()
    }

    fn first(&self) -> Option<(String, Message)> {
        Some((routes::ACCOUNT_TOKENS.to_owned(), text::tokens_create()))
    }

    fn search(&self) -> Option<Message> {
        Some(text::console_search_tokens())
    }

    fn filters(&self) -> Vec<Filter> {
        let choices =
            vec![("active", text::console_token_active()), ("ended", text::admin_tokens_ended())];
        vec![Filter::choice("state", text::console_any_state(), choices)]
    }

    fn columns(&self) -> Vec<Column> {
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

    fn line(&self, (token, user): &(AccessToken, Option<User>)) -> Row {
        let live = token.is_live(self.0);
        let state = if live { text::console_token_active() } else { text::admin_tokens_ended() };
        let owner =
            user.as_ref().map_or_else(|| token.user_id.to_string(), |one| one.name.to_string());
        let path = routes::ADMIN_USER.replace("{user}", token.user_id.as_str());
        let last_use = token.last_used_at.map_or_else(|| text::common_never().to_string(), moment);
        let cells = vec![
            Cell::Text(token.name.clone()),
            Cell::Link { path, label: owner, below: String::new() },
            Cell::Text(token.scopes.to_string()),
            Cell::Time(moment(token.created_at)),
            Cell::Time(last_use),
            Cell::Time(moment(token.expires_at)),
            Cell::Badges(vec![Badge::new(state, live)]),
        ];
        Row::new(token.id.to_string(), token.name.clone(), cells)
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        vec![("revoke", text::common_revoke())]
    }

    async fn part(
        &self,
        console: &Console,
        asked: TokenList,
    ) -> Result<Listed<(AccessToken, Option<User>)>, Refusal> {
        console.admin.tokens.list(&asked).await
    }
}

/// Shows the list that `params` ask for.
async fn show(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    let rows = TokenRows(console.clock.now());
    match list::parts(console, administrator, &rows, params, feedback).await {
        Ok(ListView { status, parts, rows: _ }) => {
            let frame = console.web.frame(Some(&administrator.0.browser));
            draw(status, &Page { frame, tab: "tokens", parts })
        }
        Err(response) => response,
    }
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show(&console, &administrator, &params, Feedback::default()).await
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
            effects: vec![text::console_revoke_tokens_effect()],
            objects: keys,
            button: text::common_revoke(),
            action: routes::ADMIN_TOKENS.to_owned(),
            back: routes::ADMIN_TOKENS.to_owned(),
        };
        return sure::ask(&console, &administrator, &params, question);
    }
    let (mut revoked, mut refused) = (Vec::new(), None);
    for key in keys {
        match console.admin.tokens.revoke(&key).await {
            Ok(()) => revoked.push(key),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match Feedback::of_several(&console, text::console_tokens_revoked(revoked.len()), refused) {
        Ok(feedback) => {
            let list = table::returned(&params);
            show(&console, &administrator, &list, feedback.about(revoked)).await
        }
        Err(response) => response,
    }
}
