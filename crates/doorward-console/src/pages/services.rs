//! The administrators' list of upstreams, which pages call services.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{Family, UpstreamSummary};
use doorward_gateway::Source;
use doorward_language::{Message, text};
use doorward_model::{Timestamp, routes};
use doorward_transport::Params;
use doorward_web::{Frame, filters, moment};

use crate::{
    Console,
    pages::{
        Administrator, draw, settings,
        table::{self, Cell, Column, Filter, List, Table},
    },
    refusals::{Alert, oops},
};

/// The filters of the list.
const FILTERS: [&str; 1] = ["state"];

#[derive(Template)]
#[template(path = "admin_services.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    error: Option<Alert>,
    table: Table,
}

/// The states of an upstream: its name in the filter, its text, and whether it is good.
fn states(summary: &UpstreamSummary) -> Vec<(&'static str, Message, bool)> {
    let mut states = Vec::new();
    if !summary.upstream.is_enabled() {
        states.push(("off", text::common_off(), false));
    } else if summary.health.failing {
        states.push(("failing", text::console_service_failing(), false));
    } else {
        states.push(("on", text::common_on(), true));
    }
    if summary.waiting > 0 {
        states.push(("waiting", text::console_service_waiting(summary.waiting), false));
    }
    states
}

fn line(summary: &UpstreamSummary) -> table::Row {
    let upstream = &summary.upstream;
    let name = upstream.name.to_string();
    let (below, kind) = (name.clone(), upstream.kind.name.to_owned());
    let source = match upstream.source {
        Source::File => text::admin_provider_in_file().to_string(),
        Source::Command => String::new(),
    };
    let success = summary.health.last_success.map(|at| moment(Timestamp(at)));
    let states = states(summary).into_iter().map(|(_, text, good)| (text, good)).collect();
    let path = routes::ADMIN_UPSTREAM.replace("{upstream}", &name);
    table::Row {
        key: name.clone(),
        name,
        value: String::new(),
        cells: vec![
            Cell::Link { path, label: upstream.title.clone(), below },
            Cell::Text(kind),
            Cell::Badges(states),
            Cell::Text(summary.tools.to_string()),
            Cell::Text(summary.users.to_string()),
            Cell::Time(success.unwrap_or_default()),
            Cell::Text(source),
        ],
    }
}

/// Shows the list that `params` ask for.
pub(super) async fn show(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    (status, error): (StatusCode, Option<Alert>),
) -> Response {
    let list = List { path: routes::ADMIN_UPSTREAMS, params, filters: &FILTERS };
    let summaries = match console.admin.upstreams.summaries().await {
        Ok(summaries) => summaries,
        Err(refusal) => return oops(&refusal).draw(&console.web),
    };
    let (search, state) = (list.get("search").to_lowercase(), list.get("state"));
    let fits = |summary: &UpstreamSummary| {
        let upstream = &summary.upstream;
        (search.is_empty()
            || upstream.title.to_lowercase().contains(&search)
            || upstream.name.as_str().contains(&search))
            && (state.is_empty() || states(summary).iter().any(|(known, ..)| *known == state))
    };
    let fitting: Vec<UpstreamSummary> = summaries.into_iter().filter(fits).collect();
    let listed = list.of_all(fitting, |summary| summary.upstream.name.to_string());
    let choices = vec![
        ("on", text::common_on()),
        ("off", text::common_off()),
        ("failing", text::console_service_failing()),
        ("waiting", text::console_service_has_waiting()),
    ];
    let filter = Filter { name: "state", label: text::console_any_state(), choices };
    let columns = vec![
        Column::plain(text::common_name()),
        Column::plain(text::admin_provider_kind()),
        Column::plain(text::common_state()),
        Column::plain(text::console_service_tools()),
        Column::plain(text::console_service_users()),
        Column::plain(text::console_service_success()),
        Column::plain(text::console_service_source()),
    ];
    let search = (text::console_search_services(), vec![filter]);
    let page = Page {
        frame: console.web.frame(Some(&administrator.0.browser)),
        tab: "upstreams",
        error,
        table: Table::new(&list, &listed, search, columns, line).without_file(),
    };
    draw(status, &page)
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let said = match settings::asked(&console, &administrator, Family::Upstream, &params).await {
        Some(Ok(response)) => return response,
        Some(Err((status, alert))) => (status, Some(alert)),
        None => (StatusCode::OK, None),
    };
    show(&console, &administrator, &params, said).await
}
