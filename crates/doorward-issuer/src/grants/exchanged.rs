//! Tokens that are presented for an exchange, and the reach of what they are exchanged for.

use std::sync::Arc;

use doorward_keys::AccessClaims;
use doorward_model::{
    ExchangeRule, Grant as GrantRecord, GrantId, OAuthErrorCode, Reason, Resource, ResourceId,
    Scope, ScopeSet, UpstreamName,
};

use super::Request;
use crate::{
    Failure,
    checks::{resource, scope},
};

/// The type of an access token (RFC 8693 §3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The type of a JWT, which access tokens are.
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// An access token of this server that was presented, with the grant behind it.
pub(crate) struct ExchangedToken {
    pub(crate) claims: AccessClaims,
    pub(crate) grant: Arc<GrantRecord>,
}

/// A token that cannot be exchanged, or a malformed request (RFC 8693 §2.2.2).
pub(super) fn invalid(why: impl Into<String>) -> Failure {
    Failure::new(OAuthErrorCode::InvalidRequest, why).because(Reason::SubjectToken)
}

pub(super) fn is_access_token(name: &str, kind: &str) -> Result<(), Failure> {
    if kind == ACCESS_TOKEN || kind == JWT {
        return Ok(());
    }
    Err(invalid(format!("{name} must be {ACCESS_TOKEN}")))
}

/// The access token in a parameter. It must count at this moment.
pub(crate) async fn presented(
    request: &Request<'_>,
    name: &'static str,
) -> Result<ExchangedToken, Failure> {
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

/// The resources of the exchanged token, of those of the subject token. A token for the aggregate
/// endpoint reaches each upstream, so that one for a single upstream or a toolset is narrower.
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
        let public_url = &settings.public_url;
        let narrower =
            |one: &&Resource| one.upstream(public_url).is_some() || one.is_of_toolset(public_url);
        possible.extend(served.iter().filter(narrower).cloned());
    }
    let resources = if named.is_empty() { held } else { resource::named(&named, &possible)? };
    request.issuer.judge_toolsets(&resources)?;
    if resources.is_empty() {
        let why = "the subject_token is for no resource that a token can be exchanged for";
        return Err(Failure::new(OAuthErrorCode::InvalidTarget, why));
    }
    Ok(resources)
}

/// The resources that the request names, by URL, or as `audience` also by the name of an upstream
/// or the identifier of an external resource server.
pub(super) fn named(request: &Request<'_>) -> Vec<String> {
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
