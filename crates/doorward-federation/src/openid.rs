//! OpenID Connect: the authorization request, and what comes for a code or a refresh token.

mod discovery;
mod verify;

use std::pin::Pin;

use doorward_model::Timestamp;
use doorward_transport::{Outbound, OutboundError};
use openidconnect::{
    AccessToken, AdditionalClaims, AsyncHttpClient, AuthType, AuthorizationCode, ClientId,
    ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RefreshToken, Scope, SubjectIdentifier, TokenResponse, UserInfoClaims,
    core::{CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreIdToken, CoreTokenResponse},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

pub(crate) use discovery::{Discovered, Discovery};
use verify::{IdTokenCheck, Verified};

use crate::{
    FederationError,
    kinds::OpenId,
    oauth::{self, ClientProof},
    provider::{AuthMethod, Provider},
};

/// The most bytes of any answer: key sets of large providers have some 20 KB.
pub(crate) const MAX_ANSWER: usize = 256 * 1024;
/// Claims beyond the standard ones, as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct AnyClaims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for AnyClaims {}
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The guarded client in the form that the libraries ask for.
pub(crate) struct Http<'a>(pub(crate) &'a Outbound);

/// Why a request has no answer that the libraries should see.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error(transparent)]
    Exceeded(#[from] doorward_transport::budget::Exceeded),
    #[error("status {0}")]
    Status(u16),
}

impl<'c> AsyncHttpClient<'c> for Http<'_> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let fetched = self.0.send(request, MAX_ANSWER).await?;
            if fetched.status >= 500 {
                return Err(HttpError::Status(fetched.status));
            }
            // The libraries read what they are given: it is counted first.
            fetched.within_budget()?;
            let mut response = HttpResponse::new(fetched.body);
            *response.status_mut() = ::http::StatusCode::from_u16(fetched.status)
                .map_err(|_| HttpError::Status(fetched.status))?;
            *response.headers_mut() = fetched.headers;
            Ok(response)
        })
    }
}

/// The innermost cause of an error, with what stands above it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn unavailable(error: &dyn std::error::Error) -> FederationError {
    FederationError::Unavailable(chain(error))
}

/// The prompts that a provider says it knows. One that cannot offer a choice of accounts asks for a
/// new sign-in, where there is one.
fn prompts<'a>(asked: &'a [String], known: Option<&[String]>) -> Vec<&'a str> {
    let offers = |prompt: &str| known.is_none_or(|known| known.iter().any(|word| word == prompt));
    let mut prompts: Vec<&str> = Vec::new();
    for prompt in asked {
        let prompt = if prompt == "select_account" && !offers(prompt) { "login" } else { prompt };
        if !prompts.contains(&prompt) {
            prompts.push(prompt);
        }
    }
    prompts
}

/// What a provider's tokens say.
pub(crate) struct Told {
    /// All claims: of the ID token, with those of userinfo over them.
    pub(crate) claims: Value,
    /// The issuer that signed.
    pub(crate) issuer: String,
    pub(crate) id_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
}

impl Provider {
    fn open_id(&self) -> Result<&OpenId, FederationError> {
        match &self.settings.protocol {
            crate::kinds::Protocol::OpenId(open_id) => Ok(open_id),
            crate::kinds::Protocol::OAuth2(_) => {
                Err(FederationError::Misconfigured("not an OpenID provider".to_owned()))
            }
        }
    }
    fn client(&self, found: &Discovered, redirect_uri: &str) -> Result<Client, FederationError> {
        let secret =
            matches!(self.settings.auth_method, AuthMethod::SecretBasic | AuthMethod::SecretPost);
        let secret =
            secret.then(|| ClientSecret::new(self.config.client_secret.reveal().to_owned()));
        let auth = if self.settings.auth_method == AuthMethod::SecretBasic {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        };
        let redirect = RedirectUrl::new(redirect_uri.to_owned())
            .map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        let client = CoreClient::from_provider_metadata(
            found.metadata.clone(),
            ClientId::new(self.config.client_id.clone()),
            secret,
        );
        Ok(client.set_redirect_uri(redirect).set_auth_type(auth))
    }

