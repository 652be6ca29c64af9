//! `doorward user …`.

use std::io::Read;

use clap::Subcommand;
use doorward_accounts::{Authority, Enrolled, NewPerson};
use doorward_keys::SystemEntropy;
use doorward_model::{LinkedIdentity, Person, Role, id::random_text};
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
        /// Make no password: the person comes through this provider, with the address given by
        /// --email.
        #[arg(
            long,
            value_name = "PROVIDER",
            conflicts_with = "password_stdin",
            requires = "email"
        )]
        invite: Option<String>,
    },
    /// Invites a person to sign in through a provider: whoever comes from there with this verified
    /// e-mail address is them.
    Invite {
        /// The sign-in name.
        name: String,
        /// The provider.
        #[arg(long, value_name = "PROVIDER")]
        provider: String,
        /// The address there; without it, the person's own.
        #[arg(long)]
        email: Option<String>,
    },
    /// Links a person to an account at a provider by what never changes there.
    Link {
        /// The sign-in name.
        name: String,
        /// The provider.
        #[arg(long, value_name = "PROVIDER")]
        provider: String,
        /// The account's subject (`sub`, or what the kind of provider uses).
        #[arg(long)]
        subject: String,
    },
    /// Takes away a person's passkeys, authenticator app and recovery codes, because they lost
    /// them: sessions and connected apps end at once.
    ResetFactors {
        /// The sign-in name.
        name: String,
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
    texts
        .iter()
        .map(|text| Role::parse(text).map_err(|error| Failed(format!("{text:?}: {error}"))))
        .collect()
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
        "id": person.id.as_str(), "name": person.name.as_str(), "email": person.email, "roles": person.all_roles().map(Role::as_str).collect::<Vec<_>>(),
        "created_at": person.created_at.0, "disabled_at": person.disabled_at.map(|at| at.0), "password": person.password.is_some(),
    })
}

