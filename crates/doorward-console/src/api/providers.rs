//! Upstream identity providers.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_federation::{Provider, ProviderChangeError, ProviderConfig, Source};
use doorward_model::routes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    operation::{Answered, At, Operation, Refused, Sent, done, needs, show},
    settable,
};
use crate::app::App;

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
        .answer::<Shown>(201, "The provider was added.")
        .problem(409, "The name is taken."),
        Operation::get(
            needs::READ,
            routes::API_PROVIDER,
            "showProvider",
            "Shows an identity provider.",
            one,
        )
        .answer::<Shown>(200, "The provider.")
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_PROVIDER,
            "deleteProvider",
            "Deletes a provider that was added; the access of who came by it ends.",
            delete,
        )
        .empty("The provider is gone.")
        .missing(NONE)
        .problem(409, "It stands in the configuration file."),
        Operation::post(
            needs::ALL,
            routes::API_PROVIDER_TEST,
            "testProvider",
            "Tries a provider out: discovery, keys, redirect, client.",
            test,
        )
        .answer::<Tried>(200, "What was found.")
        .missing(NONE),
    ]
}

/// An identity provider.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
struct Shown {
    name: String,
    kind: String,
    title: String,
    enabled: bool,
    /// `configuration` or `command`.
    source: String,
    /// The registration to make there.
    redirect_uri: String,
    /// How many accounts are linked.
    people: u64,
    /// Its settings without secrets.
    settings: Value,
}

/// All identity providers.
#[derive(Serialize, JsonSchema)]
struct Providers {
    providers: Vec<Shown>,
}

/// A provider to be added.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewProvider")]
struct New {
    /// Its name in addresses.
    #[schemars(length(min = 1))]
    name: String,
    /// Its settings, as in `[providers.NAME]`.
    #[serde(flatten)]
    settings: Map<String, Value>,
}

/// One thing that was looked at.
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

pub(super) fn refused(error: ProviderChangeError) -> Refused {
    match error {
        ProviderChangeError::Setting(why) => Refused::bad(why.to_string()),
        ProviderChangeError::Taken(_) | ProviderChangeError::InFile(_) => {
            Refused::conflict(error.to_string())
        }
        ProviderChangeError::Unknown(_) => Refused::missing("provider"),
        ProviderChangeError::Store(error) => error.into(),
    }
}

async fn shown(app: &App, provider: &Provider) -> Result<Shown, Refused> {
    Ok(Shown {
        name: provider.id.to_string(),
        kind: provider.kind.name.to_owned(),
        title: provider.name.clone(),
        enabled: provider.is_enabled(),
        source: if provider.source == Source::File { "configuration" } else { "command" }
            .to_owned(),
        redirect_uri: app.federation.callback_of(&provider.id),
        people: app.store.count_identities(&provider.id).await?,
        settings: serde_json::to_value(provider.public_config()).unwrap_or_default(),
    })
}

async fn list(State(app): State<Arc<App>>) -> Answered {
    let mut providers = Vec::new();
    for provider in app.federation.all_providers().await? {
        providers.push(shown(&app, &provider).await?);
    }
    Ok(show(StatusCode::OK, &Providers { providers }))
}

async fn add(State(app): State<Arc<App>>, Sent(new): Sent<New>) -> Answered {
    settable::admit(settable::Family::Provider, &new.settings, &app.administered)?;
    let config: ProviderConfig = serde_json::from_value(Value::Object(new.settings))
        .map_err(|error| Refused::bad(error.to_string()))?;
    let id = app.federation.add(&new.name, config).await.map_err(refused)?;
    let provider = app.federation.named(id.as_str()).await.map_err(refused)?;
    Ok(show(StatusCode::CREATED, &shown(&app, &provider).await?))
}

async fn one(State(app): State<Arc<App>>, At(name): At) -> Answered {
    let provider = app.federation.named(&name).await.map_err(refused)?;
    Ok(show(StatusCode::OK, &shown(&app, &provider).await?))
}

async fn delete(State(app): State<Arc<App>>, At(name): At) -> Answered {
    app.federation.delete(&name).await.map_err(refused)?;
    Ok(done())
}

async fn test(State(app): State<Arc<App>>, At(name): At) -> Answered {
    let provider = app.federation.named(&name).await.map_err(refused)?;
    let findings: Vec<Found> = app
        .federation
        .test(&provider)
        .await
        .into_iter()
        .map(|finding| {
            let ok = finding.result.is_ok();
            let (Ok(says) | Err(says)) = finding.result;
            Found { what: finding.look.as_str().to_owned(), ok, says }
        })
        .collect();
    Ok(show(StatusCode::OK, &Tried { ok: findings.iter().all(|found| found.ok), findings }))
}
