//! `client_credentials` (OAuth 2.1 §4.2): a service, as which its client acts without a user.

use async_trait::async_trait;
use doorward_model::{
    AuditKind, Authentication, Change, ClientAuthMethod, Expected, Grant as GrantRecord, GrantId,
    GrantType, OAuthErrorCode, Resource, ScopeSet, StepKind, Subject, UnitOfWork, UserId,
};
use doorward_store::Condition;

use super::{Grant, Granted, Refused, Request};
use crate::{
    Failure,
    checks::{
        resource,
        scope::{self, NoScope},
    },
    oxide,
};

pub(super) struct ClientCredentials;

/// Public clients are left out: their `client_id` is no secret, and nothing else is presented here.
const METHODS: [ClientAuthMethod; 3] = [
    ClientAuthMethod::ClientSecretBasic,
    ClientAuthMethod::ClientSecretPost,
    ClientAuthMethod::PrivateKeyJwt,
];

#[async_trait]
impl Grant for ClientCredentials {
    fn kind(&self) -> GrantType {
        GrantType::ClientCredentials
    }

    fn summary(&self) -> &'static str {
        "The authentication of a client that an administrator added for a service, without a user (OAuth 2.1 §4.2). There is no refresh token: the client asks again."
    }

    fn step(&self) -> StepKind {
        StepKind::Token
    }

    fn of_existing_grant(&self) -> AuditKind {
        AuditKind::TokenIssued
    }

    fn client_authentication(&self) -> &'static [ClientAuthMethod] {
        &METHODS
    }

    fn scopes(&self, asked: Option<&str>) -> Result<Option<ScopeSet>, NoScope> {
        scope::narrowed(asked)
    }

    async fn authorize(&self, request: &Request<'_>) -> Result<Granted, Refused> {
        let issuer = request.issuer;
        let client = request.client;
        let account = client.service.as_ref().ok_or_else(|| {
            let why = "an administrator must add the client for a service";
            Failure::new(OAuthErrorCode::UnauthorizedClient, why)
        })?;
        let service = issuer.active_user(account).await?;
        let asked = request.scopes.unwrap_or(&client.scopes);
        if request.scopes.is_some() && !oxide::includes(&client.scopes, asked) {
            let why = "the scope exceeds what the client may be given";
            return Err(Failure::new(OAuthErrorCode::InvalidScope, why).into());
        }
        let served = issuer.parts.resources.snapshot();
        let resources = resource::of_authorization(request.resources, &served)?;
        let (grant, is_new) = match live(request, account, &resources).await? {
            Some(grant) => (grant, false),
            None => (new_grant(request, account, &resources), true),
        };
        let scopes = issuer.allowed_now(asked, &service, &grant)?;
        let mut unit = UnitOfWork::new();
        if is_new {
            // Blocking a client ends its grants: none may be added after it, by a client that was
            // read before it.
            let object = Expected::Client(client.id.clone());
            unit.push(Change::Expect { object, etag: client.etag() });
        }
        Ok(Granted { grant, is_new, scopes, resources, refresh_token: None, unit })
    }

    /// The grant was revoked between the decision and the write, and the next decision makes another
    /// one; or the client was changed, blocked or deleted.
    async fn overtaken(&self, _: &Request<'_>, condition: Condition) -> Result<(), Refused> {
        match condition {
            Condition::UseGrant => Ok(()),
            Condition::Expect => {
                let why = "the client was changed, blocked or deleted; authenticate again";
                Err(Failure::new(OAuthErrorCode::InvalidClient, why).into())
            }
            other => Err(Refused::unexpected(other)),
        }
    }
}

/// The live grant of the client that reaches these resources with its present scopes. One is kept
/// for all its tokens, so that a job that requests one every minute has one entry on the pages.
async fn live(
    request: &Request<'_>,
    account: &UserId,
    resources: &[Resource],
) -> Result<Option<GrantRecord>, Failure> {
    let config = &request.issuer.parts.config;
    let grants =
        request.issuer.parts.store.live_grants_to(account, &request.client.id, request.now).await?;
    Ok(grants.into_iter().find(|grant| {
        grant.scopes == request.client.scopes
            && resources.iter().all(|resource| grant.resources.contains(resource))
            // A token lives no longer than its grant: one that ends soon is replaced.
            && grant.expires_at.since(request.now) > config.access_token_seconds
    }))
}

fn new_grant(request: &Request<'_>, account: &UserId, resources: &[Resource]) -> GrantRecord {
    let parts = &request.issuer.parts;
    let lifetime = parts.config.grant_max_seconds.max(2 * parts.config.access_token_seconds);
    GrantRecord {
        id: GrantId::random(parts.entropy.as_ref()),
        client_id: request.client.id.clone(),
        subject: Subject {
            account: account.clone(),
            auth_time: request.now,
            // No user proved anything: a scope that needs a second factor is not given.
            authentication: Authentication::default(),
            identity: None,
        },
        scopes: request.client.scopes.clone(),
        resources: resources.to_vec(),
        created_at: request.now,
        last_used_at: request.now,
        expires_at: request.now.plus(lifetime),
        revoked_at: None,
    }
}
