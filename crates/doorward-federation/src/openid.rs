//! OpenID Connect: discovery, the authorization request, tokens and their verification. The rules are the library's; what it
//! leaves to its caller stands here.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeZone, Utc};
use doorward_model::Timestamp;
use doorward_transport::{Outbound, OutboundError};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, AdditionalProviderMetadata, AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenVerifier, IssuerUrl, JsonWebKeySet,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, RefreshToken, Scope, SignatureVerificationError,
    SubjectIdentifier, TokenResponse, UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreGrantType, CoreIdToken,
        CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode,
        CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    FederationError,
    kinds::OpenId,
    oauth::{self, ClientProof},
    provider::{AuthMethod, Provider},
};

/// The most bytes of any answer: key sets of large providers have some 20 KB.
pub(crate) const MAX_ANSWER: usize = 256 * 1024;
/// For how long a discovery document and its keys are believed.
const BELIEVED: Duration = Duration::from_hours(1);
/// For how long an old one is still used when a new one cannot be had.
const BELIEVED_IN_NEED: Duration = Duration::from_hours(24);
/// For how long a failed discovery is the answer for everybody: those who queue behind it must not wait for another.
const FAILED: Duration = Duration::from_secs(3);
/// How often an unknown key may make us fetch the keys again.
const KEYS_AGAIN: Duration = Duration::from_secs(5);
/// How far the provider's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// Members of the discovery document that the library does not know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Further {
    #[serde(default)]
    pub(crate) end_session_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for Further {}

/// Claims beyond the standard ones, as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct AnyClaims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for AnyClaims {}

type Metadata = ProviderMetadata<
    Further,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What was discovered of a provider, if anything was yet.
#[derive(Default)]
pub(crate) struct Discovery(Mutex<State>);

#[derive(Default)]
struct State {
    found: Option<Arc<Discovered>>,
    failed: Option<(Instant, FederationError)>,
    keys_again: Option<Instant>,
}

/// A discovery document with its keys.
pub(crate) struct Discovered {
    pub(crate) metadata: Metadata,
    at: Instant,
}

/// The guarded client in the form that the libraries ask for.
pub(crate) struct Http<'a>(pub(crate) &'a Outbound);

