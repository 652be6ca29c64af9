//! `doorward client …`.

use clap::Subcommand;
use doorward_accounts::Authority;
use doorward_admin::{ClientDecision, Clients, NewClient};
use doorward_model::{Client, RedirectUri};
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
    /// Lets a client be used where the configuration asks for approval.
    Approve {
        /// Its client_id.
        id: String,
    },
    /// Takes the approval of a client back.
    Deny {
        /// Its client_id.
        id: String,
    },
    /// Accepts no further change of a client's metadata document.
    Pin {
        /// Its client_id.
        id: String,
    },
    /// Accepts changes of a client's metadata document again.
    Unpin {
        /// Its client_id.
        id: String,
    },
    /// Deletes the registrations that no user ever authorized.
    CleanUp {
        /// The number of days that they must be old.
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        days: u32,
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

fn list(context: &Context, clients: &[Client]) {
    if context.json {
        return print_json(&clients.iter().map(describe).collect());
    }
    let row = |client: &Client| {
        let state = if client.disabled_at.is_some() { "disabled" } else { "active" };
        let authorized = client.authorized_at.map_or_else(|| "never".to_owned(), moment);
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

async fn add(context: &Context, clients: &Clients, new: NewClient) -> Result<(), Failed> {
    let added = clients.add(&Authority::operator(), new).await?;
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
    Ok(())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let clients = context.clients(&store)?;
    let (id, decision, done) = match command {
        Command::Add { name, redirect_uris, auth_method, admin } => {
            let new = NewClient { name, redirect_uris, auth_method: Some(auth_method), admin };
            return add(context, &clients, new).await;
        }
        Command::List { limit } => {
            list(context, &store.clients(ClientFilter::default(), limit).await?);
            return Ok(());
        }
        Command::Show { id } => {
            print_json(&describe(clients.with_id(&id).await?.as_ref()));
            return Ok(());
        }
        Command::CleanUp { days } => {
            say!("Deleted {} unused registrations.", clients.clean_up(days).await?);
            return Ok(());
        }
        Command::Disable { id } => (id, ClientDecision::Block, "Disabled"),
        Command::Enable { id } => (id, ClientDecision::Unblock, "Enabled"),
        Command::Approve { id } => (id, ClientDecision::Approve, "Approved"),
        Command::Deny { id } => (id, ClientDecision::Deny, "Took back the approval of"),
        Command::Pin { id } => (id, ClientDecision::Pin, "Pinned"),
        Command::Unpin { id } => (id, ClientDecision::Unpin, "Unpinned"),
        Command::Delete { id } => (id, ClientDecision::Delete, "Deleted"),
    };
    clients.decide(&id, decision, None).await?;
    let ended = matches!(decision, ClientDecision::Block | ClientDecision::Delete);
    say!("{done} {id}{}.", if ended { "; its access has ended" } else { "" });
    Ok(())
}
