//! `doorward user …`.

use std::{collections::BTreeSet, io::Read};

use clap::Subcommand;
use doorward_accounts::Authority;
use doorward_admin::{
    Invited, MailOutcome, NewUser, RoleSource, SourcedRole, UserChange, UserDetails, UserState,
    Users,
};
use doorward_keys::SystemEntropy;
use doorward_mail::Invitation;
use doorward_model::{LinkedIdentity, Role, User, id::random_text, nearest};
use doorward_store::Store;
use serde_json::{Value, json};

use super::{connections, context::Context, group, import, moment, print_json, print_table};
use crate::{Failed, out};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward user add ada --email ada@example.com --role developer
  doorward user invite ada --provider google
  doorward user set-role ada developer admin
  doorward user import team.csv --dry-run
  doorward user list --json";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a user and sends a mail that states how to sign in. If no mail can be sent, prints the
    /// link at which the user chooses a password.
    Add {
        /// The sign-in name.
        name: String,
        /// The e-mail address.
        #[arg(long)]
        email: Option<String>,
        /// A role; `admin` makes an administrator. May be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Read a first password from standard input instead of sending a link.
        #[arg(long)]
        password_stdin: bool,
        /// Do not require that the password is changed at the first sign-in, for example because it
        /// is the operator's own.
        #[arg(long, requires = "password_stdin")]
        keep_password: bool,
        /// Invite the user through this identity provider: its account with the verified e-mail
        /// address of --email is linked to this user.
        #[arg(long, value_name = "PROVIDER")]
        provider: Option<String>,
    },
    /// Invites an existing user through an identity provider: its account with this verified e-mail
    /// address is linked to the user.
    Invite {
        /// The sign-in name.
        name: String,
        /// The identity provider.
        #[arg(long, value_name = "PROVIDER")]
        provider: String,
        /// The e-mail address at the provider; by default the user's.
        #[arg(long)]
        email: Option<String>,
    },
    /// Links a user to an account at a provider by its permanent identifier.
    Link {
        /// The sign-in name.
        name: String,
        /// The provider.
        #[arg(long, value_name = "PROVIDER")]
        provider: String,
        /// The account's subject (`sub`, or the identifier of the provider's kind).
        #[arg(long)]
        subject: String,
    },
    /// Removes the passkeys, authenticator app and recovery codes of a user who lost them: sessions
    /// and connected apps end at once.
    ResetFactors {
        /// The sign-in name.
        name: String,
    },
    /// Lists users.
    List,
    /// Shows one user.
    Show {
        /// The sign-in name.
        name: String,
    },
    /// Disables a user: sessions and connected apps end at once.
    Disable {
        /// The sign-in name.
        name: String,
    },
    /// Enables a disabled user.
    Enable {
        /// The sign-in name.
        name: String,
    },
    /// Ends a user's sessions: the user must sign in again.
    SignOut {
        /// The sign-in name.
        name: String,
        /// Also end the access of connected apps.
        #[arg(long)]
        apps: bool,
    },
    /// Sets a password: sessions and connected apps end at once.
    SetPassword {
        /// The sign-in name.
        name: String,
        /// Read the password from standard input instead of generating one.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Replaces a user's roles.
    SetRole {
        /// The sign-in name.
        name: String,
        /// The roles; none removes all.
        roles: Vec<String>,
    },
    /// Lists the upstreams to which a service can be connected, each with the page on which an
    /// administrator connects it once.
    Connections {
        /// The name of the service.
        name: String,
    },
    /// Ends the connection of a service to an upstream.
    Disconnect {
        /// The name of the service.
        name: String,
        /// The upstream.
        upstream: String,
    },
    /// Adds and changes users from a table in CSV, all or none. Its first line names the columns:
    /// name, email, display_name, roles, groups.
    Import(import::Table),
    /// Deletes a user: sessions and connected apps end at once.
    Delete {
        /// The sign-in name.
        name: String,
    },
}

/// A password from standard input, without the line's end.
fn password_of_stdin() -> Result<String, Failed> {
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).map_err(Failed::because)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn describe(user: &User, state: UserState) -> Value {
    json!({
        "state": state.as_str(),
        "id": user.id.as_str(), "name": user.name.as_str(), "email": user.email, "roles": user.all_roles().map(Role::as_str).collect::<Vec<_>>(),
        "created_at": user.created_at.0, "disabled_at": user.disabled_at.map(|at| at.0), "password": user.password.is_some(),
    })
}

