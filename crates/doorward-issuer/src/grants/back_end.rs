//! Tokens of AI back ends: exchanged as all others are, but each for one upstream, for five minutes
//! at most, with a reserved scope, and without a grant of its own that could be listed or counted.

use doorward_model::{
    BACK_END, Delegation, ExchangeRule, OAuthErrorCode, Resource, Timestamp, UnitOfWork,
};
use serde_json::json;

use super::{
    Granted, Refused, Request,
    exchanged::{self, ExchangedToken, invalid},
};
use crate::Failure;

/// The longest lifetime of such a token, in seconds.
const LIFETIME: i64 = 300;

/// Decides on the request of a back end with a user's token.
pub(super) async fn authorize(
    request: &Request<'_>,
    rule: &ExchangeRule,
    subject: &ExchangedToken,
) -> Result<Granted, Refused> {
    let (issuer, client) = (request.issuer, request.client);
    if request.params.get("actor_token").is_some() {
        return Err(invalid("a back end is the acting party itself, without actor_token").into());
    }
    if request.params.get("scope").is_some_and(|named| named.split(' ').any(|it| it == BACK_END)) {
        let why = "the scope of back ends is reserved: no request names it";
        return Err(Failure::new(OAuthErrorCode::InvalidScope, why).into());
    }
    let user = issuer.active_user(&subject.grant.subject.account).await?;
    issuer.follow_resources().await?;
    let resources = exchanged::resources(request, subject)?;
    let upstream = match resources.as_slice() {
        [one] => one.upstream(&issuer.settings.public_url),
        _ => None,
    };
    let upstream = upstream.and_then(|name| issuer.settings.resources.upstream_id(name));
    let Some(upstream) = upstream else {
        let why = "name the one upstream that the token is for: audience, or its URL as resource";
        return Err(Failure::new(OAuthErrorCode::InvalidTarget, why).into());
    };
    let asked = exchanged::scopes(request, rule, subject)?;
    let store = &issuer.services.store;
    let access =
        store.back_end_in_force(&subject.grant.id, &client.id, &upstream, request.now).await?;
    let Some(mut grant) = access else {
        let why = "the subject_token was exchanged itself, or the access has ended";
        return Err(invalid(why).into());
    };
    let lifetime = LIFETIME.min(issuer.settings.config.access_token_seconds);
    grant.expires_at =
        grant.expires_at.min(Timestamp(subject.claims.exp)).min(request.now.plus(lifetime));
    grant.resources.clone_from(&resources);
    let scopes = issuer.allowed_now(&asked, &resources, &user, &grant)?;
    let detail = json!({
        "back_end": true, "from_client": subject.grant.client_id.as_str(),
        "acting": grant.delegation.as_ref().map(Delegation::chain).unwrap_or_default(),
        "scopes": format!("{BACK_END} {scopes}"), "expires_at": grant.expires_at.0,
        "resources": resources.iter().map(Resource::as_str).collect::<Vec<_>>(),
    });
    Ok(Granted {
        grant,
        is_new: false,
        scopes,
        resources,
        refresh_token: None,
        unit: UnitOfWork::new(),
        detail: Some(detail),
        nonce: None,
    })
}
