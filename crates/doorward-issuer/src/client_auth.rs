//! Client authentication at the endpoints for clients (RFC 6749 §2.3, RFC 7523 §2.2).

use std::{borrow::Cow, sync::Arc};

use axum::http::{HeaderMap, header};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use doorward_keys::{AssertionRefusal, judge_unverified, verify_assertion};
use doorward_model::{
    Change, Client, ClientAuthMethod, ClientId, ConnectStep, OAuthErrorCode, PlainToken, Reason,
    ResourceId, StepKind, Timestamp, routes,
};
use doorward_store::StoreError;
use doorward_transport::{ClientAddress, Params};

use crate::{
    Failure, Issuer, assertion,
    client_keys::{KeySet, Needed},
    grants,
};

/// A client that proved itself as far as its registration demands.
#[derive(Clone, Debug)]
pub(crate) struct AuthenticatedClient {
    pub(crate) client: Arc<Client>,
}

/// A refusal of a request of a client. `basic` says that the client tried HTTP Basic in vain, which
/// the answer must then name (RFC 6749 §5.2).
#[derive(Debug)]
pub(crate) struct RequestFailure {
    pub(crate) failure: Failure,
    pub(crate) basic: bool,
}

impl From<Failure> for RequestFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, basic: false }
    }
}

/// The endpoints at which clients authenticate. The timeline names the one that refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token,
    DeviceAuthorization,
    PushedRequest,
    Revocation,
    Introspection,
    Session,
}

impl Endpoint {
    /// The step that a request to this endpoint is.
    fn step(self, params: &Params) -> StepKind {
        match self {
            Self::Token => grants::named(params).map_or(StepKind::Token, grants::Grant::step),
            Self::DeviceAuthorization => StepKind::Device,
            Self::PushedRequest => StepKind::Pushed,
            Self::Revocation => StepKind::Revoke,
            Self::Introspection => StepKind::Introspect,
            Self::Session => StepKind::Exchange,
        }
    }
}

/// The credentials of a request, by the method that it uses (RFC 7591 §2
/// `token_endpoint_auth_method`).
enum Credential {
    None,
    Basic(PlainToken),
    Post(PlainToken),
    Assertion(String),
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn invalid(why: &str) -> Failure {
    Failure::new(OAuthErrorCode::InvalidClient, why)
}

/// Reads HTTP Basic credentials. Each half is form-encoded (RFC 6749 §2.3.1); ids and secrets of
/// this server are the same in both forms.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if values.next().is_some() || !scheme.eq_ignore_ascii_case("basic") {
        return Err(invalid(
            "the Authorization header must contain Basic credentials or be absent",
        ));
    }
    let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((id, secret)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
        return Err(invalid("the Basic credentials are malformed"));
    };
    let plain = |half: &str| {
        Params::parse(format!("v={half}").as_bytes())
            .ok()
            .and_then(|params| params.get("v").map(str::to_owned))
            .unwrap_or_else(|| half.to_owned())
    };
    Ok(Some((plain(id), plain(secret))))
}

/// The client that an assertion claims to be from. Believed only once its signature is verified
/// with that client's key.
fn claimed_subject(assertion: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<serde_json::Value>(&payload)
        .ok()?
        .get("sub")?
        .as_str()
        .map(str::to_owned)
}

fn credentials(headers: &HeaderMap, params: &Params) -> Result<(ClientId, Credential), Failure> {
    let named = params.get("client_id");
    let basic = basic(headers)?;
    let several = [
        basic.is_some(),
        params.get("client_secret").is_some(),
        params.get("client_assertion").is_some(),
    ]
    .into_iter()
    .filter(|present| *present)
    .count()
        > 1;
    if several {
        return Err(Failure::new(
            OAuthErrorCode::InvalidRequest,
            "more than one method of client authentication",
        ));
    }
    let (id, credential) = if let Some((id, secret)) = basic {
        let credential = if secret.is_empty() {
            Credential::None
        } else {
            Credential::Basic(PlainToken::presented(&secret))
        };
        (id, credential)
    } else if let Some(assertion) = params.get("client_assertion") {
        if params.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(invalid(
                "client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ));
        }
        (
            claimed_subject(assertion).ok_or_else(|| invalid("client_assertion is malformed"))?,
            Credential::Assertion(assertion.to_owned()),
        )
    } else {
        let id = named
            .ok_or_else(|| {
                invalid("the client is not identified: send client_id or Basic credentials")
            })?
            .to_owned();
        (
            id,
            params
                .get("client_secret")
                .map_or(Credential::None, |secret| Credential::Post(PlainToken::presented(secret))),
        )
    };
    if named.is_some_and(|named| named != id) {
        return Err(Failure::new(
            OAuthErrorCode::InvalidRequest,
            "client_id and the client's credentials identify different clients",
        ));
    }
    Ok((ClientId::from_text(id), credential))
}

/// The external resource server that a request names, with the secret that it presents; `None` for
/// a request of a client. The identifiers of the two differ in form.
pub(crate) fn of_resource(
    headers: &HeaderMap,
    params: &Params,
) -> Result<Option<(ResourceId, PlainToken)>, Failure> {
    let (id, credential) = credentials(headers, params)?;
    let Some(id) = ResourceId::parse(id.as_str()) else { return Ok(None) };
    Ok(match credential {
        Credential::Basic(secret) | Credential::Post(secret) => Some((id, secret)),
        Credential::None | Credential::Assertion(_) => None,
    })
}

/// The client that a request names, before it is looked up or authenticated.
pub(crate) fn claimed<'a>(headers: &HeaderMap, params: &'a Params) -> Option<Cow<'a, str>> {
    let named = params.get("client_id").map(Cow::Borrowed);
    let by_assertion = || params.get("client_assertion").and_then(claimed_subject).map(Cow::Owned);
    named
        .or_else(|| basic(headers).ok().flatten().map(|(id, _)| Cow::Owned(id)))
        .or_else(by_assertion)
}

