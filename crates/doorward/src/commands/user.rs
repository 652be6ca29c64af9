//! `doorward user …`.

use std::io::Read;

use clap::Subcommand;
use doorward_accounts::NewPerson;
use doorward_keys::SystemEntropy;
use doorward_model::{Person, Role, id::random_text};
use serde_json::{Value, json};

use super::{context::Context, moment, print_json, print_table};
use crate::Failed;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a person and prints a password for them, unless one is given.
    Add {
        /// The sign-in name.
        name: String,
        /// An e-mail address.
        #[arg(long)]
        email: Option<String>,
        /// A role; `admin` makes an administrator. May be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists people.
    List,
    /// Shows one person.
    Show {
        /// The sign-in name.
        name: String,
    },
    /// Disables a person: sessions and connected apps end at once.
    Disable {
        /// The sign-in name.
        name: String,
    },
    /// Enables a disabled person.
    Enable {
        /// The sign-in name.
        name: String,
    },
    /// Sets a password: sessions and connected apps end at once.
    SetPassword {
        /// The sign-in name.
        name: String,
        /// Read the password from standard input instead of making one.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Replaces a person's roles.
    SetRole {
        /// The sign-in name.
        name: String,
        /// The roles; none removes all.
        roles: Vec<String>,
    },
    /// Deletes a person: sessions and connected apps end at once.
    Delete {
        /// The sign-in name.
        name: String,
    },
}

fn roles(texts: &[String]) -> Result<Vec<Role>, Failed> {
    texts.iter().map(|text| Role::parse(text).map_err(|error| Failed(format!("{text:?}: {error}")))).collect()
}

/// A password from standard input, without the line's end, or a fresh one that is then shown.
fn password(from_stdin: bool) -> Result<(String, bool), Failed> {
    if !from_stdin {
        return Ok((random_text(&SystemEntropy, 15), true));
    }
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).map_err(Failed::because)?;
    Ok((text.lines().next().unwrap_or_default().to_owned(), false))
}

fn describe(person: &Person) -> Value {
    json!({
        "id": person.id.as_str(), "name": person.name.as_str(), "email": person.email, "roles": person.roles.iter().map(Role::as_str).collect::<Vec<_>>(),
        "created_at": person.created_at.0, "disabled_at": person.disabled_at.map(|at| at.0), "password": person.password.is_some(),
    })
}

fn show(context: &Context, person: &Person) {
    if context.json {
        return print_json(&describe(person));
    }
    println!("id        {}", person.id);
    println!("name      {}", person.name);
    println!("email     {}", person.email.as_deref().unwrap_or("-"));
    println!("roles     {}", person.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(", "));
    println!("created   {}", moment(person.created_at));
    println!("state     {}", person.disabled_at.map_or_else(|| "active".to_owned(), |at| format!("disabled since {}", moment(at))));
    println!("password  {}", if person.password.is_some() { "set" } else { "none" });
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let accounts = context.accounts(&store)?;
    match command {
        Command::Add { name, email, roles: texts, password_stdin } => {
            let roles = roles(&texts)?;
            let (password, generated) = password(password_stdin)?;
            let person = accounts.add(NewPerson { name, email, password: Some(password.clone()), roles }).await?;
            if context.json {
                let mut described = describe(&person);
                if let (true, Value::Object(members)) = (generated, &mut described) {
                    members.insert("generated_password".to_owned(), password.into());
                }
                print_json(&described);
            } else {
                println!("Added {}.", person.name);
                if generated {
                    println!("Password: {password}");
                }
            }
        }
        Command::List => {
            let people = accounts.list().await?;
            if context.json {
                print_json(&people.iter().map(describe).collect());
            } else {
                let row = |person: &Person| {
                    let roles = person.roles.iter().map(Role::as_str).collect::<Vec<_>>().join(",");
                    let state = if person.disabled_at.is_some() { "disabled" } else { "active" };
                    vec![person.name.to_string(), person.email.clone().unwrap_or_default(), roles, state.to_owned(), person.id.to_string()]
                };
                print_table(&["NAME", "EMAIL", "ROLES", "STATE", "ID"], &people.iter().map(row).collect::<Vec<_>>());
            }
        }
        Command::Show { name } => show(context, &accounts.find(&name).await?),
        Command::Disable { name } => {
            accounts.set_disabled(&accounts.find(&name).await?, true).await?;
            println!("Disabled {name}; sessions and connected apps have ended.");
        }
        Command::Enable { name } => {
            accounts.set_disabled(&accounts.find(&name).await?, false).await?;
            println!("Enabled {name}.");
        }
        Command::SetPassword { name, password_stdin } => {
            let person = accounts.find(&name).await?;
            let (password, generated) = password(password_stdin)?;
            accounts.set_password(&person, password.clone(), None).await?;
            println!("Changed the password of {name}; sessions and connected apps have ended.");
            if generated {
                println!("Password: {password}");
            }
        }
        Command::SetRole { name, roles: texts } => {
            accounts.set_roles(&accounts.find(&name).await?, roles(&texts)?).await?;
            println!("Changed the roles of {name}.");
        }
        Command::Delete { name } => {
            accounts.delete(&accounts.find(&name).await?).await?;
            println!("Deleted {name}; sessions and connected apps have ended.");
        }
    }
    Ok(())
}
