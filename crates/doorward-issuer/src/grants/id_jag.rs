//! The grant of a client by an identity provider's assertion about a user (Identity Assertion JWT
//! Authorization Grant, ID-JAG).

use doorward_model::{
    Change, Client, ClientAuthMethod, Expected, Grant as GrantRecord, GrantId, OAuthErrorCode,
    Reason, Resource, Scope, ScopeSet, Subject, Timestamp, UnitOfWork,
};
use serde_json::{Value, json};

use super::{Granted, Refused, Request};
use crate::{
    Failure,
    assertion::{self, Presented, refused, shown},
    checks::{resource, scope},
    enterprise,
};

/// Maximum number of resources that an assertion names.
const RESOURCES: usize = 32;

/// A claim with one text, or a list of texts.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(all) if all.len() <= RESOURCES => {
            all.iter().map(|one| one.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}

fn wrong(claim: &str, told: Option<&Value>, expected: &str) -> Failure {
    let told = told.map(|value| shown(&value.to_string())).unwrap_or_default();
    refused(Reason::AssertionClaim, format!("the assertion is not accepted: its {claim} is wrong"))
        .about(format!("{claim} {told}, expected {expected}"))
}

/// Compares the claims that bind an assertion to this server and to the client.
fn judge(
    claims: &Value,
    issuer: &str,
    client: &Client,
    now: Timestamp,
) -> Result<Timestamp, Failure> {
    let audiences = texts(claims.get("aud"));
    // Clients normalise the issuer as a URL.
    let is_own = |text: &String| text.strip_suffix('/').unwrap_or(text) == issuer;
    if !matches!(audiences.as_deref(), Some([only]) if is_own(only)) {
        return Err(wrong("aud", claims.get("aud"), issuer));
    }
    let told = claims.get("client_id");
    if told.and_then(Value::as_str) != Some(client.id.as_str()) {
        return Err(wrong("client_id", told, client.id.as_str()));
    }
    if !claims.get("jti").is_some_and(Value::is_string) {
        return Err(wrong("jti", claims.get("jti"), "a text"));
    }
    if !claims.get("iat").is_some_and(Value::is_number) {
        return Err(wrong("iat", claims.get("iat"), "a time"));
    }
    assertion::judge_times(claims, now, Presented::Assertion)
}

/// Compares the assertion with the authentication of the client: the name of a public client proves
/// nothing, so that the assertion must be bound to its key, which was proven then.
fn judge_possession(claims: &Value, client: &Client) -> Result<(), Failure> {
    if client.auth_method != ClientAuthMethod::None || claims.get("cnf").is_some() {
        return Ok(());
    }
    let why = "a public client presents an assertion that is bound to its key alone (cnf)";
    let failure = Failure::new(OAuthErrorCode::UnauthorizedClient, why);
    Err(failure
        .because(Reason::KeyProof)
        .about("the client is public, and the assertion has no cnf"))
}

/// The resources that an assertion names, of those of this server.
fn resources(claims: &Value, served: &[Resource]) -> Result<Vec<Resource>, Failure> {
    let told = claims.get("resource");
    let expected = "a resource of this server";
    let named = texts(told).filter(|all| !all.is_empty());
    let named = named.ok_or_else(|| wrong("resource", told, expected))?;
    resource::named(&named, served).map_err(|_| wrong("resource", told, expected))
}

/// The scopes of an assertion; without any, those of a client that names none.
fn scopes(request: &Request<'_>, claims: &Value) -> Result<ScopeSet, Failure> {
    let told = claims.get("scope").or_else(|| claims.get("scp"));
    let named = match told {
        None | Some(Value::Null) => None,
        some => Some(texts(some).ok_or_else(|| wrong("scope", told, "a text"))?.join(" ")),
    };
    let serves = |upstream| request.issuer.settings.resources.has_upstream(upstream);
    // An assertion is requested again, so that a refresh token has no use. What administrators may
    // do, they allow on a page.
    let usable = |scope: &Scope| *scope != Scope::OfflineAccess && !scope.is_administrative();
    let without = |scopes: ScopeSet| -> ScopeSet { scopes.iter().filter(usable).collect() };
    let allowed = without(scope::requested(named.as_deref(), &request.client.scopes, serves)?);
    let asked = match request.scopes {
        Some(asked) => without(allowed.closure().intersection(&asked.closure())),
        None => allowed,
    };
    if asked.is_empty() {
        let why = "the assertion is for none of the requested scopes";
        return Err(Failure::new(OAuthErrorCode::InvalidScope, why));
    }
    Ok(asked.normalised())
}

/// The grant of a client by an assertion about a user.
pub(super) async fn authorize(request: &Request<'_>, token: &str) -> Result<Granted, Refused> {
    let (issuer, client, now) = (request.issuer, request.client, request.now);
    let services = &issuer.services;
    let ports = &issuer.ports;
    let settings = &issuer.settings;
    if client.service.is_some() {
        let why = "the client of a service acts for no user";
        return Err(Failure::new(OAuthErrorCode::UnauthorizedClient, why).into());
    }
    let refusal = |refusal| enterprise::told(refusal, Presented::Assertion);
    let named = assertion::claimed(token)?;
    let named = named.get("iss").and_then(Value::as_str).unwrap_or_default().to_owned();
    let asserted = ports.asserters.verify(&named, token).await.map_err(refusal)?;
    assertion::judge_purpose(
        &asserted.token,
        &[assertion::ABOUT_USER],
        request.key,
        Presented::Assertion,
    )?;
    let claims = &asserted.token.claims;
    judge_possession(claims, client)?;
    let end = judge(claims, settings.public_url.as_str(), client, now)?;
    let granted_resources = resources(claims, &settings.resources.snapshot())?;
    issuer.judge_toolsets(&granted_resources)?;
    let token_resources = resource::of_token(request.resources, &granted_resources)?;
    let asked = scopes(request, claims)?;
    let (spent, jti) = assertion::name_of(token, claims, &named)?;
    let admitted = ports.asserters.admit(&asserted).await.map_err(refusal)?;
    let grant = GrantRecord {
        id: GrantId::random(services.entropy.as_ref()),
        client_id: client.id.clone(),
        subject: Subject {
            account: admitted.user.id.clone(),
            auth_time: admitted.auth_time,
            authentication: admitted.authentication,
            identity: Some(admitted.identity),
            sid: None,
        },
        scopes: asked.clone(),
        resources: granted_resources,
        created_at: now,
        last_used_at: now,
        // It ends with its only access token; the provider decides about the next one.
        expires_at: now.plus(settings.config.access_token_seconds),
        revoked_at: None,
        delegation: None,
        key: None,
    };
    let scopes = issuer.allowed_now(&asked, &token_resources, &admitted.user, &grant)?;
    // Spent first: of two requests with one assertion the second one is told so.
    let mut unit = UnitOfWork::from(Change::SpendValue {
        key: spent,
        expires_at: end.plus(2 * assertion::OVER),
    });
    let object = Expected::Client(client.id.clone());
    unit.push(Change::Expect { object, etag: client.etag() });
    for change in admitted.unit.into_changes() {
        unit.push(change);
    }
    let subject = claims.get("sub").and_then(Value::as_str).map(shown);
    let detail = json!({"provider": asserted.provider.as_str(), "subject": subject, "jti": jti});
    Ok(Granted {
        grant,
        is_new: true,
        scopes,
        resources: token_resources,
        refresh_token: None,
        unit,
        detail: Some(detail),
        nonce: None,
    })
}
