//! The connections of services to upstreams, for `doorward user connections` and `disconnect`.

use std::sync::Arc;

use doorward_admin::ServiceConnection;
use doorward_model::{Clock, User, ports::SystemClock};
use doorward_store::Store;
use serde_json::json;

use super::{context::Context, print_json, print_table};
use crate::Failed;

async fn service(context: &Context, store: &Store, name: &str) -> Result<Arc<User>, Failed> {
    let users = context.users(store).await?;
    let user = users.named(name).await?;
    Ok(users.service(user.id.as_str()).await?)
}

/// The connections of a service.
fn show(context: &Context, all: &[ServiceConnection]) -> Result<(), Failed> {
    let (url, now) = (context.public_url()?, SystemClock.now());
    if context.json {
        let described = all.iter().map(|one| {
            let held = one.connection.as_ref();
            json!({
                "upstream": one.upstream.name.as_str(), "connected": one.works(now),
                "account": held.and_then(|held| held.account.clone()),
                "problem": held.and_then(|held| held.problem).map(|problem| problem.to_string()),
                "connect_url": url.at(&one.page),
            })
        });
        print_json(&described.collect());
        return Ok(());
    }
    let row = |one: &ServiceConnection| {
        let state = match &one.connection {
            None => "not connected",
            Some(_) if one.works(now) => "connected",
            Some(_) => "expired",
        };
        vec![one.upstream.name.to_string(), state.to_owned(), url.at(&one.page)]
    };
    print_table(&["UPSTREAM", "STATE", "CONNECT AT"], &all.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

/// Lists the connections of a service.
pub(super) async fn list(context: &Context, store: &Store, name: &str) -> Result<(), Failed> {
    let service = service(context, store, name).await?;
    show(context, &context.upstreams(store).await?.connections(&service).await?)
}

/// Ends the connection of a service to an upstream.
pub(super) async fn end(
    context: &Context,
    store: &Store,
    name: &str,
    upstream: &str,
) -> Result<(), Failed> {
    let service = service(context, store, name).await?;
    context.upstreams(store).await?.disconnect(&service, upstream).await?;
    report!("Ended the connection of {name} to {upstream}.");
    Ok(())
}
