//! A user connects an upstream: the redirect to its authorization server, the callback, and its
//! outcome (G2–G6, G21, G22).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_keys::ProvingKey;
use doorward_mcp::{Change, Changed};
use doorward_model::{
    Connection, HashedToken, PlainToken, TokenKind, UpstreamChange, UpstreamId, UpstreamName,
    UpstreamTrust, User, UserId, id::random_text, upstream::ConnectAttempt,
};
use doorward_store::StoreError;
use doorward_transport::Params;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use url::Url;

use super::{AsClient, Discovered, OAuthError, Tokens, clean, registration, service};
use crate::{
    Gateway,
    access::held::{self, Issued, StoredTokens},
    upstream::Upstream,
};

/// Seconds for which the callback of a user is awaited.
const AWAITED: i64 = 600;

/// The answer to a code: the tokens, and the user's account at the upstream, if it is named.
struct Redeemed {
    tokens: Tokens,
    account: Option<String>,
}

/// The user who is redirected, and the browser.
#[derive(Clone, Copy, Debug)]
pub struct ConnectingUser<'a> {
    /// The user.
    pub user: &'a User,
    /// The value of the browser's journey cookie, to which the way is bound.
    pub browser: &'a str,
    /// The administrator who connects, where the user is a service. The callback must be theirs.
    pub by: Option<&'a UserId>,
}

