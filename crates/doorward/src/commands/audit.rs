//! `doorward audit …`.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use doorward_audit::{Format, Verification, text};
use doorward_model::{AuditEntry, AuditFilter, AuditKind, Outcome, UserName, audit::subject};
use doorward_store::Store;
use futures_util::StreamExt;

use super::{context::Context, moment};
use crate::{Failed, nearest, out};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward audit --kind tool.called --user ada --since 2026-11-01
  doorward audit --follow
  doorward audit --limit 0 --json
  doorward audit export --format csv
  doorward audit verify";

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Command {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    which: Selection,
    /// Continue and print entries as they arrive.
    #[arg(long)]
    follow: bool,
    /// Number of the newest entries to print; 0 prints all matches.
    #[arg(long, default_value_t = 50)]
    limit: u64,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Checks the chain of hashes from its beginning to its end.
    Verify {
        /// A hash that was printed earlier, as SEQ:HASH: it must still be part of the chain.
        #[arg(long, value_name = "SEQ:HASH")]
        expect: Option<String>,
    },
    /// Prints all matching entries, the oldest first, as JSON lines or CSV.
    Export {
        #[command(flatten)]
        which: Box<Selection>,
        /// jsonl or csv.
        #[arg(long, default_value = "jsonl", value_parser = ["jsonl", "csv"])]
        format: String,
    },
}

#[derive(Args, Debug, Clone)]
struct Selection {
    /// Only entries of this user, by sign-in name.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only entries of this client, by `client_id`.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only entries of this kind, such as `tool.called`, or of a family such as `user.`.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only calls of this tool.
    #[arg(long, value_name = "TOOL")]
    tool: Option<String>,
    /// Only calls to this upstream.
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// Only entries about this object, such as `client:c_…`.
    #[arg(long, value_name = "KIND:ID")]
    subject: Option<String>,
    /// Only entries with this outcome: ok, refused or failed.
    #[arg(long, value_parser = ["ok", "refused", "failed"])]
    outcome: Option<String>,
    /// Only entries from this date or time on, such as 2026-11-21 or 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only entries before this date or time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Selection {
    async fn filter(self, store: &Store) -> Result<AuditFilter, Failed> {
        let user_id = match self.user {
            Some(name) => {
                let parsed = UserName::parse(&name).map_err(Failed::because)?;
                let found = store.user_named(&parsed).await?.map(|user| user.id.to_string());
                Some(found.ok_or_else(|| {
                    Failed(format!(
                        "there is no user {name}; for entries about a deleted user, use --subject \
                         {}",
                        subject(doorward_model::AuditSubject::User, "ID")
                    ))
                })?)
            }
            None => None,
        };
        let time = |given: Option<String>| {
            given
                .map(|given| {
                    text::parse_time(&given)
                        .ok_or_else(|| Failed(format!("{given:?} is not a date or time")))
                })
                .transpose()
        };
        if let Some(kind) = &self.kind {
            known_kind(kind)?;
        }
        Ok(AuditFilter {
            user_id,
            concerns: None,
            client_id: self.client,
            kind: self.kind,
            outcome: self.outcome.as_deref().and_then(Outcome::parse),
            tool: self.tool,
            upstream: self.upstream,
            subject: self.subject,
            since: time(self.since)?,
            until: time(self.until)?,
        })
    }
}

/// Refuses a kind that no entry can have. A family ends with a dot.
fn known_kind(wanted: &str) -> Result<(), Failed> {
    let kinds = || AuditKind::ALL.iter().map(|(_, name)| *name);
    let is_family = wanted.ends_with('.') && kinds().any(|kind| kind.starts_with(wanted));
    if is_family || kinds().any(|kind| kind == wanted) {
        return Ok(());
    }
    Err(Failed(format!(
        "--kind {wanted}: no entry has this kind{}",
        nearest::hint(wanted, kinds())
    )))
}

fn line(context: &Context, entry: &AuditEntry) -> String {
    if context.json {
        text::to_json(entry).to_string()
    } else {
        format!("{} {}", moment(entry.event.at), text::sentence(entry))
    }
}

async fn verify(
    context: &Context,
    store: &Store,
    expected: Option<&str>,
) -> Result<ExitCode, Failed> {
    match doorward_audit::verify(store, expected).await.map_err(Failed::because)? {
        Verification::Whole { entries, first, head } => {
            if context.json {
                super::print_json(
                    &serde_json::json!({"ok": true, "entries": entries, "first": first, "head": head}),
                );
            } else {
                report!("The audit is intact: {entries} entries from {first} on.");
                report!(
                    "Store this hash elsewhere; a later check shows with it that no entries were \
                     removed from the end: --expect {head}"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Verification::Broken { entry, why } => {
            if context.json {
                super::print_json(&serde_json::json!({"ok": false, "entry": entry, "why": why}));
            } else {
                report!("The audit is broken at entry {entry}: {why}.");
            }
            Ok(ExitCode::from(1))
        }
    }
}

async fn export(store: Store, filter: AuditFilter, format: &str) -> Result<(), Failed> {
    let format =
        Format::parse(format).ok_or_else(|| Failed(format!("{format:?} is not a format")))?;
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let mut lines = std::pin::pin!(doorward_audit::export(store, filter, format).await?);
    while let Some(text) = lines.next().await {
        if !out::settle(out.write_all(text?.as_bytes())) {
            return Ok(());
        }
    }
    out::settle(out.flush());
    Ok(())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    match command.verb {
        Some(Verb::Verify { expect }) => return verify(context, &store, expect.as_deref()).await,
        Some(Verb::Export { which, format }) => {
            let filter = which.filter(&store).await?;
            return export(store, filter, &format).await.map(|()| ExitCode::SUCCESS);
        }
        None => {}
    }
    let filter = command.which.filter(&store).await?;
    // Before the read, so that no entry between the two is lost.
    let mut after = store.audit_head().await?.seq;
    let most = if command.limit == 0 { u64::MAX } else { command.limit };
    let (mut found, mut before) = (Vec::new(), None);
    while u64::try_from(found.len()).unwrap_or(u64::MAX) < most {
        let left = most - u64::try_from(found.len()).unwrap_or(0);
        let page = store.audit(&filter, before, left.min(1000)).await?;
        found.extend(page.entries);
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    for entry in found.iter().rev() {
        report!("{}", line(context, entry));
    }
    if !command.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for entry in store.audit_after(after, 1000).await? {
            after = entry.seq;
            if filter.fits(&entry.event) {
                report!("{}", line(context, &entry));
            }
        }
        out::flush();
        if out::is_closed() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
