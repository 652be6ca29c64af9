//! Usage: who calls which tools, how often and how fast, for administrators and auditors.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use doorward_admin::{MOST_USAGE_ROWS, Period, Refusal, UsageRow};
use doorward_language::{Message, text};
use doorward_model::{Timestamp, UsageBy, usage::OTHERS};
use doorward_transport::Params;
use doorward_web::Frame;

use crate::{
    Console,
    api::usage_csv,
    chart::{Chart, Heat, audit_link},
    pages::{Auditor, draw_found},
    refusals::oops,
};

/// Number of rows of a table.
const ROWS: u64 = 10;
/// Number of tools, and of users, without calls that are shown.
const UNUSED: usize = 20;

#[derive(Template)]
#[template(path = "admin_usage.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    period: Period,
    periods: Vec<(Period, Message)>,
    names: bool,
    total: Option<Line>,
    chart: Chart,
    heat: Heat,
    tables: Vec<Table>,
    unused: Vec<String>,
    more_unused: usize,
    unconnected: u64,
    unconnected_names: Vec<String>,
}

/// The calls by one dimension.
struct Table {
    by: UsageBy,
    title: Message,
    column: Message,
    rows: Vec<Line>,
}

/// The calls of one value of a dimension.
struct Line {
    label: String,
    /// The audit with this filter, for administrators.
    href: Option<String>,
    calls: i64,
    refused: i64,
    failed: i64,
    p50: String,
    p95: String,
    bytes: String,
    /// The width of the bar, of 100: succeeded, refused and failed.
    bar: [i64; 3],
}

/// The title of a period.
pub(crate) fn period_title(period: Period) -> Message {
    match period {
        Period::Day => text::usage_period_day(),
        Period::Week => text::usage_period_week(),
        Period::Month => text::usage_period_month(),
        Period::Quarter => text::usage_period_quarter(),
    }
}

/// The periods with their titles, for links.
pub(crate) fn periods() -> Vec<(Period, Message)> {
    Period::ALL.into_iter().map(|period| (period, period_title(period))).collect()
}

/// A number of microseconds as users read it.
pub(super) fn duration(micros: Option<i64>) -> String {
    let Some(micros) = micros else { return "–".to_owned() };
    let tenths = |part: i64| format!("{}.{}", part / 10, part % 10);
    match micros {
        ..100_000 => text::usage_milliseconds(tenths(micros / 100)).to_string(),
        100_000..1_000_000 => text::usage_milliseconds((micros / 1000).to_string()).to_string(),
        _ => text::usage_seconds(tenths(micros / 100_000)).to_string(),
    }
}

/// A number of bytes as users read it.
fn bytes(count: i64) -> String {
    match count {
        ..10_000 => text::usage_bytes(count).to_string(),
        10_000..10_000_000 => text::usage_kilobytes(count / 1000).to_string(),
        _ => text::usage_megabytes(count / 1_000_000).to_string(),
    }
}

/// The places of values of a dimension in a table.
struct Naming<'a> {
    console: &'a Console,
    since: Timestamp,
    links: bool,
}

