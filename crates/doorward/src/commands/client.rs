//! `doorward client …`.

use clap::{Args, Subcommand};
use doorward_accounts::Authority;
use doorward_admin::{
    AddedClient, ClientDecision, ClientEdit, Clients, NewClient, NewExchange, NewRelyingParty,
    NewService, Proposal,
};
use doorward_model::{Client, ClientRules, ClientRulesEdit, RedirectUri};
use doorward_store::ClientFilter;
use serde_json::{Value, json};

use super::{context::Context, edit, moment, print_json, print_table};
use crate::Failed;

mod relying;

/// The examples of its help.
pub(super) const EXAMPLES: &str = "Examples:
  doorward client add Portal --redirect-uri https://portal.example.com/callback --auth-method client_secret_basic
  doorward client add Grafana --openid --redirect-uri https://grafana.example.com/login/generic_oauth --auth-method client_secret_basic
  doorward client add Report --service nightly --scope mcp:read
  doorward client exchange c_AGENT --from c_APP --scope mcp:read
  doorward client list --limit 0";

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Adds a client and prints its ID and, if it has one, its secret, which is shown only once.
    Add(Addition),
    /// Changes the name, the redirect URIs or the settings as a relying party of a client that was
    /// added by an administrator.
    Set {
        /// Its client_id.
        id: String,
        /// The new name.
        #[arg(long)]
        name: Option<String>,
        /// A redirect URI; replaces all current ones. May be given several times.
        #[arg(long = "redirect-uri", value_name = "URI")]
        redirect_uris: Vec<String>,
        #[command(flatten)]
        openid: relying::Options,
        /// Require that its authorization requests are pushed (RFC 9126): true or false.
        #[arg(long, value_name = "BOOLEAN")]
        require_pushed_authorization_requests: Option<bool>,
        /// Require that its access tokens are bound to a key (DPoP, RFC 9449): true or false.
        #[arg(long, value_name = "BOOLEAN")]
        dpop_bound_access_tokens: Option<bool>,
        /// Only show what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Permits a client to exchange users' tokens for narrower ones (RFC 8693), or ends the
    /// permission.
    Exchange {
        /// Its client_id.
        id: String,
        /// The client_id of a client whose tokens it may exchange, besides its own; replaces all
        /// current ones. May be given several times.
        #[arg(long, value_name = "CLIENT_ID", conflicts_with = "off")]
        from: Vec<String>,
        /// A scope that exchanged tokens may have. May be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required_unless_present = "off")]
        scopes: Vec<String>,
        /// The client is an AI back end: each token that it gets is for one upstream and for five
        /// minutes at most.
        #[arg(long, conflicts_with = "off")]
        back_end: bool,
        /// Tokens of an identity provider that it may exchange, each once: the provider, the
        /// audience and, if one is required, a scope. May be given several times.
        #[arg(long = "provider", value_name = "TOKENS", conflicts_with = "off")]
        providers: Vec<String>,
        /// End the permission; exchanged tokens end at once.
        #[arg(long, conflicts_with = "scopes")]
        off: bool,
    },
    /// Lists clients, the newest first.
    List {
        /// The maximum number; 0 lists all.
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
    /// Approves a client where the configuration requires approval.
    Approve {
        /// Its client_id.
        id: String,
    },
    /// Revokes the approval of a client.
    Deny {
        /// Its client_id.
        id: String,
    },
    /// Pins a client's metadata document: the client is refused if it changes.
    Pin {
        /// Its client_id.
        id: String,
    },
    /// Accepts changes of a client's metadata document again.
    Unpin {
        /// Its client_id.
        id: String,
    },
    /// Deletes registrations that no user ever authorized.
    CleanUp {
        /// The minimum age in days.
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        days: u32,
    },
    /// Deletes a client: its access ends at once.
    Delete {
        /// Its client_id.
        id: String,
    },
}

/// A client to add.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag of the command")]
pub(super) struct Addition {
    /// The display name.
    name: String,
    /// A redirect URI. May be given several times.
    #[arg(
        long = "redirect-uri",
        value_name = "URI",
        required_unless_present = "service",
        conflicts_with = "service"
    )]
    redirect_uris: Vec<String>,
    /// The method of client authentication: none (the default), client_secret_basic (the default of
    /// a service), client_secret_post, or private_key_jwt for a service.
    #[arg(long, value_name = "METHOD", value_parser = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"])]
    auth_method: Option<String>,
    /// The service as which the client acts without a user (`client_credentials`): the name of its
    /// account, which is created if it does not exist.
    #[arg(long, value_name = "NAME", requires = "scopes", conflicts_with = "admin")]
    service: Option<String>,
    /// A scope that tokens of the service may have. May be given several times.
    #[arg(long = "scope", value_name = "SCOPE", requires = "service")]
    scopes: Vec<String>,
    /// A file with the service's public keys, a JWK Set, for private_key_jwt.
    #[arg(long, value_name = "FILE", requires = "service", conflicts_with = "jwks_uri")]
    jwks: Option<std::path::PathBuf>,
    /// The https URL at which the service publishes its keys, for private_key_jwt.
    #[arg(long, value_name = "URL", requires = "service")]
    jwks_uri: Option<String>,
    /// Allow the client to request the scope `admin` from administrators, for the administration
    /// API.
    #[arg(long)]
    admin: bool,
    /// Make the client a relying party, an application that users sign in to (OpenID Connect):
    /// allow it to request the scopes openid, profile, email and groups.
    #[arg(long, conflicts_with = "service")]
    openid: bool,
    #[command(flatten)]
    relying_party: RelyingPartyOptions,
    /// Require that its authorization requests are pushed (RFC 9126).
    #[arg(long, conflicts_with = "service")]
    require_pushed_authorization_requests: bool,
    /// Require that its access tokens are bound to a key (DPoP, RFC 9449).
    #[arg(long)]
    dpop_bound_access_tokens: bool,
}

