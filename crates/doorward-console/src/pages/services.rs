//! The administrators' list of upstreams, which pages call services.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{Family, Listed, Refusal, UpstreamSummary};
use doorward_gateway::Source;
use doorward_language::{Message, text};
use doorward_model::{Timestamp, routes};
use doorward_transport::Params;
use doorward_web::moment;

use crate::{
    Console,
    pages::{
        Administrator,
        list::{self, Feedback, InMemory, Rows, SortKey, by},
        settings,
        table::{Badge, Cell, Column, Filter, Row, Target},
    },
};

/// A state of an upstream.
struct ServiceState {
    /// Its name in the filter.
    name: &'static str,
    badge: Badge,
}

/// The states of an upstream.
fn states(summary: &UpstreamSummary) -> Vec<ServiceState> {
    let state = |name, text, good| ServiceState { name, badge: Badge::new(text, good) };
    let main = if !summary.upstream.is_enabled() {
        state("off", text::common_off(), false)
    } else if summary.health.failing {
        state("failing", text::console_service_failing(), false)
    } else {
        state("on", text::common_on(), true)
    };
    let waiting = (summary.waiting > 0)
        .then(|| state("waiting", text::console_service_waiting(summary.waiting), false));
    std::iter::once(main).chain(waiting).collect()
}

/// The orders of the list.
const ORDER: [SortKey<UpstreamSummary>; 2] = [
    by("name", |summary| summary.upstream.title.clone()),
    by("kind", |summary| summary.upstream.kind.name.to_owned()),
];

/// The upstreams.
struct ServiceRows;

impl Rows for ServiceRows {
    type Query = InMemory;
    type Row = UpstreamSummary;

    const PATH: &'static str = routes::ADMIN_UPSTREAMS;
    const TAB: &'static str = "upstreams";
    const NAME: &'static str = "services";
    const FILTERS: &'static [&'static str] = &["state"];

    fn title(&self) -> Message {
        text::console_services()
    }

    fn add(&self) -> Option<Message> {
        Some(text::settings_add_upstream())
    }

    fn search(&self) -> Option<Message> {
        Some(text::console_search_services())
    }

    fn filters(&self) -> Vec<Filter> {
        let choices = vec![
            ("on", text::common_on()),
            ("off", text::common_off()),
            ("failing", text::console_service_failing()),
            ("waiting", text::console_service_has_waiting()),
        ];
        vec![Filter::choice("state", text::console_any_state(), choices)]
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::sorted(text::common_name(), "name"),
            Column::sorted(text::admin_provider_kind(), "kind"),
            Column::plain(text::common_state()),
            Column::plain(text::console_service_tools()),
            Column::plain(text::console_service_users()),
            Column::plain(text::console_service_success()),
            Column::plain(text::console_service_source()),
        ]
    }

    fn line(&self, summary: &UpstreamSummary) -> Row {
        let upstream = &summary.upstream;
        let name = upstream.name.to_string();
        let source = match upstream.source {
            Source::File => text::admin_provider_in_file().to_string(),
            Source::Added => String::new(),
        };
        let success = summary.health.last_success.map(|at| moment(Timestamp(at)));
        let states = states(summary).into_iter().map(|state| state.badge).collect();
        let path = routes::ADMIN_UPSTREAM.replace("{upstream}", &name);
        let cells = [
            Cell::Text(upstream.kind.name.to_owned()),
            Cell::Badges(states),
            Cell::Text(summary.tools.to_string()),
            Cell::Text(summary.users.to_string()),
            Cell::Time(success.unwrap_or_default()),
            Cell::Text(source),
        ];
        let target = Target { path, below: name.clone() };
        Row::linked(name, upstream.title.clone(), target, cells)
    }

    async fn part(
        &self,
        console: &Console,
        asked: InMemory,
    ) -> Result<Listed<UpstreamSummary>, Refusal> {
        let mut summaries = console.admin.upstreams.summaries().await?;
        summaries.retain(|summary| {
            let upstream = &summary.upstream;
            asked.finds(&[&upstream.title, upstream.name.as_str()])
                && asked.has_state(states(summary).iter().map(|state| state.name))
        });
        asked.part(summaries, &ORDER, |summary| summary.upstream.name.to_string())
    }
}

/// Shows the list that `params` ask for.
pub(super) async fn show(
    console: &Console,
    administrator: &Administrator,
    params: &Params,
    feedback: Feedback,
) -> Response {
    list::show(console, administrator, &ServiceRows, params, feedback).await
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    administrator: Administrator,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let feedback = match settings::asked(&console, &administrator, Family::Upstream, &params).await
    {
        Some(Ok(response)) => return response,
        Some(Err(alert)) => Feedback::refused(alert),
        None => Feedback::default(),
    };
    show(&console, &administrator, &params, feedback).await
}
