//! External resource servers.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{MadeResource, NewResource, Proposal, ResourceEdit};
use doorward_model::{ExternalResource, Role, routes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    edits::{self, Edited, Trial},
    operation::{
        Answered, ApiCaller, IfMatch, IfMatchSent, JsonBody, Operation, PathValue, QueryParams,
        done, needs, show, show_state,
    },
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get(
            needs::READ,
            routes::API_RESOURCES,
            "listResources",
            "Lists external resource servers, by URL.",
            list,
        )
        .answer::<Resources>(200, "The resource servers."),
        Operation::post(
            needs::ALL,
            routes::API_RESOURCES,
            "addResource",
            "Adds an external resource server: another program that accepts this server's tokens.",
            add,
        )
        .body::<New>()
        .answer::<Made>(201, "The resource server. Its secret is shown this once.")
        .problem(409, "There is one of this URL."),
        Operation::get(
            needs::READ,
            routes::API_RESOURCE,
            "getResource",
            "Shows an external resource server, with what its operator needs.",
            one,
        )
        .answer::<Described>(200, "The resource server.")
        .with_etag()
        .missing("There is no such resource server."),
        Operation::patch(
            needs::ALL,
            routes::API_RESOURCE,
            "changeResource",
            "Changes the name, the scopes or the roles of an external resource server. Omitted members stay.",
            change,
        )
        .query::<Trial>()
        .if_match()
        .body::<Patch>()
        .answer::<Edited>(200, "The differences.")
        .with_etag()
        .missing("There is no such resource server."),
        Operation::delete(
            needs::ALL,
            routes::API_RESOURCE,
            "removeResource",
            "Removes an external resource server. The access of clients to it ends.",
            remove,
        )
        .empty("The resource server is removed.")
        .if_match_sent()
        .missing("There is no such resource server."),
        Operation::post(
            needs::ALL,
            routes::API_RESOURCE_SECRET,
            "replaceResourceSecret",
            "Replaces the secret of an external resource server; the former one ends at once.",
            new_secret,
        )
        .answer::<Made>(200, "The resource server. Its secret is shown this once.")
        .missing("There is no such resource server."),
    ]
}

/// An external resource server. Its secret is not among it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Resource")]
struct ResourceView {
    /// Its identifier, with which it authenticates for introspection.
    id: String,
    /// The value of `resource` in requests and of `aud` in tokens.
    url: String,
    name: String,
    /// The scopes that tokens for it may have; the first is the default.
    scopes: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    roles: Vec<String>,
    created_at: i64,
}

impl ResourceView {
    fn of(resource: &ExternalResource) -> Self {
        Self {
            id: resource.id.to_string(),
            url: resource.url.to_string(),
            name: resource.name.clone(),
            scopes: resource.scopes.iter().map(|scope| scope.name().into_owned()).collect(),
            roles: resource.roles.iter().map(|role| Role::as_str(role).to_owned()).collect(),
            created_at: resource.created_at.0,
        }
    }
}

/// Some external resource servers.
#[derive(Serialize, JsonSchema)]
struct Resources {
    resources: Vec<ResourceView>,
}

/// An external resource server with what its operator needs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ResourceWithGuide")]
struct Described {
    #[serde(flatten)]
    resource: ResourceView,
    /// The issuer of tokens.
    issuer: String,
    /// The URL of the keys that verify them.
    jwks_uri: String,
    /// The introspection endpoint.
    introspection_endpoint: String,
    /// The URL of its metadata document.
    metadata_url: String,
    /// The metadata document to serve there (RFC 9728).
    metadata: Value,
    /// Code for common libraries.
    snippets: Vec<Snippet>,
}

/// The code for one library.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ResourceSnippet")]
struct Snippet {
    title: String,
    code: String,
}

/// An external resource server to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewResource")]
struct New {
    /// Its URL, exactly as in the claim `aud` of its tokens.
    #[schemars(length(min = 1, max = 500))]
    url: String,
    /// The name that the consent page shows; by default the host.
    #[schemars(length(min = 1, max = 80))]
    name: Option<String>,
    /// The scopes that tokens for it may have; the first is the default.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 48)))]
    scopes: Vec<String>,
    /// The roles of which a user must have one; empty for all users.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 32)))]
    roles: Vec<String>,
}

/// The values that change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ResourcePatch")]
struct Patch {
    /// The name that the consent page shows.
    #[schemars(length(min = 1, max = 80))]
    name: Option<String>,
    /// The scopes, which replace the current ones.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 48)))]
    scopes: Option<Vec<String>>,
    /// The roles, which replace the current ones.
    #[schemars(length(max = 32), inner(length(min = 1, max = 32)))]
    roles: Option<Vec<String>>,
}

/// An external resource server with its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ResourceWithSecret")]
struct Made {
    #[serde(flatten)]
    resource: ResourceView,
    /// The secret, shown only once.
    secret: String,
}

impl Made {
    fn of(made: &MadeResource) -> Self {
        Self { resource: ResourceView::of(&made.resource), secret: made.secret.reveal().to_owned() }
    }
}

async fn list(State(console): State<Arc<Console>>) -> Answered {
    let resources = console.admin.resources.all().await?;
    Ok(show(
        StatusCode::OK,
        &Resources { resources: resources.iter().map(ResourceView::of).collect() },
    ))
}

async fn add(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    JsonBody(new): JsonBody<New>,
) -> Answered {
    let New { url, name, scopes, roles } = new;
    let authority = Authority::administrators_api(caller.authentication());
    let new = NewResource { url, name, scopes, roles };
    let made = console.admin.resources.add(&authority, new).await?;
    Ok(show(StatusCode::CREATED, &Made::of(&made)))
}

async fn one(State(console): State<Arc<Console>>, PathValue(id): PathValue) -> Answered {
    let resource = console.admin.resources.named(&id).await?;
    let guide = console.admin.resources.guide(&resource);
    let snippet =
        |one: doorward_admin::Snippet| Snippet { title: one.title.to_owned(), code: one.code };
    let described = Described {
        resource: ResourceView::of(&resource),
        issuer: guide.issuer,
        jwks_uri: guide.jwks_uri,
        introspection_endpoint: guide.introspection_endpoint,
        metadata_url: guide.metadata_url,
        metadata: guide.metadata,
        snippets: guide.snippets.into_iter().map(snippet).collect(),
    };
    Ok(show_state(StatusCode::OK, &described, &resource.etag()))
}

async fn change(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    (PathValue(id), IfMatch(seen), QueryParams(trial)): (PathValue, IfMatch, QueryParams<Trial>),
    JsonBody(patch): JsonBody<Patch>,
) -> Answered {
    let Patch { name, scopes, roles } = patch;
    let authority = Authority::administrators_api(caller.authentication());
    let (change, effect) = (ResourceEdit { name, scopes, roles }, trial.effect());
    let proposal = Proposal { of: &id, change: &change, seen: Some(&seen), effect };
    let edit = console.admin.resources.edit(&authority, proposal).await?;
    Ok(edits::answer(edit, effect))
}

async fn remove(
    State(console): State<Arc<Console>>,
    PathValue(id): PathValue,
    IfMatchSent(seen): IfMatchSent,
) -> Answered {
    console.admin.resources.remove(&id, seen.as_deref()).await?;
    Ok(done())
}

async fn new_secret(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(id): PathValue,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let made = console.admin.resources.new_secret(&authority, &id).await?;
    Ok(show(StatusCode::OK, &Made::of(&made)))
}
