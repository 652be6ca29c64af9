//! A user's conversations with the agent: read and deleted by their user alone (CA49).

use std::collections::HashMap;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_language::{Message, text};
use doorward_model::{AgentChange, ClientId, Conversation, ConversationId, Said, foreign, routes};
use doorward_store::StoreError;
use doorward_transport::Params;

use super::error::ErrorPage;
use crate::{
    Web, filters,
    frame::{Frame, draw_scripted, moment},
    table::{self, Cell, Column, List as TableList, Moves, RowAction, Table, Target},
    visitor::{SignedIn, form},
};

/// The form that deletes conversations.
const FORM: &str = "conversations";
/// The most characters of a title.
const TITLE: usize = 80;

#[derive(Template)]
#[template(path = "talks.html")]
struct List {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    done: Option<Message>,
    table: Table,
}

#[derive(Template)]
#[template(path = "talk.html")]
struct One {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    row: Row,
    said: Option<Vec<Said>>,
}

/// A conversation, as the list shows it.
struct Row {
    id: String,
    /// The identifier in a query.
    query: String,
    title: String,
    program: String,
    at: String,
    expires: String,
    /// The URL of its place in a chat.
    place: Option<String>,
}

/// The names of the programs through which conversations began, by their identifiers.
async fn programs(
    web: &Web,
    signed_in: &SignedIn,
    all: &[Conversation],
) -> Result<HashMap<String, String>, StoreError> {
    let store = &web.services.store;
    let tokens = store.access_tokens_of(&signed_in.visitor.user.id).await?;
    let mut names: HashMap<String, String> =
        tokens.into_iter().map(|token| (token.id.to_string(), token.name)).collect();
    for one in all {
        if !names.contains_key(&one.program)
            && let Some(client) = store.client(&ClientId::from_text(one.program.clone())).await?
        {
            names.insert(one.program.clone(), client.name.clone());
        }
    }
    Ok(names)
}

fn row(one: &Conversation, said: Option<&[Said]>, names: &HashMap<String, String>) -> Row {
    let asked = said.and_then(|said| said.iter().find(|one| one.by_user));
    let title = asked.map(|asked| foreign::line(&asked.text, TITLE).into_owned());
    let unknown = || text::talks_unknown_program().to_string();
    Row {
        id: one.id.to_string(),
        query: url::form_urlencoded::byte_serialize(one.id.as_str().as_bytes()).collect(),
        title: title
            .filter(|title| !title.trim().is_empty())
            .unwrap_or_else(|| text::talks_untitled().to_string()),
        program: names.get(&one.program).cloned().unwrap_or_else(unknown),
        at: moment(one.updated_at),
        expires: moment(one.expires_at),
        place: foreign::https_link(&one.origin).map(|url| url.to_string()),
    }
}

/// The list of conversations.
fn table(params: &Params, rows: Vec<Row>, csrf: &str) -> Table {
    let list = TableList::new(routes::ACCOUNT_CONVERSATIONS, params, &[]);
    let listed = list.of_all(rows, |row| row.id.clone());
    let heads = [
        text::talks_one(),
        text::talks_program(),
        text::talks_last(),
        text::talks_deletion(),
        text::account_actions(),
    ];
    let line = |row: &Row| {
        let place = row.place.clone().map(|url| {
            let named = text::talks_place_of(row.title.clone());
            RowAction::elsewhere(text::talks_place(), named, url)
        });
        let fields = [("csrf", csrf), ("conversation", &row.id), ("do", "delete")];
        let delete = RowAction::form(
            text::talks_delete(),
            text::talks_delete_of(row.title.clone()),
            routes::ACCOUNT_CONVERSATIONS,
            fields.map(|(name, value)| (name, value.to_owned())).to_vec(),
        );
        let path = format!("{}?conversation={}", routes::ACCOUNT_CONVERSATIONS, row.query);
        let cells = [
            Cell::Text(row.program.clone()),
            Cell::Time(row.at.clone()),
            Cell::Time(row.expires.clone()),
            Cell::Actions(place.into_iter().chain([delete]).collect()),
        ];
        table::Row::linked(row.id.clone(), row.title.clone(), Target::page(path), cells)
    };
    Table::new(&list, &listed, heads.map(Column::plain).into(), line)
        .with_heading(text::talks_all(), Some(text::talks_explained()))
        .with_moves(Moves::of(text::talks_none()))
}

