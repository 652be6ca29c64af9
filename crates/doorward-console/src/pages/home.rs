//! The administrators' overview: what works, what happens, and what waits.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{FirstStep, Part, Period, Refusal, Waiting};
use doorward_language::{Message, text};
use doorward_model::{Dependency, routes};
use doorward_transport::Params;
use doorward_web::{Frame, filters};

use crate::{
    Console,
    chart::Chart,
    findings::Check,
    pages::{Administrator, draw_found, usage},
};

#[derive(Template)]
#[template(path = "admin.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    enabled: bool,
    mcp_url: String,
    steps: Vec<Step>,
    health: Vec<Dot>,
    /// The number of services that are not among them.
    more: usize,
    period: Period,
    periods: Vec<(Period, Message)>,
    chart: Chart,
    waiting: Vec<WaitingItem>,
}

/// Number of services whose state the page shows.
const SERVICES: usize = 8;

/// The state of a part of the server.
struct Dot {
    check: Check,
    is_service: bool,
    /// The page where it is fixed.
    href: &'static str,
}

/// An item that waits for the administrator, with its page.
struct WaitingItem {
    label: Message,
    href: &'static str,
}

/// A step of the first days.
struct Step {
    label: Message,
    done: bool,
    href: &'static str,
}

/// The page where a fault of a part is fixed.
fn place(part: &Part) -> &'static str {
    match part {
        Part::Keys => routes::ADMIN_KEYS,
        Part::Audit | Part::Export(_) | Part::Dependency(Dependency::Export, _) => {
            routes::ADMIN_AUDIT
        }
        Part::Dependency(Dependency::Upstream, _) => routes::ADMIN_UPSTREAMS,
        Part::Dependency(Dependency::Provider, _) => routes::ADMIN_PROVIDERS,
        Part::Dependency(Dependency::Mail, _) => routes::ADMIN_SETTINGS,
        Part::Version
        | Part::Configuration
        | Part::Database
        | Part::Clock
        | Part::Dependencies
        | Part::Disk
        | Part::Backup => "",
    }
}

fn step((step, done): (FirstStep, bool)) -> Step {
    let (label, href) = match step {
        FirstStep::Service => (text::overview_step_service(), routes::ADMIN_UPSTREAMS),
        FirstStep::Client => (text::overview_step_client(), routes::ACCOUNT_CLIENTS),
        FirstStep::Provider => (text::overview_step_provider(), routes::ADMIN_PROVIDERS),
        FirstStep::SecondFactor => (text::overview_step_factor(), routes::ACCOUNT_SECURITY),
        FirstStep::Backup => (text::overview_step_backup(), ""),
    };
    Step { label, done, href }
}

fn waits(waiting: Waiting) -> Vec<WaitingItem> {
    let Waiting { tools, clients, failing, without_second_factor: users } = waiting;
    let mut all = Vec::new();
    let mut add = |is: bool, label: Message, href: &'static str| {
        if is {
            all.push(WaitingItem { label, href });
        }
    };
    add(tools > 0, text::overview_tools(tools), routes::ADMIN_APPROVALS);
    add(clients > 0, text::overview_clients(clients), routes::ADMIN_CLIENTS);
    for vital in failing {
        let href = place(&Part::Dependency(vital.dependency, String::new()));
        add(
            true,
            text::overview_failing(crate::findings::named(vital.dependency, vital.name)),
            href,
        );
    }
    add(users > 0, text::overview_without_factor(users), routes::ADMIN_USERS);
    all
}

async fn page(
    console: &Console,
    administrator: &Administrator,
    period: Period,
) -> Result<Page, Refusal> {
    let overviews = &console.admin.overviews;
    let settings = console.admin.settings.show().await?;
    let parts = console.admin.health.check().await.into_iter();
    let dots = parts.map(|found| Dot {
        is_service: matches!(found.part, Part::Dependency(Dependency::Upstream, _)),
        href: place(&found.part),
        check: Check::of_part(found),
    });
    let mut health: Vec<Dot> = dots.collect();
    // Faults are seen first.
    health.sort_by_key(|dot| std::cmp::Reverse(dot.check.level));
    let services = health.iter().filter(|dot| dot.is_service).count();
    let mut shown = 0;
    health.retain(|dot| {
        shown += usize::from(dot.is_service);
        !dot.is_service || shown <= SERVICES
    });
    let steps = overviews.first_steps(&administrator.0.visitor.user).await?;
    Ok(Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "admin",
        enabled: settings.mcp_enabled,
        mcp_url: console.web.at(routes::MCP),
        steps: steps.into_iter().map(step).collect(),
        health,
        more: services.saturating_sub(SERVICES),
        period,
        periods: usage::periods(),
        chart: Chart::of(console, &console.admin.usages.bars(period).await?, true),
        waiting: waits(overviews.waiting().await?),
    })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let period = params.get("period").and_then(Period::parse).unwrap_or(Period::Day);
    draw_found(&console, StatusCode::OK, page(&console, &administrator, period).await)
}
