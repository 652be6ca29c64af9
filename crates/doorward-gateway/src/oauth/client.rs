//! This server as a client of an authorization server: the proof of its identity, and its requests
//! for tokens.

use doorward_keys::{ClientAssertion, ClientKey, ProvingKey};
use doorward_model::id::random_text;
use doorward_transport::{
    Outbound,
    oauth::{self, Answer, ErrorSubject, Failure, Lifetime, TokenType},
    outbound::Fetched,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{MAX_DOCUMENT, Method, OAuthError, Tokens};
use crate::{Inner, access::ProvenRequest, upstream::Upstream};

/// The type of an assertion that authenticates a client (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A form for an endpoint of an authorization server.
pub(crate) type Form = Vec<(&'static str, String)>;

/// The endpoint of a request for tokens, and the issuer of its server; empty where the endpoint alone
/// is known.
pub(crate) struct TokenEndpoint<'a> {
    pub(crate) url: &'a Url,
    pub(crate) issuer: &'a str,
}

/// The audience of the assertions of this server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AssertionAudience {
    /// The issuer, whose own document named the endpoint.
    #[default]
    Issuer,
    /// The endpoint that receives it: the endpoint, or the document that names it, was set by hand,
    /// and an assertion for the issuer could be used elsewhere by the server there.
    Endpoint,
    /// As the operator set it.
    Named(String),
}

impl AssertionAudience {
    /// The audience at an upstream's authorization server.
    pub(crate) fn of(upstream: &Upstream) -> Self {
        let (named, set) = (&upstream.config.assertion_audience, &upstream.by_hand);
        if !named.is_empty() {
            return Self::Named(named.clone());
        }
        if set.document.is_some() || set.token.is_some() { Self::Endpoint } else { Self::Issuer }
    }

    /// The audience of an assertion to this endpoint of the issuer.
    pub(crate) fn at<'a>(&'a self, endpoint: &'a Url, issuer: &'a str) -> &'a str {
        match self {
            Self::Issuer if !issuer.is_empty() => issuer,
            Self::Issuer | Self::Endpoint => endpoint.as_str(),
            Self::Named(audience) => audience,
        }
    }
}

/// The key of `private_key_jwt`, in the form in which it is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AssertionKey {
    pem: String,
    id: Option<String>,
    audience: AssertionAudience,
}

impl std::fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AssertionKey({:?}, …)", self.id)
    }
}

/// This server's credentials at an authorization server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClientCredentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    #[serde(default)]
    pub(crate) key: Option<AssertionKey>,
    pub(crate) method: Method,
}

impl ClientCredentials {
    /// The configured credentials.
    pub(crate) fn configured(upstream: &Upstream) -> Self {
        let config = &upstream.config;
        let secret =
            (!config.client_secret.is_empty()).then(|| config.client_secret.reveal().to_owned());
        let key = (!config.private_key.is_empty()).then(|| AssertionKey {
            pem: config.private_key.reveal().to_owned(),
            id: Some(config.private_key_id.clone()).filter(|id| !id.is_empty()),
            audience: AssertionAudience::of(upstream),
        });
        let usual = match (&key, &secret) {
            (Some(_), _) => Method::PrivateKeyJwt,
            (None, Some(_)) => Method::ClientSecretBasic,
            (None, None) => Method::None,
        };
        let method = upstream.by_hand.method.unwrap_or(usual);
        Self { client_id: config.client_id.clone(), client_secret: secret, key, method }
    }

    /// The credentials of a client without a secret and a key.
    pub(crate) fn public(client_id: String) -> Self {
        Self { client_id, client_secret: None, key: None, method: Method::None }
    }

    /// The same without secrets, as the operator's choice of them is kept.
    pub(crate) fn without_secrets(&self) -> Self {
        Self { method: self.method, ..Self::public(self.client_id.clone()) }
    }

    /// The same with a method that the server takes.
    pub(crate) fn fitting(mut self, supported: Option<&[String]>) -> Self {
        let Some(supported) = supported else { return self };
        let takes = |name: &str| supported.iter().any(|method| method == name);
        if self.client_secret.is_some() {
            self.method = match self.method {
                Method::ClientSecretPost if takes("client_secret_post") => Method::ClientSecretPost,
                _ if takes("client_secret_basic") => Method::ClientSecretBasic,
                _ if takes("client_secret_post") => Method::ClientSecretPost,
                method => method,
            };
        }
        self
    }
}

