//! `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): a client that an administrator
//! permitted exchanges a user's access token for a narrower one, with which it acts for the user.

use doorward_model::{
    ActingParty, AuditKind, Change, Client, ClientAuthMethod, ClientId, Delegation, Expected,
    Grant as GrantRecord, GrantId, GrantType, MOST_ACTORS, OAuthErrorCode, Reason, Resource,
    ScopeSet, StepKind, Timestamp, UnitOfWork,
};
use doorward_store::Condition;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::{
    Grant, Granted, Refused, Request, back_end,
    exchanged::{
        ACCESS_TOKEN, ExchangedToken, invalid, is_access_token, presented, resources, scopes,
    },
    provider_token,
};
use crate::{
    Failure,
    checks::scope::{self, NoScope},
};

pub(super) struct TokenExchange;

impl Grant for TokenExchange {
    fn kind(&self) -> GrantType {
        GrantType::TokenExchange
    }

    fn summary(&self) -> &'static str {
        "An access token of a user for a narrower one, with which the client acts for the user (RFC 8693), or once a token of an identity provider. An administrator permits it. There is no refresh token."
    }

    fn step(&self) -> StepKind {
        StepKind::Exchange
    }

    fn of_existing_grant(&self) -> AuditKind {
        AuditKind::TokenIssued
    }

    /// A public client cannot prove that it is the permitted one.
    fn client_authentication(&self) -> &'static [ClientAuthMethod] {
        &[
            ClientAuthMethod::ClientSecretBasic,
            ClientAuthMethod::ClientSecretPost,
            ClientAuthMethod::PrivateKeyJwt,
        ]
    }

    fn issued_token_type(&self) -> Option<&'static str> {
        Some(ACCESS_TOKEN)
    }

    fn scopes(&self, asked: Option<&str>) -> Result<Option<ScopeSet>, NoScope> {
        scope::narrowed(asked)
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Request<'a>,
    ) -> BoxFuture<'a, Result<Granted, Refused>> {
        Box::pin(async move {
            let (issuer, client) = (request.issuer, request.client);
            let Some(rule) = &client.exchange else {
                let why = "an administrator must permit the client to exchange tokens";
                return Err(Failure::new(OAuthErrorCode::UnauthorizedClient, why).into());
            };
            if let Some(kind) = request.params.get("requested_token_type") {
                is_access_token("requested_token_type", kind)?;
            }
            let kind = request.required("subject_token_type")?;
            if provider_token::is_meant(request, kind) {
                return provider_token::authorize(request, rule).await;
            }
            is_access_token("subject_token_type", kind)?;
            let subject = presented(request, "subject_token").await?;
            let holder = ClientId::from_text(subject.claims.client_id.clone());
            if !rule.accepts(&client.id, &holder) {
                let why = "the subject_token was issued to a client whose tokens this one may not exchange; an administrator permits it";
                return Err(invalid(why).about(holder.as_str()).into());
            }
            if rule.back_end {
                return back_end::authorize(request, rule, &subject).await;
            }
            let actor = actor(request, &subject).await?;
            let user = issuer.active_user(&subject.grant.subject.account).await?;
            if let Some(own) = &client.service {
                issuer.active_user(own).await?;
            }
            let delegation = delegation(client, &subject, actor.as_ref())?;
            issuer.follow_resources().await?;
            let resources = resources(request, &subject)?;
            let asked = scopes(request, rule, &subject)?;
            let actor_end = actor.as_ref().map_or(subject.claims.exp, |actor| actor.claims.exp);
            let ends = Timestamp(subject.claims.exp.min(actor_end)).min(subject.grant.expires_at);
            let new = GrantRecord {
                id: GrantId::random(issuer.services.entropy.as_ref()),
                client_id: client.id.clone(),
                // The account and its authentication are those of the token: never more.
                subject: subject.grant.subject.clone(),
                scopes: asked.clone(),
                resources: resources.clone(),
                created_at: request.now,
                last_used_at: request.now,
                expires_at: ends,
                revoked_at: None,
                delegation: Some(delegation),
                key: None,
            };
            let (grant, is_new) = match same(request, &new).await? {
                Some(grant) => (grant, false),
                None => (new, true),
            };
            let scopes = issuer.allowed_now(&asked, &resources, &user, &grant)?;
            let mut unit = UnitOfWork::new();
            if is_new {
                // Blocking a client ends its grants: none may be added after it.
                let object = Expected::Client(client.id.clone());
                unit.push(Change::Expect { object, etag: client.etag() });
            }
            let chain = grant.delegation.as_ref().map(Delegation::chain).unwrap_or_default();
            let detail = json!({
                "from_client": holder.as_str(), "from_grant": subject.grant.id.as_str(),
                "acting": chain, "scopes": scopes.to_string(), "expires_at": ends.0,
                "resources": resources.iter().map(Resource::as_str).collect::<Vec<_>>(),
            });
            Ok(Granted {
                grant,
                is_new,
                scopes,
                resources,
                refresh_token: None,
                unit,
                detail: Some(detail),
                nonce: None,
            })
        })
    }

    /// The client was changed, blocked or deleted; the grant that is used again was revoked between
    /// the decision and the write, and the next decision makes another one; or the token of an
    /// identity provider was exchanged before, or its account was changed meanwhile.
    fn overtaken<'a>(
        &'a self,
        _: &'a Request<'a>,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async move {
            Refused::at_admission(condition, || {
                invalid("the subject_token was exchanged before").because(Reason::AssertionSpent)
            })
        })
    }
}

