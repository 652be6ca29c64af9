//! Trust rules of workloads.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{NewTrust, Proposal, TrustChange};
use doorward_model::{Client, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    edits::{self, Edited, Trial},
    operation::{
        Answered, ApiCaller, IfMatch, JsonBody, Operation, PathValue, QueryParams, Refused, done,
        needs, show, show_state,
    },
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    const NONE: &str = "There is no such trust rule.";
    vec![
        Operation::get(
            needs::READ,
            routes::API_TRUST,
            "listTrustRules",
            "Lists trust rules, by name.",
            list,
        )
        .answer::<Rules>(200, "The trust rules."),
        Operation::post(
            needs::ALL,
            routes::API_TRUST,
            "addTrustRule",
            "Adds a trust rule: tokens of another issuer with which a workload acts as a service.",
            add,
        )
        .body::<New>()
        .answer::<TrustRuleView>(201, "The trust rule was added.")
        .with_etag(),
        Operation::get(
            needs::READ,
            routes::API_TRUST_RULE,
            "showTrustRule",
            "Shows a trust rule.",
            one,
        )
        .answer::<TrustRuleView>(200, "The trust rule.")
        .with_etag()
        .missing(NONE),
        Operation::patch(
            needs::ALL,
            routes::API_TRUST_RULE,
            "changeTrustRule",
            "Changes a trust rule; the access of its workload ends.",
            change,
        )
        .query::<Trial>()
        .body::<Changes>()
        .answer::<Edited>(200, "What changed.")
        .with_etag()
        .if_match()
        .missing(NONE),
        Operation::delete(
            needs::ALL,
            routes::API_TRUST_RULE,
            "deleteTrustRule",
            "Deletes a trust rule; the access of its workload ends.",
            delete,
        )
        .empty("The trust rule was deleted.")
        .if_match()
        .missing(NONE),
    ]
}

/// A trust rule.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TrustRule")]
struct TrustRuleView {
    /// The client_id, which identifies the rule.
    client_id: String,
    name: String,
    /// The id of the service's account as which the workload acts.
    service: Option<String>,
    /// Scopes that a token may have at most.
    scopes: Vec<String>,
    issuer: String,
    /// The URL of the issuer's keys; null if the discovery document names it.
    jwks_uri: Option<String>,
    /// The issuer's keys, if they are stored here.
    jwks: Option<Value>,
    audience: String,
    /// The pattern of the subject.
    subject: String,
    /// The patterns of further claims.
    claims: BTreeMap<String, String>,
    /// True if a token may be presented again until it expires.
    reusable: bool,
    blocked: bool,
    created_at: i64,
    /// Names this state, for If-Match.
    etag: String,
}

impl TrustRuleView {
    /// `None` for a client without a rule.
    fn of(client: &Client) -> Option<Self> {
        let rule = client.trust.as_ref()?;
        let keys = rule.issuer.jwks.as_deref();
        Some(Self {
            client_id: client.id.to_string(),
            name: client.name.clone(),
            service: client.service.as_ref().map(ToString::to_string),
            scopes: client.scopes.iter().map(|scope| scope.name().to_string()).collect(),
            issuer: rule.issuer.issuer.clone(),
            jwks_uri: rule.issuer.jwks_uri.clone(),
            jwks: keys.and_then(|keys| serde_json::from_str(keys).ok()),
            audience: rule.audience.clone(),
            subject: rule.subject.clone(),
            claims: rule.claims.clone(),
            reusable: rule.reusable,
            blocked: client.disabled_at.is_some(),
            created_at: client.created_at.0,
            etag: client.etag(),
        })
    }
}

/// All trust rules.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TrustRules")]
struct Rules {
    rules: Vec<TrustRuleView>,
}