fn show(context: &Context, person: &Person, identities: &[LinkedIdentity], factors: Enrolled) {
    if context.json {
        let mut described = describe(person);
        if let Value::Object(members) = &mut described {
            let identity = |identity: &LinkedIdentity| {
                json!({
                    "provider": identity.provider.as_str(), "issuer": identity.issuer, "subject": identity.subject, "email": identity.email,
                    "username": identity.username, "confirmed_at": identity.confirmed_at.0, "last_login_at": identity.last_login_at.0,
                })
            };
            members.insert("identities".to_owned(), identities.iter().map(identity).collect());
            members.insert("passkeys".to_owned(), factors.passkeys.into());
            members.insert("authenticator".to_owned(), factors.authenticator.into());
        }
        return print_json(&described);
    }
    say!("id        {}", person.id);
    say!("name      {}", person.name);
    say!("email     {}", person.email.as_deref().unwrap_or("-"));
    say!("roles     {}", person.all_roles().map(Role::as_str).collect::<Vec<_>>().join(", "));
    say!("created   {}", moment(person.created_at));
    say!(
        "state     {}",
        person
            .disabled_at
            .map_or_else(|| "active".to_owned(), |at| format!("disabled since {}", moment(at)))
    );
    say!("password  {}", if person.password.is_some() { "set" } else { "none" });
    say!(
        "factors   {} passkeys, {}",
        factors.passkeys,
        if factors.authenticator { "authenticator app" } else { "no authenticator app" }
    );
    for identity in identities {
        say!(
            "account   {} {} ({})",
            identity.provider,
            identity.email.as_deref().or(identity.username.as_deref()).unwrap_or("-"),
            identity.subject
        );
    }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let (accounts, operator) = (context.accounts(&store).await?, Authority::operator());
    match command {
        Command::Add { name, email: Some(email), roles: texts, invite: Some(provider), .. } => {
            let federation = context.federation(&store).await?;
            let provider = federation.named(&provider).await?;
            let person = accounts
                .add(
                    &operator,
                    NewPerson {
                        name,
                        email: Some(email.clone()),
                        password: None,
                        roles: roles(&texts)?,
                    },
                )
                .await?;
            federation.invite(&provider, &email, &person).await?;
            if context.json {
                print_json(&describe(&person));
            } else {
                say!(
                    "Added {}. Whoever comes from {} as {email} is them.",
                    person.name,
                    provider.name
                );
            }
        }
        Command::Invite { name, provider, email } => {
            let federation = context.federation(&store).await?;
            let (person, provider) =
                (accounts.find(&name).await?, federation.named(&provider).await?);
            let email = email.or_else(|| person.email.clone()).ok_or_else(|| {
                Failed(format!("{name} has no e-mail address; give one with --email"))
            })?;
            federation.invite(&provider, &email, &person).await?;
            say!("Invited {name}: whoever comes from {} as {email} is them.", provider.name);
        }
        Command::Link { name, provider, subject } => {
            let federation = context.federation(&store).await?;
            let (person, provider) =
                (accounts.find(&name).await?, federation.named(&provider).await?);
            federation.link_subject(&provider, &subject, &person).await?;
            say!("Linked {name} to {subject} at {}.", provider.name);
        }
        Command::ResetFactors { name } => {
            accounts.reset_factors(&operator, &accounts.find(&name).await?).await?;
            say!("{name} has no second factor any more; sessions and connected apps have ended.");
        }
        Command::Add { name, email, roles: texts, password_stdin, .. } => {
            let roles = roles(&texts)?;
            let (password, generated) = password(password_stdin)?;
            let person = accounts
                .add(&operator, NewPerson { name, email, password: Some(password.clone()), roles })
                .await?;
            if context.json {
                let mut described = describe(&person);
                if let (true, Value::Object(members)) = (generated, &mut described) {
                    members.insert("generated_password".to_owned(), password.into());
                }
                print_json(&described);
            } else {
                say!("Added {}.", person.name);
                if generated {
                    say!("Password: {password}");
                }
            }
        }
        Command::List => {
            let people = accounts.list().await?;
            if context.json {
                print_json(&people.iter().map(describe).collect());
            } else {
                let row = |person: &Person| {
                    let roles = person.all_roles().map(Role::as_str).collect::<Vec<_>>().join(",");
                    let state = if person.disabled_at.is_some() { "disabled" } else { "active" };
                    vec![
                        person.name.to_string(),
                        person.email.clone().unwrap_or_default(),
                        roles,
                        state.to_owned(),
                        person.id.to_string(),
                    ]
                };
                print_table(
                    &["NAME", "EMAIL", "ROLES", "STATE", "ID"],
                    &people.iter().map(row).collect::<Vec<_>>(),
                );
            }
        }
        Command::Show { name } => {
            let person = accounts.find(&name).await?;
            show(
                context,
                &person,
                &store.identities_of(&person.id).await?,
                accounts.enrolled(&person.id).await?,
            );
        }
        Command::Disable { name } => {
            accounts.disable(&accounts.find(&name).await?, None).await?;
            say!("Disabled {name}; sessions and connected apps have ended.");
        }
        Command::Enable { name } => {
            accounts.enable(&operator, &accounts.find(&name).await?, None).await?;
            say!("Enabled {name}.");
        }
        Command::SetPassword { name, password_stdin } => {
            let person = accounts.find(&name).await?;
            let (password, generated) = password(password_stdin)?;
            accounts.set_password(&operator, &person, password.clone(), None).await?;
            say!("Changed the password of {name}; sessions and connected apps have ended.");
            if generated {
                say!("Password: {password}");
            }
        }
        Command::SetRole { name, roles: texts } => {
            accounts.set_roles(&operator, &accounts.find(&name).await?, roles(&texts)?).await?;
            say!("Changed the roles of {name}.");
        }
        Command::Delete { name } => {
            accounts.delete(&accounts.find(&name).await?, None).await?;
            say!("Deleted {name}; sessions and connected apps have ended.");
        }
    }
    Ok(())
}
