//! `doorward token …`: personal and service access tokens.

use clap::Subcommand;
use doorward_accounts::Authority;
use doorward_admin::{Holder, MadeToken, NewToken};
use doorward_model::{AccessToken, Clock, UpstreamName, UserId, nearest, ports::SystemClock};
use doorward_store::Store;
use serde_json::{Value, json};

use super::{context::Context, moment, print_json, print_table};
use crate::{Failed, out};

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward token create nightly --service ci-bot --days 90
  doorward token list";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Creates a token and prints its value, which is shown once.
    Create {
        /// Its purpose.
        name: String,
        /// The sign-in name of the user that it acts for.
        #[arg(
            long,
            value_name = "NAME",
            required_unless_present = "service",
            conflicts_with = "service"
        )]
        user: Option<String>,
        /// Create it for a service: an account of this name that cannot sign in, which is created
        /// if it does not exist.
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// A scope. May be given several times.
        #[arg(long = "scope", value_name = "SCOPE", default_value = "mcp:read")]
        scopes: Vec<String>,
        /// An upstream that it reaches; by default all. May be given several times.
        #[arg(long = "upstream", value_name = "NAME")]
        upstreams: Vec<String>,
        /// The lifetime in days.
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        days: u32,
        /// State that you verified a second factor of the token's holder. Without it, the token has
        /// no scope that requires one (access.second_factor_scopes).
        #[arg(long)]
        second_factor: bool,
    },
    /// Lists tokens, the newest first.
    List {
        /// Only those of this user or service.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Revokes a token: it ends at once.
    Revoke {
        /// Its ID, as in the list.
        id: String,
    },
}

/// A token as programs read it. Its value is not among it.
pub(crate) fn describe(token: &AccessToken) -> Value {
    json!({
        "id": token.id.as_str(), "name": token.name, "user_id": token.user_id.as_str(), "scopes": token.scopes.to_string(),
        "upstreams": token.upstreams.iter().map(UpstreamName::as_str).collect::<Vec<_>>(), "created_at": token.created_at.0,
        "rotated_at": token.rotated_at.map(|at| at.0), "expires_at": token.expires_at.0, "last_used_at": token.last_used_at.map(|at| at.0),
        "revoked_at": token.revoked_at.map(|at| at.0),
    })
}

fn tell(context: &Context, MadeToken { holder, made }: &MadeToken) {
    if context.json {
        let mut described = describe(&made.token);
        if let Value::Object(members) = &mut described {
            members.insert("value".to_owned(), made.value.reveal().into());
        }
        print_json(&described);
    } else {
        report!("id       {}", made.token.id);
        report!("for      {}", holder.name);
        report!("expires  {}", moment(made.token.expires_at));
        report!("value    {}", made.value.reveal());
    }
}

/// Notes upstreams that are not there: a token for one reaches nothing until it is added.
async fn note_upstreams(context: &Context, store: &Store, names: &[String]) -> Result<(), Failed> {
    let all = context.gateway(store).await?.all_upstreams().await.map_err(Failed::because)?;
    let known: Vec<&str> = all.iter().map(|upstream| upstream.name.as_str()).collect();
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let hint = nearest::hint(name, &known);
        out::error(format_args!("note: there is no upstream {name} yet{hint}"));
    }
    Ok(())
}

async fn list(context: &Context, store: &Store, tokens: &[AccessToken]) -> Result<(), Failed> {
    if context.json {
        print_json(&tokens.iter().map(describe).collect());
        return Ok(());
    }
    let users = store.users().await?;
    let now = SystemClock.now();
    let holder = |id: &UserId| {
        let known = users.iter().find(|user| user.id == *id);
        known.map_or_else(String::new, |user| user.name.to_string())
    };
    let row = |token: &AccessToken| {
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
            holder(&token.user_id),
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
    Ok(())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let tokens = context.tokens(&store).await?;
    match command {
        Command::Create { name, user, service, scopes, upstreams, days, second_factor } => {
            let operator = if second_factor {
                Authority::operator_states_second_factor()
            } else {
                Authority::operator()
            };
            let holder = match (user, service) {
                (_, Some(service)) => Holder::Service(service),
                (user, None) => Holder::User(user.unwrap_or_default()),
            };
            note_upstreams(context, &store, &upstreams).await?;
            let new = NewToken { name, scopes, upstreams, days };
            tell(context, &tokens.make(&operator, &holder, new).await?);
        }
        Command::List { user: Some(name) } => {
            list(context, &store, &tokens.of(&name).await?).await?;
        }
        Command::List { user: None } => list(context, &store, &tokens.all(1000).await?).await?,
        Command::Revoke { id } => {
            tokens.revoke(&id).await?;
            report!("Revoked {id}.");
        }
    }
    Ok(())
}