/// The key of a setting.
pub(crate) fn client_key(pem: &str, id: Option<&str>) -> Result<ClientKey, String> {
    ClientKey::from_pem(doorward_keys::unfolded_pem(pem).as_bytes(), id.map(str::to_owned))
        .map_err(|error| error.to_string())
}

fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A response of a token endpoint without usable tokens, or no response.
#[derive(Debug)]
pub(crate) struct NoTokens {
    /// Its meaning, by the rules that hold for identity providers too.
    pub(crate) failure: Failure,
    /// Its status.
    status: Option<u16>,
    /// The refresh token in it: the previous one may no longer be valid.
    pub(crate) rotated: Option<String>,
}

impl From<Failure> for NoTokens {
    fn from(failure: Failure) -> Self {
        Self { failure, status: None, rotated: None }
    }
}

impl NoTokens {
    /// Reports that the server refuses this client, or this secret.
    pub(crate) fn forgets_client(&self) -> bool {
        match &self.failure {
            // 401 says so without a body (RFC 6749 section 5.2).
            Failure::Client(told) => {
                told.complaint() == ErrorSubject::Client
                    || (told.code.is_empty() && told.status == 401)
            }
            Failure::Refused(_)
            | Failure::Wait { .. }
            | Failure::Silent(_)
            | Failure::Nonsense(_) => false,
        }
    }

    /// Reports a refusal by the status alone, without a message of an authorization server.
    pub(crate) fn refuses_by_status(&self) -> bool {
        matches!(self.status, Some(400 | 401 | 403))
    }

    /// Reports that the endpoint may have moved: its URL is not known to the server, or leads
    /// elsewhere.
    pub(crate) fn may_have_moved(&self) -> bool {
        matches!(self.failure, Failure::Nonsense(_))
            && matches!(self.status, Some(300..=399 | 404 | 405 | 410))
    }
}

impl From<NoTokens> for OAuthError {
    fn from(none: NoTokens) -> Self {
        match none.failure {
            Failure::Refused(told) | Failure::Client(told) => {
                let code =
                    if told.code.is_empty() { format!("HTTP {}", told.status) } else { told.code };
                Self::Refused(code, told.description)
            }
            Failure::Nonsense(why) if none.status.is_some() => {
                Self::Untrusted(format!("it returned {why}"))
            }
            Failure::Nonsense(why) | Failure::Silent(why) => Self::Unreachable(why),
            wait @ Failure::Wait { .. } => Self::Unreachable(wait.to_string()),
        }
    }
}

/// This server as one client at one authorization server.
pub(crate) struct AsClient<'a> {
    pub(crate) gateway: &'a Inner,
    pub(crate) outbound: &'a Outbound,
    pub(crate) credentials: &'a ClientCredentials,
    /// The issuer, empty where the endpoint alone is known.
    pub(crate) issuer: &'a str,
}

