//! Access tokens and refresh tokens: how far they reach at this moment, and how they are made.

use std::sync::Arc;

use doorward_keys::{AccessClaims, ActClaim, Audience, Confirmation};
use doorward_model::{
    BACK_END, Client, Delegation, Grant, KeyThumbprint, OAuthErrorCode, PlainToken, Reason,
    RefreshToken, Resource, Scope, ScopeSet, Timestamp, User, UserId, id::random_text,
};

use crate::{Failure, Issuer};

/// The claim that names the parties that act for the subject, the present one outermost.
fn acting(delegation: &Delegation) -> Option<Box<ActClaim>> {
    delegation.actors.iter().rev().fold(None, |act, party| {
        let (sub, client_id) = (party.id().to_owned(), party.client_id.as_str().to_owned());
        Some(Box::new(ActClaim { sub, client_id, act }))
    })
}

/// The scopes as the token and the response state them: with the reserved one for a back end.
pub(crate) fn stated(grant: &Grant, scopes: &ScopeSet) -> String {
    let is_of_back_end = grant.delegation.as_ref().is_some_and(|it| it.back_end_at.is_some());
    if is_of_back_end { format!("{BACK_END} {scopes}") } else { scopes.to_string() }
}

/// The subject of an access token: the client, its grant, and the reach of the token.
#[derive(Clone, Copy)]
pub(crate) struct TokenFor<'a> {
    pub(crate) client: &'a Client,
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: &'a ScopeSet,
    pub(crate) resources: &'a [Resource],
}

impl Issuer {
    /// The user, if they may still sign in. Disabling spends waiting codes and revokes grants, but
    /// a code that was being made at that moment arrives after it.
    pub(crate) async fn active_user(&self, user_id: &UserId) -> Result<Arc<User>, Failure> {
        let user = self.services.store.user(user_id).await?;
        user.filter(|user| user.disabled_at.is_none()).ok_or_else(|| {
            let why = "the grant was revoked or has ended";
            Failure::new(OAuthErrorCode::InvalidGrant, why).because(Reason::UserDisabled)
        })
    }

    /// The part of `scopes` that the user's roles and factors, and the resources as they are, leave
    /// at this moment. An empty set is a refusal: the grant stays, and is usable again when the
    /// roles are restored.
    pub(crate) fn allowed_now(
        &self,
        scopes: &ScopeSet,
        resources: &[Resource],
        user: &User,
        grant: &Grant,
    ) -> Result<ScopeSet, Failure> {
        let left = self.reach(scopes, resources, user, &grant.subject.authentication);
        if left.iter().any(|scope| scope != Scope::OfflineAccess) {
            let is_external = resources.iter().any(|one| self.settings.resources.is_external(one));
            return Ok(if is_external { left } else { left.normalised() });
        }
        tracing::info!(user = %grant.subject.account, client = %grant.client_id, grant = %grant.id, asked = %scopes, "no token: the user's roles allow none of the scopes");
        let why = "the user's roles no longer allow any of these scopes";
        Err(Failure::new(OAuthErrorCode::InvalidGrant, why).because(Reason::Role))
    }

    /// Signs an access token of a grant. Returns it with its lifetime in seconds, which ends with
    /// the grant at the latest.
    pub(crate) fn access_token(
        &self,
        TokenFor { client, grant, scopes, resources }: TokenFor<'_>,
        key: Option<&KeyThumbprint>,
        now: Timestamp,
    ) -> Result<(String, i64), Failure> {
        let services = &self.services;
        let settings = &self.settings;
        let lifetime = settings.config.access_token_seconds.min(grant.expires_at.since(now)).max(1);
        // The resources of this server know users by their own identifiers, relying parties as they
        // were told.
        let sub = if *resources == [self.userinfo_resource()] {
            self.subject_at(client, &grant.subject.account)
        } else {
            grant.subject.account.as_str().to_owned()
        };
        let claims = AccessClaims {
            iss: settings.public_url.as_str().to_owned(),
            sub,
            aud: Audience::from_list(
                resources.iter().map(|resource| resource.as_str().to_owned()).collect(),
            ),
            exp: now.plus(lifetime).0,
            iat: now.0,
            jti: random_text(services.entropy.as_ref(), 12),
            client_id: grant.client_id.as_str().to_owned(),
            scope: stated(grant, scopes),
            auth_time: grant.subject.auth_time.0,
            acr: grant.subject.authentication.level.as_str().to_owned(),
            amr: grant.subject.authentication.amr.clone(),
            grant: grant.id.as_str().to_owned(),
            act: grant.delegation.as_ref().and_then(acting),
            cnf: key.map(|key| Confirmation { jkt: key.clone() }),
            upstream: grant
                .delegation
                .as_ref()
                .and_then(|it| it.back_end_at.as_ref())
                .map(ToString::to_string),
        };
        let token = services.keys.sign(&claims, now).map_err(|error| {
            tracing::error!(%error, "an access token could not be signed");
            Failure::new(OAuthErrorCode::ServerError, "no token can be issued at the moment")
        })?;
        Ok((token, lifetime))
    }

    /// A refresh token of a grant, as it is stored.
    pub(crate) fn refresh_token(
        &self,
        plain: &PlainToken,
        grant: &Grant,
        now: Timestamp,
    ) -> RefreshToken {
        let idle_end = now.plus(self.settings.config.refresh_token_idle_seconds);
        RefreshToken {
            token: plain.hashed(),
            grant_id: grant.id.clone(),
            expires_at: idle_end.min(grant.expires_at),
            used_at: None,
            successor: None,
        }
    }
}
