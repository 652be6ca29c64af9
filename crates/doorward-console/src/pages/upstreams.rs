//! The administrators' page of an upstream: its tools with new ones, changes and warnings; who may
//! use it, who is connected, its settings and its activity.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{
    Decision, Family, Refusal, ReviewState, ReviewedTool, ReviewedUpstream, ToolVersion, Why, waits,
};
use doorward_gateway::{Source, Upstream, UpstreamConfig};
use doorward_language::{Message, text};
use doorward_model::{
    AuditFilter, AuditSubject, Timestamp, ToolClass, UpstreamName, User, foreign, routes,
};
use doorward_transport::{Params, answer};
use doorward_web::table::{self, Cell, Column, Filter, List, Moves, Table, Target};
use doorward_web::{ErrorPage, Frame, draw_following, draw_with_images, filters, form, moment};
use serde_json::Value;

use crate::{
    Console,
    findings::{Check, left_out_reason, review_state},
    pages::{
        Administrator,
        audit::{self, Newest},
        draw_found,
        index::IndexView,
        list::Feedback,
        process_log::{self, ProcessLogView},
        reviewed::{NamedServer, Tool, named_server, tool, tool_row, tools_decided},
        services::{self, Health},
        settings,
        trial::{self, ResultPart, TrialForm, Tried},
        upstream_part::{Part, PartLink},
    },
    refusals::{Alert, oops},
    schema_form::Input,
};

/// Number of tools that wait for a decision and that the page shows whole.
const WAITING: usize = 10;
/// Numbers of connected users and of entries of the audit that the page shows.
const CONNECTED: u64 = 500;
const ENTRIES: u64 = 50;
/// The filters of the tools, and the part of the page, which links keep.
const FILTERS: [&str; 2] = ["state", "part"];

#[derive(Template)]
#[template(path = "upstreams.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    message: Option<Message>,
    error: Option<Alert>,
    /// The results of a test.
    checks: Vec<Check>,
    upstream: Row,
    health: Health,
    part: Part,
    /// The parts of the page.
    parts: Vec<PartLink>,
    /// The path of the page.
    path: String,
    /// The path at which the administrator connects an own account, which lists need.
    connect: Option<String>,
    /// The tools that wait for a decision: the first ones, and the number of the others.
    waiting: Vec<Tool>,
    more_waiting: usize,
    /// The tool that is shown alone.
    tool: Option<Tool>,
    /// The form with which it is tried.
    trial: Option<TrialForm>,
    table: Option<Table>,
    roles: Vec<String>,
    settings: Vec<SettingShown>,
    /// The newest lines of its processes.
    log: Option<ProcessLogView>,
    index: Option<IndexView>,
    takes_uploads: bool,
}

/// A setting that is not the default.
struct SettingShown {
    key: String,
    value: String,
}

struct Row {
    name: String,
    title: String,
    kind: &'static str,
    auth: String,
    enabled: bool,
    /// Its settings can be changed here.
    editable: bool,
    in_file: bool,
    users: u64,
    /// The other authorization server that it names.
    names_another: Option<NamedServer>,
    tools: usize,
    /// The first of the tools that it lists and that are not offered: escaped name and reason.
    left_out: Vec<(String, Message)>,
    left_out_count: usize,
    /// The first of the parts of offered tools that are left out: escaped name and reason.
    parts_left_out: Vec<(String, Message)>,
    parts_left_out_count: usize,
}

/// The upstream without its tools.
fn row(reviewed: &ReviewedUpstream) -> Row {
    let ReviewedUpstream { upstream, tools, left_out, users, trust } = reviewed;
    let named = |list: &[(String, Why)]| {
        list.iter().map(|(name, why)| (name.clone(), left_out_reason(*why))).collect()
    };
    Row {
        name: upstream.name.to_string(),
        title: upstream.title.clone(),
        kind: upstream.kind.name,
        auth: upstream.public_config().auth,
        enabled: upstream.is_enabled(),
        editable: upstream.source != Source::File && !upstream.kind.is_process,
        in_file: upstream.source == Source::File,
        users: *users,
        names_another: trust.clone().and_then(named_server),
        tools: tools.len(),
        left_out: named(left_out.named()),
        left_out_count: left_out.count(),
        parts_left_out: named(left_out.parts()),
        parts_left_out_count: left_out.count_parts(),
    }
}

