//! Usage: the users, clients, tools and upstreams of tool calls, their number, errors and latency.
//! Numbers are counted from the audit by the store.

use std::{collections::HashSet, sync::Arc};

use doorward_audit::text;
use doorward_gateway::Gateway;
use doorward_mcp::tools::BUILT_IN;
use doorward_model::{
    ClientId, Clock, Outcome, Role, Timestamp, Usage, UsageBy, UsageFilter, User, UserId,
    usage::OTHERS,
};
use doorward_store::Store;

use crate::Refusal;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// Maximum number of rows of one report.
pub const MOST_USAGE_ROWS: u64 = 1000;

/// The right to read numbers, and how much of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Sees numbers with the names of users: a user with the role auditor, and the operator of the
    /// machine.
    Names,
    /// Sees numbers of users without their names: an administrator.
    Numbers,
}

impl Reader {
    /// The right of this user, if they have one.
    pub fn of(user: &User) -> Option<Self> {
        if user.has_any(&[Role::auditor()]) {
            Some(Self::Names)
        } else if user.is_administrator() {
            Some(Self::Numbers)
        } else {
            None
        }
    }

    /// True if names of users are shown.
    pub fn sees_names(self) -> bool {
        self == Self::Names
    }
}

/// A period that ends now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    #[default]
    Month,
    /// 90 days.
    Quarter,
}

impl Period {
    /// Every period.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// The name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }
    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }
    /// Its length in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 30 * DAY,
            Self::Quarter => 90 * DAY,
        }
    }
    /// The length of a bar in seconds.
    const fn step(self) -> i64 {
        match self {
            Self::Day => HOUR,
            Self::Week => 6 * HOUR,
            Self::Month => DAY,
            Self::Quarter => 3 * DAY,
        }
    }
}

/// The calls that a report is about. Everything that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Not before the hour of this moment.
    pub since: Option<Timestamp>,
    /// Before the hour of this moment.
    pub until: Option<Timestamp>,
    /// Of this tool.
    pub tool: Option<String>,
    /// By this user: their ID or sign-in name.
    pub user: Option<String>,
    /// Through this client, by its `client_id`.
    pub client: Option<String>,
    /// To this upstream.
    pub upstream: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
}

/// A row of a report.
#[derive(Clone, Debug)]
pub struct UsageRow {
    /// The numbers. The key of an hour is its beginning (RFC 3339); that of a user is empty for
    /// readers who do not see names.
    pub usage: Usage,
    /// The name of the user or client, as far as it is known and may be shown.
    pub name: Option<String>,
}

/// The calls of a part of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub to: Timestamp,
    /// The calls that succeeded.
    pub ok: i64,
    /// The calls that were refused.
    pub refused: i64,
    /// The calls that failed.
    pub failed: i64,
}

impl Bar {
    /// All calls.
    pub fn calls(&self) -> i64 {
        self.ok + self.refused + self.failed
    }

    fn add(&mut self, usage: &Usage) {
        self.ok += usage.ok();
        self.refused += usage.refused;
        self.failed += usage.failed;
    }
}

/// Users who have not connected a client.
#[derive(Clone, Debug)]
pub struct Unconnected {
    /// Total number.
    pub count: u64,
    /// The first of them by name; empty for readers who do not see names.
    pub names: Vec<String>,
}

/// Reads numbers of usage. Cheap to clone.
#[derive(Clone)]
pub struct Usages {
    store: Store,
    gateway: Gateway,
    clock: Arc<dyn Clock>,
}

impl Usages {
    /// The numbers of this store, and the tools of this gateway.
    pub fn new(store: Store, gateway: Gateway, clock: Arc<dyn Clock>) -> Self {
        Self { store, gateway, clock }
    }

    /// The period up to now, as a question about all of its calls. It begins with a whole hour.
    pub fn during(&self, period: Period) -> Question {
        let since = self.clock.now().plus(HOUR - period.seconds());
        Question { since: Some(since), ..Question::default() }
    }

    async fn filter(&self, reader: Reader, question: Question) -> Result<UsageFilter, Refusal> {
        let user_id = match question.user {
            Some(_) if !reader.sees_names() => return Err(Refusal::AuditorNeeded),
            Some(user) => {
                let found = self.store.user_by(&user).await?;
                // A deleted user is still found by the ID.
                Some(found.map_or(user, |found| found.id.to_string()))
            }
            None => None,
        };
        Ok(UsageFilter {
            since: question.since,
            until: question.until,
            tool: question.tool,
            user_id,
            client_id: question.client,
            upstream: question.upstream,
            outcome: question.outcome,
        })
    }

    /// Brings the numbers up to date with the audit.
    async fn count(&self) -> Result<(), Refusal> {
        self.store.flush().await?;
        self.store.count_usage().await?;
        Ok(())
    }

    /// Reports the calls by a dimension, those with the most first; of the hours, the latest first.
    pub async fn report(
        &self,
        reader: Reader,
        question: Question,
        by: UsageBy,
        limit: u64,
    ) -> Result<Vec<UsageRow>, Refusal> {
        let filter = self.filter(reader, question).await?;
        self.count().await?;
        let found = self.store.usage(&filter, by, limit.clamp(1, MOST_USAGE_ROWS)).await?;
        let mut rows = Vec::with_capacity(found.len());
        for usage in found {
            rows.push(self.named(reader, by, usage).await?);
        }
        Ok(rows)
    }

