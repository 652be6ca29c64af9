//! `doorward provider …`.

use std::{io::Read, process::ExitCode, sync::Arc};

use clap::Subcommand;
use doorward_federation::{Provider, ProviderConfig, Source, kinds::KINDS};
use serde_json::{Value, json};

use super::{Finding, context::Context, print_findings, print_json, print_table};
use crate::{
    Failed,
    config::{PROVIDERS, known_keys, value_from_text},
};

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a provider and prints the redirect URI to register there. A running server has it at
    /// once.
    Add {
        /// Its name in addresses: lower-case letters, digits and '-'.
        name: String,
        /// Its kind.
        #[arg(long, value_parser = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>())]
        kind: String,
        /// The client id that the provider gave you.
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// Read the client secret from standard input.
        #[arg(long)]
        client_secret_stdin: bool,
        /// The provider's address, for kinds where everybody has their own.
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// Any other key of `[providers.NAME]`, such as --set allowed_domains=example.com. May be
        /// given several times.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// Lists the providers of the configuration file and those that were added.
    List,
    /// Tries a provider out: discovery, keys, redirect, client. Says what is wrong in words.
    Test {
        /// Its name.
        name: String,
    },
    /// Deletes a provider that was added, with the access of everybody who came through it
    Delete {
        /// Its name.
        name: String,
    },
}

/// Puts `KEY=VALUE` into a provider's settings.
fn set(settings: &mut toml::Table, text: &str) -> Result<(), Failed> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| Failed(format!("--set {text}: write KEY=VALUE")))?;
    let known = known_keys();
    let key = known.iter().find(|key| key.section == PROVIDERS && key.name == name);
    let key = key.ok_or_else(|| Failed(format!("--set {name}: is not a key of a provider; the reference of the configuration lists them")))?;
    let value = value_from_text(key.kind, value.to_owned())
        .ok_or_else(|| Failed(format!("--set {name}: {}", key.kind.demand())))?;
    settings.insert(name.to_owned(), value);
    Ok(())
}

fn describe(provider: &Provider, callback: &str) -> Value {
    json!({
        "name": provider.id.as_str(), "kind": provider.kind.name, "title": provider.name, "enabled": provider.is_enabled(),
        "source": if provider.source == Source::File { "configuration" } else { "command" }, "redirect_uri": callback,
        "settings": serde_json::to_value(provider.public_config()).unwrap_or_default(),
    })
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    let federation = context.federation(&store).await?;
    match command {
        Command::Add { name, kind, client_id, client_secret_stdin, issuer, settings } => {
            let mut table = toml::Table::new();
            for text in &settings {
                set(&mut table, text)?;
            }
            let mut config: ProviderConfig = table.try_into().map_err(Failed::because)?;
            config.kind = kind;
            config.client_id = client_id;
            config.issuer = issuer.unwrap_or(config.issuer);
            if client_secret_stdin {
                let mut text = String::new();
                std::io::stdin().take(4096).read_to_string(&mut text).map_err(Failed::because)?;
                config.client_secret = text.trim_end_matches(['\n', '\r']).into();
            }
            let id = federation.add(&name, config).await?;
            let callback = federation.callback_of(&id);
            if context.json {
                print_json(&json!({"name": id.as_str(), "redirect_uri": callback}));
            } else {
                say!("Added {id}.");
                say!("Register this redirect URI there: {callback}");
                say!("Then try it: doorward provider test {id}");
            }
        }
        Command::List => {
            let providers = federation.all_providers().await?;
            if context.json {
                print_json(
                    &providers
                        .iter()
                        .map(|provider| describe(provider, &federation.callback_of(&provider.id)))
                        .collect(),
                );
            } else {
                let row = |provider: &Arc<Provider>| {
                    let source =
                        if provider.source == Source::File { "configuration" } else { "command" };
                    let state = if provider.is_enabled() { "on" } else { "off" };
                    vec![
                        provider.id.to_string(),
                        provider.kind.name.to_owned(),
                        provider.name.clone(),
                        source.to_owned(),
                        state.to_owned(),
                        federation.callback_of(&provider.id),
                    ]
                };
                print_table(
                    &["NAME", "KIND", "TITLE", "FROM", "STATE", "REDIRECT URI"],
                    &providers.iter().map(row).collect::<Vec<_>>(),
                );
            }
        }
        Command::Test { name } => {
            let provider = federation.named(&name).await?;
            let findings: Vec<Finding> = federation
                .test(&provider)
                .await
                .into_iter()
                .map(|finding| Finding {
                    what: finding.look.as_str().to_owned(),
                    result: finding.result,
                })
                .collect();
            return Ok(print_findings(context.json, &findings));
        }
        Command::Delete { name } => {
            federation.delete(&name).await?;
            say!("Deleted {name}. The access of users who came through it has ended.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
