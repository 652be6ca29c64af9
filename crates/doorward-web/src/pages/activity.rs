//! The user's own part of the audit: acts by the user and about the user.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_audit::{AuditRow, RecentEntries, lately};
use doorward_language::text;
use doorward_model::{Listed, routes};
use doorward_store::StoreError;
use doorward_transport::Params;

use super::error::ErrorPage;
use crate::{
    Web, filters,
    frame::{Frame, draw_scripted},
    table::{List, Table, entries},
    visitor::SignedIn,
};

/// Maximum number of lines that a page has.
const LINES: u64 = 50;

#[derive(Template)]
#[template(path = "activity.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    table: Table,
}

#[derive(Template)]
#[template(path = "activity_entry.html")]
struct EntryPage {
    frame: Frame,
    tab: &'static str,
    row: AuditRow,
}

/// The path of the page of an entry.
pub(super) fn path_of(seq: i64) -> String {
    format!("{}?entry={seq}", routes::ACCOUNT_ACTIVITY)
}

/// The entry with this number, if it concerns the user.
async fn entry(web: &Web, signed_in: &SignedIn, seq: i64) -> Result<Option<AuditRow>, StoreError> {
    let user = &signed_in.visitor.user.id;
    let found = lately(&web.services.store, user, Some(seq.saturating_add(1)), 1).await?;
    Ok(found.rows.into_iter().find(|row| row.seq == seq))
}

/// The list of the entries before `after`.
async fn listed(web: &Web, signed_in: &SignedIn, params: &Params) -> Result<Table, StoreError> {
    let list = List::new(routes::ACCOUNT_ACTIVITY, params, &[]);
    let before = list.get("after").parse().ok();
    let limit = list.get("limit").parse().unwrap_or(LINES).clamp(1, LINES);
    let user = &signed_in.visitor.user.id;
    let RecentEntries { rows, before: next } =
        lately(&web.services.store, user, before, limit).await?;
    let listed = Listed {
        rows,
        total: 0,
        skipped: 0,
        next: next.map(|seq| seq.to_string()),
        // From any other part, the newest entries are one link away.
        previous: before.map(|_: i64| String::new()),
    };
    Ok(entries::table(&list, &listed, path_of))
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn, request: Request) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let frame = web.frame(Some(&signed_in.browser));
    let shown = match params.get("entry").map(str::parse) {
        Some(Ok(seq)) => entry(&web, &signed_in, seq).await.map(|found| {
            found.map(|row| {
                draw_scripted(StatusCode::OK, &EntryPage { frame, tab: "activity", row })
            })
        }),
        Some(Err(_)) => Ok(None),
        None => listed(&web, &signed_in, &params).await.map(|table| {
            Some(draw_scripted(StatusCode::OK, &Page { frame, tab: "activity", table }))
        }),
    };
    match shown {
        Ok(Some(response)) => response,
        Ok(None) => ErrorPage::not_found().draw(&web),
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}
