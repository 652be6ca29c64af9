//! The exchange of an identity provider's token: once, for a token of this server, by a client that
//! an administrator permitted to exchange tokens of that provider with that audience.

use doorward_model::{
    ActingParty, Assertion, AssertionRefusal, Change, Delegation, ExchangeRule, Expected,
    Grant as GrantRecord, GrantId, OAuthErrorCode, ProviderTokens, Resource, ScopeSet, Subject,
    Timestamp, UnitOfWork,
};
use serde_json::{Value, json};

use super::{
    Granted, Refused, Request,
    exchanged::{self, ACCESS_TOKEN, JWT, invalid},
};
use crate::{
    Failure,
    assertion::{self, Presented, shown},
    checks::scope,
    enterprise,
};

/// The type of an ID token (RFC 8693 §3).
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// True if a request presents the token of another issuer.
pub(super) fn is_meant(request: &Request<'_>, kind: &str) -> bool {
    let own = request.issuer.settings.public_url.as_str();
    let is_foreign = || {
        let claims = request.params.get("subject_token").map(assertion::claimed)?.ok()?;
        Some(claims.get("iss")?.as_str()? != own)
    };
    kind == ID_TOKEN || (matches!(kind, ACCESS_TOKEN | JWT) && is_foreign() == Some(true))
}

/// A refusal of the token, with the claim that is wrong.
fn wrong(claim: &str, told: Option<&Value>, expected: &str) -> Failure {
    let told = told.map(|value| shown(&value.to_string())).unwrap_or_default();
    invalid(format!("the subject_token is not accepted: its {claim} is wrong"))
        .about(format!("{claim} {told}, expected {expected}"))
}

/// True if the only audience of a token is this one.
fn is_for(claims: &Value, audience: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(only)) => only == audience,
        Some(Value::Array(all)) => {
            matches!(all.as_slice(), [Value::String(only)] if only == audience)
        }
        _ => false,
    }
}

/// True if a token has a scope or role of exactly this name.
fn has_scope(claims: &Value, wanted: &str) -> bool {
    ["scope", "scp", "roles"].into_iter().any(|claim| match claims.get(claim) {
        Some(Value::String(list)) => list.split(' ').any(|one| one == wanted),
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(wanted)),
        _ => false,
    })
}

/// The refusal of the token by its provider.
fn unverified(refusal: AssertionRefusal) -> Failure {
    enterprise::told(refusal, Presented::SubjectToken)
}

/// Verifies the token by the provider of the first permission that it fits.
async fn verified<'a>(
    request: &Request<'_>,
    rule: &'a ExchangeRule,
    token: &str,
) -> Result<(Assertion, &'a ProviderTokens), Failure> {
    // Keys are fetched only for a token that would be accepted.
    let told = assertion::claimed(token).map_err(|_| invalid("the subject_token is no JWT"))?;
    let issuer = told.get("iss").and_then(Value::as_str).unwrap_or_default();
    let mut refused = None;
    for tokens in rule.providers.iter().filter(|tokens| is_for(&told, &tokens.audience)) {
        let asserters = &request.issuer.ports.asserters;
        match asserters.verify_exchanged(&tokens.provider, issuer, token).await {
            Ok(assertion) => return Ok((assertion, tokens)),
            Err(refusal @ AssertionRefusal::Provider(_)) => {
                refused.get_or_insert(refusal);
            }
            Err(refusal) => return Err(unverified(refusal)),
        }
    }
    Err(match refused {
        Some(refusal) => unverified(refusal),
        None => wrong("aud", told.get("aud"), "one that the client may exchange"),
    })
}

/// Judges the claims of a verified token. Returns its end.
fn judge(
    kind: &str,
    assertion: &Assertion,
    tokens: &ProviderTokens,
    request: &Request<'_>,
) -> Result<Timestamp, Failure> {
    let claims = &assertion.token.claims;
    let kinds: &[&str] = if kind == ID_TOKEN { &["jwt"] } else { &["jwt", "at+jwt"] };
    assertion::judge_purpose(&assertion.token, kinds, request.key, Presented::SubjectToken)?;
    if !is_for(claims, &tokens.audience) {
        return Err(wrong("aud", claims.get("aud"), &tokens.audience));
    }
    if kind == ID_TOKEN
        && claims.get("azp").is_some_and(|party| party.as_str() != Some(tokens.audience.as_str()))
    {
        return Err(wrong("azp", claims.get("azp"), &tokens.audience));
    }
    if let Some(wanted) = &tokens.scope
        && !has_scope(claims, wanted)
    {
        return Err(wrong("scope", claims.get("scope").or_else(|| claims.get("scp")), wanted));
    }
    if !claims.get("iat").is_some_and(Value::is_number) {
        return Err(wrong("iat", claims.get("iat"), "a time"));
    }
    assertion::judge_times(claims, request.now, Presented::SubjectToken)
}