fn page_of(name: &str) -> String {
    routes::ADMIN_UPSTREAM.replace("{upstream}", name)
}

/// The path at which the administrator connects, where that is missing and possible.
async fn connect_path(
    console: &Console,
    administrator: &Administrator,
    upstream: &Upstream,
) -> Result<Option<String>, Refusal> {
    let user = &administrator.0.visitor.user;
    if !upstream.needs_connection() || !upstream.is_enabled() || !upstream.is_for(user) {
        return Ok(None);
    }
    let connection = console.store.connection(&user.id, upstream.name).await?;
    let is_connected = connection.is_some_and(|connection| connection.tokens.is_some());
    Ok((!is_connected).then(|| routes::of_upstream(routes::CONNECT, upstream.name)))
}

/// The table of the tools that fit. `none` says why there is none.
fn tools_table(list: &List<'_>, tools: Vec<ReviewedTool>, csrf: String, none: Message) -> Table {
    let search = list.get("search").to_lowercase();
    let state = list.get("state");
    let fits = |tool: &ReviewedTool| {
        (search.is_empty()
            || tool.pin.tool.to_lowercase().contains(&search)
            || tool.description().to_lowercase().contains(&search))
            && (state.is_empty() || tool.state().as_str() == state)
    };
    let none = if tools.is_empty() { none } else { text::console_none() };
    let fitting: Vec<ReviewedTool> = tools.into_iter().filter(fits).collect();
    let listed = list.of_all(fitting, |tool| tool.pin.tool.clone());
    let states =
        [ReviewState::Approved, ReviewState::Waiting, ReviewState::Changed, ReviewState::Rejected];
    let choices = states.map(|state| (state.as_str(), review_state(state))).into();
    let filter = Filter::choice("state", text::console_any_state(), choices);
    let columns = vec![
        Column::plain(text::common_name()),
        Column::plain(text::admin_tool_class()),
        Column::plain(text::console_tool_description()),
        Column::plain(text::common_state()),
    ];
    let line = |tool: &ReviewedTool| {
        let name = &tool.pin.tool;
        let query: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        tool_row(name.clone(), format!("{}?tool={query}", list.path), None, tool)
    };
    let actions =
        vec![("approve", text::admin_client_approve()), ("reject", text::admin_tool_reject())];
    Table::new(list, &listed, columns, line)
        .with_search(list, Some(text::console_search_tools()), vec![filter])
        .with_moves(Moves::of(none))
        .with_actions(csrf, actions)
}

/// The users who connected last.
async fn connections(
    console: &Console,
    list: &List<'_>,
    upstream: &Upstream,
) -> Result<Table, Refusal> {
    let rows = console.store.connected_users(upstream.name, CONNECTED).await?;
    let listed = list.of_all(rows, |(user, _)| user.name.to_string());
    let columns = vec![Column::plain(text::common_name()), Column::plain(text::common_since())];
    let line = |(user, since): &(User, Timestamp)| {
        let path = routes::ADMIN_USER.replace("{user}", user.id.as_str());
        let target = Target { path, below: user.display_name.clone().unwrap_or_default() };
        let cells = [Cell::Time(moment(*since))];
        table::Row::linked(user.id.to_string(), user.name.to_string(), target, cells)
    };
    let none = if upstream.needs_connection() {
        text::console_service_no_users()
    } else {
        text::console_service_unconnected()
    };
    Ok(Table::new(list, &listed, columns, line).with_moves(Moves::of(none)))
}

