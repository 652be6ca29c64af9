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
    ApprovalList, Decision, Listed, Refusal, ReviewState, ToolVersion, WaitingTool, tool_etag,
};
use doorward_language::{Message, text};
use doorward_model::{foreign, routes};
use doorward_transport::Params;
use doorward_web::{ErrorPage, Frame, filters, form};

use crate::{
    Console,
    findings::{review_state, tool_class},
    pages::{
        Administrator, draw,
        list::{self, Parts, Rows, Say},
        reviewed::{Tool, tool},
        table::{self, Cell, Column, Filter, Row},
    },
    refusals::oops,
};

/// The most characters of differences that the page shows at once.
const DIFFERENCES: usize = 40_000;

#[derive(Template)]
#[template(path = "approvals.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    parts: Parts,
    /// The tools of the list that changed or have warnings.
    shown: Vec<Shown>,
    /// The number of such tools that the page has no room for.
    more: usize,
    /// The number of clients that wait, where clients are approved.
    clients: u64,
}

/// A tool with its differences and warnings.
struct Shown {
    service: String,
    path: String,
    tool: Tool,
}

/// The tools that wait.
struct WaitingRows;

impl Rows for WaitingRows {
    type Asked = ApprovalList;
    type Row = WaitingTool;

    const PATH: &'static str = routes::ADMIN_APPROVALS;
    const TAB: &'static str = "approvals";
    const NAME: &'static str = "approvals";
    const FILTERS: &'static [&'static str] = &["state"];

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
        let name = foreign::escaped(&tool.pin.tool).into_owned();
        let mut states = vec![(review_state(tool.state()), false)];
        if !tool.warnings.is_empty() {
            states.push((text::console_tool_warnings(tool.warnings.len()), false));
        }
        Row {
            key: waiting.key(),
            value: tool_etag(&tool.pin),
            cells: vec![
                Cell::Link { path: place(waiting), label: name.clone(), below: String::new() },
                Cell::Text(upstream.title.clone()),
                Cell::Text(tool_class(tool.class()).to_string()),
                Cell::Text(foreign::line(&tool.description(), 120).into_owned()),
                Cell::Badges(states),
            ],
            name,
        }
    }

    fn actions(&self) -> Vec<(&'static str, Message)> {
        vec![("approve", text::admin_client_approve()), ("reject", text::admin_tool_reject())]
    }

    fn moves(&self, _: &Listed<WaitingTool>) -> table::Moves {
        table::Moves { none: text::console_approvals_none(), ..table::Moves::default() }
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
fn to_show(rows: Vec<WaitingTool>) -> (Vec<Shown>, usize) {
    let (mut shown, mut more, mut room) = (Vec::new(), 0, DIFFERENCES);
    let notable = |row: &WaitingTool| {
        !row.tool.warnings.is_empty() || row.tool.state() == ReviewState::Changed
    };
    for row in rows.into_iter().filter(notable) {
        let differences = row.tool.differences.iter();
        let size: usize = differences.map(|one| one.before.len() + one.after.len()).sum();
        if size > room {
            more += 1;
            continue;
        }
        room -= size;
        let (service, path) = (row.upstream.title.clone(), place(&row));
        shown.push(Shown { service, path, tool: tool(row.tool) });
    }
    (shown, more)
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    say: Say,
) -> Response {
    let (status, parts, rows) =
        match list::parts(console, administrator, &WaitingRows, params, say).await {
            Ok(shown) => shown,
            Err(response) => return response,
        };
    let clients = match console.admin.overviews.clients_waiting().await {
        Ok(clients) => clients,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let frame = console.web.frame(Some(&administrator.0.browser));
    let (shown, more) = to_show(rows);
    draw(status, &Page { frame, tab: "approvals", parts, shown, more, clients })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    show(&console, &administrator, &params, Say::default()).await
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
    let keys = table::selected(&params);
    let seen = keys.iter().filter_map(|key| {
        let (upstream, tool) = key.split_once('/')?;
        let seen = params.get(&format!("row-{key}"))?;
        Some((ToolVersion { upstream, tool, seen: Some(seen) }, decision))
    });
    let by = administrator.0.visitor.user.name.as_str();
    let outcome = console.admin.upstreams.decide_all(&seen.collect::<Vec<_>>(), by).await;
    let message = match decision {
        Decision::Reject => text::console_tools_rejected(outcome.decided),
        Decision::Approve | Decision::Classify(_) => text::console_tools_approved(outcome.decided),
    };
    let refused = outcome.refused.into_iter().next().map(|(_, _, refusal)| refusal);
    match Say::of_several(&console, message, refused) {
        Ok(say) => show(&console, &administrator, &Params::default(), say).await,
        Err(response) => response,
    }
}
