//! `doorward trust …`.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand};
use doorward_accounts::Authority;
use doorward_admin::{NewTrust, Proposal, TrustChange};
use doorward_model::Client;
use serde_json::{Value, json};

use super::{client::read_keys, context::Context, edit, print_json, print_table};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward trust add Release --issuer https://token.actions.githubusercontent.com --subject repo:acme/tools:ref:refs/heads/main --service release --scope mcp:read
  doorward trust add Jobs --issuer https://kubernetes.default.svc.cluster.local --jwks cluster.jwks.json --subject system:serviceaccount:jobs:nightly --reusable --service nightly --scope mcp:read
  doorward trust list";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a trust rule and prints the client_id that names it.
    Add {
        /// The name that users see.
        name: String,
        /// The issuer of the workload's tokens, exactly as in the claim iss.
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// The service as which the workload acts: the name of its account, which is created if it
        /// does not exist.
        #[arg(long, value_name = "NAME")]
        service: String,
        /// A scope that tokens of the service may have. May be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// The pattern of the subject; * matches any text.
        #[arg(long, value_name = "PATTERN")]
        subject: String,
        #[command(flatten)]
        parts: Parts,
        /// Let a token be presented again until it expires.
        #[arg(long)]
        reusable: bool,
    },
    /// Changes a trust rule: the access of its workload ends.
    Set {
        /// The client_id that names it.
        id: String,
        /// The new name.
        #[arg(long)]
        name: Option<String>,
        /// A scope; replaces all current ones. May be given several times.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// The pattern of the subject; * matches any text.
        #[arg(long, value_name = "PATTERN")]
        subject: Option<String>,
        #[command(flatten)]
        parts: Parts,
        /// Remove the patterns of all claims.
        #[arg(long, conflicts_with = "claims")]
        no_claims: bool,
        /// Let a token be presented again until it expires, or only once.
        #[arg(long, value_name = "true|false")]
        reusable: Option<bool>,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists trust rules.
    List,
    /// Shows one trust rule.
    Show {
        /// The client_id that names it.
        id: String,
    },
    /// Deletes a trust rule with its client: the access of its workload ends at once.
    Remove {
        /// The client_id that names it.
        id: String,
    },
}

/// The parts of a rule that `add` and `set` name alike.
#[derive(Args, Debug)]
pub(super) struct Parts {
    /// The audience that tokens must have; by default the public URL of this server.
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// The pattern of a further claim; a name that begins with a slash is a JSON pointer. May be
    /// given several times.
    #[arg(long = "claim", value_name = "NAME=PATTERN")]
    claims: Vec<String>,
    /// The https URL of the issuer's keys, if its discovery document does not name it; empty to use
    /// the document.
    #[arg(long, value_name = "URL", conflicts_with = "jwks")]
    jwks_uri: Option<String>,
    /// A file with the issuer's public keys, a JWK Set, if this server cannot fetch them.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
}

impl Parts {
    fn change(self) -> Result<TrustChange, Failed> {
        let mut claims = BTreeMap::new();
        for text in &self.claims {
            let (name, pattern) = text
                .split_once('=')
                .ok_or_else(|| Failed(format!("{text}: write NAME=PATTERN")))?;
            claims.insert(name.to_owned(), pattern.to_owned());
        }
        Ok(TrustChange {
            audience: self.audience,
            claims: (!claims.is_empty()).then_some(claims),
            jwks_uri: self.jwks_uri,
            jwks: self.jwks.as_deref().map(read_keys).transpose()?,
            ..TrustChange::default()
        })
    }
}

fn describe(client: &Client) -> Value {
    json!({
        "client_id": client.id.as_str(), "name": client.name,
        "service": client.service.as_ref().map(ToString::to_string),
        "scope": client.scopes.to_string(), "rule": client.trust,
        "created_at": client.created_at.0, "disabled_at": client.disabled_at.map(|at| at.0),
    })
}

fn list(context: &Context, clients: &[Client]) {
    if context.json {
        return print_json(&clients.iter().map(describe).collect());
    }
    let row = |client: &Client| {
        let rule = client.trust.as_ref();
        vec![
            client.id.to_string(),
            client.name.clone(),
            rule.map(|rule| rule.issuer.issuer.clone()).unwrap_or_default(),
            rule.map(|rule| rule.subject.clone()).unwrap_or_default(),
            if client.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
        ]
    };
    print_table(
        &["CLIENT_ID", "NAME", "ISSUER", "SUBJECT", "STATE"],
        &clients.iter().map(row).collect::<Vec<_>>(),
    );
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let trusts = context.trusts(&store).await?;
    let operator = Authority::operator();
    match command {
        Command::Add { name, issuer, service, scopes, subject, parts, reusable } => {
            let more =
                TrustChange { subject: Some(subject), reusable: Some(reusable), ..parts.change()? };
            let new = NewTrust { name, service, scopes, issuer, more };
            let client = trusts.add(&operator, new).await?;
            if context.json {
                print_json(&describe(&client));
            } else {
                report!("client_id  {}", client.id);
            }
        }
        Command::Set { id, name, scopes, subject, parts, no_claims, reusable, dry_run } => {
            let parts = parts.change()?;
            let change = TrustChange {
                name,
                scopes: (!scopes.is_empty()).then_some(scopes),
                subject,
                reusable,
                claims: if no_claims { Some(BTreeMap::new()) } else { parts.claims.clone() },
                ..parts
            };
            let effect = edit::effect(dry_run);
            let proposal = Proposal { of: &id, change: &change, seen: None, effect };
            let done = trusts.edit(&operator, proposal).await?;
            edit::print(context.json, &id, &done, effect);
        }
        Command::List => list(context, &trusts.all().await?),
        Command::Show { id } => print_json(&describe(trusts.with_id(&id).await?.as_ref())),
        Command::Remove { id } => {
            trusts.delete(&id, None).await?;
            report!("Removed {id}; the access of its workload has ended.");
        }
    }
    Ok(())
}
