//! The tools of all upstreams that wait for a decision, with what changed and what is suspicious in
//! their texts, and decisions about several of them.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{
    ApprovalList, Decision, Listed, Refusal, ReviewState, ToolVersion, WaitingTool,
};
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::Params;
use doorward_web::table::{self, Cell, Column, Filter, Row};
use doorward_web::{ErrorPage, Frame, filters, form};

use crate::{
    Console,
    findings::review_state,
    pages::{
        Administrator, draw,
        list::{self, Feedback, ListView, Parts, Rows},
        reviewed::{Tool, tool, tool_row, tools_decided},
    },
    refusals::oops,
};

/// Maximum number of characters of differences that the page shows at once.
const DIFFERENCES: usize = 40_000;

#[derive(Template)]
#[template(path = "approvals.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    parts: Parts,
    /// The tools of the list that changed or have warnings.
    notable: Vec<NotableTool>,
    /// The number of such tools that the page has no room for.
    more: usize,
    /// The number of clients that wait, where clients are approved.
    clients: u64,
}

/// A tool with its differences and warnings.
struct NotableTool {
    service: String,
    path: String,
    tool: Tool,
}

/// The tools that wait.
struct WaitingRows;

impl Rows for WaitingRows {
    type Query = ApprovalList;
    type Row = WaitingTool;

    const TAB: &'static str = "approvals";
    const NAME: &'static str = "approvals";
    const FILTERS: &'static [&'static str] = &["state"];

    fn path(&self) -> String {
        routes::ADMIN_APPROVALS.to_owned()
    }

    fn title(&self) -> Message {
        text::console_approvals()
    }

    fn search(&self) -> Option<Message> {
        Some(text::console_search_tools())
    }

    fn filters(&self) -> Vec<Filter> {
        let states = [ReviewState::Waiting, ReviewState::Changed];
        let choices = states.map(|state| (state.as_str(), review_state(state))).into();
        vec![Filter::choice("state", text::console_any_state(), choices)]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::plain(text::admin_audit_tool()),
            Column::plain(text::console_service()),
            Column::plain(text::admin_tool_class()),
            Column::plain(text::console_tool_description()),
            Column::plain(text::common_state()),
        ]
    }

    fn line(&self, waiting: &WaitingTool) -> Row {
        let WaitingTool { upstream, tool } = waiting;
        let service = Some(Cell::Text(upstream.title.clone()));
        tool_row(waiting.key(), place(waiting), service, tool)
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        vec![("approve", text::admin_client_approve()), ("reject", text::admin_tool_reject())]
    }

    fn none(&self) -> Message {
        text::console_approvals_none()
    }

    async fn part(
        &self,
        console: &Console,
        asked: ApprovalList,
    ) -> Result<Listed<WaitingTool>, Refusal> {
        console.admin.upstreams.list_waiting(&asked).await
    }
}

/// The path of the tool on the page of its upstream.
fn place(waiting: &WaitingTool) -> String {
    let path = routes::ADMIN_UPSTREAM.replace("{upstream}", waiting.upstream.name.as_str());
    let tool = waiting.tool.pin.tool.as_bytes();
    format!("{path}?tool={}", url::form_urlencoded::byte_serialize(tool).collect::<String>())
}

/// The tools with changes or warnings, as far as there is room, and the number of the others.
fn notable(rows: Vec<WaitingTool>) -> (Vec<NotableTool>, usize) {
    let (mut notable, mut more, mut room) = (Vec::new(), 0, DIFFERENCES);
    let is_notable = |row: &WaitingTool| {
        !row.tool.warnings.is_empty() || row.tool.state() == ReviewState::Changed
    };
    for row in rows.into_iter().filter(is_notable) {
        let differences = row.tool.differences.iter();
        let size: usize = differences.map(|one| one.before.len() + one.after.len()).sum();
        if size > room {
            more += 1;
            continue;
        }
        room -= size;
        let (service, path) = (row.upstream.title.clone(), place(&row));
        notable.push(NotableTool { service, path, tool: tool(row.tool) });
    }
    (notable, more)
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    let ListView { status, parts, rows } =
        match list::parts(console, administrator, &WaitingRows, params, feedback).await {
            Ok(shown) => shown,
            Err(response) => return response,
        };
    let clients = match console.admin.overviews.clients_waiting().await {
        Ok(clients) => clients,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let frame = console.web.frame(Some(&administrator.0.browser));
    let (notable, more) = notable(rows);
    draw(status, &Page { frame, tab: "approvals", parts, notable, more, clients })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show(&console, &administrator, &params, Feedback::default()).await
}

/// Decides about the selected tools, each in the state in which it was shown.
pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "approvals", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let decision = match params.get("do") {
        Some("approve") => Decision::Approve,
        Some("reject") => Decision::Reject,
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    };
    let mut keys = table::selected(&params);
    let seen = keys.iter().filter_map(|key| {
        let (upstream, tool) = key.split_once('/')?;
        let seen = params.get(&format!("row-{key}"))?;
        Some((ToolVersion { upstream, tool, seen: Some(seen) }, decision))
    });
    let by = administrator.0.visitor.user.name.as_str();
    let outcome = console.admin.upstreams.decide_all(&seen.collect::<Vec<_>>(), by).await;
    let decided = usize::try_from(outcome.decided).unwrap_or(usize::MAX);
    let message = tools_decided(decision, decided);
    keys.retain(|key| {
        let is_of = |(upstream, tool): (&String, &String)| *key == format!("{upstream}/{tool}");
        !outcome.refused.iter().any(|(upstream, tool, _)| is_of((upstream, tool)))
    });
    let refused = outcome.refused.into_iter().next().map(|(_, _, refusal)| refusal);
    match Feedback::of_several(&console, message, refused) {
        Ok(feedback) => {
            let list = table::returned(&params);
            show(&console, &administrator, &list, feedback.about(keys)).await
        }
        Err(response) => response,
    }
}
