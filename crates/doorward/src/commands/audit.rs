//! `doorward audit …`.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use doorward_audit::{AuditSearch, AuditSearchError, Format, Verification, text};
use doorward_model::{AuditEntry, AuditFilter, AuditKind};
use doorward_store::Store;
use futures_util::StreamExt;

use super::{context::Context, moment};
use crate::{Failed, nearest, out};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward audit --kind tool.called --user ada --since 2026-11-01
  doorward audit --follow
  doorward audit --text salaries --address 192.0.2.7
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
    /// Only entries of this user, by sign-in name or ID.
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
    /// Only entries under this grant, and those about it.
    #[arg(long, value_name = "ID")]
    grant: Option<String>,
    /// Only entries of this browser session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Only entries with this personal or service token, and those about it.
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// Only entries from this IP address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// Only entries with this text in the name of a user, tool or object, or in their detail.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
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
        let time = |given: Option<String>| {
            given
                .map(|given| {
                    text::parse_time(&given)
                        .ok_or_else(|| Failed(format!("{given:?} is not a date or time")))
                })
                .transpose()
        };
        let search = AuditSearch {
            user: self.user.unwrap_or_default(),
            client: self.client.unwrap_or_default(),
            kind: self.kind.unwrap_or_default(),
            outcome: self.outcome.unwrap_or_default(),
            tool: self.tool.unwrap_or_default(),
            upstream: self.upstream.unwrap_or_default(),
            subject: self.subject.unwrap_or_default(),
            grant: self.grant.unwrap_or_default(),
            session: self.session.unwrap_or_default(),
            token: self.token.unwrap_or_default(),
            address: self.address.unwrap_or_default(),
            text: self.text.unwrap_or_default(),
        };
        let found = search.filter(store, time(self.since)?, time(self.until)?).await;
        found.map_err(|error| match &error {
            AuditSearchError::Kind(kind) => {
                let kinds = AuditKind::ALL.iter().map(|(_, name)| *name);
                Failed(format!("--{error}{}", nearest::hint(kind, kinds)))
            }
            AuditSearchError::Store(_) => Failed(error.to_string()),
            _ => Failed(format!("--{error}")),
        })
    }
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
