//! A person connects an upstream: away to its authorization server, back, and what came of it
//! (G2–G6, G21, G22).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_mcp::{Change, Changed};
use doorward_model::{
    Connection, HashedToken, Person, PlainToken, TokenKind, UpstreamChange, UpstreamName,
    id::random_text, upstream::ConnectAttempt,
};
use doorward_store::StoreError;
use doorward_transport::Params;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::PoisonError;
use url::Url;

use super::{Discovered, OAuthError, clean, discover, registration, token_request};
use crate::{Gateway, access, upstream::Upstream};

/// For how many seconds a person may stay away.
const AWAITED: i64 = 600;

/// Who leaves, and from which browser.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    /// The person.
    pub person: &'a Person,
    /// The value of the browser's journey cookie, to which the way is bound.
    pub browser: &'a str,
}

/// Why a person is not connected.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// No such upstream, or not for this person.
    #[error("there is no such upstream")]
    Unknown,
    /// The upstream needs no connection.
    #[error("this upstream needs no connection")]
    NotNeeded,
    /// What came back was not awaited: too late, twice, or for somebody else.
    #[error("it was not awaited: {0}")]
    NotAwaited(&'static str),
    /// The person, or the upstream, said no.
    #[error("the upstream said no: {0}")]
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

#[derive(Serialize, Deserialize)]
struct Payload {
    issuer: String,
    iss_required: bool,
    token_endpoint: String,
    verifier: String,
    resource: Option<String>,
    scopes: String,
}

/// What came back from an authorization server, and with whom.
struct Arrival {
    user_id: doorward_model::UserId,
    browser: HashedToken,
    error: Option<String>,
    code: Option<String>,
    payload: Payload,
}

fn place(state: &HashedToken) -> String {
    format!("connect_attempt/{}", state.as_str())
}

impl Gateway {
    async fn connectable(
        &self,
        name: UpstreamName,
        person: &Person,
    ) -> Result<std::sync::Arc<Upstream>, ConnectError> {
        let upstream = self
            .upstream(name)
            .await?
            .filter(|upstream| upstream.is_for(person))
            .ok_or(ConnectError::Unknown)?;
        if upstream.needs_connection() { Ok(upstream) } else { Err(ConnectError::NotNeeded) }
    }

    /// What a person is about to connect to: the host that they are sent to, and the scopes that
    /// are asked for.
    pub async fn prospect(
        &self,
        name: UpstreamName,
        person: &Person,
    ) -> Result<(String, Vec<String>), ConnectError> {
        let upstream = self.connectable(name, person).await?;
        let discovered = self.discovered(&upstream).await?;
        let scopes = self.scopes(&upstream, &discovered, person).await?;
        Ok((discovered.authorization_endpoint.host_str().unwrap_or_default().to_owned(), scopes))
    }

    /// Finds out where access is given; asks the upstream for its challenge first, if it never sent
    /// one.
    async fn discovered(
        &self,
        upstream: &std::sync::Arc<Upstream>,
    ) -> Result<Discovered, OAuthError> {
        let mut said = upstream.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if said.is_none()
            && let Some(url) = &upstream.url
            && upstream.config.issuer.is_empty()
        {
            said = self.provoke(upstream, url).await;
        }
        discover(upstream, said.as_deref()).await
    }

    /// Sends requests without a token to learn how the upstream wants to be asked: as a client of
    /// the stateless revisions, and as an older one. Some let the handshake pass and ask only at
    /// the first request after it.
    async fn provoke(&self, upstream: &Upstream, url: &Url) -> Option<String> {
        let about = serde_json::json!({"name": "doorward", "version": env!("CARGO_PKG_VERSION")});
        let meta = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": about,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let initialize = serde_json::json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about});
        for (method, version, params) in [
            ("server/discover", "2026-07-28", serde_json::json!({"_meta": meta})),
            ("initialize", "2025-11-25", initialize),
            ("tools/list", "2025-11-25", serde_json::json!({})),
        ] {
            let body =
                serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            let request = http::Request::post(url.as_str())
                .header(http::header::ACCEPT, "application/json, text/event-stream")
                .header(http::header::CONTENT_TYPE, "application/json")
                .header("mcp-protocol-version", version)
                .header("mcp-method", method)
                .body(body.to_string().into_bytes())
                .ok()?;
            let answer = upstream.outbound.send(request, super::MAX_DOCUMENT).await.ok()?;
            if let Some(said) = answer
                .headers
                .get(http::header::WWW_AUTHENTICATE)
                .and_then(|value| value.to_str().ok())
            {
                *upstream.challenge.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(said.to_owned());
                return Some(said.to_owned());
            }
        }
        None
    }

    /// The scopes to ask for: what the upstream wants, and with it what it wanted in vain since,
    /// and what was given before (G25).
    async fn scopes(
        &self,
        upstream: &Upstream,
        discovered: &Discovered,
        person: &Person,
    ) -> Result<Vec<String>, ConnectError> {
        let inner = &self.inner;
        let mut scopes = discovered.scopes.clone();
        let key = (person.id.clone(), upstream.name);
        let wanted =
            inner.wanted_scopes.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(wanted) = wanted {
            let before = inner
                .parts
                .store
                .connection(&person.id, upstream.name)
                .await?
                .map(|connection| connection.scopes)
                .unwrap_or_default();
            scopes.extend(
                before
                    .split(' ')
                    .chain(wanted.split(' '))
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned),
            );
        }
        // SEP-2207: a refresh token, where it takes a scope to get one.
        let offline = discovered
            .server
            .scopes_supported
            .as_ref()
            .is_some_and(|supported| supported.iter().any(|scope| scope == "offline_access"));
        if offline && !scopes.is_empty() {
            scopes.push("offline_access".to_owned());
        }
        let mut seen = std::collections::HashSet::new();
        scopes.retain(|scope| scope.len() <= 256 && seen.insert(scope.clone()));
        Ok(scopes)
    }

    /// Begins: answers where to send the browser. Called only after the person agreed on a page of
    /// ours.
    pub async fn begin_connect(
        &self,
        name: UpstreamName,
        from: Departure<'_>,
    ) -> Result<Url, ConnectError> {
        let upstream = self.connectable(name, from.person).await?;
        let parts = &self.inner.parts;
        let discovered = self.discovered(&upstream).await?;
        let client = registration::client(&self.inner, &upstream, &discovered).await?;
        let scopes = self.scopes(&upstream, &discovered, from.person).await?.join(" ");
        let state = PlainToken::random(TokenKind::UpstreamState, parts.entropy.as_ref());
        let verifier = random_text(parts.entropy.as_ref(), 32);
        let payload = Payload {
            issuer: discovered.server.issuer.clone(),
            iss_required: discovered.server.authorization_response_iss_parameter_supported,
            token_endpoint: discovered.token_endpoint.to_string(),
            verifier: verifier.clone(),
            resource: discovered.resource.clone(),
            scopes: scopes.clone(),
        };
        let hashed = state.hashed();
        let attempt = ConnectAttempt {
            payload: parts
                .master
                .seal(&place(&hashed), &serde_json::to_vec(&payload).unwrap_or_default()),
            state: hashed,
            upstream: name,
            user_id: from.person.id.clone(),
            browser: PlainToken::presented(from.browser).hashed(),
            expires_at: parts.clock.now().plus(AWAITED),
        };
        parts.store.apply(UpstreamChange::InsertAttempt(attempt)).await?;
        let mut url = discovered.authorization_endpoint.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("response_type", "code");
            query.append_pair("client_id", &client.client_id);
            query.append_pair("redirect_uri", &self.inner.redirect_uri(&upstream));
            query.append_pair("state", state.reveal());
            query.append_pair(
                "code_challenge",
                &URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
            );
            query.append_pair("code_challenge_method", "S256");
            if !scopes.is_empty() {
                query.append_pair("scope", &scopes);
            }
            if let Some(resource) = &discovered.resource {
                query.append_pair("resource", resource);
            }
            if scopes.split(' ').any(|scope| scope == "offline_access") {
                query.append_pair("prompt", "consent");
            }
        }
        tracing::info!(upstream = %name, person = %from.person.id, issuer = %discovered.server.issuer, "a person goes to connect an upstream");
        Ok(url)
    }

    /// Takes up a person who came back. The connection is theirs, whatever name an account has
    /// there.
    pub async fn finish_connect(
        &self,
        name: UpstreamName,
        params: &Params,
        from: Departure<'_>,
    ) -> Result<(), ConnectError> {
        let upstream = self.connectable(name, from.person).await?;
        let parts = &self.inner.parts;
        let state = PlainToken::presented(
            params.get("state").ok_or(ConnectError::NotAwaited("it names no state"))?,
        )
        .hashed();
        let attempt = parts
            .store
            .connect_attempt(&state)
            .await?
            .ok_or(ConnectError::NotAwaited("its state is not known"))?;
        let plain = parts
            .master
            .open(&place(&state), &attempt.payload)
            .map_err(|_| ConnectError::NotAwaited("it does not open"))?;
        let payload: Payload = serde_json::from_slice(&plain)
            .map_err(|_| ConnectError::NotAwaited("it cannot be read"))?;
        // RFC 9207, G21: before anything else is done with the answer, errors included.
        match params.get("iss") {
            Some(told) if told != payload.issuer => {
                return Err(OAuthError::Untrusted(format!(
                    "the answer is from {:?}, not from {:?}",
                    clean(told),
                    payload.issuer
                ))
                .into());
            }
            None if payload.iss_required => {
                return Err(OAuthError::Untrusted(
                    "the answer does not say its issuer, which this server always does".to_owned(),
                )
                .into());
            }
            _ => {}
        }
        let arrival = Arrival {
            user_id: from.person.id.clone(),
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
        // The code is spent once it is sent: what comes for it is kept although the browser goes
        // away meanwhile.
        let gateway = self.clone();
        self.inner
            .oauth
            .take_up(async move { gateway.take_up(&upstream, state, arrival).await })
            .await
    }

    /// Redeems an attempt and its code, and stores the connection. Runs in a task of its own.
    async fn take_up(
        &self,
        upstream: &Upstream,
        state: HashedToken,
        arrival: Arrival,
    ) -> Result<(), ConnectError> {
        let Arrival { user_id, browser, error, code, payload } = arrival;
        let (parts, name) = (&self.inner.parts, upstream.name);
        let now = parts.clock.now();
        let redeem = UpstreamChange::RedeemAttempt {
            state,
            upstream: name,
            user_id: user_id.clone(),
            browser,
            now,
        };
        match parts.store.apply(redeem).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => {
                return Err(ConnectError::NotAwaited(
                    "it is too late, came back twice, or began with another person or browser",
                ));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(error) = error {
            return Err(ConnectError::Denied(error));
        }
        let code = code.ok_or(ConnectError::NotAwaited("it holds neither a code nor an error"))?;
        let client = registration::known(&self.inner, upstream, &payload.issuer).await?;
        let client = client.ok_or_else(|| {
            OAuthError::Misconfigured("the registration is gone; begin again".to_owned())
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
        let tokens = match token_request(&upstream.outbound, &endpoint, &client, form).await {
            Ok(tokens) => tokens,
            Err(OAuthError::Refused(error, description)) => {
                if matches!(error.as_str(), "invalid_client" | "unauthorized_client") {
                    let forget = UpstreamChange::DeleteRegistration {
                        upstream: name,
                        issuer: payload.issuer.clone(),
                    };
                    parts.store.apply(forget).await?;
                }
                return Err(OAuthError::Refused(error, description).into());
            }
            Err(error) => return Err(error.into()),
        };
        let account = tokens.account(&payload.issuer, &client.client_id);
        let held = access::Held {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            token_endpoint: payload.token_endpoint,
            resource: payload.resource,
        };
        let sealed = parts.master.seal(
            &access::place_of(&user_id, name, &payload.issuer),
            &serde_json::to_vec(&held).unwrap_or_default(),
        );
        let connection = Connection {
            user_id: user_id.clone(),
            upstream: name,
            issuer: payload.issuer,
            scopes: tokens.scope.unwrap_or(payload.scopes),
            tokens: Some(sealed),
            expires_at: tokens.expires_in.map(|seconds| now.plus(seconds)),
            ends_at: now.plus(upstream.config.connection_days.clamp(1, 3660) * 86_400),
            created_at: now,
            version: 1,
            refreshing_until: None,
            problem: None,
            account,
        };
        parts.store.apply(UpstreamChange::PutConnection(Box::new(connection))).await?;
        self.inner
            .wanted_scopes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(user_id.clone(), name));
        tracing::info!(upstream = %name, person = %user_id, "a person connected an upstream");
        self.forget_person(name, &user_id);
        for what in [Changed::Tools, Changed::Prompts, Changed::Resources] {
            parts.changes.tell(Change {
                upstream: Some(name),
                person: Some(user_id.clone()),
                what,
            });
        }
        Ok(())
    }

    /// Ends a person's connection.
    pub async fn disconnect(&self, name: UpstreamName, person: &Person) -> Result<(), StoreError> {
        let parts = &self.inner.parts;
        parts
            .store
            .apply(UpstreamChange::DeleteConnection { user_id: person.id.clone(), upstream: name })
            .await?;
        tracing::info!(upstream = %name, person = %person.id, "a person disconnected an upstream");
        self.forget_person(name, &person.id);
        parts.changes.tell(Change {
            upstream: Some(name),
            person: Some(person.id.clone()),
            what: Changed::Tools,
        });
        Ok(())
    }
}