impl AsClient<'_> {
    /// A form for an endpoint, with this client's authentication (RFC 6749 §2.3.1).
    pub(crate) fn request(
        &self,
        endpoint: &Url,
        mut form: Form,
    ) -> Result<http::Request<Vec<u8>>, OAuthError> {
        let client = self.credentials;
        let mut request = http::Request::post(endpoint.as_str())
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match (client.method, &client.client_secret) {
            (Method::ClientSecretBasic, Some(secret)) => {
                request =
                    request.header(http::header::AUTHORIZATION, basic(&client.client_id, secret)?);
                // Needed nowhere, forbidden nowhere, and missed by some servers (FastMCP).
                form.push(("client_id", client.client_id.clone()));
            }
            (Method::ClientSecretPost, Some(secret)) => {
                form.push(("client_id", client.client_id.clone()));
                form.push(("client_secret", secret.clone()));
            }
            (Method::PrivateKeyJwt, _) => {
                form.push(("client_id", client.client_id.clone()));
                form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
                form.push(("client_assertion", self.assertion(endpoint)?));
            }
            // A workload may be none of the clients of the server: its token names it.
            _ if client.client_id.is_empty() => {}
            _ => form.push(("client_id", client.client_id.clone())),
        }
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form.iter().map(|(name, value)| (*name, value.as_str())))
            .finish();
        request
            .body(body.into_bytes())
            .map_err(|_| OAuthError::Untrusted(format!("{endpoint} is not a URL to post to")))
    }

    /// An assertion of this client, for this server alone.
    fn assertion(&self, endpoint: &Url) -> Result<String, OAuthError> {
        let wrong = |why: String| OAuthError::Misconfigured(format!("private_key_jwt: {why}"));
        let services = &self.gateway.services;
        let key = self.credentials.key.as_ref();
        let key = key.ok_or_else(|| wrong("there is no private_key any more".to_owned()))?;
        let assertion = ClientAssertion {
            client_id: &self.credentials.client_id,
            audience: key.audience.at(endpoint, self.issuer),
            id: &random_text(services.entropy.as_ref(), 16),
            now: services.clock.now(),
        };
        let signing = client_key(&key.pem, key.id.as_deref()).map_err(wrong)?;
        assertion.signed_by(&signing).map_err(|error| wrong(error.to_string()))
    }

    /// Posts a form to a token endpoint. With a key, the access token is bound to it (RFC 9449 §5).
    pub(crate) async fn tokens(
        &self,
        endpoint: &Url,
        form: Form,
        key: Option<&ProvingKey>,
    ) -> Result<Tokens, NoTokens> {
        let mut answer = self.posted(endpoint, form.clone(), key).await?;
        if key.is_some()
            && self.gateway.nonces.note(endpoint, &answer.headers)
            && wants_nonce(&answer)
        {
            answer = self.posted(endpoint, form, key).await?;
            self.gateway.nonces.note(endpoint, &answer.headers);
        }
        let status = Some(answer.status);
        let wanted = if key.is_some() { TokenType::Dpop } else { TokenType::Bearer };
        let tokens = Answer::of(&answer, None).tokens_of(wanted).map_err(|failed| NoTokens {
            failure: failed.failure,
            status,
            rotated: failed.refresh_token,
        })?;
        for left in &tokens.left_out {
            tracing::info!(%endpoint, %left, "a member of a token response was left out");
        }
        let rotated = tokens.refresh_token.clone();
        usable(tokens).map_err(|failure| NoTokens { failure, status, rotated })
    }

    async fn posted(
        &self,
        endpoint: &Url,
        form: Form,
        key: Option<&ProvingKey>,
    ) -> Result<Fetched, NoTokens> {
        let failed = |why: String| NoTokens::from(Failure::Silent(why));
        let mut request =
            self.request(endpoint, form).map_err(|error| failed(error.to_string()))?;
        let Some(key) = key else {
            let sent = self.outbound.send_along(request, MAX_DOCUMENT).await;
            return sent.map_err(|error| Failure::from(error).into());
        };
        let proven = ProvenRequest { method: "POST", url: endpoint, token: None };
        let proof = self.gateway.proof(key, proven).map_err(failed)?;
        request.headers_mut().insert("dpop", proof);
        // A proof is for one URL: a redirect is an answer.
        let sent = self.outbound.send(request, MAX_DOCUMENT).await;
        sent.map_err(|error| Failure::from(error).into())
    }
}

/// Reports a refusal for want of a nonce in the proof (RFC 9449 §8).
fn wants_nonce(answer: &Fetched) -> bool {
    matches!(answer.status, 400 | 401)
        && Answer::of(answer, None).told().is_some_and(|told| told.code == "use_dpop_nonce")
}

/// The header of `client_secret_basic`.
fn basic(client_id: &str, secret: &str) -> Result<http::HeaderValue, OAuthError> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    // RFC 6749 §2.3.1: form-encoded before they are joined.
    let text =
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))));
    let mut value = http::HeaderValue::try_from(text)
        .map_err(|_| OAuthError::Misconfigured("the client secret cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Tokens of which one opens the upstream.
fn usable(tokens: oauth::Tokens) -> Result<Tokens, Failure> {
    let missing = || Failure::Nonsense("a response without an access token".to_owned());
    Ok(Tokens {
        access_token: tokens.access_token.ok_or_else(missing)?,
        refresh_token: tokens.refresh_token,
        expires_in: match tokens.lifetime {
            Lifetime::Seconds(seconds) => Some(seconds),
            // It is used until the upstream refuses it.
            Lifetime::Unstated | Lifetime::Unreadable => None,
        },
        scope: tokens.scope,
        id_token: tokens.id_token,
    })
}
