//! The audit: searched, exported, and the recorded calls, for auditors.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_admin::CallRecord;
use doorward_audit::text;
use doorward_model::{AuditEntry, AuditFilter, Outcome, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::{
    Answered, AnyJson, ApiCaller, Operation, PathValue, QueryParams, Refused, needs, show,
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_AUDIT,
            "searchAudit",
            "Lists entries of the audit, the newest first.",
            search,
        )
        .query::<AuditQuery>()
        .answer::<Entries>(200, "The entries."),
        Operation::get(
            needs::READ,
            routes::API_AUDIT_EXPORT,
            "exportAudit",
            "Exports all matching entries, the oldest first, as JSON lines or CSV.",
            export,
        )
        .query::<Exported>()
        .answer::<AnyJson>(200, "The entries, one a line.")
        .text(&["application/jsonl", "text/csv"]),
        Operation::get(
            needs::READ,
            routes::API_AUDIT_ENTRY,
            "showAuditEntry",
            "Shows one entry.",
            one,
        )
        .answer::<Entry>(200, "The entry.")
        .missing("There is no such entry."),
        Operation::get(
            needs::ALL,
            routes::API_AUDIT_RECORD,
            "showRecord",
            "Shows the recorded arguments and result of a call. Only for the role auditor; reading \
             is audited.",
            record,
        )
        .answer::<Record>(200, "The recorded arguments and result.")
        .missing("There is no such record."),
    ]
}

/// Selection of entries. All given conditions must hold.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichEntries")]
struct AuditQuery {
    /// Entries of this user, by ID.
    user: Option<String>,
    /// Entries of this client, by client_id.
    client: Option<String>,
    /// Entries of this kind, such as `tool.called`, or of a family such as `user.`.
    kind: Option<String>,
    /// Entries with this outcome.
    outcome: Option<Ended>,
    /// Calls of this tool.
    tool: Option<String>,
    /// Calls to this upstream.
    upstream: Option<String>,
    /// Entries about this object, such as `client:c_…`.
    subject: Option<String>,
    /// Start of the period: a day, a moment (RFC 3339) or seconds since 1970.
    since: Option<String>,
    /// End of the period, which is not included.
    until: Option<String>,
    /// Only entries with smaller numbers: `next` of the page before.
    before: Option<i64>,
    /// Maximum number, 1 to 500.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u64>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Outcome")]
enum Ended {
    Ok,
    Refused,
    Failed,
}

/// The entries to export, and the format.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Export")]
struct Exported {
    /// `jsonl` or `csv`.
    format: Option<Format>,
    /// Start of the period: a day, a moment (RFC 3339) or seconds since 1970.
    since: Option<String>,
    /// End of the period, which is not included.
    until: Option<String>,
    /// Entries of this kind or family.
    kind: Option<String>,
    /// Entries of this user, by ID.
    user: Option<String>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Format {
    Jsonl,
    Csv,
}

/// A page of entries.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the wire names it so")]
struct Entries {
    entries: Vec<Entry>,
    /// The start of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
    /// True if the search stopped after very many entries; `next` continues
    /// from that entry.
    partial: bool,
}

/// An entry. Unknown members are omitted.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
struct Entry {
    #[serde(flatten)]
    members: serde_json::Map<String, Value>,
}

/// The record of a call.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallRecord")]
struct Record {
    id: String,
    /// The arguments, without values that look like secrets.
    arguments: String,
    /// The result, without values that look like secrets.
    result: String,
}

/// A member that was given and is not empty.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn shown(entry: &AuditEntry) -> Entry {
    Entry { members: text::to_json(entry).as_object().cloned().unwrap_or_default() }
}

fn time(name: &str, given: Option<&String>) -> Result<Option<doorward_model::Timestamp>, Refused> {
    given
        .filter(|given| !given.is_empty())
        .map(|given| {
            text::parse_time(given)
                .ok_or_else(|| Refused::bad(format!("{name}: is not a date or time")))
        })
        .transpose()
}

async fn search(
    State(console): State<Arc<Console>>,
    QueryParams(which): QueryParams<AuditQuery>,
) -> Answered {
    let filter = AuditFilter {
        since: time("since", which.since.as_ref())?,
        until: time("until", which.until.as_ref())?,
        user_id: given(which.user),
        concerns: None,
        client_id: given(which.client),
        kind: given(which.kind),
        outcome: which.outcome.map(|outcome| match outcome {
            Ended::Ok => Outcome::Ok,
            Ended::Refused => Outcome::Refused,
            Ended::Failed => Outcome::Failed,
        }),
        tool: given(which.tool),
        upstream: given(which.upstream),
        subject: given(which.subject),
    };
    console.store.flush().await?;
    let page = console.store.audit(&filter, which.before, which.limit.unwrap_or(100)).await?;
    Ok(show(
        StatusCode::OK,
        &Entries {
            entries: page.entries.iter().map(shown).collect(),
            next: page.before,
            partial: page.stretched,
        },
    ))
}

async fn one(State(console): State<Arc<Console>>, PathValue(seq): PathValue) -> Answered {
    let seq: i64 = seq.parse().map_err(|_| Refused::missing("entry"))?;
    let entry = console.store.audit_entry(seq).await?.ok_or_else(|| Refused::missing("entry"))?;
    Ok(show(StatusCode::OK, &shown(&entry)))
}

async fn export(
    State(console): State<Arc<Console>>,
    QueryParams(asked): QueryParams<Exported>,
) -> Answered {
    let filter = AuditFilter {
        since: time("since", asked.since.as_ref())?,
        until: time("until", asked.until.as_ref())?,
        kind: given(asked.kind),
        user_id: given(asked.user),
        ..AuditFilter::default()
    };
    let format = match asked.format {
        Some(Format::Csv) => doorward_audit::Format::Csv,
        Some(Format::Jsonl) | None => doorward_audit::Format::JsonLines,
    };
    Ok(doorward_audit::http::file(console.store.clone(), filter, format).await?)
}

async fn record(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(id): PathValue,
) -> Answered {
    let CallRecord { arguments, result } = console.admin.records.read(&caller.user, &id).await?;
    Ok(show(StatusCode::OK, &Record { id, arguments, result }))
}