    /// Whether the provider offers `offline_access` and wants to be asked for it.
    fn asks_offline(&self, found: &Discovered) -> bool {
        let offered = || {
            found
                .metadata
                .scopes_supported()
                .is_some_and(|scopes| scopes.iter().any(|scope| scope.as_str() == "offline_access"))
        };
        self.open_id().is_ok_and(|open_id| open_id.offline) && offered()
    }

    /// The address to send the browser to.
    pub(crate) async fn open_id_url(
        &self,
        start: &oauth::Start<'_>,
    ) -> Result<Url, FederationError> {
        let found = self.discovered().await?;
        let client = self.client(&found, start.redirect_uri)?;
        let verifier = PkceCodeVerifier::new(start.verifier.to_owned());
        let (state, nonce) = (start.state.to_owned(), start.nonce.to_owned());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let mut prompts = prompts(
            &start.ask.prompts,
            found.metadata.additional_metadata().prompt_values_supported.as_deref(),
        );
        // The library asks for openid itself.
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if self.asks_offline(&found)
            && !self.settings.scopes.iter().any(|scope| scope == "offline_access")
        {
            request = request.add_scope(Scope::new("offline_access".to_owned()));
            if self.config.offline_prompt && !prompts.contains(&"consent") {
                prompts.push("consent");
            }
        }
        for (name, value) in &self.settings.extra {
            request = request.add_extra_param(*name, value.clone());
        }
        if !prompts.is_empty() {
            request = request.add_extra_param("prompt", prompts.join(" "));
        }
        if let Some(seconds) = start.ask.max_age {
            request = request.add_extra_param("max_age", seconds.to_string());
        }
        let acr_values = start.ask.acr_values.as_deref().unwrap_or(&self.config.acr_values);
        if !acr_values.is_empty() {
            request = request.add_extra_param("acr_values", acr_values.to_owned());
        }
        if let Some(hint) = &start.ask.login_hint {
            request = request.add_extra_param("login_hint", hint.clone());
        }
        if self.config.response_mode != "query" {
            request = request.add_extra_param("response_mode", self.config.response_mode.clone());
        }
        Ok(request.url().0)
    }

    /// Whether an answer must say which issuer sent it, and which that is (RFC 9207 §2.4).
    pub(crate) async fn answering_issuer(&self) -> Result<(String, bool), FederationError> {
        let found = self.discovered().await?;
        let required =
            found.metadata.additional_metadata().authorization_response_iss_parameter_supported
                == Some(true);
        Ok((found.metadata.issuer().as_str().to_owned(), required))
    }

    /// Redeems a code and verifies what comes for it.
    pub(crate) async fn open_id_redeem(
        &self,
        code: &str,
        begun: &oauth::Begun<'_>,
        proof: &ClientProof<'_>,
        now: Timestamp,
    ) -> Result<Told, FederationError> {
        let found = self.discovered().await?;
        let client = self.client(&found, begun.redirect_uri)?;
        let mut request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        request = request.set_pkce_verifier(PkceCodeVerifier::new(begun.verifier.to_owned()));
        for (name, value) in proof
            .params(found.metadata.token_endpoint().map(|url| url.as_str()).unwrap_or_default())?
        {
            request = request.add_extra_param(name, value);
        }
        let tokens =
            request.request_async(&Http(&self.outbound)).await.map_err(oauth::token_error)?;
        let id_token = tokens.id_token().ok_or_else(|| {
            FederationError::Untrusted(
                "the token answer holds no ID token; is the scope openid asked for?".to_owned(),
            )
        })?;
        let check = IdTokenCheck {
            provider: self,
            id_token,
            nonce: Some(begun.nonce),
            access_token: tokens.access_token(),
            now,
        };
        let verified = self.verify(found, &check).await?;
        self.tell(verified, Some(id_token), &tokens).await
    }

    /// Redeems a refresh token. From then on only what comes back may be good, so nothing else is
    /// asked before that is stored.
    pub(crate) async fn open_id_rotate(
        &self,
        refresh_token: &str,
        proof: &ClientProof<'_>,
    ) -> Result<CoreTokenResponse, FederationError> {
        let found = self.discovered().await?;
        let client = self.client(&found, "https://localhost/")?;
        let refresh = RefreshToken::new(refresh_token.to_owned());
        let mut request = client
            .exchange_refresh_token(&refresh)
            .map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        for (name, value) in proof
            .params(found.metadata.token_endpoint().map(|url| url.as_str()).unwrap_or_default())?
        {
            request = request.add_extra_param(name, value);
        }
        request.request_async(&Http(&self.outbound)).await.map_err(oauth::token_error)
    }

