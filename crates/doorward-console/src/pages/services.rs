//! The administrators' list of upstreams, which pages call services.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Request, State},
    response::Response,
};
use doorward_admin::{Family, Listed, MOST_USAGE_ROWS, Period, Reader, Refusal, UpstreamSummary};
use doorward_gateway::Source;
use doorward_language::{Message, text};
use doorward_model::{Timestamp, Usage, UsageBy, VitalRecord, routes};
use doorward_transport::Params;
use doorward_web::moment;
use doorward_web::table::{Badge, Cell, Column, Filter, Row, Target};

use crate::{
    Console,
    pages::{
        Administrator,
        list::{self, Feedback, InMemory, Rows, SortKey, by},
        settings,
        usage::duration,
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
    let of_file = (summary.upstream.source == Source::File)
        .then(|| state("file", text::admin_provider_in_file(), true));
    std::iter::once(main).chain(waiting).chain(of_file).collect()
}

/// An upstream with its calls of the last 24 hours.
struct Service {
    summary: UpstreamSummary,
    calls: Option<Usage>,
}

impl Service {
    fn number(&self) -> i64 {
        self.calls.as_ref().map_or(0, |usage| usage.calls)
    }
}

/// The orders of the list.
const ORDER: [SortKey<Service>; 3] = [
    by("name", |service| service.summary.upstream.title.clone()),
    by("kind", |service| service.summary.upstream.kind.name.to_owned()),
    by("calls", |service| format!("{:020}", service.number())),
];

/// The last answers of the upstream.
pub(super) struct Health {
    pub(super) success: Option<String>,
    pub(super) failure: Option<Failure>,
}

/// The last failure of an upstream.
pub(super) struct Failure {
    pub(super) error: String,
    pub(super) at: String,
}

impl From<&VitalRecord> for Health {
    fn from(record: &VitalRecord) -> Self {
        let at = |at: Option<i64>| at.map(|at| moment(Timestamp(at)));
        Self {
            success: at(record.last_success),
            failure: record.last_error.as_ref().filter(|_| record.failing).map(|error| Failure {
                error: error.clone(),
                at: at(record.last_failure).unwrap_or_default(),
            }),
        }
    }
}

/// The upstreams.
struct ServiceRows;

impl Rows for ServiceRows {
    type Query = InMemory;
    type Row = Service;

    const TAB: &'static str = "upstreams";
    const NAME: &'static str = "services";
    const FILTERS: &'static [&'static str] = &["state"];

    fn path(&self) -> String {
        routes::ADMIN_UPSTREAMS.to_owned()
    }

    fn title(&self) -> Message {
        text::console_services()
    }

    fn add(&self) -> Option<Message> {
        Some(text::settings_add_upstream())
    }

    fn none(&self) -> Message {
        text::console_services_none()
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
            Column::sorted(text::console_service_calls(), "calls"),
            Column::plain(text::usage_p95()),
            Column::plain(text::console_service_success()),
        ]
    }

    fn line(&self, service: &Service) -> Row {
        let summary = &service.summary;
        let upstream = &summary.upstream;
        let name = upstream.name.to_string();
        let success = summary.health.last_success.map(|at| moment(Timestamp(at)));
        let states = states(summary).into_iter().map(|state| state.badge).collect();
        let path = routes::ADMIN_UPSTREAM.replace("{upstream}", &name);
        let cells = [
            Cell::Text(upstream.kind.name.to_owned()),
            Cell::Badges(states),
            Cell::Text(summary.tools.to_string()),
            Cell::Text(summary.users.to_string()),
            Cell::Text(service.number().to_string()),
            Cell::Text(duration(service.calls.as_ref().and_then(|calls| calls.percentile(95)))),
            Cell::Time(success.unwrap_or_default()),
        ];
        let target = Target { path, below: name.clone() };
        Row::linked(name, upstream.title.clone(), target, cells)
    }

    async fn part(&self, console: &Console, asked: InMemory) -> Result<Listed<Service>, Refusal> {
        let mut summaries = console.admin.upstreams.summaries().await?;
        summaries.retain(|summary| {
            let upstream = &summary.upstream;
            asked.finds(&[&upstream.title, upstream.name.as_str()])
                && asked.has_state(states(summary).iter().map(|state| state.name))
        });
        let usages = &console.admin.usages;
        let lately = usages.during(Period::Day);
        // Numbers name no user.
        let by = UsageBy::Service;
        let calls = usages.report(Reader::Numbers, lately, by, MOST_USAGE_ROWS).await?;
        let mut calls: HashMap<String, Usage> =
            calls.into_iter().map(|row| (row.usage.key.clone(), row.usage)).collect();
        let services = summaries.into_iter().map(|summary| {
            let calls = calls.remove(summary.upstream.name.as_str());
            Service { summary, calls }
        });
        asked.part(services.collect(), &ORDER, |service| service.summary.upstream.name.to_string())
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
