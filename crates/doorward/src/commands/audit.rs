//! `doorward audit …`.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use doorward_model::{AuditEntry, AuditFilter, AuditHead, Outcome, PersonName, audit::subject};
use doorward_store::Store;

use super::{context::Context, moment};
use crate::{
    Failed,
    audit_text::{self, CSV_HEAD},
};

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Command {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    which: Which,
    /// Go on and print entries as they come.
    #[arg(long)]
    follow: bool,
    /// How many of the last entries to print; 0 prints all that fit.
    #[arg(long, default_value_t = 50)]
    limit: u64,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Checks the chain of hashes from its beginning to its end.
    Verify {
        /// An end that was printed before, as SEQ:HASH: it must still be part of the chain.
        #[arg(long, value_name = "SEQ:HASH")]
        expect: Option<String>,
    },
    /// Prints all entries that fit, the oldest first, as JSON lines or CSV.
    Export {
        #[command(flatten)]
        which: Box<Which>,
        /// jsonl or csv.
        #[arg(long, default_value = "jsonl", value_parser = ["jsonl", "csv"])]
        format: String,
    },
}

#[derive(Args, Debug, Clone)]
struct Which {
    /// Only what this person did, by sign-in name.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only through this client, by `client_id`.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only this kind, such as `tool.called`, or a family such as `person.`.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only calls of this tool.
    #[arg(long, value_name = "TOOL")]
    tool: Option<String>,
    /// Only calls to this upstream.
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// Only what is about this, such as `client:c_…`.
    #[arg(long, value_name = "KIND:ID")]
    subject: Option<String>,
    /// Only what ended like this: ok, refused or failed.
    #[arg(long, value_parser = ["ok", "refused", "failed"])]
    outcome: Option<String>,
    /// Not before this day or moment, as 2026-11-21 or 2026-11-21T10:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this day or moment.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Which {
    async fn filter(self, store: &Store) -> Result<AuditFilter, Failed> {
        let user_id = match self.user {
            Some(name) => {
                let parsed = PersonName::parse(&name).map_err(Failed::because)?;
                let found = store.person_named(&parsed).await?.map(|person| person.id.to_string());
                Some(found.ok_or_else(|| {
                    Failed(format!(
                        "there is nobody called {name}; to see what is about a deleted person, use --subject {}",
                        subject(doorward_model::AuditSubject::Person, "ID")
                    ))
                })?)
            }
            None => None,
        };
        let time = |text: Option<String>| {
            text.map(|text| {
                audit_text::parse_time(&text)
                    .ok_or_else(|| Failed(format!("{text:?} is not a time")))
            })
            .transpose()
        };
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

fn line(context: &Context, entry: &AuditEntry) -> String {
    if context.json {
        audit_text::to_json(entry).to_string()
    } else {
        format!("{} {}", moment(entry.event.at), audit_text::sentence(entry))
    }
}

async fn verify(
    context: &Context,
    store: &Store,
    expect: Option<String>,
) -> Result<ExitCode, Failed> {
    let expected = match expect {
        Some(text) => {
            let wrong = || Failed(format!("{text:?} is not SEQ:HASH"));
            let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
            Some(AuditHead { seq: seq.parse().map_err(|_| wrong())?, hash: hash.to_owned() })
        }
        None => None,
    };
    match store.verify_audit(expected.as_ref()).await? {
        Ok(verified) => {
            let head = format!("{}:{}", verified.head.seq, verified.head.hash);
            if context.json {
                super::print_json(
                    &serde_json::json!({"ok": true, "entries": verified.entries, "first": verified.first, "head": head}),
                );
            } else {
                say!(
                    "The audit is whole: {} entries from {} on.",
                    verified.entries,
                    verified.first
                );
                say!(
                    "Keep this end elsewhere, and a later check shows that nothing was cut off: --expect {head}"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            if context.json {
                super::print_json(
                    &serde_json::json!({"ok": false, "entry": broken.seq, "why": broken.why}),
                );
            } else {
                say!("The audit is broken at entry {}: {}.", broken.seq, broken.why);
            }
            Ok(ExitCode::from(1))
        }
    }
}

async fn export(store: &Store, filter: &AuditFilter, csv: bool) -> Result<(), Failed> {
    let mut out = std::io::BufWriter::new(std::io::stdout());
    if csv {
        writeln!(out, "{CSV_HEAD}").map_err(Failed::because)?;
    }
    let mut after = 0;
    loop {
        let entries = store.audit_after(after, 5000).await?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in entries.iter().filter(|entry| filter.fits(&entry.event)) {
            let text = if csv {
                audit_text::to_csv(entry)
            } else {
                audit_text::to_json(entry).to_string()
            };
            writeln!(out, "{text}").map_err(Failed::because)?;
        }
    }
    out.flush().map_err(Failed::because)
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    match command.verb {
        Some(Verb::Verify { expect }) => return verify(context, &store, expect).await,
        Some(Verb::Export { which, format }) => {
            let filter = which.filter(&store).await?;
            return export(&store, &filter, format == "csv").await.map(|()| ExitCode::SUCCESS);
        }
        None => {}
    }
    let filter = command.which.filter(&store).await?;
    // Before the look, so that nothing between the two is lost.
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
        say!("{}", line(context, entry));
    }
    if !command.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for entry in store.audit_after(after, 1000).await? {
            after = entry.seq;
            if filter.fits(&entry.event) {
                say!("{}", line(context, &entry));
            }
        }
        std::io::stdout().flush().map_err(Failed::because)?;
    }
}
