//! Doorward as a client of a provider: its proof, its authorization requests and its token
//! requests.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_keys::{ClientAssertion, ClientKey, KeyRing};
use doorward_model::{Clock, Entropy, SecretSetting, id::random_text};
use doorward_transport::{
    Outbound, OutboundConfig,
    oauth::{Answer, RequestSubject, Tokens},
};
use oauth2::{
    AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    basic::BasicClient,
};
use url::Url;

use crate::{
    api::{Api, MAX_ANSWER},
    error::FederationError,
    settings::{AuthMethod, Interpret},
};

/// Parts of the server that every provider uses.
#[derive(Clone)]
pub(crate) struct ProviderServices {
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outbound: Outbound,
    pub(crate) outbound_config: OutboundConfig,
}

/// Doorward as a client of one identity provider.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: SecretSetting,
    pub(crate) method: AuthMethod,
    /// A key of its own for `private_key_jwt`.
    pub(crate) key: Option<ClientKey>,
    pub(crate) outbound: Outbound,
    pub(crate) interpret: Interpret,
    /// Send a PKCE challenge.
    pub(crate) pkce: bool,
    pub(crate) provider_services: ProviderServices,
}

/// A token request without tokens in the response. A refresh token in it still counts.
#[derive(Clone, Debug)]
pub(crate) struct NoTokens {
    pub(crate) error: FederationError,
    pub(crate) refresh_token: Option<String>,
}

impl From<FederationError> for NoTokens {
    fn from(error: FederationError) -> Self {
        Self { error, refresh_token: None }
    }
}

/// The recipient and the reach of an assertion.
#[derive(Clone, Debug)]
pub struct WantedAssertion {
    /// The issuer of the authorization server that it is for.
    pub audience: String,
    /// The resource that the access is for.
    pub resource: String,
    /// The scopes, separated by spaces; empty for those that the provider chooses.
    pub scope: String,
}

