//! Plain OAuth 2.0, and what both protocols share: the parameters of a sign-in, our proof as a
//! client, errors of token endpoints.

use std::sync::Arc;

use doorward_keys::KeyRing;
use doorward_model::{Entropy, Timestamp, id::random_text};
use doorward_transport::{Budget, Outbound};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardErrorResponse,
    TokenResponse, TokenUrl,
    basic::{BasicClient, BasicTokenResponse},
};
use serde_json::Value;
use url::Url;

use crate::{
    FederationError,
    attempt::Ask,
    kinds::OAuth2,
    openid::{Http, HttpError, MAX_ANSWER, chain},
    provider::{AuthMethod, Provider},
};

/// A sign-in about to begin.
pub(crate) struct Start<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) state: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) ask: &'a Ask,
}

/// A sign-in that came back.
pub(crate) struct Begun<'a> {
    pub(crate) redirect_uri: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) verifier: &'a str,
}

/// What signs for us at token endpoints where a secret is not enough.
pub(crate) struct ClientProof<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) keys: &'a Arc<KeyRing>,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) now: Timestamp,
}

impl ClientProof<'_> {
    /// The parameters that prove us to this token endpoint: none, or a fresh assertion (RFC 7523
    /// §2.2).
    pub(crate) fn params(
        &self,
        audience: &str,
    ) -> Result<Vec<(&'static str, String)>, FederationError> {
        if self.provider.settings.auth_method != AuthMethod::PrivateKeyJwt {
            return Ok(Vec::new());
        }
        let id = &self.provider.config.client_id;
        let claims = serde_json::json!({
            "iss": id, "sub": id, "aud": audience, "jti": random_text(self.entropy, 16), "iat": self.now.0, "exp": self.now.plus(60).0,
        });
        let signed = match &self.provider.key {
            Some(key) => key.sign(&claims).map_err(|error| error.to_string()),
            None => self
                .keys
                .sign_client_assertion(&claims, self.now)
                .map_err(|error| error.to_string()),
        };
        let assertion = signed
            .map_err(|error| FederationError::Misconfigured(format!("private_key_jwt: {error}")))?;
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
        Ok(vec![("client_assertion_type", kind), ("client_assertion", assertion)])
    }
}

/// What a token endpoint's error code means for us.
fn refusal(code: &str, description: &str) -> FederationError {
    let text =
        if description.is_empty() { code.to_owned() } else { format!("{code}: {description}") };
    match code {
        "invalid_grant" | "bad_verification_code" | "bad_refresh_token" | "access_denied" => {
            FederationError::Refused(text)
        }
        "temporarily_unavailable" | "server_error" | "slow_down" => {
            FederationError::Unavailable(text)
        }
        _ => FederationError::Misconfigured(text),
    }
}

/// Sorts the failures of a token request.
pub(crate) fn token_error<T>(
    error: RequestTokenError<HttpError, StandardErrorResponse<T>>,
) -> FederationError
where
    T: oauth2::ErrorResponseType + std::fmt::Display + 'static,
{
    match error {
        RequestTokenError::ServerResponse(told) => refusal(
            &told.error().to_string(),
            told.error_description().map(String::as_str).unwrap_or_default(),
        ),
        // Some answer errors with status 200.
        RequestTokenError::Parse(error, body) => {
            let told: Value = Budget::of_record(body.len()).json(&body).unwrap_or_default();
            match told.get("error").and_then(Value::as_str) {
                Some(code) => refusal(
                    code,
                    told.get("error_description").and_then(Value::as_str).unwrap_or_default(),
                ),
                None => FederationError::Unavailable(format!(
                    "the token answer cannot be read: {error}"
                )),
            }
        }
        other => FederationError::Unavailable(format!("token endpoint: {}", chain(&other))),
    }
}

/// Asks a provider's API in a person's name.
#[derive(Clone)]
pub(crate) struct Api {
    outbound: Outbound,
    token: String,
}

impl Api {
    /// Fetches JSON.
    pub(crate) async fn get(&self, address: &str) -> Result<Value, FederationError> {
        let request = http::Request::get(address)
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Vec::new());
        let request = request.map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        let fetched = self
            .outbound
            .send(request, MAX_ANSWER)
            .await
            .map_err(|error| FederationError::Unavailable(format!("{address}: {error}")))?;
        match fetched.status {
            200 => fetched.json().map_err(|error| {
                FederationError::Unavailable(format!("{address} did not answer in JSON: {error}"))
            }),
            401 | 403 => {
                Err(FederationError::Refused(format!("{address} answered {}", fetched.status)))
            }
            status => Err(FederationError::Unavailable(format!("{address} answered {status}"))),
        }
    }
}

