//! The audit: searched, exported, and the recorded calls, for auditors.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_admin::CallRecord;
use doorward_audit::{AuditSearch, AuditSearchError, text};
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

/// The parameters of a search, with more of their own.
macro_rules! searches {
    ($(#[$meta:meta])* $name:ident { $($(#[$more:meta])* $member:ident: $type:ty,)* }) => {
        #[derive(Deserialize, JsonSchema, Default)]
        #[serde(deny_unknown_fields, default)]
        $(#[$meta])*
        struct $name {
            /// Entries of this user, by sign-in name or ID.
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
            /// Entries under this grant, and those about it.
            grant: Option<String>,
            /// Entries of this browser session.
            session: Option<String>,
            /// Entries with this personal or service token, by ID, and those about it.
            token: Option<String>,
            /// Entries from this IP address.
            address: Option<String>,
            /// Entries that have this text in the name of a user, tool or object, or in their
            /// detail.
            #[schemars(length(max = 200))]
            text: Option<String>,
            /// Start of the period: a day, a moment (RFC 3339) or seconds since 1970.
            since: Option<String>,
            /// End of the period, which is not included.
            until: Option<String>,
            $($(#[$more])* $member: $type,)*
        }

        impl $name {
            /// The conditions for the database.
            async fn filter(self, console: &Console) -> Result<AuditFilter, Refused> {
                let (since, until) =
                    (time("since", self.since.as_ref())?, time("until", self.until.as_ref())?);
                let outcome = self.outcome.map_or("", |outcome| match outcome {
                    Ended::Ok => Outcome::Ok.as_str(),
                    Ended::Refused => Outcome::Refused.as_str(),
                    Ended::Failed => Outcome::Failed.as_str(),
                });
                let search = AuditSearch {
                    user: self.user.unwrap_or_default(),
                    client: self.client.unwrap_or_default(),
                    kind: self.kind.unwrap_or_default(),
                    outcome: outcome.to_owned(),
                    tool: self.tool.unwrap_or_default(),
                    upstream: self.upstream.unwrap_or_default(),
                    subject: self.subject.unwrap_or_default(),
                    grant: self.grant.unwrap_or_default(),
                    session: self.session.unwrap_or_default(),
                    token: self.token.unwrap_or_default(),
                    address: self.address.unwrap_or_default(),
                    text: self.text.unwrap_or_default(),
                };
                search.filter(&console.store, since, until).await.map_err(|error| match error {
                    AuditSearchError::Store(error) => error.into(),
                    error => Refused::bad(error.to_string()),
                })
            }
        }
    };
}

searches! {
    /// Selection of entries. All given conditions must hold.
    #[schemars(rename = "WhichEntries")]
    AuditQuery {
        /// Only entries with smaller numbers: `next` of the page before.
        before: Option<i64>,
        /// Maximum number, 1 to 500.
        #[schemars(range(min = 1, max = 500))]
        limit: Option<u64>,
    }
}

searches! {
    /// The entries to export, and the format.
    #[schemars(rename = "Export")]
    Exported {
        /// `jsonl` or `csv`.
        format: Option<Format>,
    }
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Outcome")]
enum Ended {
    Ok,
    Refused,
    Failed,
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
    let (before, most) = (which.before, which.limit.unwrap_or(100));
    console.store.flush().await?;
    let filter = which.filter(&console).await?;
    let page = console.store.audit(&filter, before, most).await?;
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
    let format = match asked.format {
        Some(Format::Csv) => doorward_audit::Format::Csv,
        Some(Format::Jsonl) | None => doorward_audit::Format::JsonLines,
    };
    let filter = asked.filter(&console).await?;
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