impl Naming<'_> {
    fn line(&self, by: UsageBy, place: usize, numbers: &UsageRow, most: i64) -> Line {
        let usage = &numbers.usage;
        let key = usage.key.as_str();
        let label = match (by, numbers.name.as_deref(), key) {
            (_, Some(name), _) => name.to_owned(),
            (_, None, OTHERS) => text::usage_others().to_string(),
            (UsageBy::Service, None, "") => text::usage_built_in().to_string(),
            (UsageBy::Client, None, "") => text::usage_tokens().to_string(),
            (UsageBy::User, None, "") => text::usage_user_number(place + 1).to_string(),
            (UsageBy::Total, None, _) => text::usage_all_calls().to_string(),
            (_, None, key) => key.to_owned(),
        };
        let filter = match by {
            _ if key.is_empty() || key == OTHERS => None,
            UsageBy::Tool => Some("tool"),
            UsageBy::User => Some("user"),
            UsageBy::Client => Some("client"),
            UsageBy::Service => Some("upstream"),
            UsageBy::Hour | UsageBy::Total => None,
        };
        let href = filter.filter(|_| self.links).map(|name| {
            audit_link(self.console, &[(name, key), ("kind", "tool.")], self.since, None)
        });
        let width = |count: i64| (count * 100 + most / 2) / most.max(1);
        Line {
            label,
            href,
            calls: usage.calls,
            refused: usage.refused,
            failed: usage.failed,
            p50: duration(usage.percentile(50)),
            p95: duration(usage.percentile(95)),
            bytes: bytes(usage.request_bytes + usage.response_bytes),
            bar: [width(usage.ok()), width(usage.refused), width(usage.failed)],
        }
    }
}

/// The period that the request names.
pub(crate) fn asked_period(params: &Params) -> Period {
    params.get("period").and_then(Period::parse).unwrap_or_default()
}

async fn page(console: &Console, auditor: &Auditor, period: Period) -> Result<Page, Refusal> {
    let usages = &console.admin.usages;
    let (reader, links) = (auditor.reader, auditor.signed_in.visitor.user.is_administrator());
    let since = usages.during(period).since.unwrap_or_default();
    let naming = Naming { console, since, links };
    let mut tables = Vec::new();
    for (by, title, column) in [
        (UsageBy::Tool, text::usage_top_tools(), text::admin_audit_tool()),
        (UsageBy::Service, text::usage_top_services(), text::usage_service()),
        (UsageBy::User, text::usage_top_users(), text::admin_audit_user()),
        (UsageBy::Client, text::usage_top_clients(), text::common_client()),
    ] {
        let found = usages.report(reader, usages.during(period), by, ROWS).await?;
        let most = found.iter().map(|row| row.usage.calls).max().unwrap_or_default();
        let rows = found.iter().enumerate();
        let rows = rows.map(|(place, row)| naming.line(by, place, row, most)).collect();
        tables.push(Table { by, title, column, rows });
    }
    let total = usages.report(reader, usages.during(period), UsageBy::Total, 1).await?;
    let total = total.first().filter(|row| row.usage.calls > 0);
    let total = total.map(|row| naming.line(UsageBy::Total, 0, row, row.usage.calls));
    let bars = usages.bars(period).await?;
    let unused = usages.unused_tools(period).await?;
    let unconnected = usages.unconnected(reader, u64::try_from(UNUSED).unwrap_or(0)).await?;
    Ok(Page {
        frame: console.web.frame(Some(&auditor.signed_in.browser)),
        tab: "usage",
        period,
        periods: periods(),
        names: reader.sees_names(),
        total,
        chart: Chart::of(console, &bars, links),
        heat: Heat::of(&usages.heat(period).await?),
        tables,
        more_unused: unused.len().saturating_sub(UNUSED),
        unused: unused.into_iter().take(UNUSED).collect(),
        unconnected: unconnected.count,
        unconnected_names: unconnected.names,
    })
}

pub(crate) async fn get(
    State(console): State<Arc<Console>>,
    auditor: Auditor,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    draw_found(&console, StatusCode::OK, page(&console, &auditor, asked_period(&params)).await)
}

pub(crate) async fn csv(
    State(console): State<Arc<Console>>,
    auditor: Auditor,
    request: Request,
) -> Response {
    let params = Params::from_query(request.uri().query()).unwrap_or_default();
    let by = params.get("by").and_then(UsageBy::parse).unwrap_or(UsageBy::Tool);
    let usages = &console.admin.usages;
    let question = usages.during(asked_period(&params));
    match usages.report(auditor.reader, question, by, MOST_USAGE_ROWS).await {
        Ok(rows) => usage_csv(&rows),
        Err(refusal) => oops(&refusal).draw(&console.web),
    }
}