    async fn named(
        &self,
        reader: Reader,
        by: UsageBy,
        mut usage: Usage,
    ) -> Result<UsageRow, Refusal> {
        let known = !usage.key.is_empty() && usage.key != OTHERS;
        let name = match by {
            UsageBy::User if !reader.sees_names() => {
                if known {
                    usage.key.clear();
                }
                None
            }
            UsageBy::User if known => {
                let user = self.store.user(&UserId::from_text(&usage.key)).await?;
                user.map(|user| user.name.to_string())
            }
            UsageBy::Client if known => {
                let client = self.store.client(&ClientId::from_text(&usage.key)).await?;
                client.map(|client| client.name.clone())
            }
            UsageBy::Hour => {
                let hour = usage.key.parse::<i64>().unwrap_or_default();
                usage.key = text::rfc3339(Timestamp(hour.saturating_mul(HOUR)));
                None
            }
            UsageBy::User | UsageBy::Client | UsageBy::Tool | UsageBy::Service | UsageBy::Total => {
                None
            }
        };
        Ok(UsageRow { usage, name })
    }

    /// The calls of a period by hours.
    async fn hours(&self, since: Timestamp) -> Result<Vec<(i64, Usage)>, Refusal> {
        self.count().await?;
        let filter = UsageFilter { since: Some(since), ..UsageFilter::default() };
        let most = u64::try_from(Period::Quarter.seconds() / HOUR).unwrap_or(0) + 2;
        let hours = self.store.usage(&filter, UsageBy::Hour, most).await?;
        Ok(hours.into_iter().filter_map(|hour| Some((hour.key.parse().ok()?, hour))).collect())
    }

    /// The calls of a period in equal parts, the oldest first; parts without calls too.
    pub async fn bars(&self, period: Period) -> Result<Vec<Bar>, Refusal> {
        let step = period.step();
        // The last part holds the present moment.
        let end = (self.clock.now().0.div_euclid(HOUR) + 1) * HOUR;
        let begin = end - period.seconds();
        let mut bars: Vec<Bar> = (0..period.seconds() / step)
            .map(|part| Bar {
                from: Timestamp(begin + part * step),
                to: Timestamp(begin + (part + 1) * step),
                ..Bar::default()
            })
            .collect();
        for (hour, usage) in self.hours(Timestamp(begin)).await? {
            let part = (hour * HOUR - begin).div_euclid(step);
            let bar = usize::try_from(part).ok().and_then(|part| bars.get_mut(part));
            if let Some(bar) = bar {
                bar.add(&usage);
            }
        }
        Ok(bars)
    }

    /// The calls of a period by weekday (Monday first) and hour of the day, in UTC.
    pub async fn heat(&self, period: Period) -> Result<[[i64; 24]; 7], Refusal> {
        let since = self.clock.now().plus(HOUR - period.seconds());
        let mut heat = [[0; 24]; 7];
        for (hour, usage) in self.hours(since).await? {
            // The first day of 1970 was a Thursday.
            let (weekday, of_day) = ((hour.div_euclid(24) + 3).rem_euclid(7), hour.rem_euclid(24));
            let cell = usize::try_from(weekday)
                .ok()
                .and_then(|weekday| heat.get_mut(weekday))
                .zip(usize::try_from(of_day).ok())
                .and_then(|(day, hour)| day.get_mut(hour));
            if let Some(cell) = cell {
                *cell += usage.calls;
            }
        }
        Ok(heat)
    }

    /// The approved tools that were not called in a period, by name.
    pub async fn unused_tools(&self, period: Period) -> Result<Vec<String>, Refusal> {
        self.count().await?;
        let filter = UsageFilter { since: self.during(period).since, ..UsageFilter::default() };
        let used: HashSet<String> = self
            .store
            .usage(&filter, UsageBy::Tool, u64::from(u32::MAX))
            .await?
            .into_iter()
            .map(|usage| usage.key)
            .collect();
        let built_in = BUILT_IN.iter().map(|tool| tool.name.to_owned());
        let mut unused: Vec<String> = built_in
            .chain(self.gateway.approved_tool_names().await?)
            .filter(|tool| !used.contains(tool))
            .collect();
        unused.sort();
        unused.dedup();
        Ok(unused)
    }

    /// The users without a client and without a personal access token.
    pub async fn unconnected(&self, reader: Reader, limit: u64) -> Result<Unconnected, Refusal> {
        let now = self.clock.now();
        let count = self.store.count_unconnected(now).await?;
        let names = if reader.sees_names() {
            self.store.unconnected(now, limit).await?
        } else {
            Vec::new()
        };
        Ok(Unconnected { count, names })
    }

    /// Counts the remaining entries of the audit again, and returns the number of entries read.
    pub async fn rebuild(&self) -> Result<u64, Refusal> {
        Ok(self.store.rebuild_usage().await?)
    }
}

/// The head of the numbers as CSV.
pub const CSV_HEAD: &str =
    "key,name,calls,ok,refused,failed,p50_ms,p95_ms,request_bytes,response_bytes";

impl UsageRow {
    /// A latency in milliseconds.
    pub fn milliseconds(&self, per_cent: i64) -> Option<f64> {
        let micros = self.usage.percentile(per_cent)?;
        Some(f64::from(i32::try_from(micros).unwrap_or(i32::MAX)) / 1000.0)
    }

    /// A line of CSV, as [`CSV_HEAD`] names its values.
    pub fn to_csv(&self) -> String {
        let latency = |per_cent| {
            self.milliseconds(per_cent).map_or_else(String::new, |value| format!("{value:.1}"))
        };
        let usage = &self.usage;
        [
            text::cell(&usage.key),
            text::cell(self.name.as_deref().unwrap_or_default()),
            usage.calls.to_string(),
            usage.ok().to_string(),
            usage.refused.to_string(),
            usage.failed.to_string(),
            latency(50),
            latency(95),
            usage.request_bytes.to_string(),
            usage.response_bytes.to_string(),
        ]
        .join(",")
    }
}
