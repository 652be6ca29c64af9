//! Clients: their sources, and administrators' decisions about them.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{ClientDecision, ClientEdit, ClientList, NewClient, NewService, Proposal};
use doorward_model::{Client, ClientRules, ClientRulesEdit, ClientSource, RedirectUri, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    edits::{self, Edited, Trial},
    operation::{
        Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, Place, QueryParams, Refused,
        done, needs, show, show_state,
    },
    relying::{OpenId, OpenIdChanges},
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such client.";
    vec![
        Operation::get(
            needs::READ,
            routes::API_CLIENTS,
            "listClients",
            "Lists clients, the newest first.",
            list,
        )
        .query::<ClientList>()
        .answer::<Clients>(200, "The clients."),
        Operation::post(needs::ALL, routes::API_CLIENTS, "addClient", "Adds a client.", add)
            .body::<New>()
            .answer::<Added>(
                201,
                "The client was added. Its secret, if it has one, is not shown again.",
            )
            .with_etag(),
        Operation::get(
            needs::READ,
            routes::API_CLIENT,
            "showClient",
            "Shows a client. A client_id that is a URL is percent-encoded in the path.",
            one,
        )
        .answer::<ClientView>(200, "The client.")
        .with_etag()
        .missing(NONE),
        Operation::patch(
            needs::ALL,
            routes::API_CLIENT,
            "changeClient",
            "Changes the name, the redirect URIs or the settings as a relying party of a client that \
             an administrator added.",
            change,
        )
        .query::<Trial>()
        .body::<Changes>()
        .answer::<Edited>(200, "The changes.")
        .with_etag()
        .if_match()
        .missing(NONE),
        Operation::post(
            needs::ALL,
            routes::API_CLIENT_DECISION,
            "decideClient",
            "Approves a client, revokes the approval, disables, enables, pins or unpins it.",
            decide,
        )
        .body::<Decided>()
        .answer::<ClientView>(200, "The client after the change.")
        .with_etag()
        .if_match()
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_CLIENT,
            "deleteClient",
            "Deletes a client and revokes its access.",
            delete,
        )
        .empty("The client was deleted.")
        .if_match()
        .missing(NONE),
        Operation::post(
            needs::ALL,
            routes::API_CLIENTS_CLEAN,
            "cleanClients",
            "Deletes registrations that no user ever authorized and that are older than the given \
             number of days.",
            clean,
        )
        .body::<Clean>()
        .answer::<Cleaned>(200, "The number of deleted registrations."),
    ]
}

/// A client.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the states of a client are independent of each other"
)]
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Client")]
pub(super) struct ClientView {
    client_id: String,
    name: String,
    /// `administrator`, `metadata_document` or `registration`.
    source: String,
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: String,
    grant_types: Vec<String>,
    /// The id of the service's account as which it acts, for the client of a service.
    service: Option<String>,
    /// The scopes that it may be given.
    scopes: Vec<String>,
    client_uri: Option<String>,
    /// Its permission to exchange tokens.
    exchange: Option<Exchanges>,
    /// True if it may request the scope admin from administrators.
    admin: bool,
    /// Its settings as a relying party, if users sign in to another application through it.
    #[serde(skip_serializing_if = "Option::is_none")]
    openid: Option<OpenId>,
    /// True if its authorization requests must be pushed (RFC 9126).
    require_pushed_authorization_requests: bool,
    /// True if its access tokens must be bound to a key (RFC 9449).
    dpop_bound_access_tokens: bool,
    created_at: i64,
    authorized_at: Option<i64>,
    blocked: bool,
    /// True if it may be used where approval is required.
    approved: bool,
    /// True if its metadata document may not change.
    pinned: bool,
    /// Names this state, for If-Match.
    etag: String,
}

/// The permission of a client to exchange tokens.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ClientExchange")]
struct Exchanges {
    /// The client_id of each client whose tokens it may exchange, besides its own.
    from: Vec<String>,
    /// The scopes that exchanged tokens may have.
    scopes: Vec<String>,
    /// The client is an AI back end, with tokens of one upstream for five minutes.
    back_end: bool,
    /// Tokens of identity providers that it may exchange.
    providers: Vec<String>,
}

