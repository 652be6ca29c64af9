//! The validation of an authorization request, on arrival and at each resumption.

use std::sync::Arc;

use doorward_model::{
    Client, ClientId, ConnectStep, GrantType, KeyThumbprint, OAuthErrorCode, Reason, Resource,
    Scope, ScopeSet, StepKind, Timestamp, UserId, id::random_text,
};
use doorward_transport::{ClientAddress, Params};
use serde_json::{Map, Value};

use super::{AuthorizationRequest, AuthorizeRefusal, ErrorAnswer};
use crate::{
    Failure, Issuer,
    checks::{
        interaction::Interaction,
        redirect,
        scope::{self, NoScope},
    },
    oxide,
};

/// The part of a refused request that the timeline shows. Nothing of it is a secret.
fn detail(params: &Params, reason: Reason) -> String {
    let named = |name: &str| {
        let value: String = params.get(name).unwrap_or_default().chars().take(300).collect();
        format!("{name}={value}")
    };
    match reason {
        Reason::RedirectUri => named("redirect_uri"),
        Reason::Resource => {
            let named: String = params.resources().join(" ").chars().take(300).collect();
            format!("resource={named}")
        }
        Reason::Scope => named("scope"),
        Reason::PkceMethod => named("code_challenge_method"),
        _ => String::new(),
    }
}

/// Parameters that would change the meaning of a request and are not supported.
fn supported(params: &Params) -> Result<(), Failure> {
    let (code, why) = if params.get("request").is_some() {
        (OAuthErrorCode::RequestNotSupported, "request objects are not supported")
    } else if params.get("request_uri").is_some() {
        (OAuthErrorCode::RequestUriNotSupported, "request_uri is not supported")
    } else if params.get("response_mode").is_some_and(|mode| mode != "query") {
        (OAuthErrorCode::InvalidRequest, "response_mode must be query")
    } else {
        return Ok(());
    };
    Err(Failure::new(code, why))
}

/// The key that a code for the request will be bound to (RFC 9449 §10).
fn key(params: &Params) -> Result<Option<KeyThumbprint>, Failure> {
    let Some(text) = params.get("dpop_jkt") else { return Ok(None) };
    let why = "dpop_jkt must be the SHA-256 thumbprint of a key, in base64url";
    let key = KeyThumbprint::parse(text);
    key.map(Some).ok_or_else(|| Failure::new(OAuthErrorCode::InvalidRequest, why))
}

/// The parts of a request that validation finds.
pub(crate) struct Valid {
    redirect_uri: String,
    scopes: ScopeSet,
    resources: Vec<Resource>,
    challenge: String,
    interaction: Interaction,
    hinted: Option<String>,
    key: Option<KeyThumbprint>,
}

impl Valid {
    /// The request that these are the parts of.
    pub(super) fn request(
        self,
        id: String,
        created_at: Timestamp,
        client: Arc<Client>,
        params: Params,
    ) -> AuthorizationRequest {
        let Self { redirect_uri, scopes, resources, challenge, interaction, hinted, key } = self;
        AuthorizationRequest {
            id,
            created_at,
            params,
            client,
            redirect_uri,
            scopes,
            resources,
            challenge,
            interaction,
            hinted,
            key,
        }
    }
}

impl Issuer {
    /// Validates an authorization request.
    pub async fn begin(
        &self,
        params: Params,
        address: ClientAddress,
    ) -> Result<AuthorizationRequest, AuthorizeRefusal> {
        let id = random_text(self.services.entropy.as_ref(), 16);
        let created_at = self.services.clock.now();
        match self.arrived(&params, address).await {
            Ok((client, valid, params)) => {
                let request = valid.request(id, created_at, client, params);
                self.services.store.note_step(request.step(StepKind::Authorize));
                Ok(request)
            }
            Err(refusal) => {
                self.note_refused(&params, &refusal).await;
                Err(refusal)
            }
        }
    }

    /// Validates a request as it arrives, or the pushed one that it refers to.
    async fn arrived(
        &self,
        params: &Params,
        address: ClientAddress,
    ) -> Result<(Arc<Client>, Valid, Params), AuthorizeRefusal> {
        let (params, is_pushed) = self.unpushed(params).await?;
        let (client, valid) = self.validate(&params, address).await?;
        if client.rules.require_pushed_authorization_requests && !is_pushed {
            let why = "this client must push its authorization requests (RFC 9126)";
            let failure = Failure::new(OAuthErrorCode::InvalidRequest, why);
            return Err(AuthorizeRefusal::Client(self.tell(
                &client,
                &valid.redirect_uri,
                params.get("state"),
                failure.because(Reason::PushedRequired),
            )));
        }
        Ok((client, valid, params))
    }

    async fn note_refused(&self, params: &Params, refusal: &AuthorizeRefusal) {
        let (AuthorizeRefusal::Page(failure)
        | AuthorizeRefusal::Client(ErrorAnswer { failure, .. })) = refusal;
        if failure.is_noted() {
            return;
        }
        let mut step = ConnectStep::new(StepKind::Authorize)
            .refused(failure.reason)
            .detail(detail(params, failure.reason));
        if let Some(id) = params.get("client_id") {
            let id: String = id.chars().take(512).collect();
            let known = self.services.store.client(&ClientId::from_text(id.clone())).await;
            let name = known.ok().flatten().map(|client| client.name.clone());
            step = step.client(id, name);
        }
        self.services.store.note_step(step);
    }

    /// Notes that the consent page is shown.
    pub fn note_asked(&self, request: &AuthorizationRequest, user_id: &UserId) {
        self.services.store.note_step(request.step(StepKind::Asked).user(user_id.as_str()));
    }