/// What a plain OAuth 2.0 provider says.
pub(crate) struct Held {
    pub(crate) claims: Value,
    /// The access token, if it does not expire: then it can be asked with again.
    pub(crate) lasting_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
}

type Client = BasicClient<
    oauth2::EndpointSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointSet,
>;

impl Provider {
    fn oauth2_client(
        &self,
        oauth2: &OAuth2,
        redirect_uri: Option<&str>,
    ) -> Result<Client, FederationError> {
        let mut client = BasicClient::new(ClientId::new(self.config.client_id.clone()));
        if matches!(self.settings.auth_method, AuthMethod::SecretBasic | AuthMethod::SecretPost) {
            client = client.set_client_secret(ClientSecret::new(
                self.config.client_secret.reveal().to_owned(),
            ));
        }
        let auth = if self.settings.auth_method == AuthMethod::SecretBasic {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        };
        let client = client
            .set_auth_type(auth)
            .set_auth_uri(AuthUrl::from_url(oauth2.authorize.clone()))
            .set_token_uri(TokenUrl::from_url(oauth2.token.clone()));
        match redirect_uri {
            None => Ok(client),
            Some(uri) => Ok(client.set_redirect_uri(
                RedirectUrl::new(uri.to_owned())
                    .map_err(|error| FederationError::Misconfigured(error.to_string()))?,
            )),
        }
    }

    /// The address to send the browser to.
    pub(crate) fn oauth2_url(
        &self,
        oauth2: &OAuth2,
        start: &Start<'_>,
    ) -> Result<Url, FederationError> {
        let client = self.oauth2_client(oauth2, Some(start.redirect_uri))?;
        let verifier = PkceCodeVerifier::new(start.verifier.to_owned());
        let state = start.state.to_owned();
        let mut request = client
            .authorize_url(|| CsrfToken::new(state))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for (name, value) in &self.settings.extra {
            request = request.add_extra_param(*name, value.clone());
        }
        if let Some(hint) = &start.ask.login_hint {
            // What GitHub calls it; others ignore what they do not know.
            request = request.add_extra_param(
                if self.kind.name == "github" { "login" } else { "login_hint" },
                hint.clone(),
            );
        }
        if !start.ask.prompts.is_empty() {
            request = request.add_extra_param("prompt", start.ask.prompts.join(" "));
        }
        Ok(request.url().0)
    }

    async fn hold(
        &self,
        oauth2: &OAuth2,
        tokens: &BasicTokenResponse,
    ) -> Result<Held, FederationError> {
        let access_token = tokens.access_token().secret().clone();
        let claims = self.oauth2_ask(oauth2, &access_token).await?;
        let lasting_token = tokens.expires_in().is_none().then_some(access_token);
        Ok(Held {
            claims,
            lasting_token,
            refresh_token: tokens.refresh_token().map(|token| token.secret().clone()),
        })
    }

    /// Redeems a code and asks who it is.
    pub(crate) async fn oauth2_redeem(
        &self,
        oauth2: &OAuth2,
        code: &str,
        begun: &Begun<'_>,
        proof: &ClientProof<'_>,
    ) -> Result<Held, FederationError> {
        let client = self.oauth2_client(oauth2, Some(begun.redirect_uri))?;
        let mut request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier.to_owned()));
        for (name, value) in proof.params(oauth2.token.as_str())? {
            request = request.add_extra_param(name, value);
        }
        let tokens = request.request_async(&Http(&self.outbound)).await.map_err(token_error)?;
        self.hold(oauth2, &tokens).await
    }

    /// Redeems a refresh token. From then on only what comes back may be good, so nothing else is
    /// asked before that is stored.
    pub(crate) async fn oauth2_rotate(
        &self,
        oauth2: &OAuth2,
        refresh_token: &str,
        proof: &ClientProof<'_>,
    ) -> Result<BasicTokenResponse, FederationError> {
        let client = self.oauth2_client(oauth2, None)?;
        let refresh = RefreshToken::new(refresh_token.to_owned());
        let mut request = client.exchange_refresh_token(&refresh);
        for (name, value) in proof.params(oauth2.token.as_str())? {
            request = request.add_extra_param(name, value);
        }
        request.request_async(&Http(&self.outbound)).await.map_err(token_error)
    }

    /// Asks who the holder of an access token is.
    pub(crate) async fn oauth2_ask(
        &self,
        oauth2: &OAuth2,
        access_token: &str,
    ) -> Result<Value, FederationError> {
        (oauth2.profile)(
            &self.config,
            Api { outbound: self.outbound.clone(), token: access_token.to_owned() },
        )
        .await
    }
}