/// Why a request has no answer that the libraries should see.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
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
            let mut response = HttpResponse::new(fetched.body);
            *response.status_mut() = ::http::StatusCode::from_u16(fetched.status).map_err(|_| HttpError::Status(fetched.status))?;
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
            crate::kinds::Protocol::OAuth2(_) => Err(FederationError::Misconfigured("not an OpenID provider".to_owned())),
        }
    }

    /// What the provider says of itself, fetched when it is not known or too old.
    pub(crate) async fn discovered(&self) -> Result<Arc<Discovered>, FederationError> {
        let mut state = self.discovery.0.lock().await;
        if let Some(found) = state.found.as_ref().filter(|found| found.at.elapsed() < BELIEVED) {
            return Ok(Arc::clone(found));
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < FAILED
        {
            return Err(error.clone());
        }
        match self.discover().await {
            Ok(metadata) => {
                let found = Arc::new(Discovered { metadata, at: Instant::now() });
                *state = State { found: Some(Arc::clone(&found)), failed: None, keys_again: state.keys_again };
                Ok(found)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                match state.found.as_ref().filter(|found| found.at.elapsed() < BELIEVED_IN_NEED) {
                    Some(found) => {
                        tracing::warn!(provider = %self.id, %error, "the discovery document could not be fetched again; the old one is used");
                        Ok(Arc::clone(found))
                    }
                    None => Err(error),
                }
            }
        }
    }

    async fn discover(&self) -> Result<Metadata, FederationError> {
        let open_id = self.open_id()?;
        let http = Http(&self.outbound);
        let metadata = if let Some(at) = &open_id.discover_at {
            self.discover_for_tenants(open_id, at).await?
        } else {
            let issuer = IssuerUrl::new(open_id.issuer.clone()).map_err(|error| FederationError::Misconfigured(error.to_string()))?;
            Metadata::discover_async(issuer, &http).await.map_err(|error| match error {
                // The issuer is another one: whoever answers there is not whom the operator named.
                openidconnect::DiscoveryError::Validation(why) => FederationError::Untrusted(why),
                other => unavailable(&other),
            })?
        };
        // The browser is sent there, so it must be an address of the web.
        crate::kinds::address("authorization_endpoint", metadata.authorization_endpoint().as_str(), None)
            .map_err(|error| FederationError::Untrusted(format!("the discovery document's {error}")))?;
        if metadata.token_endpoint().is_none() {
            return Err(FederationError::Unavailable("the discovery document names no token endpoint".to_owned()));
        }
        Ok(metadata)
    }

    /// Discovery where the published issuer has a place for the tenant.
    async fn discover_for_tenants(&self, open_id: &OpenId, at: &str) -> Result<Metadata, FederationError> {
        let http = Http(&self.outbound);
        let url = format!("{at}/.well-known/openid-configuration");
        let request = ::http::Request::get(&url).header("accept", "application/json").body(Vec::new()).map_err(|error| unavailable(&error))?;
        let response = http.call(request).await.map_err(|error| unavailable(&error))?;
        let mut document: Value = serde_json::from_slice(response.body()).map_err(|error| unavailable(&error))?;
        let published = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        let own = |tenant: &String| published == open_id.issuer.replace(crate::kinds::TENANT, tenant);
        if published != open_id.issuer && !open_id.tenants.iter().any(own) {
            return Err(FederationError::Untrusted(format!("unexpected issuer {published:?} in the discovery document")));
        }
        if let Some(members) = document.as_object_mut() {
            members.insert("issuer".to_owned(), Value::String(open_id.issuer.clone()));
        }
        let metadata: Metadata = serde_json::from_value(document).map_err(|error| unavailable(&error))?;
        let keys = JsonWebKeySet::fetch_async(metadata.jwks_uri(), &http).await.map_err(|error| unavailable(&error))?;
        Ok(metadata.set_jwks(keys))
    }

    /// Fetches the keys again, unless that was done a moment ago. Answers what is now known.
    async fn keys_again(&self, seen: &Arc<Discovered>) -> Result<Option<Arc<Discovered>>, FederationError> {
        let mut state = self.discovery.0.lock().await;
        if let Some(found) = &state.found
            && !Arc::ptr_eq(found, seen)
        {
            return Ok(Some(Arc::clone(found)));
        }
        if state.keys_again.is_some_and(|at| at.elapsed() < KEYS_AGAIN) {
            return Ok(None);
        }
        state.keys_again = Some(Instant::now());
        let keys = JsonWebKeySet::fetch_async(seen.metadata.jwks_uri(), &Http(&self.outbound)).await.map_err(|error| unavailable(&error))?;
        let found = Arc::new(Discovered { metadata: seen.metadata.clone().set_jwks(keys), at: seen.at });
        state.found = Some(Arc::clone(&found));
        Ok(Some(found))
    }

    /// The provider's keys as a JWK Set, for tokens that the library has no type for.
    pub(crate) async fn jwks(&self, seen: Option<&Arc<Discovered>>) -> Result<Option<(Arc<Discovered>, Value)>, FederationError> {
        let found = match seen {
            None => Some(self.discovered().await?),
            Some(seen) => self.keys_again(seen).await?,
        };
        Ok(found.map(|found| {
            let keys: &CoreJsonWebKeySet = found.metadata.jwks();
            let value = serde_json::to_value(keys).unwrap_or_default();
            (found, value)
        }))
    }

    fn client(&self, found: &Discovered, redirect_uri: &str) -> Result<Client, FederationError> {
        let secret = matches!(self.settings.auth_method, AuthMethod::SecretBasic | AuthMethod::SecretPost);
        let secret = secret.then(|| ClientSecret::new(self.config.client_secret.clone()));
        let auth = if self.settings.auth_method == AuthMethod::SecretBasic { AuthType::BasicAuth } else { AuthType::RequestBody };
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        let client = CoreClient::from_provider_metadata(found.metadata.clone(), ClientId::new(self.config.client_id.clone()), secret);
        Ok(client.set_redirect_uri(redirect).set_auth_type(auth))
    }

    /// Whether the provider offers `offline_access` and wants to be asked for it.
    fn asks_offline(&self, found: &Discovered) -> bool {
        let offered = || found.metadata.scopes_supported().is_some_and(|scopes| scopes.iter().any(|scope| scope.as_str() == "offline_access"));
        self.open_id().is_ok_and(|open_id| open_id.offline) && offered()
    }

    /// The address to send the browser to.
    pub(crate) async fn open_id_url(&self, start: &oauth::Start<'_>) -> Result<Url, FederationError> {
        let found = self.discovered().await?;
        let client = self.client(&found, start.redirect_uri)?;
        let verifier = PkceCodeVerifier::new(start.verifier.to_owned());
        let (state, nonce) = (start.state.to_owned(), start.nonce.to_owned());
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), || Nonce::new(nonce))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let mut prompts: Vec<&str> = start.ask.prompts.iter().map(String::as_str).collect();
        // The library asks for openid itself.
        for scope in self.settings.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if self.asks_offline(&found) && !self.settings.scopes.iter().any(|scope| scope == "offline_access") {
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
        let required = found.metadata.additional_metadata().authorization_response_iss_parameter_supported == Some(true);
        Ok((found.metadata.issuer().as_str().to_owned(), required))
    }

    /// Redeems a code and verifies what comes for it.
    pub(crate) async fn open_id_redeem(&self, code: &str, begun: &oauth::Begun<'_>, proof: &ClientProof<'_>, now: Timestamp) -> Result<Told, FederationError> {
        let found = self.discovered().await?;
        let client = self.client(&found, begun.redirect_uri)?;
        let mut request = client.exchange_code(AuthorizationCode::new(code.to_owned())).map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        request = request.set_pkce_verifier(PkceCodeVerifier::new(begun.verifier.to_owned()));
        for (name, value) in proof.params(found.metadata.token_endpoint().map(|url| url.as_str()).unwrap_or_default())? {
            request = request.add_extra_param(name, value);
        }
        let tokens = request.request_async(&Http(&self.outbound)).await.map_err(oauth::token_error)?;
        let id_token =
            tokens.id_token().ok_or_else(|| FederationError::Untrusted("the token answer holds no ID token; is the scope openid asked for?".to_owned()))?;
        let check = IdTokenCheck { provider: self, id_token, nonce: Some(begun.nonce), access_token: tokens.access_token(), now };
        let verified = self.verify(found, &check).await?;
        self.tell(verified, Some(id_token), &tokens).await
    }

    /// Asks with a refresh token. `subject` is the `sub` that must come back, where it is known.
    pub(crate) async fn open_id_refresh(
        &self,
        refresh_token: &str,
        subject: Option<&str>,
        proof: &ClientProof<'_>,
        now: Timestamp,
    ) -> Result<Told, FederationError> {
        let found = self.discovered().await?;
        let client = self.client(&found, "https://localhost/")?;
        let refresh = RefreshToken::new(refresh_token.to_owned());
        let mut request = client.exchange_refresh_token(&refresh).map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        for (name, value) in proof.params(found.metadata.token_endpoint().map(|url| url.as_str()).unwrap_or_default())? {
            request = request.add_extra_param(name, value);
        }
        let tokens = request.request_async(&Http(&self.outbound)).await.map_err(oauth::token_error)?;
        let verified = if let Some(id_token) = tokens.id_token() {
            // Its nonce, if it has one, is that of the sign-in long ago (OpenID Connect Core §12.2).
            self.verify(found, &IdTokenCheck { provider: self, id_token, nonce: None, access_token: tokens.access_token(), now }).await?
        } else {
            let issuer = found.metadata.issuer().as_str().to_owned();
            let claims = subject.map_or_else(|| serde_json::json!({}), |subject| serde_json::json!({ "sub": subject }));
            Verified { found, claims, issuer }
        };
        if subject.is_some() && verified.claims.get("sub").and_then(Value::as_str) != subject {
            return Err(FederationError::Untrusted("the refreshed ID token is about somebody else".to_owned()));
        }
        self.tell(verified, None, &tokens).await
    }

    /// Adds what userinfo says, and puts everything together.
    async fn tell(&self, verified: Verified, id_token: Option<&CoreIdToken>, tokens: &CoreTokenResponse) -> Result<Told, FederationError> {
        let Verified { found, claims, issuer } = verified;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut claims = claims;
        if self.open_id()?.userinfo && found.metadata.userinfo_endpoint().is_some() && !subject.is_empty() {
            let more = self.userinfo(&found, tokens.access_token(), &subject).await?;
            if let (Some(all), Value::Object(more)) = (claims.as_object_mut(), more) {
                // What protects the token stays what the token says.
                all.extend(more.into_iter().filter(|(name, value)| {
                    !value.is_null() && !["iss", "aud", "exp", "iat", "nonce", "sid", "acr", "amr", "auth_time"].contains(&name.as_str())
                }));
            }
        }
        let refresh_token = tokens.refresh_token().map(|token| token.secret().clone());
        // Only a provider with a place to sign out is ever shown the ID token again.
        let keep = found.metadata.additional_metadata().end_session_endpoint.is_some();
        let id_token = id_token.filter(|_| keep).map(ToString::to_string);
        Ok(Told { claims, issuer, id_token, refresh_token })
    }

    async fn userinfo(&self, found: &Discovered, token: &AccessToken, subject: &str) -> Result<Value, FederationError> {
        let client = self.client(found, "https://localhost/")?;
        let request = client
            .user_info(token.clone(), Some(SubjectIdentifier::new(subject.to_owned())))
            .map_err(|error| FederationError::Misconfigured(error.to_string()))?;
        let told: Result<UserInfoClaims<AnyClaims, CoreGenderClaim>, _> = request.request_async(&Http(&self.outbound)).await;
        match told {
            Ok(told) => Ok(serde_json::to_value(told).unwrap_or_default()),
            Err(openidconnect::UserInfoError::ClaimsVerification(error)) => Err(FederationError::Untrusted(format!("userinfo: {error}"))),
            Err(openidconnect::UserInfoError::Response(status, ..)) if matches!(status.as_u16(), 401 | 403) => {
                Err(FederationError::Refused(format!("userinfo answered {status}")))
            }
            Err(error) => Err(FederationError::Unavailable(format!("userinfo: {}", chain(&error)))),
        }
    }

    /// Verifies an ID token (OpenID Connect Core §3.1.3.7), fetching the keys again once if none fits.
    async fn verify(&self, found: Arc<Discovered>, token: &IdTokenCheck<'_>) -> Result<Verified, FederationError> {
        match token.against(&found) {
            Ok((claims, issuer)) => Ok(Verified { found, claims, issuer }),
            Err(refused) if refused.other_keys_may_help => match self.keys_again(&found).await? {
                Some(fresh) => match token.against(&fresh) {
                    Ok((claims, issuer)) => Ok(Verified { found: fresh, claims, issuer }),
                    Err(refused) => Err(FederationError::Untrusted(refused.why)),
                },
                None => Err(FederationError::Untrusted(refused.why)),
            },
            Err(refused) => Err(FederationError::Untrusted(refused.why)),
        }
    }
}

