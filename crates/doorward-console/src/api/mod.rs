//! The administrators' API for programs: the operations of pages and commands, as JSON. It is
//! guarded by this server's own tokens, for an audience and a scope of its own. One table of
//! operations makes the router and the OpenAPI document.

mod approvals;
mod audit;
mod chats;
mod clients;
mod connections;
mod described;
mod documents;
mod edits;
mod examples;
mod exchange;
mod groups;
mod guard;
mod import;
mod index;
mod keys;
mod objects;
mod openapi;
mod operation;
mod policy;
mod providers;
mod relying;
mod resources;
mod reviewed;
mod rules;
mod settings;
mod statement;
mod timeline;
mod tokens;
mod trust;
mod upstreams;
mod usage;
mod users;

use std::sync::Arc;

use axum::{Extension, Router, extract::State, middleware, response::Response};
use doorward_admin::Toolsets;
use doorward_model::{Resource, Scope, ScopeSet, routes};
use doorward_transport::routing::get;
use doorward_transport::{answer, cors, host::ReachedAs};
use serde_json::json;

use described::Described;
pub use openapi::document;
use operation::Operation;
pub use upstreams::describe as describe_upstream;
pub(crate) use usage::csv as usage_csv;

use crate::Console;

/// Every operation of the API.
fn operations() -> Vec<Operation> {
    [
        users::operations(),
        import::operations(),
        groups::operations(),
        clients::operations(),
        exchange::operations(),
        trust::operations(),
        providers::operations(),
        upstreams::operations(),
        documents::operations(),
        approvals::operations(),
        resources::operations(),
        objects::operations::<Toolsets>(),
        policy::operations(),
        rules::operations(),
        tokens::operations(),
        chats::operations(),
        connections::operations(),
        keys::operations(),
        settings::operations(),
        audit::operations(),
        timeline::operations(),
        usage::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The API with its guard, and its OpenAPI document without.
pub(crate) fn router(console: &Arc<Console>) -> Router {
    let mut router = Router::new();
    for operation in operations() {
        let (needs, readers) = (operation.needs, operation.readers);
        let described = Described::of(operation.body, operation.query);
        let guard = middleware::from_fn_with_state(
            guard::Entry { console: Arc::clone(console), needs, readers, described },
            guard::guard,
        );
        router = router.route(operation.path, operation.handler.layer(guard));
    }
    router.with_state(Arc::clone(console)).merge(metadata_router(console, "")).merge(
        Router::new()
            .route(routes::API_OPENAPI, get(openapi))
            .layer(middleware::from_fn(cors::open))
            .with_state(Arc::clone(console)),
    )
}

/// The metadata document (RFC 9728); `path` is the public URL's own path for the form at the host's
/// root.
pub(crate) fn metadata_router(console: &Arc<Console>, path: &str) -> Router {
    let address = format!("{}{path}{}", routes::PROTECTED_RESOURCE_METADATA, routes::API_ADMIN);
    Router::new()
        .route(&address, get(metadata))
        .layer(middleware::from_fn(cors::open))
        .with_state(Arc::clone(console))
}

/// Clients compare the resource with the URL that they were given, so that it is named as it was
/// reached; the authorization server has one name.
async fn metadata(
    State(console): State<Arc<Console>>,
    reached: Option<Extension<ReachedAs>>,
) -> Response {
    let reached = reached.as_ref().map_or(&console.public_url, |Extension(reached)| &reached.0);
    let document = json!({
        "resource": Resource::admin(reached).as_str(),
        "authorization_servers": [console.public_url.as_str()],
        "scopes_supported": ScopeSet::administrative().iter().map(Scope::name).collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
    });
    answer::public_json(&document, 300)
}

async fn openapi(State(console): State<Arc<Console>>) -> Response {
    answer::public_json(&document(console.public_url.as_str()), 300)
}
