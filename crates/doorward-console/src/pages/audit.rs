//! The audit: searched, exported, and the recorded calls.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{CallRecord, Listed, Refusal};
use doorward_audit::{AuditRow, AuditSearch, AuditSearchError, Format, Names};
use doorward_language::{Message, audit_kind, text};
use doorward_model::{AuditEntry, AuditFilter, AuditKind, Timestamp, audit::present_form, routes};
use doorward_store::{Store, StoreError};
use doorward_transport::Params;
use doorward_web::{
    ErrorPage, Frame, draw_following, filters,
    table::{Column, Filter, List, Moves, Row, Table, entries},
};
use serde::Deserialize;
use time::{Date, macros::format_description};

use crate::{
    Console,
    pages::{
        Administrator, draw,
        list::{self, Feedback, ListView, Parts, Rows},
    },
    refusals::{Alert, oops},
};

/// Number of lines of a page without a parameter.
const LINES: u64 = 50;
/// The filters of a search.
const FILTERS: [&str; 13] = [
    "user", "client", "kind", "outcome", "tool", "upstream", "subject", "grant", "session",
    "token", "address", "since", "until",
];
/// Filters with identifiers, to which the page of an entry leads. They are shown where they are set.
const LINKED: [&str; 3] = ["grant", "session", "token"];
/// The parameter of the text that is searched for.
const SEARCH: &str = "search";

#[derive(Template)]
#[template(path = "admin_audit.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    parts: Parts,
    /// The path of the news of this search, on the part with the newest entries.
    news: Option<String>,
}

/// The search, as it was typed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct EntryQuery {
    user: String,
    client: String,
    kind: String,
    outcome: String,
    tool: String,
    upstream: String,
    subject: String,
    grant: String,
    session: String,
    token: String,
    address: String,
    search: String,
    since: String,
    until: String,
    limit: Option<u64>,
    /// Entries older than this one.
    after: Option<String>,
}

impl list::ListQuery for EntryQuery {
    fn after(self, limit: u64, after: Option<String>) -> Self {
        Self { limit: Some(limit), after, ..self }
    }
}

/// The path of the page of an entry.
fn path_of(seq: i64) -> String {
    routes::ADMIN_AUDIT_ENTRY.replace("{seq}", &seq.to_string())
}

/// The newest entries about something, for its page.
pub(super) struct Newest {
    /// The conditions.
    pub(super) filter: AuditFilter,
    /// The same conditions, as the query of the page with all of them.
    pub(super) query: (&'static str, String),
    /// Number of entries.
    pub(super) rows: u64,
    /// The heading.
    pub(super) title: Message,
}

/// The list of the newest entries about something, with the link to all of them.
pub(super) async fn newest(store: &Store, asked: Newest) -> Result<Table, StoreError> {
    let Newest { filter, query: (name, value), rows, title } = asked;
    let found = store.audit(&filter, None, rows).await?;
    let names = Names::of(store, &found.entries).await?;
    let rows = found.entries.iter().map(|entry| names.row(entry)).collect();
    let listed = Listed { rows, total: 0, skipped: 0, next: None, previous: None };
    let params = Params::default();
    let list = List::among(routes::ADMIN_AUDIT, &params, "lately");
    let table = entries::table(&list, &listed, path_of);
    let mut all = url::form_urlencoded::Serializer::new(String::new());
    all.append_pair(name, &value);
    let all = format!("{}?{}", routes::ADMIN_AUDIT, all.finish());
    Ok(table.with_heading(title, None).with_more((all, text::admin_user_all_activity())))
}

/// The families of events and the events, for a choice.
fn kinds() -> Vec<(&'static str, Message)> {
    AuditKind::ALL.iter().map(|(kind, stored)| (*stored, audit_kind(*kind))).collect()
}

/// The entries of the audit, the newest first.
struct EntryRows {
    /// The conditions, for links to files.
    query: String,
    /// The filters of [`LINKED`] that are set.
    linked: Vec<&'static str>,
}

impl Rows for EntryRows {
    type Query = EntryQuery;
    type Row = AuditRow;

