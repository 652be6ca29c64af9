//! What a person did, and what was done about them: their own part of the audit.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_model::{AuditFilter, UserId};
use doorward_store::StoreError;
use doorward_transport::Params;

use super::error::Oops;
use crate::{
    Web,
    audit_row::{AuditRow, Names},
    frame::{Frame, draw},
    language::filters,
    visitor::SignedIn,
};

/// How many lines a page has.
const LINES: u64 = 50;

#[derive(Template)]
#[template(path = "activity.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    rows: Vec<AuditRow>,
    next: Option<i64>,
}

/// The last things that concern a person.
pub(crate) async fn lately(
    web: &Web,
    user_id: &UserId,
    before: Option<i64>,
    limit: u64,
) -> Result<(Vec<AuditRow>, Option<i64>), StoreError> {
    let filter = AuditFilter { concerns: Some(user_id.to_string()), ..AuditFilter::default() };
    let page = web.parts.store.audit(&filter, before, limit).await?;
    let names = Names::of(&web.parts.store, &page.entries).await?;
    Ok((page.entries.iter().map(|entry| names.row(entry)).collect(), page.before))
}

pub(crate) async fn get(State(web): State<Web>, signed_in: SignedIn, request: Request) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let before = params.get("before").and_then(|before| before.parse().ok());
    match lately(&web, &signed_in.visitor.person.id, before, LINES).await {
        Ok((rows, next)) => draw(
            StatusCode::OK,
            &Page { frame: web.frame(Some(&signed_in.browser)), tab: "activity", rows, next },
            false,
        ),
        Err(error) => Oops::unavailable(&error).draw(&web),
    }
}