    /// Reads what came for a refresh token, and asks userinfo. `subject` is the `sub` that must
    /// come back, where it is known.
    pub(crate) async fn open_id_refreshed(
        &self,
        tokens: &CoreTokenResponse,
        subject: Option<&str>,
        now: Timestamp,
    ) -> Result<Told, FederationError> {
        let found = self.discovered().await?;
        let verified = if let Some(id_token) = tokens.id_token() {
            // Its nonce, if it has one, is that of the sign-in long ago (OpenID Connect Core
            // §12.2).
            self.verify(
                found,
                &IdTokenCheck {
                    provider: self,
                    id_token,
                    nonce: None,
                    access_token: tokens.access_token(),
                    now,
                },
            )
            .await?
        } else {
            let issuer = found.metadata.issuer().as_str().to_owned();
            let claims = subject.map_or_else(
                || serde_json::json!({}),
                |subject| serde_json::json!({ "sub": subject }),
            );
            Verified { found, claims, issuer }
        };
        if subject.is_some() && verified.claims.get("sub").and_then(Value::as_str) != subject {
            return Err(FederationError::Untrusted(
                "the refreshed ID token is about somebody else".to_owned(),
            ));
        }
        self.tell(verified, None, tokens).await
    }

    /// Adds what userinfo says, and puts everything together.
    async fn tell(
        &self,
        verified: Verified,
        id_token: Option<&CoreIdToken>,
        tokens: &CoreTokenResponse,
    ) -> Result<Told, FederationError> {
        let Verified { found, claims, issuer } = verified;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut claims = claims;
        if self.open_id()?.userinfo
            && found.metadata.userinfo_endpoint().is_some()
            && !subject.is_empty()
        {
            let more = self.userinfo(&found, tokens.access_token(), &subject).await?;
            if let (Some(all), Value::Object(more)) = (claims.as_object_mut(), more) {
                // What protects the token stays what the token says.
                all.extend(more.into_iter().filter(|(name, value)| {
                    !value.is_null()
                        && !["iss", "aud", "exp", "iat", "nonce", "sid", "acr", "amr", "auth_time"]
                            .contains(&name.as_str())
                }));
            }
        }
        let refresh_token = tokens.refresh_token().map(|token| token.secret().clone());
        // Only a provider with a place to sign out is ever shown the ID token again.
        let keep = found.metadata.additional_metadata().end_session_endpoint.is_some();
        let id_token = id_token.filter(|_| keep).map(ToString::to_string);
        Ok(Told { claims, issuer, id_token, refresh_token })
    }

    async fn userinfo(
        &self,
        found: &Discovered,
        token: &AccessToken,
        subject: &str,
    ) -> Result<Value, FederationError> {
        let client = self.client(found, "https://localhost/")?;
        let request = client
            .user_info(token.clone(), Some(SubjectIdentifier::new(subject.to_owned())))
            .map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        let told: Result<UserInfoClaims<AnyClaims, CoreGenderClaim>, _> =
            request.request_async(&Http(&self.outbound)).await;
        match told {
            Ok(told) => Ok(serde_json::to_value(told).unwrap_or_default()),
            Err(openidconnect::UserInfoError::ClaimsVerification(error)) => {
                Err(FederationError::Untrusted(format!("userinfo: {error}")))
            }
            Err(openidconnect::UserInfoError::Response(status, ..))
                if matches!(status.as_u16(), 401 | 403) =>
            {
                Err(FederationError::Refused(format!("userinfo answered {status}")))
            }
            Err(error) => Err(FederationError::Unavailable(format!("userinfo: {}", chain(&error)))),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_choice_of_accounts_becomes_a_sign_in_where_there_is_no_choice() {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let asked = words(&["login", "select_account"]);
        assert_eq!(super::prompts(&asked, None), ["login", "select_account"]);
        assert_eq!(super::prompts(&asked, Some(&words(&["none", "login", "consent"]))), ["login"]);
    }
}
