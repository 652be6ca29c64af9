//! Review of upstreams and their tools by an administrator: new ones, changes, warnings.

use std::sync::Arc;

use askama::Template;
use axum::{
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{
    Decision, Difference, Family, ReviewState, ReviewedTool, ReviewedUpstream, ToolSeen, Why,
    tool_etag,
};
use doorward_gateway::Source;
use doorward_language::{Message, text};
use doorward_model::{ServerPin, ToolClass, UpstreamTrust, foreign, routes};
use doorward_transport::{Params, answer};
use doorward_web::{ErrorPage, Frame, filters, form};

use crate::{
    Console,
    findings::{left_out_reason, review_state, tool_class},
    pages::{Administrator, draw, settings},
    refusals::{Alert, alert, oops},
};

/// The most characters of a tool's description, and of one side of a difference, that the page
/// shows.
const DESCRIPTION: usize = 400;
const DIFFERENCE: usize = 20_000;

#[derive(Template)]
#[template(path = "upstreams.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    csrf: String,
    error: Option<Alert>,
    upstreams: Vec<Row>,
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
    tools: Vec<Tool>,
    /// The first of the tools that it lists and that are not offered: escaped name and reason.
    left_out: Vec<(String, Message)>,
    left_out_count: usize,
    /// The first of the parts of offered tools that are left out: escaped name and reason.
    parts_left_out: Vec<(String, Message)>,
    parts_left_out_count: usize,
}

/// The accepted authorization server with its resource, and the one that is named now.
struct NamedServer {
    issuer: String,
    resource: String,
    named_issuer: String,
    named_resource: String,
    /// The etag of the state shown.
    seen: String,
}

fn named_server(trust: UpstreamTrust) -> Option<NamedServer> {
    let named = trust.named?;
    let shown = |text: &str| foreign::line(text, foreign::LINE).into_owned();
    let resource = |pin: &ServerPin| shown(pin.resource.as_deref().unwrap_or_default());
    Some(NamedServer {
        issuer: trust.server.as_ref().map(|pin| shown(&pin.issuer)).unwrap_or_default(),
        resource: trust.server.as_ref().map(resource).unwrap_or_default(),
        named_issuer: shown(&named.issuer),
        named_resource: resource(&named),
        seen: named.etag(),
    })
}

struct Tool {
    name: String,
    /// The name with hidden characters made visible.
    shown_name: String,
    state: ReviewState,
    state_text: Message,
    class: ToolClass,
    class_text: Message,
    description: String,
    warnings: Vec<String>,
    changes: Vec<ChangedPart>,
    /// The etag of the state that is shown.
    seen: String,
}

struct ChangedPart {
    part: String,
    before: String,
    after: String,
}

/// A difference. Hidden characters are shown rather than dropped, since they may be the difference;
/// line breaks stay.
fn changed_part(one: &Difference) -> ChangedPart {
    let shown = |text: &str| {
        let lines: Vec<_> = text.lines().map(foreign::escaped).collect();
        let whole = lines.join("\n");
        let mut kept: String = whole.chars().take(DIFFERENCE).collect();
        if kept.len() < whole.len() {
            kept.push('…');
        }
        kept
    };
    ChangedPart { part: one.part.clone(), before: shown(&one.before), after: shown(&one.after) }
}

fn tool(tool: ReviewedTool) -> Tool {
    Tool {
        shown_name: foreign::escaped(&tool.pin.tool).into_owned(),
        state: tool.state(),
        state_text: review_state(tool.state()),
        class: tool.class(),
        class_text: tool_class(tool.class()),
        description: foreign::line(&tool.description(), DESCRIPTION).into_owned(),
        seen: tool_etag(&tool.pin),
        changes: tool.differences.iter().map(changed_part).collect(),
        warnings: tool.warnings,
        name: tool.pin.tool,
    }
}

fn row(reviewed: ReviewedUpstream) -> Row {
    let ReviewedUpstream { upstream, tools, left_out, users, trust } = reviewed;
    let mut tools: Vec<Tool> = tools.into_iter().map(tool).collect();
    // Items that await a decision come first.
    tools.sort_by_key(|tool| {
        (
            tool.state == ReviewState::Approved,
            tool.state == ReviewState::Rejected,
            tool.name.clone(),
        )
    });
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
        users,
        names_another: trust.and_then(named_server),
        tools,
        left_out: named(left_out.named()),
        left_out_count: left_out.count(),
        parts_left_out: named(left_out.parts()),
        parts_left_out_count: left_out.count_parts(),
    }
}

async fn show(
    console: &Console,
    administrator: &Administrator,
    status: StatusCode,
    error: Option<Alert>,
) -> Response {
    let browser = &administrator.0.browser;
    let reviewed = match console.admin.upstreams.review().await {
        Ok(reviewed) => reviewed,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let page = Page {
        tab: "upstreams",
        frame: console.web.frame(Some(browser)),
        csrf: console.web.csrf(browser, "tools"),
        error,
        upstreams: reviewed.into_iter().map(row).collect(),
    };
    draw(status, &page)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    match settings::asked(&console, &administrator, Family::Upstream, &params).await {
        Some(Ok(response)) => response,
        Some(Err((status, alert))) => show(&console, &administrator, status, Some(alert)).await,
        None => show(&console, &administrator, StatusCode::OK, None).await,
    }
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
        Some(Err((status, alert))) => {
            return show(&console, &administrator, status, Some(alert)).await;
        }
        None => {}
    }
    if let (Some("accept-server"), Some(upstream), Some(seen)) =
        (params.get("decision"), params.get("upstream"), params.get("seen"))
    {
        return match console.admin.upstreams.accept_server(upstream, Some(seen)).await {
            Ok(_) => answer::see_other(&console.web.at(routes::ADMIN_UPSTREAMS)),
            Err(refusal) => match alert(&console, &refusal) {
                Ok((status, alert)) => show(&console, &administrator, status, Some(alert)).await,
                Err(response) => response,
            },
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
    let tool = ToolSeen { upstream, tool, seen: Some(seen) };
    let by = administrator.0.visitor.user.name.as_str();
    match console.admin.upstreams.decide(tool, decision, by).await {
        Ok(_) => answer::see_other(&console.web.at(routes::ADMIN_UPSTREAMS)),
        Err(refusal) => match alert(&console, &refusal) {
            Ok((status, alert)) => show(&console, &administrator, status, Some(alert)).await,
            Err(response) => response,
        },
    }
}