/// The token by which the client proves the account as which it acts. It must be the client's own:
/// with another one it would take another party's name.
async fn actor(
    request: &Request<'_>,
    subject: &ExchangedToken,
) -> Result<Option<ExchangedToken>, Failure> {
    match (request.params.get("actor_token"), request.params.get("actor_token_type")) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(invalid("actor_token_type is sent without actor_token")),
        (Some(_), None) => return Err(invalid("actor_token_type is missing")),
        (Some(_), Some(kind)) => is_access_token("actor_token_type", kind)?,
    }
    let actor = presented(request, "actor_token").await?;
    if actor.claims.client_id != request.client.id.as_str() {
        return Err(invalid("the actor_token was issued to another client"));
    }
    if actor.grant.delegation.is_some() {
        return Err(invalid(
            "the actor_token was exchanged itself; present one of the client's own",
        ));
    }
    if actor.grant.subject.account == subject.grant.subject.account {
        return Err(invalid("the actor_token and the subject_token are of the same account"));
    }
    Ok(Some(actor))
}

/// The acting parties of the exchanged token.
fn delegation(
    client: &Client,
    subject: &ExchangedToken,
    actor: Option<&ExchangedToken>,
) -> Result<Delegation, Failure> {
    let before = subject
        .grant
        .delegation
        .as_ref()
        .map(|before| before.actors.as_slice())
        .unwrap_or_default();
    if before.len() >= MOST_ACTORS {
        let why = "the subject_token was exchanged as often as is allowed";
        return Err(invalid(why));
    }
    let account = match actor {
        Some(actor) => Some(actor.grant.subject.account.clone()),
        None => client.service.clone(),
    };
    let party = ActingParty { client_id: client.id.clone(), account };
    Ok(Delegation {
        subject: Some(subject.grant.id.clone()),
        own: actor.map(|actor| actor.grant.id.clone()),
        actors: std::iter::once(party).chain(before.iter().cloned()).collect(),
        ..Delegation::default()
    })
}

/// The live grant of an earlier exchange of the same token for the same: an agent that exchanges a
/// token before each call has one entry on the pages.
async fn same(request: &Request<'_>, new: &GrantRecord) -> Result<Option<GrantRecord>, Failure> {
    let store = &request.issuer.services.store;
    let live = store.live_grants_to(&new.subject.account, &new.client_id, request.now).await?;
    Ok(live.into_iter().find(|grant| {
        grant.delegation == new.delegation
            && grant.scopes == new.scopes
            && grant.resources == new.resources
            && grant.expires_at == new.expires_at
    }))
}