    const TAB: &'static str = "audit";
    const NAME: &'static str = "audit";
    const FILTERS: &'static [&'static str] = &FILTERS;
    const COUNTED: bool = false;

    fn path(&self) -> String {
        routes::ADMIN_AUDIT.to_owned()
    }

    fn title(&self) -> Message {
        text::admin_audit()
    }

    fn search(&self) -> Option<Message> {
        Some(text::admin_audit_search())
    }

    fn filters(&self) -> Vec<Filter> {
        let linked = |name: &&'static str| {
            let label = match *name {
                "grant" => text::audit_fact_grant(),
                "session" => text::audit_fact_session(),
                _ => text::audit_fact_token(),
            };
            Filter::text(name, label)
        };
        let outcomes = vec![
            ("ok", text::audit_outcome_ok()),
            ("refused", text::audit_outcome_refused()),
            ("failed", text::audit_outcome_failed()),
        ];
        let mut filters = vec![
            Filter::text("user", text::admin_audit_user()),
            Filter::choice("kind", text::admin_audit_kind(), kinds()).with_families(),
            Filter::choice("outcome", text::admin_audit_outcome(), outcomes),
            Filter::text("tool", text::admin_audit_tool()),
            Filter::text("upstream", text::admin_audit_upstream()),
            Filter::text("client", text::console_client_id()),
            Filter::text("subject", text::admin_audit_subject()),
            Filter::text("address", text::audit_fact_address()),
            Filter::day("since", text::admin_audit_from()),
            Filter::day("until", text::admin_audit_to()),
        ];
        filters.extend(self.linked.iter().map(linked));
        filters
    }

    fn columns(&self) -> Vec<Column> {
        entries::columns()
    }

    fn line(&self, row: &AuditRow) -> Row {
        entries::row(row, path_of(row.seq))
    }

    /// The files have every fact of every entry.
    fn files(&self, _: &List<'_>) -> Vec<(String, Message)> {
        let file =
            |format: &str| format!("{}?format={format}&{}", routes::ADMIN_AUDIT_EXPORT, self.query);
        vec![(file("jsonl"), text::admin_audit_json()), (file("csv"), text::admin_audit_csv())]
    }

    /// A search that found few entries in the part that it looked through goes on further back.
    fn moves(&self, listed: &Listed<AuditRow>, _: bool) -> Moves {
        let stretched = listed.rows.is_empty() && listed.next.is_some();
        let (none, next) = if stretched {
            (text::admin_audit_none_in_range(), text::admin_audit_search_further())
        } else {
            (text::admin_audit_none(), text::common_earlier())
        };
        Moves { none, previous: text::console_newest(), next }
    }

    async fn part(
        &self,
        console: &Console,
        asked: EntryQuery,
    ) -> Result<Listed<AuditRow>, Refusal> {
        let filter = match filter(console, &asked).await {
            Ok(filter) => filter,
            Err(Ok(told)) => {
                return Err(Refusal::ListParameter(FILTERS.join(", "), told.to_string()));
            }
            Err(Err(error)) => return Err(error.into()),
        };
        let before = asked.after.as_deref().map(|after| {
            let why = "is not the number of an entry".to_owned();
            after.parse::<i64>().map_err(|_| Refusal::ListParameter("after".to_owned(), why))
        });
        let before = before.transpose()?;
        let found = console.store.audit(&filter, before, asked.limit.unwrap_or(LINES)).await?;
        let names = Names::of(&console.store, &found.entries).await?;
        Ok(Listed {
            rows: found.entries.iter().map(|entry| names.row(entry)).collect(),
            total: 0,
            skipped: 0,
            next: found.before.map(|seq| seq.to_string()),
            // From any other part, the newest entries are one link away.
            previous: before.map(|_| String::new()),
        })
    }
}