impl ClientView {
    pub(super) fn of(client: &Client) -> Self {
        Self {
            client_id: client.id.to_string(),
            name: client.name.clone(),
            source: client.source.as_str().to_owned(),
            redirect_uris: client
                .redirect_uris
                .iter()
                .map(|uri| RedirectUri::as_str(uri).to_owned())
                .collect(),
            token_endpoint_auth_method: client.auth_method.as_str().to_owned(),
            grant_types: client.grant_types.names().map(str::to_owned).collect(),
            service: client.service.as_ref().map(ToString::to_string),
            scopes: client.scopes.iter().map(|scope| scope.name().to_string()).collect(),
            client_uri: client.client_uri.clone(),
            exchange: client.exchange.as_ref().map(|rule| Exchanges {
                from: rule.from.iter().map(ToString::to_string).collect(),
                scopes: rule.scopes.iter().map(|scope| scope.name().to_string()).collect(),
                back_end: rule.back_end,
                providers: rule.providers.iter().map(ToString::to_string).collect(),
            }),
            admin: client.scopes.has_administrative(),
            openid: client.openid.as_ref().map(OpenId::of),
            require_pushed_authorization_requests: client
                .rules
                .require_pushed_authorization_requests,
            dpop_bound_access_tokens: client.rules.dpop_bound_access_tokens,
            created_at: client.created_at.0,
            authorized_at: client.authorized_at.map(|at| at.0),
            blocked: client.disabled_at.is_some(),
            approved: client.approved_at.is_some() || client.source == ClientSource::Administrator,
            pinned: client.pinned_at.is_some(),
            etag: client.etag(),
        }
    }
}

/// A client that was added.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AddedClient")]
struct Added {
    #[serde(flatten)]
    client: ClientView,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Some clients.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the wire names it so")]
struct Clients {
    clients: Vec<ClientView>,
    #[serde(flatten)]
    place: Place,
    /// The number of clients that registered themselves.
    registered: u64,
    /// The number that may register themselves.
    max_registrations: u64,
    /// True if clients that no administrator added must be approved.
    approval: bool,
}

/// A client to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewClient")]
struct New {
    /// The name that users see.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    name: String,
    /// Needed, except for the client of a service, which has none.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    redirect_uris: Vec<String>,
    /// `none`, `client_secret_basic`, `client_secret_post`, or `private_key_jwt` for a service.
    token_endpoint_auth_method: Option<Method>,
    /// The service as which it acts without a user, by `client_credentials`: the sign-in name of
    /// its account, which is added if there is none.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_name"))]
    service: Option<String>,
    /// For a service: the most that a token may be for.
    #[serde(default)]
    scopes: Vec<String>,
    /// For a service with `private_key_jwt`: its public keys, a JWK Set.
    jwks: Option<serde_json::Map<String, serde_json::Value>>,
    /// For a service with `private_key_jwt`: the https URL at which it publishes its keys.
    jwks_uri: Option<String>,
    /// True if it may request the scope admin from administrators.
    #[serde(default)]
    admin: bool,
    /// Its settings as a relying party, if users sign in to another application through it.
    openid: Option<OpenId>,
    /// True if its authorization requests must be pushed (RFC 9126); not for a service.
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    /// True if its access tokens must be bound to a key (RFC 9449).
    #[serde(default)]
    dpop_bound_access_tokens: bool,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClientAuthMethod")]
enum Method {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl From<Method> for doorward_model::ClientAuthMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::None => Self::None,
            Method::ClientSecretBasic => Self::ClientSecretBasic,
            Method::ClientSecretPost => Self::ClientSecretPost,
            Method::PrivateKeyJwt => Self::PrivateKeyJwt,
        }
    }
}

/// Changes of a client. A part that is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientChanges")]
struct Changes {
    /// The name that users see.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    name: Option<String>,
    #[schemars(length(min = 1), inner(length(min = 1)))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    redirect_uris: Option<Vec<String>>,
    /// Its settings as a relying party. Another client that an administrator added becomes one.
    openid: Option<OpenIdChanges>,
    /// True if its authorization requests must be pushed (RFC 9126).
    require_pushed_authorization_requests: Option<bool>,
    /// True if its access tokens must be bound to a key (RFC 9449).
    dpop_bound_access_tokens: Option<bool>,
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(id), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(changes): JsonBody<Changes>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let openid = changes.openid.map(OpenIdChanges::wanted);
    let rules = ClientRulesEdit {
        require_pushed_authorization_requests: changes.require_pushed_authorization_requests,
        dpop_bound_access_tokens: changes.dpop_bound_access_tokens,
    };
    let (name, redirect_uris, effect) = (changes.name, changes.redirect_uris, trial.effect());
    let change = ClientEdit { name, redirect_uris, openid, rules };
    let proposal = Proposal { of: &id, change: &change, seen: Some(&seen), effect };
    let edit = console.admin.clients.edit(&authority, proposal).await?;
    Ok(edits::answer(edit, effect))
}

