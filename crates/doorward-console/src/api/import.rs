//! Import of users from a table.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{ImportedLine, LineEffect, UserTable};
use doorward_model::routes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    edits::{Differs, Trial},
    operation::{Answered, ApiCaller, JsonBody, Operation, QueryParams, needs, show},
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::post(
            needs::ALL,
            routes::API_USERS_IMPORT,
            "importUsers",
            "Adds and changes users from a table, all or none. With `dry_run`, only lists what would \
             happen, with the reason for each line that cannot be imported.",
            import,
        )
        .query::<Trial>()
        .body::<Table>()
        .answer::<Done>(200, "What was imported, or would be.")
        .missing("There is no such identity provider.")
        .problem(409, "The table takes the role admin from the last administrators."),
    ]
}

/// A table of users.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserTable")]
struct Table {
    /// The table as CSV. Its first line names the columns: name, and of email, display_name, roles
    /// and groups those that are wanted. Roles and groups are separated by spaces. Empty fields
    /// change nothing; groups are added. At most 1000 users and 200 KiB.
    csv: String,
    /// The identity provider through which new users sign in: each is invited with the e-mail
    /// address of the line. No mails are sent.
    provider: Option<String>,
    /// The `etag` of the list that was read: another one is refused.
    seen: Option<String>,
}

/// The effect of a table.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ImportedUsers")]
struct Done {
    /// True if the table was imported.
    applied: bool,
    /// The number of users who are added.
    added: usize,
    /// The number of users who are changed.
    changed: usize,
    /// The number of lines that cannot be imported.
    refused: usize,
    /// Names this list, for `seen`.
    etag: String,
    lines: Vec<Row>,
}

/// A line of the table.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ImportedLine")]
struct Row {
    /// Its number, from 1.
    line: usize,
    name: String,
    /// `add`, `change`, `same` or `refused`.
    effect: &'static str,
    /// The parts that change.
    differences: Vec<Differs>,
    /// The code of the reason for which the line cannot be imported.
    error: Option<&'static str>,
    /// The reason in words.
    error_description: Option<String>,
}

impl From<ImportedLine> for Row {
    fn from(ImportedLine { line, name, result }: ImportedLine) -> Self {
        let (effect, differences, refusal) = match result {
            Ok((effect, differences)) => (effect.as_str(), differences, None),
            Err(refusal) => ("refused", Vec::new(), Some(refusal)),
        };
        Self {
            line,
            name,
            effect,
            differences: differences.into_iter().map(Into::into).collect(),
            error: refusal.as_ref().map(|refusal| refusal.code().as_str()),
            error_description: refusal.map(|refusal| refusal.to_string()),
        }
    }
}

async fn import(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    QueryParams(trial): QueryParams<Trial>,
    JsonBody(Table { csv, provider, seen }): JsonBody<Table>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let table = UserTable {
        csv: &csv,
        provider: provider.as_deref(),
        seen: seen.as_deref(),
        effect: trial.effect(),
    };
    let (invitations, groups) = (&console.admin.invitations, &console.admin.groups);
    let done = invitations.import(&authority, groups, table).await?;
    let shown = Done {
        applied: done.applied,
        added: done.count(LineEffect::Add),
        changed: done.count(LineEffect::Change),
        refused: done.refused(),
        etag: done.etag,
        lines: done.lines.into_iter().map(Into::into).collect(),
    };
    Ok(show(StatusCode::OK, &shown))
}
