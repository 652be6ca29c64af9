//! Token introspection (RFC 7662).

use doorward_keys::AccessClaims;
use doorward_model::{
    ClientAuthMethod, ClientSource, ConnectStep, ExternalResource, Grant, OAuthErrorCode,
    PlainToken, Reason, Resource, StepKind, Timestamp,
};
use doorward_transport::{ClientAddress, Params};
use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::{
    Failure, Issuer,
    client_auth::{self, AuthenticatedClient, Endpoint, RequestFailure},
    revocation::OwnToken,
};

fn inactive() -> Value {
    json!({ "active": false })
}

impl Issuer {
    /// The present state of a token. An external resource server may ask about the access tokens
    /// for it, and it alone may. About all others, clients made by an administrator may ask, as
    /// resource servers do; other clients only about their own. Public clients may not ask, since
    /// they are not authenticated.
    pub(crate) async fn introspect(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, RequestFailure> {
        if let Some(resource) = self.asking_resource(headers, params).await? {
            return Ok(self.introspect_for(&resource, token_of(params)?).await?);
        }
        let AuthenticatedClient { client: caller } =
            self.authenticate(Endpoint::Introspection, headers, params, address).await?;
        if caller.auth_method == ClientAuthMethod::None {
            let why = "introspection requires client authentication";
            return Err(Failure::new(OAuthErrorCode::InvalidClient, why).into());
        }
        let token = token_of(params)?;
        let now = self.services.clock.now();
        let Some(OwnToken { grant, verified }) = self.live_grant_of(token).await? else {
            return Ok(inactive());
        };
        if grant.client_id != caller.id && caller.source != ClientSource::Administrator {
            return Ok(inactive());
        }
        let is_external =
            grant.resources.iter().any(|resource| self.settings.resources.is_external(resource));
        let Some(verified) = verified else {
            if is_external && grant.client_id != caller.id {
                return Ok(inactive());
            }
            return Ok(self.stored_token_state(token, &grant, now).await?);
        };
        Ok(if is_external { inactive() } else { state_of(&verified.claims) })
    }

    /// The external resource server that asks, by its identifier and secret; `None` for a request
    /// of a client.
    async fn asking_resource(
        &self,
        headers: &HeaderMap,
        params: &Params,
    ) -> Result<Option<ExternalResource>, RequestFailure> {
        let Ok(Some((id, secret))) = client_auth::of_resource(headers, params) else {
            return Ok(None);
        };
        self.follow_resources().await?;
        let found = self.settings.resources.external_of_id(&id);
        if let Some(resource) = found.filter(|resource| resource.secret.matches(&secret)) {
            return Ok(Some(resource));
        }
        self.services.store.note_step(
            ConnectStep::new(StepKind::Introspect)
                .client(id.as_str(), None)
                .refused(Reason::ClientAuth),
        );
        let why = "there is no such resource server, or its secret is wrong";
        let failure = Failure::new(OAuthErrorCode::InvalidClient, why);
        Err(RequestFailure { failure, basic: headers.contains_key(header::AUTHORIZATION) })
    }

    /// The present state of a token, as a resource server may know it: nothing of tokens that are
    /// not for it, and of its own what the user may have at this moment.
    async fn introspect_for(
        &self,
        resource: &ExternalResource,
        token: &str,
    ) -> Result<Value, Failure> {
        let held = self.token_at(resource, token).await?;
        Ok(held.map_or_else(inactive, |held| state_of(&held.claims)))
    }

    async fn stored_token_state(
        &self,
        token: &str,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Value, Failure> {
        let presented = PlainToken::presented(token).hashed();
        let refresh = self.services.store.refresh_token(&presented).await?;
        let Some(refresh) =
            refresh.filter(|refresh| refresh.used_at.is_none() && now < refresh.expires_at)
        else {
            return Ok(inactive());
        };
        if grant.is_session() {
            return Ok(json!({
                "active": true, "token_type": "Bearer",
                "iss": self.settings.public_url.as_str(), "sub": self.subject_of(grant).await?,
                "aud": Resource::session(&self.settings.public_url).as_str(),
                "client_id": grant.client_id.as_str(), "exp": refresh.expires_at.0,
            }));
        }
        Ok(json!({
            "active": true, "token_type": "refresh_token", "iss": self.settings.public_url.as_str(), "sub": self.subject_of(grant).await?,
            "client_id": grant.client_id.as_str(), "scope": grant.scopes.to_string(), "exp": refresh.expires_at.0,
        }))
    }

    /// The subject of a grant, as its client knows it.
    async fn subject_of(&self, grant: &Grant) -> Result<String, Failure> {
        let client = self.services.store.client(&grant.client_id).await?;
        let account = &grant.subject.account;
        Ok(client.map_or_else(
            || account.as_str().to_owned(),
            |client| self.subject_at(&client, account),
        ))
    }
}

/// The state of an active access token, by its claims.
fn state_of(claims: &AccessClaims) -> Value {
    let mut answer = serde_json::to_value(claims).unwrap_or_else(|_| inactive());
    if let Value::Object(members) = &mut answer {
        members.insert("active".to_owned(), true.into());
        let kind = if claims.cnf.is_some() { "DPoP" } else { "Bearer" };
        members.insert("token_type".to_owned(), kind.into());
        members.remove("grant");
    }
    answer
}

fn token_of(params: &Params) -> Result<&str, Failure> {
    params
        .get("token")
        .ok_or_else(|| Failure::new(OAuthErrorCode::InvalidRequest, "token is missing"))
}