    /// Notes that no user could sign in for a request.
    pub fn note_no_sign_in(&self, request: &AuthorizationRequest, reason: Reason) {
        self.services.store.note_step(request.step(StepKind::SignedIn).refused(reason));
    }

    /// Finds the client of a request and judges everything else in it.
    pub(crate) async fn validate(
        &self,
        params: &Params,
        address: ClientAddress,
    ) -> Result<(Arc<Client>, Valid), AuthorizeRefusal> {
        let id = params.get("client_id").ok_or_else(|| {
            let why = "client_id is missing";
            AuthorizeRefusal::Page(Failure::new(OAuthErrorCode::InvalidRequest, why))
        })?;
        let found = self.ports.clients.find(&ClientId::from_text(id), address).await;
        let client = found.map_err(|error| AuthorizeRefusal::Page(error.into()))?;
        // Errors before a redirect URI is known are shown to the user.
        let redirect_uri =
            redirect::redirect_uri(&client.redirect_uris, params.get("redirect_uri"))
                .map_err(|refusal| AuthorizeRefusal::Page(refusal.into()))?;
        self.follow_resources().await.map_err(AuthorizeRefusal::Page)?;
        if params.get("id_token_hint").is_some() {
            self.follow_keys().await.map_err(AuthorizeRefusal::Page)?;
        }
        match self.judge(&client, params, redirect_uri) {
            Ok(valid) => Ok((client, valid)),
            Err(failure) => Err(AuthorizeRefusal::Client(self.tell(
                &client,
                redirect_uri,
                params.get("state"),
                failure,
            ))),
        }
    }

    fn judge(
        &self,
        client: &Client,
        params: &Params,
        redirect_uri: &str,
    ) -> Result<Valid, Failure> {
        let served = &self.settings.resources;
        if !client.grant_types.contains(GrantType::AuthorizationCode) {
            let why = "the client did not register the grant type authorization_code";
            return Err(Failure::new(OAuthErrorCode::UnauthorizedClient, why));
        }
        let challenge = oxide::check_authorization(params, &client.id, redirect_uri)?;
        let asked = params.get("scope");
        let (resources, external) = self.resources_of(params.resources())?;
        let own =
            || scope::requested(asked, &client.scopes, |upstream| served.has_upstream(upstream));
        let identity = scope::of_identity(asked, client);
        let (resources, scopes) = match external {
            Some(external) => (resources, scope::requested_at(asked, client, &external)?),
            None if identity.is_empty() => (resources, own()?),
            None => self.signing_in(params, identity, resources, own())?,
        };
        supported(params)?;
        let interaction = Interaction::read(params.get("prompt"), params.get("max_age"))?;
        // It is stored, for which PostgreSQL has no NUL.
        if params.get("nonce").is_some_and(|nonce| nonce.len() > 512 || nonce.contains('\0')) {
            let why = "nonce must have at most 512 bytes and no NUL";
            return Err(Failure::new(OAuthErrorCode::InvalidRequest, why));
        }
        let hinted = self.hinted(client, params)?;
        let key = key(params)?;
        let redirect_uri = redirect_uri.to_owned();
        Ok(Valid { redirect_uri, scopes, resources, challenge, interaction, hinted, key })
    }

    /// The resources and scopes of a request that signs a user in. Unless it also asks for access
    /// to a resource of this server, its access token is for userinfo alone.
    fn signing_in(
        &self,
        params: &Params,
        identity: ScopeSet,
        resources: Vec<Resource>,
        own: Result<ScopeSet, NoScope>,
    ) -> Result<(Vec<Resource>, ScopeSet), Failure> {
        let asks = |own: &ScopeSet| own.iter().any(|scope| scope != Scope::OfflineAccess);
        match own {
            Ok(own) if asks(&own) => Ok((resources, own.union(&identity))),
            // A resource without a scope of it.
            Ok(_) | Err(_) if !params.resources().is_empty() => Err(NoScope::Authorization.into()),
            Ok(offline) => Ok((vec![self.userinfo_resource()], offline.union(&identity))),
            Err(_) => Ok((vec![self.userinfo_resource()], identity)),
        }
    }

    /// The subject whom the relying party expects, by an ID token that it got here
    /// (`id_token_hint`).
    fn hinted(&self, client: &Client, params: &Params) -> Result<Option<String>, Failure> {
        let Some(hint) = params.get("id_token_hint").filter(|_| client.openid.is_some()) else {
            return Ok(None);
        };
        let (keys, now) = (&self.services.keys, self.services.clock.now());
        let claims = keys.own_id_token(hint, self.settings.public_url.as_str(), now);
        let is_theirs = |claims: &Map<String, Value>| {
            claims.get("aud").and_then(Value::as_str) == Some(client.id.as_str())
        };
        let subject = claims
            .filter(is_theirs)
            .and_then(|claims| claims.get("sub").and_then(Value::as_str).map(str::to_owned));
        let why = "id_token_hint is not an ID token that this server issued to this client";
        subject.map(Some).ok_or_else(|| Failure::new(OAuthErrorCode::InvalidRequest, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_change_the_meaning_of_a_request_are_refused() {
        let code = |query: &str| {
            supported(&Params::parse(query.as_bytes()).unwrap()).map_err(|failure| failure.code)
        };
        assert_eq!(code("scope=a&response_mode=query"), Ok(()));
        assert_eq!(code("request=x"), Err(OAuthErrorCode::RequestNotSupported));
        assert_eq!(code("request_uri=x"), Err(OAuthErrorCode::RequestUriNotSupported));
        for mode in ["fragment", "form_post", "query.jwt", "QUERY"] {
            let query = format!("response_mode={mode}");
            assert_eq!(code(&query), Err(OAuthErrorCode::InvalidRequest), "{mode}");
        }
    }
}