/// The settings that are not the default. Secrets are left out by their types.
fn settings_of(upstream: &Upstream) -> Vec<SettingShown> {
    let value = |config: UpstreamConfig| serde_json::to_value(config).unwrap_or_default();
    let (set, usual) = (value(upstream.public_config()), value(UpstreamConfig::default()));
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(all) if all.iter().all(Value::is_string) => {
            all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    let members = set.as_object().into_iter().flatten();
    members
        .filter(|(key, value)| usual.get(key.as_str()) != Some(value))
        .map(|(key, value)| SettingShown { key: key.clone(), value: text(value) })
        .collect()
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
    Feedback { message, error, changed, .. }: Feedback,
) -> Result<Page, Refusal> {
    let (mut reviewed, record) = console.admin.upstreams.review_one(name).await?;
    let browser = &administrator.0.browser;
    let csrf = console.web.csrf(browser, "tools");
    let path = page_of(reviewed.upstream.name.as_str());
    let index = console.admin.upstreams.index(&reviewed.upstream).map(IndexView::from);
    let takes_uploads = !reviewed.upstream.public_config().uploads.is_empty();
    let part = Part::named(params.get("part"))
        .filter(|part| index.is_some() || *part != Part::Index)
        .unwrap_or(Part::Tools);
    let upstream = row(&reviewed);
    let connect = connect_path(console, administrator, &reviewed.upstream).await?;
    let none = match connect {
        Some(_) => text::console_service_no_tools_connect(),
        None => text::console_service_no_tools(),
    };
    let id = reviewed.upstream.name;
    let tools = std::mem::take(&mut reviewed.tools);
    let one = params.get("tool").filter(|_| part == Part::Tools);
    let alone = one.and_then(|one| tools.iter().find(|tool| tool.pin.tool == one)).cloned();
    if one.is_some() && alone.is_none() {
        return Err(Refusal::missing(AuditSubject::Tool, one.unwrap_or_default()));
    }
    let decided = params.get("changed").and_then(|name| {
        let tool = tools.iter().find(|tool| tool.pin.tool == name)?;
        let shown = foreign::escaped(name).into_owned();
        let message = text::console_tool_is_now(shown, review_state(tool.state()));
        Some((message, name.to_owned()))
    });
    // A decision is answered with a redirection: the message is the state that holds now.
    let (message, changed) = match decided {
        Some((told, name)) => (Some(told), vec![name]),
        None => (message, changed),
    };
    let shown = if part == Part::Tools && alone.is_none() { WAITING } else { 0 };
    let count = tools.iter().filter(|tool| waits(tool)).count();
    let waiting = tools.iter().filter(|tool| waits(tool)).take(shown).cloned().map(tool).collect();
    let list = List::new(&path, params, &FILTERS);
    let mut table = match part {
        Part::Tools if alone.is_none() => Some(tools_table(&list, tools, csrf.clone(), none)),
        Part::Connections => Some(connections(console, &list, &reviewed.upstream).await?),
        Part::Activity => Some(activity(console, id).await?),
        Part::Tools | Part::Access | Part::Settings | Part::Index => None,
    };
    let message = match &mut table {
        Some(table) => table.mark(&changed, message),
        None => message,
    };
    Ok(Page {
        tab: "upstreams",
        frame: console.web.frame(Some(browser)),
        message,
        error,
        checks: Vec::new(),
        health: Health::from(&record),
        waiting,
        more_waiting: count.saturating_sub(WAITING),
        trial: alone.as_ref().and_then(|tool| trial::form(tool, params)),
        tool: alone.clone().map(tool),
        table,
        roles: reviewed.upstream.public_config().roles,
        settings: if part == Part::Settings { settings_of(&reviewed.upstream) } else { Vec::new() },
        log: process_log::of(&reviewed.upstream).filter(|_| part == Part::Activity),
        upstream,
        parts: part.links(index.is_some()),
        index,
        takes_uploads,
        part,
        path,
        connect,
        csrf,
    })
}

/// The newest entries of the audit about calls of the upstream.
async fn activity(console: &Console, name: UpstreamName) -> Result<Table, Refusal> {
    let asked = Newest {
        filter: AuditFilter { upstream: Some(name.to_string()), ..AuditFilter::default() },
        query: ("upstream", name.to_string()),
        rows: ENTRIES,
        title: text::console_service_activity(),
    };
    Ok(audit::newest(&console.store, asked).await?)
}

/// Shows the page of an upstream.
pub(super) async fn show(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
    feedback: Feedback,
) -> Response {
    let status = feedback.status;
    match page(console, administrator, name, params, feedback).await {
        // The script of the log requests the page again.
        Ok(page) if page.log.is_some() => draw_following(status, &page),
        found => draw_found(console, status, found),
    }
}

/// Tests the upstream with the administrator's own access, and shows the results on its page.
async fn test(console: &Console, administrator: &Administrator, name: &str) -> Response {
    let shown = async {
        let user = administrator.0.visitor.user.name.as_str();
        let found = console.admin.upstreams.examine(name, Some(user)).await?;
        let none = Params::default();
        let page = page(console, administrator, name, &none, Feedback::default()).await?;
        Ok(Page { checks: found.into_iter().map(Check::of_upstream).collect(), ..page })
    };
    draw_found(console, StatusCode::OK, shown.await)
}

/// Shows the page of a tool with the form that was sent.
async fn show_trial(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
    Tried { feedback, form }: Tried,
) -> Response {
    let status = feedback.status;
    match page(console, administrator, name, params, feedback).await {
        Ok(page) => draw_with_images(status, &Page { trial: Some(form), ..page }),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let message = settings::saved(&console, Family::Upstream, &name, &params).await;
    let feedback = Feedback { message, ..Feedback::default() };
    show(&console, &administrator, &name, &params, feedback).await
}

/// Shows the page again with the refusal of an action.
async fn refused(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    refusal: Refusal,
) -> Response {
    match Feedback::of(console, Err(refusal)) {
        Ok(feedback) => show(console, administrator, name, &Params::default(), feedback).await,
        Err(response) => response,
    }
}

/// Decides about the selected tools, each in the state in which it was shown.
async fn decide_selected(
    console: &Console,
    administrator: &Administrator,
    name: &str,
    params: &Params,
    decision: Decision,
) -> Response {
    let by = administrator.0.visitor.user.name.as_str();
    let (mut decided, mut refused) = (Vec::new(), None);
    for key in table::selected(params) {
        let seen = params.get(&format!("row-{key}"));
        let tool = ToolVersion { upstream: name, tool: &key, seen };
        match console.admin.upstreams.decide(tool, decision, by).await {
            Ok(_) => decided.push(key),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match Feedback::of_several(console, tools_decided(decision, decided.len()), refused) {
        Ok(feedback) => {
            let (returned, feedback) = (table::returned(params), feedback.about(decided));
            show(console, administrator, name, &returned, feedback).await
        }
        Err(response) => response,
    }
}

/// The actions on selected tools.
pub(crate) async fn post_selected(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "tools", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    let decision = match params.get("do") {
        Some("approve") => Decision::Approve,
        Some("reject") => Decision::Reject,
        Some("test") => return test(&console, &administrator, &name).await,
        Some("try") => {
            return match trial::call(&console, &administrator, &name, &params).await {
                Ok(tried) => show_trial(&console, &administrator, &name, &params, tried).await,
                Err(response) => response,
            };
        }
        _ => return ErrorPage::incomplete("do").draw(&console.web),
    };
    decide_selected(&console, &administrator, &name, &params, decision).await
}

pub(crate) async fn post(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request<Body>,
) -> Response {
    let params = match form(&console.web, &administrator.0.browser, "tools", request).await {
        Ok(params) => params,
        Err(response) => return response,
    };
    match settings::sent(&console, &administrator, Family::Upstream, &params).await {
        Some(Ok(response)) => return response,
        Some(Err(alert)) => {
            let feedback = Feedback::refused(alert);
            return services::show(&console, &administrator, &params, feedback).await;
        }
        None => {}
    }
    if let (Some("accept-server"), Some(upstream), Some(seen)) =
        (params.get("decision"), params.get("upstream"), params.get("seen"))
    {
        return match console.admin.upstreams.accept_server(upstream, Some(seen)).await {
            Ok(_) => answer::see_other(&console.web.at(&page_of(upstream))),
            Err(refusal) => refused(&console, &administrator, upstream, refusal).await,
        };
    }
    let decision = match (params.get("decision"), params.get("class")) {
        (Some("approve"), _) => Some(Decision::Approve),
        (Some("reject"), _) => Some(Decision::Reject),
        (Some("classify"), Some("annotations")) => Some(Decision::Classify(None)),
        (Some("classify"), Some(class)) => {
            ToolClass::parse(class).map(|class| Decision::Classify(Some(class)))
        }
        _ => None,
    };
    let (Some(upstream), Some(tool), Some(seen), Some(decision)) =
        (params.get("upstream"), params.get("tool"), params.get("seen"), decision)
    else {
        return ErrorPage::incomplete("decision").draw(&console.web);
    };
    let name: String = url::form_urlencoded::byte_serialize(tool.as_bytes()).collect();
    let path = format!("{}?changed={name}#row-{name}", page_of(upstream));
    let tool = ToolVersion { upstream, tool, seen: Some(seen) };
    let by = administrator.0.visitor.user.name.as_str();
    match console.admin.upstreams.decide(tool, decision, by).await {
        Ok(_) => answer::see_other(&console.web.at(&path)),
        Err(refusal) => refused(&console, &administrator, upstream, refusal).await,
    }
}