async fn list(
    web: &Web,
    signed_in: &SignedIn,
    params: &Params,
    done: Option<Message>,
) -> Result<Response, StoreError> {
    let (user_id, now) = (&signed_in.visitor.user.id, web.services.clock.now());
    let all = web.services.store.conversations(user_id, now).await?;
    let names = programs(web, signed_in, &all).await?;
    let master = &web.services.master;
    let rows = all.iter().map(|one| {
        let said = master.open_conversation(&one.id, &one.body);
        row(one, said.as_deref(), &names)
    });
    let csrf = web.csrf(&signed_in.browser, FORM);
    let page = List {
        table: table(params, rows.collect(), &csrf),
        frame: web.frame(Some(&signed_in.browser)),
        tab: FORM,
        csrf,
        done,
    };
    Ok(draw_scripted(StatusCode::OK, &page))
}

/// The page of one conversation; `None` if this user has no such one.
async fn one(
    web: &Web,
    signed_in: &SignedIn,
    id: &ConversationId,
) -> Result<Option<Response>, StoreError> {
    let (user_id, now) = (&signed_in.visitor.user.id, web.services.clock.now());
    let found = web.services.store.conversation(user_id, id, now).await?;
    let Some(found) = found else { return Ok(None) };
    let said = web.services.master.open_conversation(&found.id, &found.body);
    let names = programs(web, signed_in, std::slice::from_ref(&found)).await?;
    let page = One {
        row: row(&found, said.as_deref(), &names),
        said,
        frame: web.frame(Some(&signed_in.browser)),
        tab: FORM,
        csrf: web.csrf(&signed_in.browser, FORM),
    };
    Ok(Some(draw_scripted(StatusCode::OK, &page)))
}

fn drawn(web: &Web, shown: Result<Option<Response>, StoreError>) -> Response {
    match shown {
        Ok(Some(response)) => response,
        Ok(None) => ErrorPage::not_found().draw(web),
        Err(error) => ErrorPage::unavailable(&error).draw(web),
    }
}

/// The list, or the conversation that the query names.
pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn, request: Request) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let shown = match params.get("conversation") {
        Some(id) => one(&web, &signed_in, &ConversationId::from_text(id)).await,
        None => list(&web, &signed_in, &params, None).await.map(Some),
    };
    drawn(&web, shown)
}

/// Deletes one conversation of the user's, or all of them.
pub(crate) async fn post(
    State(web): State<Web>,
    signed_in: SignedIn,
    request: Request<Body>,
) -> Response {
    let params = match form(&web, &signed_in.browser, FORM, request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let user_id = signed_in.visitor.user.id.clone();
    let (change, done) = match (params.get("do"), params.get("conversation")) {
        (Some("delete-all"), _) => (AgentChange::ForgetAll(user_id), text::talks_all_deleted()),
        (Some("delete"), Some(id)) => {
            let id = ConversationId::from_text(id);
            (AgentChange::Forget { user_id, id }, text::talks_deleted())
        }
        (Some("delete"), None) => return ErrorPage::incomplete("conversation").draw(&web),
        _ => return ErrorPage::incomplete("do").draw(&web),
    };
    let shown = match web.services.store.apply(change).await {
        Ok(()) => list(&web, &signed_in, &Params::default(), Some(done)).await.map(Some),
        Err(StoreError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    };
    drawn(&web, shown)
}