fn asked(params: &Params) -> EntryQuery {
    let text = |name: &str| {
        params.get(name).unwrap_or_default().trim().chars().take(512).collect::<String>()
    };
    let [
        user,
        client,
        kind,
        outcome,
        tool,
        upstream,
        subject,
        grant,
        session,
        token,
        address,
        since,
        until,
    ] = FILTERS.map(text);
    let (search, limit, after) = (text(SEARCH), None, None);
    EntryQuery {
        user,
        client,
        kind,
        outcome,
        tool,
        upstream,
        subject,
        grant,
        session,
        token,
        address,
        search,
        since,
        until,
        limit,
        after,
    }
}

/// The conditions of a search, for links that go on with it.
fn query(params: &Params) -> String {
    let given = FILTERS.iter().chain([&SEARCH]).filter_map(|name| {
        params.get(name).filter(|value| !value.is_empty()).map(|value| (*name, value))
    });
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish()
}

fn day(typed: &str) -> Result<Option<Timestamp>, Message> {
    if typed.is_empty() {
        return Ok(None);
    }
    let date = Date::parse(typed, format_description!("[year]-[month]-[day]"))
        .map_err(|_| text::input_day(typed))?;
    Ok(Some(Timestamp(date.midnight().assume_utc().unix_timestamp())))
}

/// The conditions for the database. A value that no entry can have is refused, rather than an empty
/// list shown.
async fn filter(
    console: &Console,
    asked: &EntryQuery,
) -> Result<AuditFilter, Result<Message, StoreError>> {
    let asked = asked.clone();
    let since = day(&asked.since).map_err(Ok)?;
    // A day that is named as the end is included.
    let until = day(&asked.until).map_err(Ok)?.map(|day| day.plus(86_400));
    let search = AuditSearch {
        user: asked.user,
        client: asked.client,
        kind: asked.kind,
        outcome: asked.outcome,
        tool: asked.tool,
        upstream: asked.upstream,
        subject: asked.subject,
        grant: asked.grant,
        session: asked.session,
        token: asked.token,
        address: asked.address,
        text: asked.search,
    };
    search.filter(&console.store, since, until).await.map_err(|error| {
        Ok(match error {
            AuditSearchError::User(user) => text::console_audit_no_user(user),
            AuditSearchError::Client(client) => text::console_audit_no_client(client),
            AuditSearchError::Kind(kind) => text::console_audit_no_kind(kind),
            AuditSearchError::Outcome(outcome) => text::console_audit_no_outcome(outcome),
            AuditSearchError::Address(address) => text::console_audit_no_address(address),
            AuditSearchError::Text => text::console_audit_long_text(),
            AuditSearchError::Store(error) => return Err(error),
        })
    })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let mut params = Params::from_query(request.uri().query()).unwrap_or_default();
    let mut feedback = Feedback::default();
    // A search that cannot be asked for is answered with all entries and the reason.
    match filter(&console, &asked(&params)).await {
        Ok(_) => {}
        Err(Err(error)) => return ErrorPage::unavailable(&error).draw(&console.web),
        Err(Ok(told)) => {
            feedback = Feedback::refused(Alert::incomplete(told));
            params = Params::default();
        }
    }
    let is_set = |name: &&str| params.get(name).is_some_and(|value| !value.is_empty());
    let linked = LINKED.into_iter().filter(is_set).collect();
    let rows = EntryRows { query: query(&params), linked };
    let is_newest = params.get("after").is_none_or(str::is_empty);
    let news = is_newest.then(|| format!("{}?{}", routes::ADMIN_AUDIT_NEWS, rows.query));
    match list::parts(&console, &administrator, &rows, &params, feedback).await {
        Ok(ListView { status, parts, rows: _ }) => {
            let frame = console.web.frame(Some(&administrator.0.browser));
            draw_following(status, &Page { frame, tab: "audit", parts, news })
        }
        Err(response) => response,
    }
}

/// News of the entries that fit a search, for its open page.
pub(crate) async fn news(
    State(console): State<Arc<Console>>,
    _: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    match filter(&console, &asked(&params)).await {
        Ok(filter) => match doorward_audit::news(console.store.clone(), filter).await {
            Ok(news) => console.news.open(news),
            Err(error) => ErrorPage::unavailable(&error).draw(&console.web),
        },
        Err(Ok(told)) => ErrorPage::bad_form(told).draw(&console.web),
        Err(Err(error)) => ErrorPage::unavailable(&error).draw(&console.web),
    }
}

