//! `doorward usage …`.

use clap::{Args, Subcommand};
use doorward_admin::{Period, Question, Reader, USAGE_CSV_HEAD, UsageRow};
use doorward_audit::text;
use doorward_model::{Outcome, UsageBy, usage::OTHERS};
use serde_json::{Value, json};

use super::{context::Context, print_json, print_table};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward usage
  doorward usage --by service --period 7d
  doorward usage --by user --tool wiki_search --format csv
  doorward usage unused --period 90d
  doorward usage rebuild";

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Command {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The dimension: tool, user, client, service, hour or total.
    #[arg(long, default_value = "tool", value_parser = ["tool", "user", "client", "service", "hour", "total"])]
    by: String,
    #[command(flatten)]
    which: Selection,
    /// text or csv.
    #[arg(long, default_value = "text", value_parser = ["text", "csv"])]
    format: String,
    /// Number of rows to print, at most 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Lists the approved tools that were not called, and the users without a client and a personal
    /// access token.
    Unused {
        /// The period up to now: 24h, 7d, 30d or 90d.
        #[arg(long, default_value = "30d", value_parser = ["24h", "7d", "30d", "90d"])]
        period: String,
    },
    /// Counts usage again from the audit, for every hour of which it has all entries. Earlier
    /// numbers stay.
    Rebuild,
}

#[derive(Args, Debug)]
struct Selection {
    /// The period up to now: 24h, 7d, 30d or 90d.
    #[arg(long, default_value = "30d", value_parser = ["24h", "7d", "30d", "90d"], conflicts_with = "since")]
    period: String,
    /// Only calls from this date or time on, such as 2026-11-21 or 2026-11-21T10:00:00Z; rounded to
    /// its hour.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only calls before this date or time; rounded to its hour.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only calls of this tool.
    #[arg(long, value_name = "TOOL")]
    tool: Option<String>,
    /// Only calls by this user, by ID or sign-in name.
    #[arg(long, value_name = "ID|NAME")]
    user: Option<String>,
    /// Only calls through this client, by `client_id`.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only calls to this service (upstream).
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only calls with this outcome: ok, refused or failed.
    #[arg(long, value_parser = ["ok", "refused", "failed"])]
    outcome: Option<String>,
}

fn period(name: &str) -> Result<Period, Failed> {
    Period::parse(name).ok_or_else(|| Failed(format!("{name:?} is not a period")))
}

fn row(by: UsageBy, numbers: &UsageRow) -> Vec<String> {
    let usage = &numbers.usage;
    let key = match (by, numbers.name.as_deref(), usage.key.as_str()) {
        (_, Some(name), _) => name.to_owned(),
        (_, None, OTHERS) => "(others)".to_owned(),
        (UsageBy::Service, None, "") => "(built-in tools)".to_owned(),
        (UsageBy::Client, None, "") => "(personal access tokens)".to_owned(),
        (UsageBy::Total, ..) => "(all)".to_owned(),
        (_, None, key) => key.to_owned(),
    };
    let latency = |per_cent| {
        numbers.milliseconds(per_cent).map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
    };
    vec![
        key,
        usage.calls.to_string(),
        usage.refused.to_string(),
        usage.failed.to_string(),
        latency(50),
        latency(95),
        usage.request_bytes.to_string(),
        usage.response_bytes.to_string(),
    ]
}

fn value(numbers: &UsageRow) -> Value {
    let usage = &numbers.usage;
    json!({
        "key": usage.key,
        "name": numbers.name,
        "calls": usage.calls,
        "ok": usage.ok(),
        "refused": usage.refused,
        "failed": usage.failed,
        "p50_ms": numbers.milliseconds(50),
        "p95_ms": numbers.milliseconds(95),
        "request_bytes": usage.request_bytes,
        "response_bytes": usage.response_bytes,
    })
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let usages = context.usages(&context.store().await?).await?;
    // The operator of the machine reads the database itself.
    let reader = Reader::Names;
    match command.verb {
        Some(Verb::Rebuild) => {
            let entries = usages.rebuild().await?;
            if context.json {
                print_json(&json!({"entries": entries}));
            } else {
                report!("{entries} entries of the audit were counted.");
            }
            return Ok(());
        }
        Some(Verb::Unused { period: name }) => {
            let tools = usages.unused_tools(period(&name)?).await?;
            let users = usages.unconnected(reader, 1000).await?;
            if context.json {
                print_json(
                    &json!({"tools": tools, "users_without_client": users.count, "users": users.names}),
                );
                return Ok(());
            }
            report!("{} approved tools were not called in {name}:", tools.len());
            for tool in &tools {
                report!("  {tool}");
            }
            report!("{} users have neither a client nor a personal access token:", users.count);
            for user in &users.names {
                report!("  {user}");
            }
            return Ok(());
        }
        None => {}
    }
    let by = UsageBy::parse(&command.by)
        .ok_or_else(|| Failed(format!("{:?} is not a dimension", command.by)))?;
    let time = |given: Option<String>| {
        given
            .map(|given| {
                text::parse_time(&given)
                    .ok_or_else(|| Failed(format!("{given:?} is not a date or time")))
            })
            .transpose()
    };
    let which = command.which;
    let begins = match time(which.since)? {
        Some(since) => Question { since: Some(since), ..Question::default() },
        None => usages.during(period(&which.period)?),
    };
    let question = Question {
        until: time(which.until)?,
        tool: which.tool,
        user: which.user,
        client: which.client,
        upstream: which.service,
        outcome: which.outcome.as_deref().and_then(Outcome::parse),
        ..begins
    };
    let rows = usages.report(reader, question, by, command.limit).await?;
    if context.json {
        print_json(&rows.iter().map(value).collect());
    } else if command.format == "csv" {
        report!("{USAGE_CSV_HEAD}");
        for row in &rows {
            report!("{}", row.to_csv());
        }
    } else {
        let head = [by.as_str(), "CALLS", "REFUSED", "FAILED", "P50 MS", "P95 MS", "IN", "OUT"];
        let rows: Vec<_> = rows.iter().map(|numbers| row(by, numbers)).collect();
        print_table(&head.map(str::to_uppercase).each_ref().map(String::as_str), &rows);
    }
    Ok(())
}
