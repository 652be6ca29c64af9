//! The grant of a client that acts as a service, without a user. `client_credentials` and the
//! tokens of workloads differ in the proof of the client only.

use doorward_model::{
    Authentication, Change, Expected, Grant as GrantRecord, GrantId, OAuthErrorCode, Resource,
    ResourceChange, Subject, UnitOfWork, UserId,
};

use super::{Granted, Refused, Request};
use crate::{Failure, checks::scope};

/// The grant of the request's client as the service of this account.
pub(super) async fn authorize(request: &Request<'_>, account: &UserId) -> Result<Granted, Refused> {
    let (issuer, client) = (request.issuer, request.client);
    let service = issuer.active_user(account).await?;
    let asked = scope::of_token(request.scopes, &client.scopes)?;
    let (resources, external) = issuer.named_resources(request.resources).await?;
    let (grant, is_new) = match live(request, account, &resources).await? {
        Some(grant) => (grant, false),
        None => (new_grant(request, account, &resources), true),
    };
    let scopes = issuer.allowed_now(&asked, &resources, &service, &grant)?;
    let mut unit = UnitOfWork::new();
    if is_new {
        // Blocking a client ends its grants, and so does another trust rule: none may be added
        // after it, by a client that was read before it.
        let object = Expected::Client(client.id.clone());
        unit.push(Change::Expect { object, etag: client.etag() });
        // Neither may one be added for a resource server that was removed.
        if let Some(external) = external {
            let etag = external.etag();
            unit.push(ResourceChange::Expect { id: external.id, etag }.into());
        }
    }
    Ok(Granted {
        grant,
        is_new,
        scopes,
        resources,
        refresh_token: None,
        unit,
        detail: None,
        nonce: None,
    })
}

/// The refusal of a client that was changed between the decision and the write.
pub(super) fn changed() -> Refused {
    let why = "the client or the resource was changed, blocked or deleted; authenticate again";
    Failure::new(OAuthErrorCode::InvalidClient, why).into()
}

/// The live grant of the client that reaches these resources with its present scopes. One is kept
/// for all its tokens, so that a job that requests one every minute has one entry on the pages.
async fn live(
    request: &Request<'_>,
    account: &UserId,
    resources: &[Resource],
) -> Result<Option<GrantRecord>, Failure> {
    let (issuer, client) = (request.issuer, &request.client.id);
    let store = &issuer.services.store;
    let fits = |grant: &GrantRecord| {
        grant.is_live(request.now)
            && grant.client_id == *client
            && grant.subject.account == *account
            && grant.scopes == request.client.scopes
            && resources.iter().all(|resource| grant.resources.contains(resource))
            // A token lives no longer than its grant: one that ends soon is replaced.
            && grant.expires_at.since(request.now) > issuer.settings.config.access_token_seconds
    };
    if let Some(last) = issuer.service_grants.last(client)
        && let Some(grant) = store.grant(&last).await?.filter(|grant| fits(grant))
    {
        return Ok(Some(grant.as_ref().clone()));
    }
    let grants = store.live_grants_to(account, client, request.now).await?;
    let found = grants.into_iter().find(fits);
    if let Some(grant) = &found {
        issuer.service_grants.remember(client, &grant.id);
    }
    Ok(found)
}

fn new_grant(request: &Request<'_>, account: &UserId, resources: &[Resource]) -> GrantRecord {
    let services = &request.issuer.services;
    let settings = &request.issuer.settings;
    let lifetime = settings.config.grant_max_seconds.max(2 * settings.config.access_token_seconds);
    GrantRecord {
        id: GrantId::random(services.entropy.as_ref()),
        client_id: request.client.id.clone(),
        subject: Subject {
            account: account.clone(),
            auth_time: request.now,
            // No user proved anything: a scope that needs a second factor is not given.
            authentication: Authentication::default(),
            identity: None,
            sid: None,
        },
        scopes: request.client.scopes.clone(),
        resources: resources.to_vec(),
        created_at: request.now,
        last_used_at: request.now,
        expires_at: request.now.plus(lifetime),
        revoked_at: None,
        delegation: None,
        key: None,
    }
}
