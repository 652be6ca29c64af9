//! Charts of calls as SVG, each with the same numbers in a table.

use doorward_admin::Bar;
use doorward_language::{Message, moment, outcome as outcome_title, text};
use doorward_model::{Outcome, Timestamp, routes};

use crate::Console;

/// The size of the chart in its own units.
const WIDTH: i64 = 720;
const HEIGHT: i64 = 140;
/// The space between two bars.
const GAP: i64 = 3;

/// The day of a moment, as the search in the audit takes it.
fn day(at: Timestamp) -> String {
    doorward_audit::text::rfc3339(at).chars().take(10).collect()
}

/// The audit's entries of tool calls with this filter, since a day.
pub(crate) fn audit_link(
    console: &Console,
    filter: &[(&str, &str)],
    since: Timestamp,
    until: Option<Timestamp>,
) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filter).append_pair("since", &day(since));
    if let Some(until) = until {
        query.append_pair("until", &day(until.plus(-1)));
    }
    format!("{}?{}", console.web.at(routes::ADMIN_AUDIT), query.finish())
}

/// Bars of calls, stacked by outcome.
pub(crate) struct Chart {
    pub(crate) width: i64,
    pub(crate) height: i64,
    /// Maximum number of calls of a bar.
    pub(crate) most: i64,
    pub(crate) columns: Vec<Column>,
}

/// One bar.
pub(crate) struct Column {
    /// The moment at which it begins.
    pub(crate) from: String,
    /// The text that names its numbers.
    pub(crate) title: Message,
    pub(crate) x: i64,
    pub(crate) width: i64,
    /// The calls by outcome, from the bottom.
    pub(crate) parts: [Part; 3],
}

/// The calls of one outcome in a bar.
pub(crate) struct Part {
    pub(crate) class: &'static str,
    pub(crate) title: Message,
    pub(crate) calls: i64,
    /// Their entries in the audit, for administrators.
    pub(crate) href: Option<String>,
    pub(crate) y: i64,
    pub(crate) height: i64,
}

impl Chart {
    /// The chart of these bars; with links to the entries of the audit for administrators.
    pub(crate) fn of(console: &Console, bars: &[Bar], links: bool) -> Self {
        let most = bars.iter().map(Bar::calls).max().unwrap_or_default();
        let step = WIDTH / i64::try_from(bars.len()).unwrap_or(1).max(1);
        let column = |(bar, place): (&Bar, i64)| {
            let from = moment(bar.from);
            let mut below = 0;
            let stacked = [
                ("ok", Outcome::Ok, bar.ok),
                ("refused", Outcome::Refused, bar.refused),
                ("failed", Outcome::Failed, bar.failed),
            ];
            let parts = stacked.map(|(class, outcome, calls)| {
                // Few calls beside very many are still seen.
                let height = if calls == 0 { 0 } else { (calls * HEIGHT / most).max(2) };
                below += height;
                let filter = [("kind", "tool."), ("outcome", outcome.as_str())];
                let href = (links && calls > 0)
                    .then(|| audit_link(console, &filter, bar.from, Some(bar.to)));
                let y = (HEIGHT - below).max(0);
                Part { class, title: outcome_title(outcome), calls, href, y, height }
            });
            let title = text::usage_bar(from.as_str(), bar.ok, bar.refused, bar.failed);
            Column { from, title, x: place * step, width: step - GAP, parts }
        };
        Self {
            width: step * i64::try_from(bars.len()).unwrap_or(1),
            height: HEIGHT,
            most,
            columns: bars.iter().zip(0..).map(column).collect(),
        }
    }
}

/// Calls by weekday and hour.
pub(crate) struct Heat {
    pub(crate) days: Vec<(Message, Vec<Cell>)>,
}

/// The calls of one hour of a weekday.
pub(crate) struct Cell {
    pub(crate) calls: i64,
    /// The shade, 0 to 5.
    pub(crate) level: i64,
}

impl Heat {
    pub(crate) fn of(heat: &[[i64; 24]; 7]) -> Self {
        let most = heat.iter().flatten().copied().max().unwrap_or_default();
        let days = [
            text::usage_monday(),
            text::usage_tuesday(),
            text::usage_wednesday(),
            text::usage_thursday(),
            text::usage_friday(),
            text::usage_saturday(),
            text::usage_sunday(),
        ];
        let cell = |calls: i64| Cell {
            calls,
            level: if calls == 0 { 0 } else { 1 + calls * 4 / most.max(1) },
        };
        let rows = heat.iter().map(|hours| hours.iter().copied().map(cell).collect());
        Self { days: days.into_iter().zip(rows).collect() }
    }
}
