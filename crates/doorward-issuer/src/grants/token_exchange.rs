//! `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): a client that an administrator
//! permitted exchanges a user's access token for a narrower one, with which it acts for the user.

use std::sync::Arc;

use async_trait::async_trait;
use doorward_keys::AccessClaims;
use doorward_model::{
    ActingParty, AuditKind, Change, Client, ClientAuthMethod, ClientId, Delegation, ExchangeRule,
    Expected, Grant as GrantRecord, GrantId, GrantType, MOST_ACTORS, OAuthErrorCode, Reason,
    Resource, ResourceId, Scope, ScopeSet, StepKind, Timestamp, UnitOfWork, UpstreamName,
};
use doorward_store::Condition;
use serde_json::json;

use super::{Grant, Granted, Refused, Request, back_end, service};
use crate::{
    Failure,
    checks::{
        resource,
        scope::{self, NoScope},
    },
};

pub(super) struct TokenExchange;

/// The type of an access token (RFC 8693 §3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The type of a JWT, which access tokens are.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// An access token of this server that was presented, with the grant behind it.
pub(super) struct ExchangedToken {
    pub(super) claims: AccessClaims,
    pub(super) grant: Arc<GrantRecord>,
}

#[async_trait]
impl Grant for TokenExchange {
    fn kind(&self) -> GrantType {
        GrantType::TokenExchange
    }

    fn summary(&self) -> &'static str {
        "An access token of a user for a narrower one, with which the client acts for the user (RFC 8693). An administrator permits it. There is no refresh token."
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

    async fn authorize(&self, request: &Request<'_>) -> Result<Granted, Refused> {
        let (issuer, client) = (request.issuer, request.client);
        let Some(rule) = &client.exchange else {
            let why = "an administrator must permit the client to exchange tokens";
            return Err(Failure::new(OAuthErrorCode::UnauthorizedClient, why).into());
        };
        if let Some(kind) = request.params.get("requested_token_type") {
            is_access_token("requested_token_type", kind)?;
        }
        is_access_token("subject_token_type", request.required("subject_token_type")?)?;
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
    }

    /// The client was changed, blocked or deleted; or the grant that is used again was revoked
    /// between the decision and the write, and the next decision makes another one.
    async fn overtaken(&self, _: &Request<'_>, condition: Condition) -> Result<(), Refused> {
        match condition {
            Condition::UseGrant => Ok(()),
            Condition::Expect => Err(service::changed()),
            other => Err(Refused::unexpected(other)),
        }
    }
}

/// A token that cannot be exchanged, or a malformed request (RFC 8693 §2.2.2).
pub(super) fn invalid(why: impl Into<String>) -> Failure {
    Failure::new(OAuthErrorCode::InvalidRequest, why).because(Reason::SubjectToken)
}

fn is_access_token(name: &str, kind: &str) -> Result<(), Failure> {
    if kind == ACCESS_TOKEN || kind == JWT {
        return Ok(());
    }
    Err(invalid(format!("{name} must be {ACCESS_TOKEN}")))
}

/// The access token in a parameter. It must count at this moment.
async fn presented(request: &Request<'_>, name: &'static str) -> Result<ExchangedToken, Failure> {
    let services = &request.issuer.services;
    let settings = &request.issuer.settings;
    let token = request.required(name)?;
    let verified = services
        .keys
        .verify(token, settings.public_url.as_str(), request.now)
        .map_err(|refusal| invalid(format!("the {name} is not accepted: {refusal}")))?;
    let claims = verified.claims.clone();
    if claims.is_of_back_end() {
        return Err(invalid(format!(
            "the {name} is the token of a back end, for its upstream only"
        )));
    }
    // A token that is bound to a key is worth nothing without the key: what is exchanged for it is
    // bound to the same one.
    if claims.cnf.as_ref().is_some_and(|bound| Some(&bound.jkt) != request.key) {
        return Err(invalid(format!("the {name} is bound to a key, of which there is no proof")));
    }
    let id = GrantId::from_text(claims.grant.clone());
    let grant = services.store.grant_in_force(&id, request.now).await?.filter(|grant| {
        grant.subject.account.as_str() == claims.sub && grant.client_id.as_str() == claims.client_id
    });
    let grant = grant.ok_or_else(|| invalid(format!("the {name} was revoked or has ended")))?;
    Ok(ExchangedToken { claims, grant })
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
        back_end_at: None,
    })
}

/// The resources of the exchanged token, of those of the subject token. A token for the aggregate
/// endpoint reaches each upstream, so that one for a single upstream is narrower.
pub(super) fn resources(
    request: &Request<'_>,
    subject: &ExchangedToken,
) -> Result<Vec<Resource>, Failure> {
    let settings = &request.issuer.settings;
    let served = settings.resources.snapshot();
    let admin = Resource::admin(&settings.public_url);
    let held: Vec<Resource> = subject
        .claims
        .aud
        .iter()
        .filter_map(|audience| Resource::find(&served, audience))
        .filter(|resource| *resource != admin)
        .collect();
    let named = named(request);
    let mut possible = held.clone();
    if held.contains(&Resource::mcp(&settings.public_url)) {
        let upstreams = served.iter().filter(|one| one.upstream(&settings.public_url).is_some());
        possible.extend(upstreams.cloned());
    }
    let resources = if named.is_empty() { held } else { resource::named(&named, &possible)? };
    if resources.is_empty() {
        let why = "the subject_token is for no resource that a token can be exchanged for";
        return Err(Failure::new(OAuthErrorCode::InvalidTarget, why));
    }
    Ok(resources)
}

/// The resources that the request names, by URL, or as `audience` also by the name of an upstream
/// or the identifier of an external resource server.
fn named(request: &Request<'_>) -> Vec<String> {
    let settings = &request.issuer.settings;
    let mut named = request.resources.to_vec();
    if let Some(audience) = request.params.get("audience") {
        let upstream = UpstreamName::parse(audience).ok();
        let upstream = upstream.filter(|name| settings.resources.has_upstream(*name));
        let url = match upstream {
            Some(name) => Some(Resource::of_upstream(&settings.public_url, name)),
            None => ResourceId::parse(audience)
                .and_then(|id| settings.resources.external_of_id(&id))
                .map(|external| external.url),
        };
        named.push(url.map_or_else(|| audience.to_owned(), |url| url.as_str().to_owned()));
    }
    named
}

/// The scopes of the exchanged token, of those that the subject token has and the client may get.
pub(super) fn scopes(
    request: &Request<'_>,
    rule: &ExchangeRule,
    subject: &ExchangedToken,
) -> Result<ScopeSet, Failure> {
    let token = ScopeSet::from_stored(&subject.claims.scope);
    let held = token.intersection(&subject.grant.scopes).intersection(&rule.scopes);
    let held: ScopeSet = held
        .iter()
        .filter(|scope| *scope != Scope::OfflineAccess && !scope.is_administrative())
        .collect();
    if held.is_empty() {
        let why = "the subject_token has no scope that the client may get";
        return Err(Failure::new(OAuthErrorCode::InvalidScope, why));
    }
    Ok(scope::of_token(request.scopes, &held)?.normalised())
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
