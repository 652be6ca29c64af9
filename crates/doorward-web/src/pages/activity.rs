//! The user's own part of the audit: acts by the user and about the user.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_audit::{AuditRow, RecentEntries, lately};
use doorward_language::text;
use doorward_transport::Params;

use super::error::ErrorPage;
use crate::{
    Web, filters,
    frame::{Frame, draw_scripted},
    visitor::SignedIn,
};

/// Number of lines that a page has.
const LINES: u64 = 50;

#[derive(Template)]
#[template(path = "activity.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    rows: Vec<AuditRow>,
    next: Option<i64>,
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn, request: Request) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let before = params.get("before").and_then(|before| before.parse().ok());
    match lately(&web.services.store, &signed_in.visitor.user.id, before, LINES).await {
        Ok(RecentEntries { rows, before: next }) => {
            let frame = web.frame(Some(&signed_in.browser));
            draw_scripted(StatusCode::OK, &Page { frame, tab: "activity", rows, next })
        }
        Err(error) => ErrorPage::unavailable(&error).draw(&web),
    }
}