/// A trust rule to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewTrustRule")]
struct New {
    /// The name that users see.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    name: String,
    /// The service as which the workload acts: the sign-in name of its account, which is created if
    /// it does not exist.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_name"))]
    service: String,
    /// Scopes that a token may have at most.
    scopes: Vec<String>,
    /// The issuer, exactly as in the claim iss. Without jwks_uri and jwks its discovery document
    /// names its keys.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_setting"))]
    issuer: String,
    /// The pattern of the subject: * matches any text.
    #[schemars(length(min = 1, max = 512))]
    #[schemars(extend("x-code" = "invalid_setting"))]
    subject: String,
    /// The https URL of the issuer's keys, if it has no discovery document.
    jwks_uri: Option<String>,
    /// The issuer's public keys, a JWK Set, if this server cannot fetch them.
    jwks: Option<Map<String, Value>>,
    /// The audience that tokens must have; by default the public URL of this server.
    #[schemars(length(min = 1, max = 512))]
    #[schemars(extend("x-code" = "invalid_setting"))]
    audience: Option<String>,
    /// The patterns of further claims, by name or JSON pointer.
    #[serde(default)]
    claims: BTreeMap<String, String>,
    /// True if a token may be presented again until it expires.
    #[serde(default)]
    reusable: bool,
}

/// Changes of a trust rule. Omitted members stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TrustRuleChanges")]
struct Changes {
    #[schemars(length(min = 1))]
    #[schemars(extend("x-code" = "invalid_metadata"))]
    name: Option<String>,
    scopes: Option<Vec<String>>,
    /// The https URL of the issuer's keys; empty if the discovery document names it.
    jwks_uri: Option<String>,
    jwks: Option<Map<String, Value>>,
    #[schemars(length(min = 1, max = 512))]
    #[schemars(extend("x-code" = "invalid_setting"))]
    audience: Option<String>,
    #[schemars(length(min = 1, max = 512))]
    #[schemars(extend("x-code" = "invalid_setting"))]
    subject: Option<String>,
    claims: Option<BTreeMap<String, String>>,
    reusable: Option<bool>,
}

fn shown(client: &Client) -> Result<TrustRuleView, Refused> {
    TrustRuleView::of(client).ok_or_else(|| Refused::missing("trust rule"))
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let clients = console.admin.trusts.all().await?;
    Ok(show(
        StatusCode::OK,
        &Rules { rules: clients.iter().filter_map(TrustRuleView::of).collect() },
    ))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(new): JsonBody<New>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let more = TrustChange {
        jwks_uri: new.jwks_uri,
        jwks: new.jwks.map(Into::into),
        audience: new.audience,
        subject: Some(new.subject),
        claims: Some(new.claims),
        reusable: Some(new.reusable),
        ..TrustChange::default()
    };
    let (name, service, scopes, issuer) = (new.name, new.service, new.scopes, new.issuer);
    let new = NewTrust { name, service, scopes, issuer, more };
    let client = console.admin.trusts.add(&authority, new).await?;
    Ok(show_state(StatusCode::CREATED, &shown(&client)?, &client.etag()))
}

async fn one(State(console): State<Arc<Console>>, PathValue(id): PathValue) -> Answered {
    let client = console.admin.trusts.with_id(&id).await?;
    Ok(show_state(StatusCode::OK, &shown(&client)?, &client.etag()))
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(id), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(changes): JsonBody<Changes>,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let change = TrustChange {
        name: changes.name,
        scopes: changes.scopes,
        jwks_uri: changes.jwks_uri,
        jwks: changes.jwks.map(Into::into),
        audience: changes.audience,
        subject: changes.subject,
        claims: changes.claims,
        reusable: changes.reusable,
    };
    let effect = trial.effect();
    let proposal = Proposal { of: &id, change: &change, seen: Some(&seen), effect };
    let edit = console.admin.trusts.edit(&authority, proposal).await?;
    Ok(edits::answer(edit, effect))
}

async fn delete(
    State(console): State<Arc<Console>>,
    PathValue(id): PathValue,
    IfMatch(seen): IfMatch,
) -> Answered {
    console.admin.trusts.delete(&id, Some(&seen)).await?;
    Ok(done())
}
