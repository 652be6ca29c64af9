//! `doorward client …`.

use clap::Subcommand;
use doorward_model::{Client, ClientId, RedirectUri};
use doorward_registration::NewClient;
use doorward_store::ClientFilter;
use serde_json::{Value, json};

use super::{context::Context, moment, print_json, print_table};
use crate::Failed;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a client and prints its id, and its secret if it has one. The secret is shown once.
    Add {
        /// The name that people see.
        name: String,
        /// A redirect URI. May be given several times.
        #[arg(long = "redirect-uri", value_name = "URI", required = true)]
        redirect_uris: Vec<String>,
        /// How it authenticates: none, client_secret_basic or client_secret_post.
        #[arg(long, value_name = "METHOD", default_value = "none", value_parser = ["none", "client_secret_basic", "client_secret_post"])]
        auth_method: String,
        /// Let it ask administrators for the scope `admin`, which the API for programs needs.
        #[arg(long)]
        admin: bool,
    },
    /// Lists clients, the newest first.
    List {
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Shows one client.
    Show {
        /// Its client_id.
        id: String,
    },
    /// Disables a client: its access ends at once.
    Disable {
        /// Its client_id.
        id: String,
    },
    /// Enables a disabled client.
    Enable {
        /// Its client_id.
        id: String,
    },
    /// Deletes a client: its access ends at once.
    Delete {
        /// Its client_id.
        id: String,
    },
}

fn describe(client: &Client) -> Value {
    json!({
        "client_id": client.id.as_str(), "name": client.name, "source": client.source.as_str(),
        "redirect_uris": client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(),
        "token_endpoint_auth_method": client.auth_method.as_str(), "created_at": client.created_at.0,
        "authorized_at": client.authorized_at.map(|at| at.0), "disabled_at": client.disabled_at.map(|at| at.0),
    })
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let registration = context.registration(&store)?;
    match command {
        Command::Add { name, redirect_uris, auth_method, admin } => {
            let added = registration
                .add(NewClient { name, redirect_uris, auth_method: Some(auth_method), admin })
                .await?;
            if context.json {
                let mut described = describe(&added.client);
                if let (Some(secret), Value::Object(members)) = (&added.secret, &mut described) {
                    members.insert("client_secret".to_owned(), secret.reveal().into());
                }
                print_json(&described);
            } else {
                say!("client_id      {}", added.client.id);
                if let Some(secret) = &added.secret {
                    say!("client_secret  {}", secret.reveal());
                }
            }
        }
        Command::List { limit } => {
            let clients = store.clients(ClientFilter::default(), limit).await?;
            if context.json {
                print_json(&clients.iter().map(describe).collect());
            } else {
                let row = |client: &Client| {
                    let state = if client.disabled_at.is_some() { "disabled" } else { "active" };
                    let authorized =
                        client.authorized_at.map_or_else(|| "never".to_owned(), moment);
                    vec![
                        client.id.to_string(),
                        client.name.clone(),
                        client.source.as_str().to_owned(),
                        authorized,
                        state.to_owned(),
                    ]
                };
                print_table(
                    &["CLIENT_ID", "NAME", "SOURCE", "AUTHORIZED", "STATE"],
                    &clients.iter().map(row).collect::<Vec<_>>(),
                );
            }
        }
        Command::Show { id } => {
            let client = store
                .client(&ClientId::from_text(id.clone()))
                .await?
                .ok_or_else(|| Failed(format!("there is no client {id}")))?;
            print_json(&describe(&client));
        }
        Command::Disable { id } => {
            registration.set_disabled(&ClientId::from_text(id.clone()), true).await?;
            say!("Disabled {id}; its access has ended.");
        }
        Command::Enable { id } => {
            registration.set_disabled(&ClientId::from_text(id.clone()), false).await?;
            say!("Enabled {id}.");
        }
        Command::Delete { id } => {
            registration.delete(&ClientId::from_text(id.clone())).await?;
            say!("Deleted {id}; its access has ended.");
        }
    }
    Ok(())
}