/// Reason for which a user is not connected.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// No such upstream, or not for this user.
    #[error("there is no such upstream")]
    Unknown,
    /// The upstream needs no connection.
    #[error("this upstream needs no connection")]
    NotNeeded,
    /// The callback was not awaited: too late, a second time, or by another user.
    #[error("the connection cannot be completed: {0}")]
    NotAwaited(&'static str),
    /// The upstream requires more than the page showed to the user.
    #[error("it requires more than was shown")]
    Grown,
    /// The user, or the upstream, refused.
    #[error("the upstream refused: {0}")]
    Denied(String),
    /// It did not work.
    #[error(transparent)]
    Failed(#[from] OAuthError),
}

impl From<StoreError> for ConnectError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A connection before it is made.
#[derive(Clone, Debug)]
pub struct PendingConnection {
    /// The host that they are sent to.
    pub host: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// Those among them that the upstream did not require when it was first seen, and that the user
    /// did not give before.
    pub new_scopes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    // The upstream that the user left for.
    id: String,
    issuer: String,
    iss_required: bool,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    verifier: String,
    resource: Option<String>,
    scopes: String,
    /// The administrator who connects a service.
    #[serde(default)]
    by: Option<String>,
    /// The key that the tokens are to be bound to.
    #[serde(default)]
    proving_key: Option<String>,
}

/// The callback of an authorization server, and its user.
struct AuthorizationCallback {
    user_id: doorward_model::UserId,
    browser: HashedToken,
    error: Option<String>,
    code: Option<String>,
    payload: Payload,
}

fn place(state: &HashedToken) -> String {
    format!("connect_attempt/{}", state.as_str())
}

/// The prompts of a request: those that the operator set, and consent where a refresh token takes a
/// scope (OpenID Connect Core section 11).
fn prompts(upstream: &Upstream, scopes: &str) -> String {
    let mut prompts: Vec<&str> =
        upstream.by_hand.params.prompts.iter().map(String::as_str).collect();
    if upstream.config.offline_prompt
        && scopes.split(' ').any(|scope| scope == "offline_access")
        && !prompts.contains(&"consent")
    {
        prompts.push("consent");
    }
    prompts.join(" ")
}

impl Gateway {
    async fn connectable(
        &self,
        name: UpstreamName,
        user: &User,
    ) -> Result<std::sync::Arc<Upstream>, ConnectError> {
        let upstream = self
            .upstream(name)
            .await?
            .filter(|upstream| upstream.is_for(user))
            .ok_or(ConnectError::Unknown)?;
        if upstream.needs_connection() { Ok(upstream) } else { Err(ConnectError::NotNeeded) }
    }

    /// A connection before it is made: the host of the redirect, and the requested scopes.
    pub async fn prospect(
        &self,
        name: UpstreamName,
        user: &User,
    ) -> Result<PendingConnection, ConnectError> {
        let upstream = self.connectable(name, user).await?;
        let (discovered, trust) = self.settled(&upstream).await?;
        let (scopes, new_scopes) = self.scopes(&upstream, &discovered, &trust, user).await?;
        let host = discovered.for_users()?.host_str().unwrap_or_default().to_owned();
        Ok(PendingConnection { host, scopes, new_scopes })
    }

    /// Finds the authorization server, and compares it with the pinned one.
    pub(crate) async fn settled(
        &self,
        upstream: &std::sync::Arc<Upstream>,
    ) -> Result<(Discovered, UpstreamTrust), OAuthError> {
        let discovered = self.discovered(upstream).await?;
        let trust = self.settle(upstream, &discovered).await?;
        Ok((discovered, trust))
    }

    /// The scopes to request: those that the upstream requires, those that it required in vain
    /// since, and those that were given before (G25). Then those among them that are new to this
    /// user.
    async fn scopes(
        &self,
        upstream: &Upstream,
        discovered: &Discovered,
        trust: &UpstreamTrust,
        user: &User,
    ) -> Result<(Vec<String>, Vec<String>), ConnectError> {
        let inner = &self.inner;
        let mut scopes = discovered.scopes_to_ask();
        let before = inner.connection(&user.id, upstream).await?;
        let before = before.map(|connection| connection.scopes).unwrap_or_default();
        if let Some(wanted) = inner.wanted.of(&user.id, upstream) {
            scopes.extend(
                before
                    .split(' ')
                    .chain(wanted.split(' '))
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned),
            );
        }
        let mut seen = HashSet::new();
        scopes.retain(|scope| scope.len() <= 256 && seen.insert(scope.clone()));
        let pinned = trust.server.iter().flat_map(|server| &server.scopes).map(String::as_str);
        let known: HashSet<&str> =
            pinned.chain(upstream.config.scopes.iter().map(String::as_str)).collect();
        let is_new = |scope: &&String| {
            !known.contains(scope.as_str()) && !before.split(' ').any(|word| word == *scope)
        };
        let new = scopes.iter().filter(is_new).cloned().collect();
        Ok((scopes, new))
    }

    /// Begins: returns the URL for the browser. Called only after the user agreed on a page of this
    /// server, which showed these scopes; no other new scopes are requested.
    pub async fn begin_connect(
        &self,
        name: UpstreamName,
        from: ConnectingUser<'_>,
        shown: &str,
    ) -> Result<Url, ConnectError> {
        let upstream = self.connectable(name, from.user).await?;
        let services = &self.inner.services;
        let (discovered, trust) = self.settled(&upstream).await?;
        let (scopes, new) = self.scopes(&upstream, &discovered, &trust, from.user).await?;
        if new.iter().any(|scope| !shown.split(' ').any(|word| word == scope)) {
            return Err(ConnectError::Grown);
        }
        let client = registration::client(&self.inner, &upstream, &discovered).await?;
        let scopes = scopes.join(" ");
        let state = PlainToken::random(TokenKind::UpstreamState, services.entropy.as_ref());
        let verifier = random_text(services.entropy.as_ref(), 32);
        let key = upstream.config.dpop.then(ProvingKey::generate).transpose();
        let key = key.map_err(|error| OAuthError::Misconfigured(error.to_string()))?;
        let thumbprint = key.as_ref().map(ProvingKey::thumbprint);
        let payload = Payload {
            id: trust.id.to_string(),
            issuer: discovered.server.issuer.clone(),
            iss_required: discovered.server.authorization_response_iss_parameter_supported,
            token_endpoint: discovered.token_endpoint.to_string(),
            revocation_endpoint: discovered.revocation_endpoint.as_ref().map(Url::to_string),
            verifier: verifier.clone(),
            resource: discovered.resource.clone(),
            scopes: scopes.clone(),
            by: from.by.map(ToString::to_string),
            proving_key: key.as_ref().map(ProvingKey::reveal),
        };
        let hashed = state.hashed();
        let attempt = ConnectAttempt {
            payload: services
                .master
                .seal(&place(&hashed), &serde_json::to_vec(&payload).unwrap_or_default()),
            state: hashed,
            upstream: name,
            user_id: from.user.id.clone(),
            browser: PlainToken::presented(from.browser).hashed(),
            expires_at: services.clock.now().plus(AWAITED),
        };
        services.store.apply(UpstreamChange::InsertAttempt(attempt)).await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let redirect_uri = self.inner.redirect_uri(&upstream);
        let prompts = prompts(&upstream, &scopes);
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", &client.client_id),
            ("redirect_uri", &redirect_uri),
            ("state", state.reveal()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let given = |text: &str| !text.is_empty();
        params.extend(Some(scopes.as_str()).filter(|text| given(text)).map(|text| ("scope", text)));
        params.extend(discovered.resource.as_deref().map(|resource| ("resource", resource)));
        // RFC 9449 §10: the code is bound to the key, too.
        params.extend(thumbprint.as_deref().map(|thumbprint| ("dpop_jkt", thumbprint)));
        params
            .extend(Some(prompts.as_str()).filter(|text| given(text)).map(|text| ("prompt", text)));
        let url = upstream.by_hand.params.request(discovered.for_users()?, &params);
        tracing::info!(upstream = %name, user = %from.user.id, issuer = %discovered.server.issuer, "a user was redirected to connect an upstream");
        Ok(url)
    }

    /// Handles the callback. The connection belongs to this user, or to the service that they
    /// connect, whatever the account at the upstream is called. Returns the account.
    pub async fn finish_connect(
        &self,
        name: UpstreamName,
        params: &Params,
        from: ConnectingUser<'_>,
    ) -> Result<UserId, ConnectError> {
        // An administrator connects services to upstreams that are not for themselves.
        let upstream = match self.connectable(name, from.user).await {
            Err(ConnectError::Unknown) if from.user.is_administrator() => {
                self.upstream(name).await?.ok_or(ConnectError::Unknown)?
            }
            found => found?,
        };
        let services = &self.inner.services;
        let state = PlainToken::presented(
            params.get("state").ok_or(ConnectError::NotAwaited("it has no state"))?,
        )
        .hashed();
        let attempt = services
            .store
            .connect_attempt(&state)
            .await?
            .ok_or(ConnectError::NotAwaited("its state is not known"))?;
        let plain = services
            .master
            .open(&place(&state), &attempt.payload)
            .map_err(|_| ConnectError::NotAwaited("it cannot be unsealed"))?;
        let payload: Payload = serde_json::from_slice(&plain)
            .map_err(|_| ConnectError::NotAwaited("it cannot be read"))?;
        let owner = self.owner(&attempt, payload.by.as_deref(), from.user).await?;
        self.connectable(name, &owner).await?;
        let trust = self.inner.trust_now(&upstream).await?;
        if trust.is_none_or(|trust| trust.id.as_str() != payload.id) {
            return Err(ConnectError::NotAwaited("the upstream was replaced in the meantime"));
        }
        // RFC 9207, G21: before anything else is done with the answer, errors included.
        match params.get("iss") {
            Some(told) if told != payload.issuer => {
                return Err(OAuthError::Untrusted(format!(
                    "the response is from {:?}, not from {:?}",
                    clean(told),
                    payload.issuer
                ))
                .into());
            }
            None if payload.iss_required => {
                return Err(OAuthError::Untrusted(
                    "the response does not state its issuer, which this server always does"
                        .to_owned(),
                )
                .into());
            }
            _ => {}
        }
        let arrival = AuthorizationCallback {
            user_id: owner.id.clone(),
            browser: PlainToken::presented(from.browser).hashed(),
            error: params.get("error").map(|error| {
                format!(
                    "{} {}",
                    clean(error),
                    clean(params.get("error_description").unwrap_or_default())
                )
            }),
            code: params.get("code").map(str::to_owned),
            payload,
        };
        // The code is spent once it is sent: the tokens are kept although the browser goes away
        // meanwhile.
        let gateway = self.clone();
        self.inner
            .oauth
            .take_up(async move { gateway.take_up(&upstream, state, arrival).await })
            .await?;
        Ok(owner.id.clone())
    }

    /// Redeems an attempt and its code, and stores the connection. Runs in a task of its own.
    async fn take_up(
        &self,
        upstream: &Upstream,
        state: HashedToken,
        arrival: AuthorizationCallback,
    ) -> Result<(), ConnectError> {
        let AuthorizationCallback { user_id, browser, error, code, payload } = arrival;
        let (services, name) = (&self.inner.services, upstream.name);
        let now = services.clock.now();
        let redeem = UpstreamChange::RedeemAttempt {
            state,
            upstream: name,
            user_id: user_id.clone(),
            browser,
            now,
        };
        match services.store.apply(redeem).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => {
                return Err(ConnectError::NotAwaited(
                    "it is too late, was already used, or began with another user or browser",
                ));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(error) = error {
            return Err(ConnectError::Denied(error));
        }
        let code = code.ok_or(ConnectError::NotAwaited("it has neither a code nor an error"))?;
        let redeemed = self.redeem(upstream, &payload, code).await?;
        self.keep(upstream, &user_id, payload, redeemed).await?;
        self.inner.wanted.forget(&user_id, upstream);
        tracing::info!(upstream = %name, user = %user_id, "a user connected an upstream");
        self.forget_user(name, &user_id);
        for what in [Changed::Tools, Changed::Prompts, Changed::Resources] {
            services.changes.tell(Change {
                upstream: Some(name),
                user: Some(user_id.clone()),
                what,
            });
        }
        Ok(())
    }

    /// Redeems a code: the tokens, and the account at the upstream as far as it is named.
    async fn redeem(
        &self,
        upstream: &Upstream,
        payload: &Payload,
        code: String,
    ) -> Result<Redeemed, ConnectError> {
        let client = registration::known(&self.inner, upstream, &payload.issuer).await?;
        let client = client.ok_or_else(|| {
            OAuthError::Misconfigured("the registration was deleted; start again".to_owned())
        })?;
        let endpoint = Url::parse(&payload.token_endpoint)
            .map_err(|error| OAuthError::Untrusted(error.to_string()))?;
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", self.inner.redirect_uri(upstream)),
            ("code_verifier", payload.verifier.clone()),
        ];
        if let Some(resource) = &payload.resource {
            form.push(("resource", resource.clone()));
        }
        let key = payload.proving_key.as_deref().and_then(ProvingKey::revealed);
        let (gateway, outbound) = (&*self.inner, &upstream.outbound);
        let asking = AsClient { gateway, outbound, credentials: &client, issuer: &payload.issuer };
        let tokens = match asking.tokens(&endpoint, form, key.as_ref()).await {
            Ok(tokens) => tokens,
            Err(none) => {
                if none.forgets_client() {
                    let forget = UpstreamChange::DeleteRegistration {
                        upstream: upstream.name,
                        issuer: payload.issuer.clone(),
                    };
                    self.inner.services.store.apply(forget).await?;
                }
                return Err(OAuthError::from(none).into());
            }
        };
        let account = tokens.account(&payload.issuer, &client.client_id);
        Ok(Redeemed { tokens, account })
    }

    /// Stores a connection, if the upstream is still the one that the user left for.
    async fn keep(
        &self,
        upstream: &Upstream,
        user_id: &UserId,
        payload: Payload,
        Redeemed { tokens, account }: Redeemed,
    ) -> Result<(), ConnectError> {
        let now = self.inner.services.clock.now();
        let issued = Issued {
            token_endpoint: payload.token_endpoint,
            revocation_endpoint: payload.revocation_endpoint,
            resource: payload.resource,
            proving_key: payload.proving_key,
        };
        let by = payload.by.map(UserId::from_text);
        let days = upstream.config.connection_days.clamp(1, 3660);
        let mut connection = Connection {
            user_id: user_id.clone(),
            upstream: upstream.name,
            issuer: payload.issuer,
            resource: Some(upstream.location.clone()),
            scopes: tokens.scope.clone().unwrap_or(payload.scopes),
            tokens: None,
            expires_at: tokens.expires_in.map(|seconds| now.plus(seconds)),
            ends_at: now.plus(if by.is_some() { service::LASTS } else { days * 86_400 }),
            created_at: now,
            version: 1,
            refreshing_until: None,
            problem: None,
            account,
        };
        connection.tokens =
            Some(held::seal(&self.inner, &connection, &StoredTokens::new(&tokens, issued)));
        let lost = connection.clone();
        let put = UpstreamChange::PutConnection {
            connection: Box::new(connection),
            id: UpstreamId::from_text(payload.id),
            by,
        };
        match self.inner.services.store.apply(put).await {
            Ok(()) => Ok(()),
            Err(StoreError::Refused(_)) => {
                self.inner.revoke_lost(upstream, lost).await?;
                Err(ConnectError::NotAwaited("the upstream was replaced in the meantime"))
            }
            Err(error) => Err(error.into()),
        }
    }
}
