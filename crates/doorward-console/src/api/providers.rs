//! Identity providers.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{Finding, Proposal, Reach};
use doorward_federation::Provider;
use doorward_model::routes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    edits::{self, Edited, Patch, Trial, administered},
    operation::{
        Answered, ApiCaller, IfMatch, IfMatchSent, JsonBody, Operation, PathValue, QueryParams,
        Refused, done, needs, show, show_state,
    },
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such provider.";
    vec![
        Operation::get(
            needs::READ,
            routes::API_PROVIDERS,
            "listProviders",
            "Lists identity providers.",
            list,
        )
        .answer::<Providers>(200, "The providers."),
        Operation::post(
            needs::ALL,
            routes::API_PROVIDERS,
            "addProvider",
            "Adds an identity provider. Its settings are those of the configuration.",
            add,
        )
        .body::<New>()
        .answer::<ProviderView>(201, "The provider was added.")
        .problem(409, "The name is already in use."),
        Operation::get(
            needs::READ,
            routes::API_PROVIDER,
            "showProvider",
            "Shows an identity provider.",
            one,
        )
        .answer::<ProviderView>(200, "The provider.")
        .with_etag()
        .missing(NONE),
        Operation::patch(
            needs::ALL,
            routes::API_PROVIDER,
            "changeProvider",
            "Changes the settings of an identity provider that is not in the configuration file.",
            change,
        )
        .query::<Trial>()
        .body::<Patch>()
        .answer::<Edited>(200, "The changes.")
        .with_etag()
        .if_match()
        .problem(409, "The provider is defined in the configuration file.")
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_PROVIDER,
            "deleteProvider",
            "Deletes a provider that is not in the configuration file, and ends the access of \
             users who signed in through it.",
            delete,
        )
        .empty("The provider was deleted.")
        .if_match_sent()
        .missing(NONE)
        .problem(409, "The provider is defined in the configuration file."),
        Operation::post(
            needs::ALL,
            routes::API_PROVIDER_TEST,
            "testProvider",
            "Tests a provider: discovery, keys, redirect, client.",
            test,
        )
        .answer::<Tried>(200, "The results of the test.")
        .missing(NONE),
    ]
}

/// An identity provider.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
struct ProviderView {
    name: String,
    kind: String,
    title: String,
    enabled: bool,
    /// `configuration`, or `added` for one that was added on a page, by the API or by a command;
    /// the audit has the user.
    source: String,
    /// The redirect URI to register at the identity provider.
    redirect_uri: String,
    /// Number of accounts that are linked.
    users: u64,
    /// The users who can sign in, in one sentence.
    admits: String,
    /// Its settings without secrets.
    settings: Value,
}

/// All identity providers.
#[derive(Serialize, JsonSchema)]
struct Providers {
    providers: Vec<ProviderView>,
}

/// A provider to be added.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewProvider")]
struct New {
    /// Its name in URLs.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_setting"))]
    name: String,
    /// Its settings, as in `[providers.NAME]`.
    #[serde(flatten)]
    settings: Map<String, Value>,
}

/// One fact that was checked.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub(super) struct Found {
    pub(super) what: String,
    pub(super) ok: bool,
    pub(super) says: String,
}

/// The findings.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tried {
    pub(super) ok: bool,
    pub(super) findings: Vec<Found>,
}

impl Tried {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let found = |finding: &Finding| Found {
            what: finding.what.clone(),
            ok: finding.result.is_ok(),
            says: finding.says().to_owned(),
        };
        let ok = findings.iter().all(|finding| finding.result.is_ok());
        Self { ok, findings: findings.iter().map(found).collect() }
    }
}

async fn shown(console: &Console, provider: &Provider) -> Result<ProviderView, Refused> {
    Ok(ProviderView {
        name: provider.id.to_string(),
        kind: provider.kind.name.to_owned(),
        title: provider.name.clone(),
        enabled: provider.is_enabled(),
        source: provider.source.as_str().to_owned(),
        redirect_uri: console.admin.providers.redirect_uri(provider),
        users: console.admin.providers.count_users(provider).await?,
        admits: doorward_language::admits(&provider.admits()).to_string(),
        settings: serde_json::to_value(provider.settings()).unwrap_or_default(),
    })
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let mut providers = Vec::new();
    for provider in console.admin.providers.all().await? {
        providers.push(shown(&console, &provider).await?);
    }
    Ok(show(StatusCode::OK, &Providers { providers }))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(New { name, settings }): JsonBody<New>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let provider =
        console.admin.providers.add(&authority, &name, settings, Reach::Administered).await?;
    Ok(show(StatusCode::CREATED, &shown(&console, &provider).await?))
}

async fn one(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let provider = console.admin.providers.named(&name).await?;
    let etag = console.admin.providers.etag(&provider).await?.unwrap_or_default();
    Ok(show_state(StatusCode::OK, &shown(&console, &provider).await?, &etag))
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(name), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(Patch { settings }): JsonBody<Patch>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let (change, effect) = (administered(settings), trial.effect());
    let proposal = Proposal { of: &name, change: &change, seen: Some(&seen), effect };
    let edit = console.admin.providers.edit(&authority, proposal).await?;
    Ok(edits::answer(edit, effect))
}

async fn delete(
    State(console): State<Arc<Console>>,
    PathValue(name): PathValue,
    IfMatchSent(seen): IfMatchSent,
) -> Answered {
    console.admin.providers.delete(&name, seen.as_deref()).await?;
    Ok(done())
}

async fn test(State(console): State<Arc<Console>>, PathValue(name): PathValue) -> Answered {
    let provider = console.admin.providers.named(&name).await?;
    Ok(show(StatusCode::OK, &Tried::of(&console.admin.providers.test(&provider).await)))
}
