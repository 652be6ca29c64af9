//! The audit: searched, exported, and what was recorded of calls, for auditors.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use doorward_model::{AuditEntry, AuditEvent, AuditFilter, AuditKind, Outcome, Role, routes};
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::{
    Answered, Anything, Asked, At, Operation, Refused, Who, limit, needs, show,
};
use crate::{
    app::App,
    audit_text::{self, CSV_HEAD},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(needs::READ, routes::API_AUDIT, "searchAudit", "Finds entries of the audit, the newest first.", search)
            .query::<Which>()
            .answer::<Entries>(200, "The entries."),
        Operation::get(needs::READ, routes::API_AUDIT_EXPORT, "exportAudit", "All entries that fit, the oldest first, as JSON lines or CSV.", export)
            .query::<Exported>()
            .answer::<Anything>(200, "The entries, one a line.")
            .text(&["application/jsonl", "text/csv"]),
        Operation::get(needs::READ, routes::API_AUDIT_ENTRY, "showAuditEntry", "Shows one entry.", one)
            .answer::<Entry>(200, "The entry.")
            .missing("There is no such entry."),
        Operation::get(
            needs::ALL,
            routes::API_AUDIT_RECORD,
            "showRecord",
            "Shows recorded arguments and result of a call. Only for the role auditor; reading is audited.",
            record,
        )
        .answer::<Record>(200, "What was recorded.")
        .missing("There is no such record."),
    ]
}

/// Which entries. Everything that is given must hold.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WhichEntries")]
struct Which {
    /// Done by this person, by id.
    user: Option<String>,
    /// Through this client, by client_id.
    client: Option<String>,
    /// Of this kind, such as `tool.called`, or of a family such as `person.`.
    kind: Option<String>,
    /// Ended like this.
    outcome: Option<Ended>,
    /// A call of this tool.
    tool: Option<String>,
    /// A call to this upstream.
    upstream: Option<String>,
    /// About this, such as `client:c_…`.
    subject: Option<String>,
    /// Not before: a day, a moment (RFC 3339) or seconds since 1970.
    since: Option<String>,
    /// Before.
    until: Option<String>,
    /// Only entries with smaller numbers: `next` of the page before.
    before: Option<i64>,
    /// How many at most, 1 to 500.
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
    /// Not before: a day, a moment (RFC 3339) or seconds since 1970.
    since: Option<String>,
    /// Before.
    until: Option<String>,
    /// Of this kind or family.
    kind: Option<String>,
    /// Done by this person, by id.
    user: Option<String>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Format {
    Jsonl,
    Csv,
}

/// Some entries.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the wire names it so")]
struct Entries {
    entries: Vec<Entry>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
    /// True if the search stopped because it had looked through very many entries; `next` goes on
    /// from there.
    partial: bool,
}

/// An entry. What it does not know is left out.
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
    /// The arguments, without what looks like a secret.
    arguments: String,
    /// The result, without what looks like a secret.
    result: String,
}

/// A member that was given and is not empty.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn shown(entry: &AuditEntry) -> Entry {
    Entry { members: audit_text::to_json(entry).as_object().cloned().unwrap_or_default() }
}

fn time(name: &str, text: Option<&String>) -> Result<Option<doorward_model::Timestamp>, Refused> {
    text.filter(|text| !text.is_empty())
        .map(|text| {
            audit_text::parse_time(text)
                .ok_or_else(|| Refused::bad(format!("{name}: is not a day or moment")))
        })
        .transpose()
}

async fn search(State(app): State<Arc<App>>, Asked(which): Asked<Which>) -> Answered {
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
    app.store.flush().await?;
    let page = app.store.audit(&filter, which.before, limit(which.limit, 100, 500)?).await?;
    Ok(show(
        StatusCode::OK,
        &Entries {
            entries: page.entries.iter().map(shown).collect(),
            next: page.before,
            partial: page.stretched,
        },
    ))
}

async fn one(State(app): State<Arc<App>>, At(seq): At) -> Answered {
    let seq: i64 = seq.parse().map_err(|_| Refused::missing("entry"))?;
    let entry = app.store.audit_entry(seq).await?.ok_or_else(|| Refused::missing("entry"))?;
    Ok(show(StatusCode::OK, &shown(&entry)))
}

async fn export(State(app): State<Arc<App>>, Asked(asked): Asked<Exported>) -> Answered {
    let filter = AuditFilter {
        since: time("since", asked.since.as_ref())?,
        until: time("until", asked.until.as_ref())?,
        kind: given(asked.kind),
        user_id: given(asked.user),
        ..AuditFilter::default()
    };
    let csv = matches!(asked.format, Some(Format::Csv));
    app.store.note(AuditEvent::new(AuditKind::AuditExported)).await?;
    Ok(exported(&app, filter, csv))
}

/// The entries as a stream, however many there are.
pub(crate) fn exported(app: &Arc<App>, filter: AuditFilter, csv: bool) -> Response {
    let head = if csv { format!("{CSV_HEAD}\n") } else { String::new() };
    let begin = (Arc::clone(app), filter, 0_i64, Some(head));
    let lines = stream::unfold(begin, move |(app, filter, after, head)| async move {
        if let Some(head) = head {
            return Some((Ok::<_, std::io::Error>(head), (app, filter, after, None)));
        }
        let entries = match app.store.audit_after(after, 2000).await {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, "an export of the audit was cut off");
                return Some((
                    Err(std::io::Error::other("the database does not answer")),
                    (app, filter, i64::MAX, None),
                ));
            }
        };
        let last = entries.last()?.seq;
        let text = entries.iter().filter(|entry| filter.fits(&entry.event)).map(|entry| {
            let line = if csv {
                audit_text::to_csv(entry)
            } else {
                audit_text::to_json(entry).to_string()
            };
            line + "\n"
        });
        let text: String = text.collect();
        Some((Ok(text), (app, filter, last, None)))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let (media, name) = if csv {
        ("text/csv; charset=utf-8", "audit.csv")
    } else {
        ("application/jsonl", "audit.jsonl")
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

async fn record(State(app): State<Arc<App>>, Who(caller): Who, At(id): At) -> Answered {
    // For others, records do not exist.
    if !Role::parse("auditor").is_ok_and(|role| caller.person.has_any(&[role])) {
        return Err(Refused::missing("record"));
    }
    let Some((arguments, result)) = app.read_record(&id).await? else {
        return Err(Refused::missing("record"));
    };
    Ok(show(StatusCode::OK, &Record { id, arguments, result }))
}