pub(crate) async fn export(
    State(console): State<Arc<Console>>,
    _: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    match filter(&console, &asked(&params)).await {
        Ok(filter) => {
            let format = match params.get("format").map(Format::parse) {
                None => Format::JsonLines,
                Some(Some(format)) => format,
                Some(None) => {
                    return ErrorPage::bad_form(text::input_no_format()).draw(&console.web);
                }
            };
            match doorward_audit::http::file(console.store.clone(), filter, format).await {
                Ok(response) => response,
                Err(error) => ErrorPage::unavailable(&error).draw(&console.web),
            }
        }
        Err(Ok(told)) => ErrorPage::bad_form(told).draw(&console.web),
        Err(Err(error)) => ErrorPage::unavailable(&error).draw(&console.web),
    }
}

#[derive(Template)]
#[template(path = "admin_entry.html")]
struct EntryPage {
    frame: Frame,
    tab: &'static str,
    row: AuditRow,
    /// Searches for entries with the same user, client, subject or tool: the name of the condition,
    /// and the query.
    same: Vec<(Message, String)>,
}

/// Searches for entries that have something in common with one.
fn same(entry: &AuditEntry) -> Vec<(Message, String)> {
    let (event, actor) = (&entry.event, &entry.event.actor);
    let call = event.call.as_deref();
    let conditions = [
        (text::admin_audit_user(), "user", actor.user_id.clone()),
        (text::common_client(), "client", actor.client_id.clone()),
        (text::admin_audit_subject(), "subject", Some(event.subject.clone())),
        (text::admin_audit_tool(), "tool", call.map(|call| call.tool.clone())),
        (text::admin_audit_upstream(), "upstream", call.map(|call| call.upstream.clone())),
        (text::admin_audit_kind(), "kind", Some(event.kind.to_string())),
        (text::audit_fact_grant(), "grant", actor.grant_id.clone()),
        (text::audit_fact_session(), "session", actor.session_id.clone()),
        (text::audit_fact_token(), "token", actor.token_id.clone()),
        (text::audit_fact_address(), "address", Some(event.address.clone())),
    ];
    conditions
        .into_iter()
        .filter_map(|(label, name, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair(name, &present_form(&value))
                .finish();
            Some((label, query))
        })
        .collect()
}

/// One entry, with everything that is recorded of it.
pub(crate) async fn entry(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(seq): Path<String>,
) -> Response {
    let Ok(seq) = seq.parse::<i64>() else { return ErrorPage::not_found().draw(&console.web) };
    let found = async {
        let Some(entry) = console.store.audit_entry(seq).await? else { return Ok(None) };
        let names = Names::of(&console.store, std::slice::from_ref(&entry)).await?;
        Ok::<_, StoreError>(Some((names.row(&entry), same(&entry))))
    };
    match found.await {
        Ok(Some((row, same))) => {
            let frame = console.web.frame(Some(&administrator.0.browser));
            draw(StatusCode::OK, &EntryPage { frame, tab: "audit", row, same })
        }
        Ok(None) => ErrorPage::not_found().draw(&console.web),
        Err(error) => ErrorPage::unavailable(&error).draw(&console.web),
    }
}

#[derive(Template)]
#[template(path = "admin_record.html")]
struct Record {
    frame: Frame,
    tab: &'static str,
    arguments: String,
    result: String,
}

/// Recorded arguments and result: for the role auditor; for other users there is no such page.
pub(crate) async fn record(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(id): Path<String>,
) -> Response {
    let reader = &administrator.0.visitor.user;
    match console.admin.records.read(reader, &id).await {
        Ok(CallRecord { arguments, result }) => draw(
            StatusCode::OK,
            &Record {
                frame: console.web.frame(Some(&administrator.0.browser)),
                tab: "audit",
                arguments,
                result,
            },
        ),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}