/// The decision.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientDecision")]
struct Decided {
    decision: Verb,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ClientVerb")]
enum Verb {
    Approve,
    Deny,
    Block,
    Unblock,
    Pin,
    Unpin,
}

/// The registrations that are cleaned up.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Clean {
    /// The least age of an unauthorised registration that is deleted, in days.
    #[schemars(range(min = 0, max = 3660))]
    #[schemars(extend("x-code" = "invalid_days"))]
    unused_days: u32,
}

/// The number of deleted clients.
#[derive(Serialize, JsonSchema)]
struct Cleaned {
    deleted: u64,
}

async fn list(
    State(console): State<Arc<Console>>,
    QueryParams(asked): QueryParams<ClientList>,
) -> Answered {
    let (rows, place) = Place::of(console.admin.clients.list(&asked).await?);
    let quota = console.admin.clients.quota();
    let answer = Clients {
        clients: rows.iter().map(ClientView::of).collect(),
        place,
        registered: console.store.count_clients(ClientSource::Registration).await?,
        max_registrations: quota.most,
        approval: quota.approval,
    };
    Ok(show(StatusCode::OK, &answer))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(new): JsonBody<New>,
) -> Answered {
    let auth_method = new
        .token_endpoint_auth_method
        .map(|method| doorward_model::ClientAuthMethod::from(method).as_str().to_owned());
    let authority = Authority::administrators_api(caller.authentication());
    let clients = &console.admin.clients;
    let rules = ClientRules {
        require_pushed_authorization_requests: new.require_pushed_authorization_requests,
        dpop_bound_access_tokens: new.dpop_bound_access_tokens,
    };
    let added = if let Some(service) = new.service {
        let of_users = !new.redirect_uris.is_empty()
            || new.admin
            || new.openid.is_some()
            || rules.require_pushed_authorization_requests;
        if of_users {
            return Err(Refused::bad(
                "service: the client of a service has neither redirect_uris nor admin nor openid nor require_pushed_authorization_requests",
            ));
        }
        let new = NewService {
            name: new.name,
            service,
            scopes: new.scopes,
            auth_method,
            jwks: new.jwks.map(Into::into),
            jwks_uri: new.jwks_uri,
            rules,
        };
        clients.add_service(&authority, new).await?
    } else {
        if !new.scopes.is_empty() || new.jwks.is_some() || new.jwks_uri.is_some() {
            return Err(Refused::bad(
                "scopes, jwks and jwks_uri are only for the client of a service",
            ));
        }
        let openid = new.openid.map(OpenId::wanted);
        let (name, redirect_uris, admin) = (new.name, new.redirect_uris, new.admin);
        let new = NewClient { name, redirect_uris, auth_method, admin, openid, rules };
        clients.add(&authority, new).await?
    };
    let answer = Added {
        client: ClientView::of(&added.client),
        client_secret: added.secret.as_ref().map(|secret| secret.reveal().to_owned()),
    };
    Ok(show_state(StatusCode::CREATED, &answer, &added.client.etag()))
}

async fn one(State(console): State<Arc<Console>>, PathValue(id): PathValue) -> Answered {
    let client = console.admin.clients.with_id(&id).await?;
    Ok(show_state(StatusCode::OK, &ClientView::of(&client), &client.etag()))
}

async fn decide(
    State(console): State<Arc<Console>>,
    PathValue(id): PathValue,
    IfMatch(seen): IfMatch,
    JsonBody(decided): JsonBody<Decided>,
) -> Answered {
    let decision = match decided.decision {
        Verb::Approve => ClientDecision::Approve,
        Verb::Deny => ClientDecision::Deny,
        Verb::Block => ClientDecision::Block,
        Verb::Unblock => ClientDecision::Unblock,
        Verb::Pin => ClientDecision::Pin,
        Verb::Unpin => ClientDecision::Unpin,
    };
    match console.admin.clients.decide(&id, decision, Some(&seen)).await? {
        Some(client) => Ok(show_state(StatusCode::OK, &ClientView::of(&client), &client.etag())),
        None => Ok(done()),
    }
}

async fn delete(
    State(console): State<Arc<Console>>,
    PathValue(id): PathValue,
    IfMatch(seen): IfMatch,
) -> Answered {
    console.admin.clients.decide(&id, ClientDecision::Delete, Some(&seen)).await?;
    Ok(done())
}

async fn clean(State(console): State<Arc<Console>>, JsonBody(asked): JsonBody<Clean>) -> Answered {
    let deleted = console.admin.clients.clean_up(asked.unused_days).await?;
    Ok(show(StatusCode::OK, &Cleaned { deleted }))
}
