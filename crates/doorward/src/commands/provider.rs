//! `doorward provider …`.

use std::{io::Read, process::ExitCode};

use clap::Subcommand;
use doorward_accounts::Authority;
use doorward_admin::{Proposal, Providers, Reach, Refusal, SettingsPatch};
use doorward_federation::{Provider, kinds::KINDS};
use serde_json::{Map, Value, json};

use super::{
    context::Context, edit, hinted, print_findings, print_json, print_table, reach, settings_of,
};
use crate::{Failed, config::PROVIDERS};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward provider add google --kind google --client-id 123.apps.googleusercontent.com --client-secret-stdin --set allowed_domains=example.com
  doorward provider add sso --kind oidc --issuer https://sso.example.com --client-id doorward --client-secret-stdin
  doorward provider test google";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a provider and prints the redirect URI to register at it. A running server uses it at
    /// once.
    Add {
        /// Its name in URLs: lower-case letters, digits and '-'.
        name: String,
        /// Its kind.
        #[arg(long, value_parser = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>())]
        kind: String,
        /// The client ID that the provider issued.
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// Read the client secret from standard input.
        #[arg(long)]
        client_secret_stdin: bool,
        /// The provider's URL, for kinds with self-hosted installations.
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// Any other key of `[providers.NAME]`, such as --set allowed_domains=example.com. May be
        /// given several times. Values of a list are separated by commas, or a JSON array of
        /// strings.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Changes settings of a provider that was added.
    Set {
        /// Its name.
        name: String,
        /// Keys of `[providers.NAME]` with their values, such as allowed_domains=example.com.
        /// Values of a list are separated by commas, or a JSON array of strings.
        #[arg(value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Read the client secret from standard input.
        #[arg(long)]
        client_secret_stdin: bool,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists the providers of the configuration file and those that were added.
    List,
    /// Tests a provider (discovery, keys, redirect URI, client) and describes problems with their
    /// remedies.
    Test {
        /// Its name.
        name: String,
    },
    /// Deletes a provider that was added, with the access of all users who signed in through it
    Delete {
        /// Its name.
        name: String,
    },
}

fn describe(provider: &Provider, callback: &str) -> Value {
    json!({
        "name": provider.id.as_str(), "kind": provider.kind.name, "title": provider.name, "enabled": provider.is_enabled(),
        "source": provider.source.as_str(), "redirect_uri": callback,
        "admits": doorward_language::admits(&provider.admits()).to_string(),
        "settings": serde_json::to_value(provider.settings()).unwrap_or_default(),
    })
}

/// Reads the client secret, so that it does not appear in lists of processes.
fn read_secret() -> Result<String, Failed> {
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).map_err(Failed::because)?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// The arguments of `add` that have a name of their own.
struct Named {
    kind: String,
    client_id: String,
    issuer: Option<String>,
}

/// The settings for the arguments of `add`.
fn settings(
    words: &[String],
    named: Named,
    secret_stdin: bool,
) -> Result<Map<String, Value>, Failed> {
    let Named { kind, client_id, issuer } = named;
    let mut settings = settings_of(edit::read(PROVIDERS, words)?)?;
    settings.insert("kind".to_owned(), kind.into());
    settings.insert("client_id".to_owned(), client_id.into());
    if let Some(issuer) = issuer {
        settings.insert("issuer".to_owned(), issuer.into());
    }
    if secret_stdin {
        settings.insert("client_secret".to_owned(), read_secret()?.into());
    }
    Ok(settings)
}

/// A refusal of a name, with the one that was probably meant.
async fn named(providers: &Providers, refusal: &Refusal, name: &str) -> Result<Failed, Failed> {
    let all = providers.all().await?;
    Ok(hinted(refusal, name, all.iter().map(|provider| provider.id.to_string())))
}

async fn list(context: &Context, providers: &Providers) -> Result<(), Failed> {
    let all = providers.all().await?;
    if context.json {
        let described =
            all.iter().map(|provider| describe(provider, &providers.redirect_uri(provider)));
        print_json(&described.collect());
        return Ok(());
    }
    let row = |provider: &Provider| {
        let state = if provider.is_enabled() { "on" } else { "off" };
        vec![
            provider.id.to_string(),
            provider.kind.name.to_owned(),
            provider.name.clone(),
            provider.source.as_str().to_owned(),
            state.to_owned(),
            providers.redirect_uri(provider),
        ]
    };
    print_table(
        &["NAME", "KIND", "TITLE", "FROM", "STATE", "REDIRECT URI"],
        &all.iter().map(|provider| row(provider)).collect::<Vec<_>>(),
    );
    Ok(())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    let providers = context.providers(&store).await?;
    match command {
        Command::Add { name, kind, client_id, client_secret_stdin, issuer, settings: words } => {
            let named = Named { kind, client_id, issuer };
            let mut settings = settings(&words, named, client_secret_stdin)?;
            reach::settle(context, &mut settings, None).await?;
            let operator = Authority::operator();
            let provider = providers.add(&operator, &name, settings, Reach::Machine).await?;
            let (id, callback) = (&provider.id, providers.redirect_uri(&provider));
            if context.json {
                print_json(&json!({"name": id.as_str(), "redirect_uri": callback}));
            } else {
                report!("Added {id}. {}", doorward_language::admits(&provider.admits()));
                report!("Register this redirect URI there: {callback}");
                report!("Then test it: doorward provider test {id}");
            }
        }
        Command::Set { name, settings: words, client_secret_stdin, dry_run } => {
            let mut patch = settings_of(edit::read(PROVIDERS, &words)?)?;
            if client_secret_stdin {
                patch.insert("client_secret".to_owned(), read_secret()?.into());
            }
            if let Ok(known) = providers.named(&name).await {
                let before = serde_json::to_value(known.settings()).map_err(Failed::because)?;
                reach::settle(context, &mut patch, before.as_object()).await?;
            }
            let (operator, effect) = (Authority::operator(), edit::effect(dry_run));
            let change = SettingsPatch { settings: patch, reach: Reach::Machine };
            let proposal = Proposal { of: &name, change: &change, seen: None, effect };
            let done = providers.edit(&operator, proposal).await?;
            edit::print(context.json, &name, &done, effect);
        }
        Command::List => list(context, &providers).await?,
        Command::Test { name } => {
            let provider = match providers.named(&name).await {
                Ok(provider) => provider,
                Err(refusal) => return Err(named(&providers, &refusal, &name).await?),
            };
            return Ok(print_findings(context.json, &providers.test(&provider).await));
        }
        Command::Delete { name } => {
            if let Err(refusal) = providers.delete(&name, None).await {
                return Err(named(&providers, &refusal, &name).await?);
            }
            report!("Deleted {name}. The access of users who signed in through it has ended.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