/// The settings of a client to which users sign in.
#[derive(Args, Debug)]
struct RelyingPartyOptions {
    /// Issue pairwise subjects, which other applications cannot compare.
    #[arg(long, requires = "openid", conflicts_with = "admin")]
    pairwise: bool,
    /// Return userinfo as a signed token.
    #[arg(long, requires = "openid")]
    signed_userinfo: bool,
    /// A URL to which the browser may be redirected after signing out. May be given several
    /// times.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI", requires = "openid")]
    post_logout_redirect_uris: Vec<String>,
    /// The URL to notify when a session ends (OpenID Connect Back-Channel Logout).
    #[arg(long, value_name = "URL", requires = "openid")]
    backchannel_logout_uri: Option<String>,
    /// Require the session ID (sid) in the notification.
    #[arg(long, requires = "backchannel_logout_uri")]
    backchannel_logout_session_required: bool,
}

fn describe(client: &Client) -> Value {
    json!({
        "client_id": client.id.as_str(), "name": client.name, "source": client.source.as_str(),
        "redirect_uris": client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(),
        "token_endpoint_auth_method": client.auth_method.as_str(),
        "grant_types": client.grant_types.names().collect::<Vec<_>>(),
        "service": client.service.as_ref().map(ToString::to_string),
        "exchange": client.exchange.as_ref().map(|rule| json!({
            "from": rule.from.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "scope": rule.scopes.to_string(), "back_end": rule.back_end,
            "providers": rule.providers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })),
        "require_pushed_authorization_requests": client.rules.require_pushed_authorization_requests,
        "dpop_bound_access_tokens": client.rules.dpop_bound_access_tokens,
        "scope": client.scopes.to_string(), "openid": client.openid, "created_at": client.created_at.0,
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

/// Reads a JWK Set. Its keys are checked with the rest of the client.
pub(super) fn read_keys(path: &std::path::Path) -> Result<Value, Failed> {
    let unreadable = |why: String| Failed(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|fault| {
        let (line, column) = (fault.line(), fault.column());
        unreadable(format!("it is no JSON from line {line}, column {column} on"))
    })
}

fn show_added(context: &Context, added: &AddedClient) {
    if context.json {
        let mut described = describe(&added.client);
        if let (Some(secret), Value::Object(members)) = (&added.secret, &mut described) {
            members.insert("client_secret".to_owned(), secret.reveal().into());
        }
        print_json(&described);
    } else {
        report!("client_id      {}", added.client.id);
        if let Some(secret) = &added.secret {
            report!("client_secret  {}", secret.reveal());
        }
    }
}

async fn add(context: &Context, clients: &Clients, addition: Addition) -> Result<(), Failed> {
    let Addition { name, redirect_uris, auth_method, scopes, jwks_uri, admin, .. } = addition;
    let authority = Authority::operator();
    let rules = ClientRules {
        require_pushed_authorization_requests: addition.require_pushed_authorization_requests,
        dpop_bound_access_tokens: addition.dpop_bound_access_tokens,
    };
    let added = if let Some(service) = addition.service {
        let jwks = addition.jwks.as_deref().map(read_keys).transpose()?;
        let new = NewService { name, service, scopes, auth_method, jwks, jwks_uri, rules };
        clients.add_service(&authority, new).await?
    } else {
        let wanted = addition.relying_party;
        let openid = addition.openid.then_some(NewRelyingParty {
            pairwise: wanted.pairwise,
            signed_userinfo: wanted.signed_userinfo,
            post_logout_redirect_uris: wanted.post_logout_redirect_uris,
            backchannel_logout_uri: wanted.backchannel_logout_uri,
            backchannel_logout_session_required: wanted.backchannel_logout_session_required,
        });
        let new = NewClient { name, redirect_uris, auth_method, admin, openid, rules };
        clients.add(&authority, new).await?
    };
    show_added(context, &added);
    Ok(())
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failed> {
    let store = context.store().await?;
    let clients = context.clients(&store).await?;
    let (id, decision, done) = match command {
        Command::Add(addition) => return add(context, &clients, addition).await,
        Command::Set {
            id,
            name,
            redirect_uris,
            openid,
            require_pushed_authorization_requests,
            dpop_bound_access_tokens,
            dry_run,
        } => {
            let redirect_uris = Some(redirect_uris).filter(|uris| !uris.is_empty());
            let rules =
                ClientRulesEdit { require_pushed_authorization_requests, dpop_bound_access_tokens };
            let what = ClientEdit { name, redirect_uris, openid: openid.wanted(), rules };
            let effect = edit::effect(dry_run);
            let operator = Authority::operator();
            let proposal = Proposal { of: &id, change: &what, seen: None, effect };
            let done = clients.edit(&operator, proposal).await?;
            edit::print(context.json, &id, &done, effect);
            return Ok(());
        }
        Command::Exchange { id, from, scopes, back_end, providers, off } => {
            let new = (!off).then_some(NewExchange { from, scopes, back_end, providers });
            let operator = Authority::operator();
            let client = clients.set_exchange(&operator, &id, new.as_ref(), None).await?;
            if context.json {
                print_json(&describe(&client));
            } else if off {
                report!("{id} may not exchange tokens any more; exchanged tokens have ended.");
            } else if back_end {
                report!("{id} may exchange tokens as a back end, each for one upstream.");
            } else {
                report!("{id} may exchange tokens.");
            }
            return Ok(());
        }
        Command::List { limit } => {
            let most = if limit == 0 { i64::MAX.unsigned_abs() } else { limit };
            list(context, &store.clients(ClientFilter::default(), most).await?);
            return Ok(());
        }
        Command::Show { id } => {
            print_json(&describe(clients.with_id(&id).await?.as_ref()));
            return Ok(());
        }
        Command::CleanUp { days } => {
            report!("Deleted {} unused registrations.", clients.clean_up(days).await?);
            return Ok(());
        }
        Command::Disable { id } => (id, ClientDecision::Block, "Disabled"),
        Command::Enable { id } => (id, ClientDecision::Unblock, "Enabled"),
        Command::Approve { id } => (id, ClientDecision::Approve, "Approved"),
        Command::Deny { id } => (id, ClientDecision::Deny, "Revoked the approval of"),
        Command::Pin { id } => (id, ClientDecision::Pin, "Pinned"),
        Command::Unpin { id } => (id, ClientDecision::Unpin, "Unpinned"),
        Command::Delete { id } => (id, ClientDecision::Delete, "Deleted"),
    };
    clients.decide(&id, decision, None).await?;
    let ended = matches!(decision, ClientDecision::Block | ClientDecision::Delete);
    report!("{done} {id}{}.", if ended { "; its access is revoked" } else { "" });
    Ok(())
}
