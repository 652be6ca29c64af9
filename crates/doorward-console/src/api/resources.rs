//! External resource servers.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use doorward_accounts::Authority;
use doorward_admin::{Objects, ResourceWithSecret, Resources};
use doorward_model::routes;

use super::{
    objects,
    operation::{Answered, ApiCaller, Operation, PathValue, needs, show},
};
use crate::Console;

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = objects::operations::<Resources>();
    operations.push(
        Operation::post(
            needs::ALL,
            routes::API_RESOURCE_SECRET,
            "replaceResourceSecret",
            "Replaces the secret of an external resource server; the former one ends at once.",
            new_secret,
        )
        .answer::<ResourceWithSecret>(200, "The resource server. Its secret is shown this once.")
        .missing(Resources::API.missing),
    );
    operations
}

async fn new_secret(
    State(console): State<Arc<Console>>,
    ApiCaller(caller): ApiCaller,
    PathValue(id): PathValue,
) -> Answered {
    let authority = Authority::administrators_api(caller.authentication());
    let resources = &console.admin.resources;
    let made = resources.new_secret(&authority, &id).await?;
    Ok(show(StatusCode::OK, &resources.added_view(&made.into())))
}