/// An ID token's claims, the issuer that signed them, and the keys that they were found good with.
struct Verified {
    found: Arc<Discovered>,
    claims: Value,
    issuer: String,
}

struct IdTokenCheck<'a> {
    provider: &'a Provider,
    id_token: &'a CoreIdToken,
    nonce: Option<&'a str>,
    access_token: &'a AccessToken,
    now: Timestamp,
}

struct RefusedToken {
    why: String,
    other_keys_may_help: bool,
}

impl From<String> for RefusedToken {
    fn from(why: String) -> Self {
        Self { why: format!("ID token: {why}"), other_keys_may_help: false }
    }
}

impl From<ClaimsVerificationError> for RefusedToken {
    fn from(error: ClaimsVerificationError) -> Self {
        use SignatureVerificationError as S;
        let other_keys_may_help =
            matches!(&error, ClaimsVerificationError::SignatureVerification(S::NoMatchingKey | S::CryptoError(_) | S::InvalidKey(_) | S::AmbiguousKeyId(_)));
        Self { why: format!("ID token: {}", chain(&error)), other_keys_may_help }
    }
}

fn moment(at: Timestamp) -> DateTime<Utc> {
    Utc.timestamp_opt(at.0, 0).single().unwrap_or_default()
}

impl IdTokenCheck<'_> {
    fn payload(&self) -> Result<Value, String> {
        let text = self.id_token.to_string();
        let part = text.split('.').nth(1).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    /// The issuer that the token must have: the provider's, or that of the listed tenant which the token names.
    fn issuer(open_id: &OpenId, payload: &Value) -> Result<String, String> {
        if open_id.tenants.is_empty() {
            return Ok(open_id.issuer.clone());
        }
        let tenant = payload.get("tid").and_then(Value::as_str).unwrap_or_default();
        if open_id.tenants.iter().any(|listed| listed == tenant) {
            Ok(open_id.issuer.replace(crate::kinds::TENANT, tenant))
        } else {
            Err(format!("the tenant {tenant:?} is not one of the listed tenants"))
        }
    }

    /// The algorithms that the provider announced and that a stranger cannot produce: never `none`, never one with a shared secret.
    fn algorithms(found: &Discovered) -> Vec<CoreJwsSigningAlgorithm> {
        use CoreJwsSigningAlgorithm as A;
        let accepted = [
            A::RsaSsaPkcs1V15Sha256,
            A::RsaSsaPkcs1V15Sha384,
            A::RsaSsaPkcs1V15Sha512,
            A::RsaSsaPssSha256,
            A::RsaSsaPssSha384,
            A::RsaSsaPssSha512,
            A::EcdsaP256Sha256,
            A::EcdsaP384Sha384,
            A::EdDsa,
        ];
        found.metadata.id_token_signing_alg_values_supported().iter().filter(|algorithm| accepted.contains(algorithm)).cloned().collect()
    }

    fn against(&self, found: &Discovered) -> Result<(Value, String), RefusedToken> {
        let payload = self.payload()?;
        let open_id = self.provider.open_id().map_err(|error| error.to_string())?;
        let issuer = Self::issuer(open_id, &payload)?;
        let url = IssuerUrl::new(issuer.clone()).map_err(|error| error.to_string())?;
        let own_id = &self.provider.config.client_id;
        let (now, skewed) = (self.now, self.now.plus(-LEEWAY));
        let verifier: IdTokenVerifier<'_, CoreJsonWebKey> =
            IdTokenVerifier::new_public_client(ClientId::new(own_id.clone()), url, found.metadata.jwks().clone())
                .set_allowed_algs(Self::algorithms(found))
                .set_time_fn(move || moment(skewed))
                .set_issue_time_verifier_fn(move |issued| if issued <= moment(now.plus(LEEWAY)) { Ok(()) } else { Err("it is from the future".to_owned()) })
                // Others may be meant too if it says by `azp` that it was made for us; see below.
                .set_other_audience_verifier_fn(|_| true);
        let expected = self.nonce.map(|nonce| Nonce::new(nonce.to_owned()));
        let nonce = |told: Option<&Nonce>| match &expected {
            None => Ok(()),
            Some(expected) => openidconnect::NonceVerifier::verify(expected, told),
        };
        let claims = self.id_token.claims(&verifier, nonce)?;
        match claims.authorized_party() {
            Some(party) if party.as_str() != own_id => return Err(format!("it was made for another client ({})", party.as_str()).into()),
            None if claims.audiences().len() > 1 => return Err("it is for several audiences and does not say for whom it was made (azp)".to_owned().into()),
            _ => {}
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium fit")]
        let latest = now.plus(LEEWAY).0 as f64;
        if payload.get("nbf").and_then(Value::as_f64).is_some_and(|from| from > latest) {
            return Err("it does not count yet (nbf)".to_owned().into());
        }
        if let Some(told) = claims.access_token_hash() {
            let algorithm = self.id_token.signing_alg().map_err(|error| error.to_string())?;
            let key = self.id_token.signing_key(&verifier).map_err(|error| error.to_string())?;
            let real = AccessTokenHash::from_token(self.access_token, algorithm, key).map_err(|error| error.to_string())?;
            if real != *told {
                return Err("it belongs to another access token (at_hash)".to_owned().into());
            }
        }
        if claims.subject().as_str().is_empty() || claims.subject().as_str().len() > 255 {
            return Err("its subject is empty or longer than 255 characters".to_owned().into());
        }
        Ok((payload, issuer))
    }
}
