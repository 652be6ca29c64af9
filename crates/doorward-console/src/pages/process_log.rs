//! The newest lines of the processes of an upstream, on its page, and their news.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use doorward_admin::Refusal;
use doorward_gateway::Upstream;
use doorward_model::{AuditSubject, routes};
use doorward_web::moment;

use crate::{Console, pages::Administrator, refusals::oops};

/// The log of the processes of an upstream.
pub(super) struct ProcessLogView {
    /// The path of its news.
    pub(super) news: String,
    /// The lines, the oldest first.
    pub(super) lines: Vec<LineView>,
}

/// A line, with its time.
pub(super) struct LineView {
    pub(super) at: String,
    pub(super) text: String,
}

/// The log of an upstream; `None` for one without processes.
pub(super) fn of(upstream: &Upstream) -> Option<ProcessLogView> {
    let lines = upstream.process_lines()?.into_iter();
    Some(ProcessLogView {
        news: routes::of_upstream(routes::ADMIN_UPSTREAM_LOG, upstream.name),
        lines: lines.map(|line| LineView { at: moment(line.at), text: line.text }).collect(),
    })
}

/// News of the log, for its open page.
pub(crate) async fn news(
    State(console): State<Arc<Console>>,
    _: Administrator,
    Path(name): Path<String>,
) -> Response {
    match console.admin.upstreams.named(&name).await {
        Ok(upstream) if upstream.process_lines().is_some() => {
            console.news.open(upstream.process_news())
        }
        Ok(_) => oops(&Refusal::missing(AuditSubject::Upstream, &name)).draw(&console.web),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}