fn show(
    context: &Context,
    user: &User,
    roles: &[SourcedRole],
    state: UserState,
    belongings: &UserDetails,
) {
    let UserDetails { identities, enrolled: factors, .. } = belongings;
    if context.json {
        let mut described = describe(user, state);
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
    report!("id        {}", user.id);
    report!("name      {}", user.name);
    report!("email     {}", user.email.as_deref().unwrap_or("-"));
    for SourcedRole { role, sources } in roles {
        let named = |source: &RoleSource| match source {
            RoleSource::Administrator => "by an administrator".to_owned(),
            RoleSource::Provider(name) => format!("by a rule of {name}"),
            RoleSource::Group(name) => format!("by the group {name}"),
        };
        report!("role      {role} {}", sources.iter().map(named).collect::<Vec<_>>().join(", "));
    }
    report!("created   {}", moment(user.created_at));
    report!(
        "state     {}",
        user.disabled_at.map_or_else(
            || state.as_str().replace('_', " "),
            |at| format!("disabled since {}", moment(at))
        )
    );
    report!("password  {}", if user.password.is_some() { "set" } else { "none" });
    report!(
        "factors   {} passkeys, {}",
        factors.passkeys,
        if factors.authenticator { "authenticator app" } else { "no authenticator app" }
    );
    for identity in identities {
        report!(
            "account   {} {} ({})",
            identity.provider,
            identity.email.as_deref().or(identity.username.as_deref()).unwrap_or("-"),
            identity.subject
        );
    }
}

/// Prints the outcome of an invitation.
fn tell(context: &Context, done: &str, invited: &Invited, state: UserState) {
    let url = invited.url_to_hand_over();
    if context.json {
        let mut described = describe(&invited.user, state);
        if let Value::Object(members) = &mut described {
            let mail = match invited.mail {
                MailOutcome::Sent => "sent",
                MailOutcome::NotWritten => "not_written",
                MailOutcome::Failed(_) => "failed",
            };
            members.insert("mail".to_owned(), mail.into());
            if let Some(url) = url {
                members.insert("invitation_url".to_owned(), url.into());
            }
        }
        return print_json(&described);
    }
    report!("{done} {}.", invited.user.name);
    if let Invitation::Provider(provider) = &invited.way {
        report!("The user signs in with {provider}.");
    }
    match &invited.mail {
        MailOutcome::Sent => report!("A mail was sent that states how to sign in."),
        MailOutcome::NotWritten => {}
        MailOutcome::Failed(error) => report!("The mail could not be sent: {error}."),
    }
    if let Some(url) = url {
        report!("Give the user this link; it works once, within seven days:");
        report!("{url}");
    }
}

fn list(context: &Context, users: &[(User, UserState)]) {
    if context.json {
        let described = users.iter().map(|(user, state)| describe(user, *state));
        return print_json(&described.collect());
    }
    let row = |(user, state): &(User, UserState)| {
        let roles = user.all_roles().map(Role::as_str).collect::<Vec<_>>().join(",");
        let state = state.as_str().replace('_', " ");
        vec![
            user.name.to_string(),
            user.email.clone().unwrap_or_default(),
            roles,
            state,
            user.id.to_string(),
        ]
    };
    print_table(
        &["NAME", "EMAIL", "ROLES", "STATE", "ID"],
        &users.iter().map(row).collect::<Vec<_>>(),
    );
}

async fn set_password(users: &Users, name: &str, from_stdin: bool) -> Result<(), Failed> {
    let user = users.named(name).await?;
    let (password, made) = if from_stdin {
        (password_of_stdin()?, None)
    } else {
        let password = random_text(&SystemEntropy, 15);
        (password.clone(), Some(password))
    };
    users.set_password(&Authority::operator(), &user, password).await?;
    report!("Changed the password of {name}; sessions and connected apps have ended.");
    if let Some(password) = made {
        report!("Password: {password}");
    }
    Ok(())
}

/// Notes roles that no rule names and no user has, where another one was probably meant.
pub(super) async fn note_roles(
    context: &Context,
    users: &Users,
    roles: &[String],
) -> Result<(), Failed> {
    let all = users.all().await?;
    let of_users = all.iter().flat_map(User::all_roles);
    let known: BTreeSet<&str> = context
        .checked
        .access
        .roles()
        .chain(context.checked.policy.roles())
        .chain(of_users)
        .map(Role::as_str)
        .chain(["admin"])
        .collect();
    for role in roles.iter().filter(|role| !known.contains(role.as_str())) {
        let hint = nearest::hint(role, &known);
        if !hint.is_empty() {
            out::error(format_args!(
                "note: no rule names the role {role}, and no user has it{hint}"
            ));
        }
    }
    Ok(())
}

async fn state(
    context: &Context,
    store: &Store,
    users: &Users,
    user: &User,
) -> Result<UserState, Failed> {
    let enabled = context.providers(store).await?.enabled().await?;
    Ok(users.state(user, &enabled).await?)
}

/// All users, each with its state.
async fn states(
    context: &Context,
    store: &Store,
    users: &Users,
) -> Result<Vec<(User, UserState)>, Failed> {
    let (all, providers) = (users.all().await?, context.providers(store).await?);
    let enabled = providers.enabled().await?;
    let states = users.states(&all.iter().collect::<Vec<_>>(), &enabled).await?;
    Ok(all.into_iter().zip(states).collect())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let (users, operator) = (context.users(&store).await?, Authority::operator());
    match command {
        Command::Add { name, email, roles, password_stdin, keep_password, provider } => {
            let password = password_stdin.then(password_of_stdin).transpose()?;
            note_roles(context, &users, &roles).await?;
            let invitations = context.invitations(&store).await?;
            let new = NewUser { name, email, password, keep_password, roles, provider };
            let invited = invitations.add(&operator, new).await?;
            let state = state(context, &store, &users, &invited.user).await?;
            tell(context, "Added", &invited, state);
        }
        Command::Invite { name, provider, email } => {
            let invitations = context.invitations(&store).await?;
            let user = users.named(&name).await?;
            let email = email.as_deref();
            let invited = invitations.invite(&operator, &user, &provider, email).await?;
            let state = state(context, &store, &users, &user).await?;
            tell(context, "Invited", &invited, state);
        }
        Command::Link { name, provider, subject } => {
            let invitations = context.invitations(&store).await?;
            let user = users.named(&name).await?;
            invitations.link(&operator, &user, &provider, &subject).await?;
            report!("Linked {name} to {subject} at {provider}.");
        }
        Command::ResetFactors { name } => {
            users.reset_factors(&operator, &users.named(&name).await?).await?;
            report!(
                "Removed the second factors of {name}; sessions and connected apps have ended."
            );
        }
        Command::List => {
            list(context, &states(context, &store, &users).await?);
        }
        Command::Show { name } => {
            let user = users.named(&name).await?;
            let state = state(context, &store, &users, &user).await?;
            let roles = group::operations(&store).roles_of(&user).await?;
            show(context, &user, &roles, state, &users.belongings(&user).await?);
        }
        Command::Disable { name } => {
            users.disable(&users.named(&name).await?, None).await?;
            report!("Disabled {name}; sessions and connected apps have ended.");
        }
        Command::Enable { name } => {
            users.enable(&operator, &users.named(&name).await?, None).await?;
            report!("Enabled {name}.");
        }
        Command::SignOut { name, apps } => {
            users.sign_out(&users.named(&name).await?, apps).await?;
            report!("Ended the sessions of {name}.");
        }
        Command::SetPassword { name, password_stdin } => {
            set_password(&users, &name, password_stdin).await?;
        }
        Command::SetRole { name, roles } => {
            note_roles(context, &users, &roles).await?;
            let change = UserChange { roles: Some(roles), ..UserChange::default() };
            users.change(&operator, &users.named(&name).await?, change, None).await?;
            report!("Changed the roles of {name}.");
        }
        Command::Connections { name } => {
            Box::pin(connections::list(context, &store, &name)).await?;
        }
        Command::Disconnect { name, upstream } => {
            Box::pin(connections::end(context, &store, &name, &upstream)).await?;
        }
        Command::Import(table) => {
            Box::pin(import::run(context, &store, &table)).await?;
        }
        Command::Delete { name } => {
            users.delete(&users.named(&name).await?, None).await?;
            report!("Deleted {name}; sessions and connected apps have ended.");
        }
    }
    Ok(())
}
