//! Numbers of usage, for administrators and auditors.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use doorward_admin::{MOST_USAGE_ROWS, Period, Question, Reader, USAGE_CSV_HEAD, UsageRow};
use doorward_audit::text;
use doorward_mcp::Caller;
use doorward_model::{Outcome, UsageBy, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::{Answered, ApiCaller, Operation, QueryParams, Refused, needs, show};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_USAGE,
            "showUsage",
            "Shows the number, errors, bytes and latency of tool calls, by tool, user, client, \
             service or hour. Names of users are shown to the role auditor alone.",
            report,
        )
        .query::<UsageQuery>()
        .answer::<Report>(200, "The numbers, those with the most calls first.")
        .text(&["application/json", "text/csv"])
        .for_auditors(),
        Operation::get(
            needs::READ,
            routes::API_USAGE_UNUSED,
            "showUnused",
            "Lists the approved tools that were not called in a period, and the users without a \
             client and a personal access token.",
            unused,
        )
        .query::<RecentQuery>()
        .answer::<Unused>(200, "The tools and users.")
        .for_auditors(),
        Operation::post(
            needs::ALL,
            routes::API_USAGE_REBUILD,
            "rebuildUsage",
            "Counts the numbers again from the audit: every hour of which it has all entries. \
             Earlier numbers stay.",
            rebuild,
        )
        .answer::<Rebuilt>(200, "The number of entries that were read."),
    ]
}

/// The dimension of numbers.
#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "UsageDimension")]
enum Dimension {
    Tool,
    User,
    Client,
    Service,
    Hour,
    Total,
}

impl From<Dimension> for UsageBy {
    fn from(by: Dimension) -> Self {
        match by {
            Dimension::Tool => Self::Tool,
            Dimension::User => Self::User,
            Dimension::Client => Self::Client,
            Dimension::Service => Self::Service,
            Dimension::Hour => Self::Hour,
            Dimension::Total => Self::Total,
        }
    }
}

/// A period that ends now.
#[derive(Deserialize, JsonSchema, Clone, Copy, Default)]
#[schemars(rename = "UsagePeriod")]
enum Length {
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[default]
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
}

impl From<Length> for Period {
    fn from(length: Length) -> Self {
        match length {
            Length::Day => Self::Day,
            Length::Week => Self::Week,
            Length::Month => Self::Month,
            Length::Quarter => Self::Quarter,
        }
    }
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "UsageOutcome")]
enum Ended {
    Ok,
    Refused,
    Failed,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "UsageFormat")]
enum Format {
    Json,
    Csv,
}

/// Selection of calls. All given conditions must hold. Times are rounded to whole hours.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichUsage")]
struct UsageQuery {
    /// The dimension; by default the tool.
    by: Option<Dimension>,
    /// The period up to now; 30d by default if `since` is not set.
    period: Option<Length>,
    /// Start of the period: a day, a moment (RFC 3339) or seconds since 1970. Not together with
    /// `period`.
    since: Option<String>,
    /// End of the period, which is not included.
    until: Option<String>,
    /// Calls of this tool.
    tool: Option<String>,
    /// Calls of this user, by ID or sign-in name. Needs the role auditor.
    user: Option<String>,
    /// Calls through this client, by client_id.
    client: Option<String>,
    /// Calls to this service (upstream), by its name.
    service: Option<String>,
    /// Calls with this outcome.
    outcome: Option<Ended>,
    /// `json` or `csv`.
    format: Option<Format>,
    /// Maximum number of rows, 1 to 1000.
    #[schemars(range(min = 1, max = MOST_USAGE_ROWS))]
    limit: Option<u64>,
}

/// The period to examine.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UsageLately")]
struct RecentQuery {
    /// The period up to now; 30d by default.
    period: Option<Length>,
}

/// Numbers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UsageReport")]
struct Report {
    /// The dimension.
    by: &'static str,
    /// True if names of users are shown.
    names: bool,
    rows: Vec<Row>,
}

/// The numbers of one value of the dimension.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UsageRow")]
struct Row {
    /// The tool, the user's ID, the client_id, the service, or the beginning of the
    /// hour. Absent where names of users are not shown. `*` means the calls beyond the limit of
    /// combinations an hour; an empty service for built-in tools, an empty client for personal
    /// access tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The user's sign-in name, or the client's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    calls: i64,
    ok: i64,
    refused: i64,
    failed: i64,
    request_bytes: i64,
    response_bytes: i64,
    /// Half of the calls that were not refused took no longer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    /// 95 % of the calls that were not refused took no longer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_ms: Option<f64>,
}

