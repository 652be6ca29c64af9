//! `doorward user import`.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use doorward_accounts::Authority;
use doorward_admin::{IMPORT_LIMITS, ImportedLine, LineEffect, UserTable};
use doorward_store::Store;
use serde_json::{Value, json};

use super::{context::Context, edit, group, print_json, print_table};
use crate::Failed;

/// A table of users.
#[derive(Args, Debug)]
pub(super) struct Table {
    /// The file; - for standard input.
    file: PathBuf,
    /// The identity provider through which new users sign in: each is invited with the e-mail
    /// address of the line. No mails are sent.
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Only show what would happen.
    #[arg(long)]
    dry_run: bool,
}

fn describe(line: &ImportedLine) -> Value {
    let (number, name) = (line.line, &line.name);
    match &line.result {
        Ok((effect, differences)) => json!({
            "line": number, "name": name, "effect": effect.as_str(), "differences": differences,
        }),
        Err(refusal) => json!({
            "line": number, "name": name, "effect": "refused", "error": refusal.code().as_str(),
            "error_description": refusal.to_string(),
        }),
    }
}

fn row(line: &ImportedLine) -> Vec<String> {
    let (effect, details) = match &line.result {
        Ok((effect, differences)) => {
            let parts = differences.iter().map(|one| format!("{}={}", one.key, one.after));
            (effect.as_str(), parts.collect::<Vec<_>>().join(" "))
        }
        Err(refusal) => ("refused", refusal.to_string()),
    };
    vec![line.line.to_string(), line.name.clone(), effect.to_owned(), details]
}

/// The text of the file, of which no more is read than a table may have.
fn read(file: &Path) -> Result<String, Failed> {
    let path = file.display();
    let most = u64::try_from(IMPORT_LIMITS.bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = String::new();
    let outcome = if path.to_string() == "-" {
        std::io::stdin().take(most).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(most).read_to_string(&mut text))
    };
    outcome.map_err(|error| Failed(format!("{path}: {error}")))?;
    Ok(text)
}

pub(super) async fn run(
    context: &Context,
    store: &Store,
    Table { file, provider, dry_run }: &Table,
) -> Result<(), Failed> {
    let csv = read(file)?;
    let table = UserTable {
        csv: &csv,
        provider: provider.as_deref(),
        seen: None,
        effect: edit::effect(*dry_run),
    };
    let (invitations, groups) = (context.invitations(store).await?, group::operations(store));
    let done = invitations.import(&Authority::operator(), &groups, table).await?;
    let (added, changed) = (done.count(LineEffect::Add), done.count(LineEffect::Change));
    if context.json {
        print_json(&json!({
            "applied": done.applied, "added": added, "changed": changed,
            "refused": done.refused(),
            "lines": done.lines.iter().map(describe).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    let rows: Vec<_> = done.lines.iter().map(row).collect();
    print_table(&["LINE", "NAME", "EFFECT", "DETAILS"], &rows);
    let refused = done.refused();
    if done.applied {
        report!("Users added: {added}; changed: {changed}.");
    } else {
        report!(
            "Users to add: {added}; to change: {changed}; lines that cannot be imported: {refused}."
        );
    }
    Ok(())
}