/// The resources of the new token: those that the request names, else all of this server.
fn resources(request: &Request<'_>) -> Result<Vec<Resource>, Failure> {
    let issuer = request.issuer;
    let (resources, _) = issuer.resources_of(&exchanged::named(request))?;
    if resources.contains(&Resource::admin(&issuer.settings.public_url)) {
        let why = "no token is exchanged for one of the administrators' API";
        return Err(Failure::new(OAuthErrorCode::InvalidTarget, why));
    }
    Ok(resources)
}

/// The new token's origin: the provider's token, and the client that acts.
fn delegation(request: &Request<'_>, assertion: &Assertion) -> Delegation {
    let client = request.client;
    let party = ActingParty { client_id: client.id.clone(), account: client.service.clone() };
    Delegation {
        actors: vec![party],
        provider: Some(assertion.provider.clone()),
        ..Delegation::default()
    }
}

/// Decides on the request of a client with the token of an identity provider.
pub(super) async fn authorize(
    request: &Request<'_>,
    rule: &ExchangeRule,
) -> Result<Granted, Refused> {
    let (issuer, client, now) = (request.issuer, request.client, request.now);
    let kind = request.required("subject_token_type")?;
    let token = request.required("subject_token")?;
    if rule.providers.is_empty() {
        let why =
            "the client may exchange no tokens of identity providers; an administrator permits it";
        return Err(invalid(why).into());
    }
    if request.params.get("actor_token").is_some() {
        let why = "with the token of an identity provider, the client itself is the acting party";
        return Err(invalid(why).into());
    }
    if let Some(own) = &client.service {
        issuer.active_user(own).await?;
    }
    let (assertion, tokens) = verified(request, rule, token).await?;
    let claims = &assertion.token.claims;
    let end = judge(kind, &assertion, tokens, request)?;
    issuer.follow_resources().await?;
    let resources = resources(request)?;
    let asked: ScopeSet = scope::of_token(request.scopes, &rule.scopes)?.normalised();
    let named = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    let (spent, jti) = assertion::name_of(token, claims, named)?;
    let admitted = issuer.ports.asserters.admit(&assertion).await.map_err(unverified)?;
    let grant = GrantRecord {
        id: GrantId::random(issuer.services.entropy.as_ref()),
        client_id: client.id.clone(),
        subject: Subject {
            account: admitted.user.id.clone(),
            auth_time: admitted.auth_time,
            authentication: admitted.authentication,
            identity: Some(admitted.identity),
            sid: None,
        },
        scopes: asked.clone(),
        resources: resources.clone(),
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(issuer.settings.config.access_token_seconds).min(end),
        revoked_at: None,
        delegation: Some(delegation(request, &assertion)),
        key: None,
    };
    let scopes = issuer.allowed_now(&asked, &resources, &admitted.user, &grant)?;
    // Spent first: of two requests with one token the second one is told so.
    let expires_at = end.plus(2 * assertion::OVER);
    let mut unit = UnitOfWork::from(Change::SpendValue { key: spent, expires_at });
    let object = Expected::Client(client.id.clone());
    unit.push(Change::Expect { object, etag: client.etag() });
    for change in admitted.unit.into_changes() {
        unit.push(change);
    }
    let subject = claims.get("sub").and_then(Value::as_str).map(shown);
    let detail = json!({
        "provider": assertion.provider.as_str(), "subject": subject, "jti": jti,
        "acting": grant.delegation.as_ref().map(Delegation::chain).unwrap_or_default(),
        "scopes": scopes.to_string(), "expires_at": grant.expires_at.0,
        "resources": resources.iter().map(Resource::as_str).collect::<Vec<_>>(),
    });
    Ok(Granted {
        grant,
        is_new: true,
        scopes,
        resources,
        refresh_token: None,
        unit,
        detail: Some(detail),
        nonce: None,
    })
}
