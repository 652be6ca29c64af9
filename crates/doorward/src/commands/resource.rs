//! `doorward resource …`.

use std::process::ExitCode;

use clap::Subcommand;
use doorward_accounts::Authority;
use doorward_admin::{MadeResource, NewResource, Objects, Proposal, ResourceEdit, Resources};
use doorward_model::{ExternalResource, Role};

use super::{context::Context, edit, hinted, print_block, print_code, print_table, print_view};
use crate::Failed;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward resource add https://notes.example.com/mcp --scope notes:read --scope notes:write --name Notes
  doorward resource show https://notes.example.com/mcp
  doorward resource set https://notes.example.com/mcp --role staff
  doorward resource remove https://notes.example.com/mcp";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds an external resource server and prints its identifier and its secret, which is shown
    /// once.
    Add {
        /// Its URL, exactly as in the claim `aud` of its tokens.
        url: String,
        /// A scope that tokens for it may have; the first is the default. May be given several
        /// times.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// The name that the consent page shows; by default the host.
        #[arg(long)]
        name: Option<String>,
        /// A role whose users may give clients access to it; by default all users may. May be given
        /// several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Lists external resource servers.
    List,
    /// Shows an external resource server: its metadata document, and code for common libraries.
    Show {
        /// Its identifier or its URL.
        resource: String,
    },
    /// Changes an external resource server.
    Set {
        /// Its identifier or its URL.
        resource: String,
        /// The name that the consent page shows.
        #[arg(long)]
        name: Option<String>,
        /// A scope; replaces all current ones. May be given several times.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// A role; replaces all current ones. May be given several times.
        #[arg(long = "role", value_name = "ROLE", conflicts_with = "all_users")]
        roles: Vec<String>,
        /// Let all users give clients access to it.
        #[arg(long)]
        all_users: bool,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Replaces the secret of an external resource server and prints the new one.
    NewSecret {
        /// Its identifier or its URL.
        resource: String,
    },
    /// Removes an external resource server. The access of clients to it ends.
    Remove {
        /// Its identifier or its URL.
        resource: String,
    },
}

fn show_made(context: &Context, resources: &Resources, made: MadeResource) {
    let shown = resources.added_view(&made.into());
    if context.json {
        return print_view(&shown);
    }
    report!("id      {}", shown.resource.id);
    report!("secret  {}", shown.secret);
}

fn list(resources: &[ExternalResource]) {
    let row = |resource: &ExternalResource| {
        let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name()).collect();
        let roles: Vec<_> = resource.roles.iter().map(Role::as_str).collect();
        let url = resource.url.to_string();
        vec![resource.id.to_string(), url, resource.name.clone(), scopes.join(" "), roles.join(" ")]
    };
    print_table(
        &["ID", "URL", "NAME", "SCOPES", "ROLES"],
        &resources.iter().map(row).collect::<Vec<_>>(),
    );
}

pub(super) async fn run(context: &Context, command: Command) -> Result<ExitCode, Failed> {
    let store = context.store().await?;
    let resources = context.resources(&store)?;
    let all = resources.all().await?;
    let known = || all.iter().map(|resource| resource.url.to_string());
    let operator = Authority::operator();
    match command {
        Command::Add { url, scopes, name, roles } => {
            let new = NewResource { url, name, scopes, roles };
            show_made(context, &resources, resources.add(&operator, new).await?);
        }
        Command::List if context.json => {
            print_view(&all.iter().map(|one| resources.view(one)).collect::<Vec<_>>());
        }
        Command::List => list(&all),
        Command::Show { resource: name } => {
            let found = resources.named(&name).await;
            let resource = found.map_err(|refusal| hinted(&refusal, &name, known()))?;
            if context.json {
                print_view(&resources.details(&resource).await?);
            } else {
                let guide = resources.guide(&resource);
                list(std::slice::from_ref(&resource));
                report!("");
                report!("Its metadata document, to serve at {}:", guide.metadata_url);
                print_block("", &format!("{:#}", guide.metadata));
                for snippet in guide.snippets {
                    report!("");
                    report!("{}:", snippet.title);
                    print_code(&snippet.code);
                }
            }
        }
        Command::Set { resource: name, name: title, scopes, roles, all_users, dry_run } => {
            let change = ResourceEdit {
                name: title,
                scopes: Some(scopes).filter(|scopes| !scopes.is_empty()),
                roles: Some(roles).filter(|roles| all_users || !roles.is_empty()),
            };
            let effect = edit::effect(dry_run);
            let proposal = Proposal { of: &name, change: &change, seen: None, effect };
            let done = resources.edit(&operator, proposal).await;
            let done = done.map_err(|refusal| hinted(&refusal, &name, known()))?;
            edit::print(context.json, &name, &done, effect);
        }
        Command::NewSecret { resource: name } => {
            let made = resources.new_secret(&operator, &name).await;
            let made = made.map_err(|refusal| hinted(&refusal, &name, known()))?;
            show_made(context, &resources, made);
        }
        Command::Remove { resource: name } => {
            let removed = resources.remove(&name, None).await;
            removed.map_err(|refusal| hinted(&refusal, &name, known()))?;
            report!("Removed {name}; the access of clients to it has ended.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