/// Tools and users without calls.
#[derive(Serialize, JsonSchema)]
struct Unused {
    /// The approved tools that were not called in the period.
    tools: Vec<String>,
    /// Number of users who have neither a client nor a personal access token.
    users_without_client: u64,
    /// The sign-in names of the first hundred; absent without the role auditor.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<String>>,
}

/// The result of a rebuild.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RebuiltUsage")]
struct Rebuilt {
    entries: u64,
}

fn reader(caller: &Caller) -> Result<Reader, Refused> {
    Reader::of(&caller.user).ok_or_else(|| Refused::missing("report"))
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn row(by: UsageBy, numbers: UsageRow) -> Row {
    let hidden = by == UsageBy::User && numbers.usage.key.is_empty();
    let (p50_ms, p95_ms) = (numbers.milliseconds(50), numbers.milliseconds(95));
    let UsageRow { usage, name } = numbers;
    let ok = usage.ok();
    Row {
        key: Some(usage.key).filter(|_| !hidden && by != UsageBy::Total),
        name,
        calls: usage.calls,
        ok,
        refused: usage.refused,
        failed: usage.failed,
        request_bytes: usage.request_bytes,
        response_bytes: usage.response_bytes,
        p50_ms,
        p95_ms,
    }
}

/// Numbers as a file.
pub(crate) fn csv(rows: &[UsageRow]) -> Response {
    let mut file = format!("{USAGE_CSV_HEAD}\n");
    for row in rows {
        let _ = writeln!(file, "{}", row.to_csv());
    }
    let mut response = file.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"usage.csv\""),
    );
    response
}

async fn report(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    QueryParams(which): QueryParams<UsageQuery>,
) -> Answered {
    let reader = reader(&caller)?;
    let by = which.by.map_or(UsageBy::Tool, UsageBy::from);
    let time = |name: &str, text: Option<String>| {
        given(text)
            .map(|text| {
                text::parse_time(&text)
                    .ok_or_else(|| Refused::bad(format!("{name}: is not a date or time")))
            })
            .transpose()
    };
    let usages = &console.admin.usages;
    let begins = match (which.period, time("since", which.since)?) {
        (Some(_), Some(_)) => return Err(Refused::bad("give period or since, not both")),
        (None, Some(since)) => Question { since: Some(since), ..Question::default() },
        (period, None) => usages.during(period.unwrap_or_default().into()),
    };
    let question = Question {
        until: time("until", which.until)?,
        tool: given(which.tool),
        user: given(which.user),
        client: given(which.client),
        // An empty service is that of the built-in tools.
        upstream: which.service,
        outcome: which.outcome.map(|outcome| match outcome {
            Ended::Ok => Outcome::Ok,
            Ended::Refused => Outcome::Refused,
            Ended::Failed => Outcome::Failed,
        }),
        ..begins
    };
    let limit = which.limit.unwrap_or(100);
    let rows = usages.report(reader, question, by, limit).await?;
    Ok(match which.format {
        Some(Format::Csv) => csv(&rows),
        Some(Format::Json) | None => {
            let rows = rows.into_iter().map(|numbers| row(by, numbers)).collect();
            let report = Report { by: by.as_str(), names: reader.sees_names(), rows };
            show(StatusCode::OK, &report)
        }
    })
}

async fn unused(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    QueryParams(lately): QueryParams<RecentQuery>,
) -> Answered {
    let reader = reader(&caller)?;
    let usages = &console.admin.usages;
    let tools = usages.unused_tools(lately.period.unwrap_or_default().into()).await?;
    let users = usages.unconnected(reader, 100).await?;
    let shown = Unused {
        tools,
        users_without_client: users.count,
        users: reader.sees_names().then_some(users.names),
    };
    Ok(show(StatusCode::OK, &shown))
}

async fn rebuild(State(console): State<Arc<Console>>) -> Answered {
    let entries = console.admin.usages.rebuild().await?;
    Ok(show(StatusCode::OK, &Rebuilt { entries }))
}