impl Issuer {
    /// Finds out which client sends a request, and makes sure of it.
    pub(crate) async fn authenticate(
        &self,
        endpoint: Endpoint,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<AuthenticatedClient, RequestFailure> {
        let basic = headers.contains_key(header::AUTHORIZATION);
        // A workload's token names its client by the trust rule that it fits.
        let workload = (endpoint == Endpoint::Token).then(|| assertion::alone(headers, params));
        let done = match workload.flatten() {
            Some(token) => self
                .client_of_assertion(token, address)
                .await
                .map(|client| AuthenticatedClient { client }),
            None => self.authenticate_inner(headers, params, address).await,
        };
        done.map_err(|failure| {
            let step = ConnectStep::new(endpoint.step(params))
                .refused(failure.reason)
                .detail(failure.detail.as_str());
            let named = credentials(headers, params)
                .ok()
                .map(|(id, _)| id.as_str().chars().take(512).collect::<String>());
            if !failure.is_noted() {
                self.services
                    .store
                    .note_step(named.into_iter().fold(step, |step, id| step.client(id, None)));
            }
            RequestFailure { failure, basic }
        })
    }

    async fn authenticate_inner(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<AuthenticatedClient, Failure> {
        let (id, credential) = credentials(headers, params)?;
        let client = self.ports.clients.find(&id, address).await?;
        match (client.auth_method, credential) {
            (ClientAuthMethod::None, Credential::None) => {}
            // Only the registered method counts: a secret that a client keeps out of bodies, where
            // logs and frameworks see it, stays out.
            (ClientAuthMethod::ClientSecretBasic, Credential::Basic(presented))
            | (ClientAuthMethod::ClientSecretPost, Credential::Post(presented)) => {
                if !client.secret.as_ref().is_some_and(|stored| stored.matches(&presented)) {
                    return Err(invalid("the client's secret is wrong"));
                }
            }
            (ClientAuthMethod::PrivateKeyJwt, Credential::Assertion(assertion)) => {
                self.check_assertion(&client, &assertion).await?;
            }
            (method, _) => {
                return Err(invalid(&format!(
                    "this client registered {} and must authenticate with it",
                    method.as_str()
                )));
            }
        }
        Ok(AuthenticatedClient { client })
    }

    async fn check_assertion(&self, client: &Client, assertion: &str) -> Result<(), Failure> {
        let now = self.services.clock.now();
        // A client that addresses `localhost` by its IP address states that IP address.
        let own: Vec<String> = std::iter::once(self.settings.public_url.clone())
            .chain(self.settings.public_url.numbers())
            .flat_map(|url| {
                // RFC 9126 §2 accepts the URL of its endpoint too.
                [url.as_str().to_owned(), url.at(routes::TOKEN), url.at(routes::PUSHED_REQUEST)]
            })
            .collect();
        let audiences: Vec<&str> = own.iter().map(String::as_str).collect();
        let refused = |refusal: AssertionRefusal| {
            tracing::info!(client = %client.id, %refusal, "client assertion refused");
            let reason =
                if refusal == AssertionRefusal::Time { Reason::Clock } else { Reason::ClientAuth };
            invalid("the client's assertion is not accepted").because(reason)
        };
        let id = client.id.as_str();
        judge_unverified(assertion, id, &audiences, now).map_err(refused)?;
        let keys = self.keys_of(client, Needed::Kept).await?;
        let verify = |keys: &KeySet| verify_assertion(assertion, &keys.set, id, &audiences, now);
        let claims = match verify(&keys) {
            // The client may have published another key meanwhile.
            Err(AssertionRefusal::UnknownKey | AssertionRefusal::Invalid) if keys.is_kept => {
                verify(&self.keys_of(client, Needed::Newer).await?)
            }
            verified => verified,
        };
        let claims = claims.map_err(refused)?;
        let remember = Change::SpendValue {
            // With the length, so that no identifier with a colon is read as another one.
            key: format!("assertion:{}:{id}:{}", id.len(), claims.jti),
            expires_at: Timestamp(claims.exp).plus(60),
        };
        match self.services.store.apply(remember).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => Err(invalid("the client's assertion was already used")),
            Err(error) => Err(error.into()),
        }
    }
}