/// An authorization request.
pub(crate) struct Request<'a> {
    pub(crate) endpoint: &'a Url,
    pub(crate) redirect_uri: &'a str,
    pub(crate) state: &'a str,
    pub(crate) verifier: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) params: Vec<(String, String)>,
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Client {
    /// The URL to send the browser to.
    pub(crate) fn authorize(&self, wanted: Request<'_>) -> Result<Url, FederationError> {
        let redirect = RedirectUrl::new(wanted.redirect_uri.to_owned()).map_err(|_| {
            FederationError::Misconfigured(
                "no redirect URI can be made from server.public_url".to_owned(),
            )
        })?;
        let client = BasicClient::new(ClientId::new(self.id.clone()))
            .set_auth_uri(AuthUrl::from_url(wanted.endpoint.clone()))
            .set_redirect_uri(redirect);
        let state = wanted.state.to_owned();
        let mut request = client.authorize_url(|| CsrfToken::new(state));
        if self.pkce {
            let verifier = PkceCodeVerifier::new(wanted.verifier.to_owned());
            request =
                request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        }
        for scope in wanted.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for (name, value) in wanted.params {
            request = request.add_extra_param(name, value);
        }
        Ok(request.url().0)
    }

    /// Redeems a code.
    pub(crate) async fn redeem(
        &self,
        endpoint: &Url,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Tokens, FederationError> {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", redirect_uri.to_owned()),
        ];
        if self.pkce {
            form.push(("code_verifier", verifier.to_owned()));
        }
        self.tokens(endpoint, form).await.map_err(|failed| failed.error)
    }

    /// Redeems a refresh token.
    pub(crate) async fn refresh(&self, endpoint: &Url, token: &str) -> Result<Tokens, NoTokens> {
        let form =
            vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", token.to_owned())];
        self.tokens(endpoint, form).await
    }

    /// Exchanges an ID token for an assertion to another authorization server (RFC 8693 §2.1, with
    /// the token type of ID-JAG).
    pub(crate) async fn assertion_of(
        &self,
        endpoint: &Url,
        id_token: &str,
        wanted: &WantedAssertion,
    ) -> Result<String, FederationError> {
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag".to_owned()),
            ("audience", wanted.audience.clone()),
            ("resource", wanted.resource.clone()),
            ("subject_token", id_token.to_owned()),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token".to_owned()),
        ];
        if !wanted.scope.is_empty() {
            form.push(("scope", wanted.scope.clone()));
        }
        let tokens = self.tokens(endpoint, form).await.map_err(|failed| failed.error)?;
        tokens
            .access_token
            .ok_or_else(|| FederationError::Nonsense("its response has no assertion".to_owned()))
    }

    async fn tokens(
        &self,
        endpoint: &Url,
        form: Vec<(&'static str, String)>,
    ) -> Result<Tokens, NoTokens> {
        let request = self.proven(endpoint, form)?;
        let fetched = self
            .outbound
            .send_along(request, MAX_ANSWER)
            .await
            .map_err(|error| FederationError::outbound(endpoint.as_str(), error))?;
        let answer = Answer::of(&fetched, self.provider_services.clock.now());
        let tokens = answer.tokens().map_err(|failed| {
            let failure =
                (self.interpret)(&answer, RequestSubject::Tokens).unwrap_or(failed.failure);
            NoTokens {
                error: FederationError::answered(endpoint.as_str(), failure),
                refresh_token: failed.refresh_token,
            }
        })?;
        for left in &tokens.left_out {
            tracing::info!(endpoint = %endpoint, %left, "a member of a token response was left out");
        }
        Ok(tokens)
    }

    /// A form with this client's authentication (RFC 6749 §2.3.1, RFC 7523 §2.2).
    fn proven(
        &self,
        endpoint: &Url,
        mut form: Vec<(&'static str, String)>,
    ) -> Result<http::Request<Vec<u8>>, FederationError> {
        let mut request = http::Request::post(endpoint.as_str())
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let secret = self.secret.reveal();
        match self.method {
            AuthMethod::SecretBasic => {
                let pair = format!("{}:{}", encode(&self.id), encode(secret));
                let text = format!("Basic {}", STANDARD.encode(pair));
                let mut value = http::HeaderValue::try_from(text).map_err(|_| {
                    FederationError::Misconfigured("the client secret cannot be sent".to_owned())
                })?;
                value.set_sensitive(true);
                request = request.header(http::header::AUTHORIZATION, value);
            }
            AuthMethod::SecretPost => {
                form.push(("client_id", self.id.clone()));
                form.push(("client_secret", secret.to_owned()));
            }
            AuthMethod::PrivateKeyJwt => {
                form.push(("client_id", self.id.clone()));
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.push(("client_assertion_type", kind.to_owned()));
                form.push(("client_assertion", self.assertion(endpoint.as_str())?));
            }
            AuthMethod::Nothing => form.push(("client_id", self.id.clone())),
        }
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form.iter().map(|(name, value)| (*name, value.as_str())))
            .finish();
        request.body(body.into_bytes()).map_err(|_| {
            FederationError::Misconfigured(format!("{endpoint} is not a URL to post to"))
        })
    }

    /// A fresh assertion for this token endpoint.
    fn assertion(&self, audience: &str) -> Result<String, FederationError> {
        let services = &self.provider_services;
        let id = random_text(services.entropy.as_ref(), 16);
        let now = services.clock.now();
        let assertion = ClientAssertion { client_id: &self.id, audience, id: &id, now };
        let signed = match &self.key {
            Some(key) => assertion.signed_by(key),
            None => assertion.signed_by_ring(&services.keys),
        };
        signed.map_err(|error| FederationError::Misconfigured(format!("private_key_jwt: {error}")))
    }

    /// The provider's API, asked with this access token.
    pub(crate) fn api(&self, token: &str) -> Api {
        Api {
            outbound: self.outbound.clone(),
            token: token.to_owned(),
            interpret: self.interpret,
            clock: Arc::clone(&self.provider_services.clock),
        }
    }
}
