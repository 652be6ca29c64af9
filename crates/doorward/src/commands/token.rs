//! `doorward token …`: personal and service access tokens.

use clap::Subcommand;
use doorward_accounts::{Authority, NewAccessToken, NewPerson};
use doorward_model::{
    AccessToken, AccessTokenId, Clock, Role, ScopeSet, UpstreamName, ports::SystemClock,
};
use serde_json::{Value, json};

use super::{context::Context, moment, print_json, print_table};
use crate::Failed;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Makes a token and prints its value, which is shown once.
    Create {
        /// Its purpose.
        name: String,
        /// The sign-in name of the person that it acts for.
        #[arg(
            long,
            value_name = "NAME",
            required_unless_present = "service",
            conflicts_with = "service"
        )]
        user: Option<String>,
        /// Make it for a service: an account of this name that cannot sign in, made if there is
        /// none.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// A scope. May be given several times.
        #[arg(long = "scope", value_name = "SCOPE", default_value = "mcp:read")]
        scopes: Vec<String>,
        /// An upstream that it reaches. May be given several times; without it, all.
        #[arg(long = "upstream", value_name = "NAME")]
        upstreams: Vec<String>,
        /// For how many days.
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        days: u32,
        /// State that whoever gets the token proved a second factor to you. Without it, the token
        /// has no scope that needs one (access.second_factor_scopes).
        #[arg(long)]
        second_factor: bool,
    },
    /// Lists tokens, the newest first.
    List {
        /// Only those of this person or service.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Revokes a token: it ends at once.
    Revoke {
        /// Its id, as the list shows it.
        id: String,
    },
}

/// The role of accounts that belong to programs.
const SERVICE: &str = "service";

/// A token as programs read it. Its value is not among it.
pub(crate) fn describe(token: &AccessToken) -> Value {
    json!({
        "id": token.id.as_str(), "name": token.name, "user_id": token.user_id.as_str(), "scopes": token.scopes.to_string(),
        "upstreams": token.upstreams.iter().map(UpstreamName::as_str).collect::<Vec<_>>(), "created_at": token.created_at.0,
        "rotated_at": token.rotated_at.map(|at| at.0), "expires_at": token.expires_at.0, "last_used_at": token.last_used_at.map(|at| at.0),
        "revoked_at": token.revoked_at.map(|at| at.0),
    })
}

fn scopes(texts: &[String]) -> Result<ScopeSet, Failed> {
    let one = |text: &String| {
        doorward_model::Scope::named(text).ok_or_else(|| {
            Failed(format!("there is no scope {text}; docs/reference/scopes.md names them"))
        })
    };
    texts.iter().map(one).collect()
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let accounts = context.accounts(&store).await?;
    match command {
        Command::Create { name, user, service, scopes: texts, upstreams, days, second_factor } => {
            let operator = if second_factor {
                Authority::operator_states_second_factor()
            } else {
                Authority::operator()
            };
            let known = match (&user, &service) {
                (_, Some(service)) => match accounts.find(service).await {
                    Ok(person) => person,
                    Err(_) => {
                        accounts
                            .add(
                                &operator,
                                NewPerson {
                                    name: service.clone(),
                                    email: None,
                                    password: None,
                                    roles: vec![Role::parse(SERVICE).map_err(Failed::because)?],
                                },
                            )
                            .await?
                    }
                },
                (user, None) => accounts.find(user.as_deref().unwrap_or_default()).await?,
            };
            let named = |text: &String| {
                UpstreamName::parse(text)
                    .map_err(|_| Failed(format!("{text:?} is not the name of an upstream")))
            };
            let upstreams = upstreams.iter().map(named).collect::<Result<Vec<_>, _>>()?;
            let new = NewAccessToken { name, scopes: scopes(&texts)?, upstreams, days };
            let made = accounts
                .add_access_token(&operator, &known, &context.checked.access, new)
                .await
                .map_err(Failed::because)?;
            if context.json {
                let mut described = describe(&made.token);
                if let Value::Object(members) = &mut described {
                    members.insert("value".to_owned(), made.value.reveal().into());
                }
                print_json(&described);
            } else {
                say!("id       {}", made.token.id);
                say!("for      {}", known.name);
                say!("expires  {}", moment(made.token.expires_at));
                say!("value    {}", made.value.reveal());
            }
        }
        Command::List { user } => {
            let tokens = match user {
                Some(name) => store.access_tokens_of(&accounts.find(&name).await?.id).await?,
                None => store.access_tokens(1000).await?,
            };
            if context.json {
                print_json(&tokens.iter().map(describe).collect());
            } else {
                let people = accounts.list().await?;
                let now = SystemClock.now();
                let row = |token: &AccessToken| {
                    let owner = people
                        .iter()
                        .find(|person| person.id == token.user_id)
                        .map_or_else(String::new, |person| person.name.to_string());
                    let state = if token.revoked_at.is_some() {
                        "revoked"
                    } else if token.is_live(now) {
                        "live"
                    } else {
                        "expired"
                    };
                    let used = token.last_used_at.map_or_else(|| "never".to_owned(), moment);
                    vec![
                        token.id.to_string(),
                        token.name.clone(),
                        owner,
                        token.scopes.to_string(),
                        used,
                        moment(token.expires_at),
                        state.to_owned(),
                    ]
                };
                print_table(
                    &["ID", "NAME", "FOR", "SCOPES", "LAST USED", "EXPIRES", "STATE"],
                    &tokens.iter().map(row).collect::<Vec<_>>(),
                );
            }
        }
        Command::Revoke { id } => {
            accounts
                .revoke_access_token(None, &AccessTokenId::from_text(id.clone()))
                .await
                .map_err(Failed::because)?;
            say!("Revoked {id}.");
        }
    }
    Ok(())
}
