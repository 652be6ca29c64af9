//! With whose rights an upstream is called: the token of each request, made, fetched or refreshed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use doorward_model::{Connection, Person, Timestamp, UpstreamChange, UpstreamName, UserId, id::random_text};
use doorward_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::{
    Inner,
    oauth::{self, OAuthError, Tokens},
    upstream::{Auth, Shared},
};

/// For how many seconds a token of ours that names a person is good.
const IDENTITY_LIFETIME: i64 = 300;
/// How many seconds before its end a token is replaced.
const EARLY: i64 = 30;
/// For how many seconds one replica reserves a refresh.
const RESERVED: i64 = 20;
/// How long others wait for whoever refreshes.
const REFRESH_WITHIN: Duration = Duration::from_secs(15);

/// Why there is no token.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoToken {
    /// The person has to connect; the text says why.
    #[error("{0}")]
    Connect(String),
    /// It could not be had now.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for NoToken {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Tokens that are made or exchanged, by person and upstream (CF7, CF9).
#[derive(Default)]
pub(crate) struct ShortLived(Mutex<HashMap<(UserId, UpstreamName), (String, i64)>>);

/// The most that are kept.
const MOST: usize = 10_000;

impl ShortLived {
    fn get(&self, key: &(UserId, UpstreamName), now: Timestamp) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(_, end)| now.0 < end - EARLY.min(15)).map(|(token, _)| token.clone())
    }
    fn put(&self, key: (UserId, UpstreamName), token: String, end: i64, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, (_, end)| now.0 < *end);
            if kept.len() >= MOST {
                kept.clear();
            }
        }
        kept.insert(key, (token, end));
    }
    pub(crate) fn forget(&self, key: &(UserId, UpstreamName)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// What is sealed into a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) token_endpoint: String,
    pub(crate) resource: Option<String>,
}

pub(crate) fn place(user_id: &UserId, upstream: UpstreamName, issuer: &str) -> String {
    format!("connection/{user_id}/{upstream}/{issuer}")
}

/// The authorisation of one link: whose token its requests carry.
pub(crate) struct LinkAuth {
    pub(crate) gateway: Arc<Inner>,
    pub(crate) upstream: Shared,
    pub(crate) person: Option<Arc<Person>>,
}

impl LinkAuth {
    /// The token of the next request; `None` where the upstream takes none.
    pub(crate) async fn token(&self) -> Result<Option<String>, NoToken> {
        match (&self.upstream.auth, &self.person) {
            (Auth::Nobody | Auth::Fixed(..), _) => Ok(None),
            (_, None) => Err(NoToken::Unavailable("there is no person to act for".to_owned())),
            (Auth::Identity, Some(person)) => self.identity(person).map(Some),
            (Auth::Exchange(endpoint), Some(person)) => self.exchanged(person, endpoint).await.map(Some),
            (Auth::Grant, Some(person)) => self.granted(person, None).await.map(Some),
        }
    }

    /// A fresh token after the upstream refused this one; `None` where there is no other.
    pub(crate) async fn renewed(&self, refused: &str) -> Result<Option<String>, NoToken> {
        let Some(person) = &self.person else { return Ok(None) };
        match &self.upstream.auth {
            Auth::Nobody | Auth::Fixed(..) => Ok(None),
            Auth::Identity | Auth::Exchange(_) => {
                self.gateway.short_lived.forget(&(person.id.clone(), self.upstream.name));
                self.token().await
            }
            Auth::Grant => self.granted(person, Some(refused)).await.map(Some),
        }
    }

    /// Notes what the upstream says about how to be authorised.
    pub(crate) fn challenged(&self, said: &str) {
        if !said.is_empty() && said != crate::upstreams::http::CONNECT_FIRST {
            *self.upstream.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(said.chars().take(4096).collect());
        }
    }

    /// Notes that the upstream wants more access than the person gave (G25).
    pub(crate) fn wants_scope(&self, scope: Option<&str>) {
        if let (Some(person), Some(scope)) = (&self.person, scope) {
            let mut wanted = self.gateway.wanted_scopes.lock().unwrap_or_else(PoisonError::into_inner);
            if wanted.len() < MOST {
                wanted.insert((person.id.clone(), self.upstream.name), scope.chars().take(1024).collect());
            }
        }
    }

    /// Notes that the upstream refuses even a fresh token: this connection, and no other, is over.
    pub(crate) async fn refused(&self, token: &str) {
        let (Auth::Grant, Some(person)) = (&self.upstream.auth, &self.person) else { return };
        if let Ok(Some(connection)) = self.gateway.parts.store.connection_now(&person.id, self.upstream.name).await
            && self.held(&connection).is_some_and(|held| held.access_token == token)
        {
            self.end(connection, "the upstream refused the access").await;
        }
    }

    /// A token of ours that names the person, for this upstream alone.
    fn identity(&self, person: &Person) -> Result<String, NoToken> {
        let now = self.gateway.parts.clock.now();
        let key = (person.id.clone(), self.upstream.name);
        if let Some(token) = self.gateway.short_lived.get(&key, now) {
            return Ok(token);
        }
        let token = self.signed(person, &self.upstream.audience(), now)?;
        self.gateway.short_lived.put(key, token.clone(), now.plus(IDENTITY_LIFETIME).0, now);
        Ok(token)
    }

    fn signed(&self, person: &Person, audience: &str, now: Timestamp) -> Result<String, NoToken> {
        let parts = &self.gateway.parts;
        let roles: Vec<String> = person.all_roles().map(ToString::to_string).collect();
        let mut claims = json!({
            "iss": parts.public_url.as_str(),
            "sub": person.id.as_str(),
            "aud": audience,
            "iat": now.0,
            "nbf": now.0,
            "exp": now.plus(IDENTITY_LIFETIME).0,
            "jti": random_text(parts.entropy.as_ref(), 16),
            "preferred_username": person.name.as_str(),
            "roles": roles,
        });
        if let Value::Object(members) = &mut claims {
            members.extend(person.email.as_ref().map(|email| ("email".to_owned(), json!(email))));
            members.extend(person.display_name.as_ref().map(|name| ("name".to_owned(), json!(name))));
        }
        parts.keys.sign_client_assertion(&claims, now).map_err(|error| NoToken::Unavailable(error.to_string()))
    }

    /// Our token exchanged for one of the upstream's authorization server (RFC 8693).
    async fn exchanged(&self, person: &Person, endpoint: &Url) -> Result<String, NoToken> {
        let now = self.gateway.parts.clock.now();
        let key = (person.id.clone(), self.upstream.name);
        if let Some(token) = self.gateway.short_lived.get(&key, now) {
            return Ok(token);
        }
        let subject = self.signed(person, endpoint.as_str(), now)?;
        let config = &self.upstream.config;
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
            ("subject_token", subject),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt".to_owned()),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token".to_owned()),
            ("audience", self.upstream.audience()),
        ];
        if config.send_resource
            && let Some(url) = &self.upstream.url
        {
            form.push(("resource", url.as_str().to_owned()));
        }
        if !config.scopes.is_empty() {
            form.push(("scope", config.scopes.join(" ")));
        }
        let client = oauth::ClientCredentials::configured(config);
        let answer = oauth::token_request(&self.upstream.outbound, endpoint, &client, form).await;
        let tokens = answer.map_err(|error| NoToken::Unavailable(format!("the token could not be exchanged: {error}")))?;
        let end = now.plus(tokens.expires_in.unwrap_or(IDENTITY_LIFETIME).clamp(1, 3600)).0;
        self.gateway.short_lived.put(key, tokens.access_token.clone(), end, now);
        Ok(tokens.access_token)
    }

    fn held(&self, connection: &Connection) -> Option<Held> {
        let place = place(&connection.user_id, connection.upstream, &connection.issuer);
        let plain = self.gateway.parts.master.open(&place, connection.tokens.as_ref()?).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// The person's own token, refreshed before its end or when it was refused.
    async fn granted(&self, person: &Person, refused: Option<&str>) -> Result<String, NoToken> {
        let store = &self.gateway.parts.store;
        let name = self.upstream.name;
        let title = &self.upstream.title;
        let deadline = tokio::time::Instant::now() + REFRESH_WITHIN;
        let mut seen = store.connection(&person.id, name).await?;
        loop {
            let now = self.gateway.parts.clock.now();
            let Some(connection) = seen.take() else { return Err(NoToken::Connect(format!("you have not connected {title} yet"))) };
            if now >= connection.ends_at {
                return Err(NoToken::Connect(format!("your connection to {title} has ended after its time")));
            }
            let Some(held) = self.held(&connection) else {
                return Err(NoToken::Connect(connection.problem.unwrap_or_else(|| format!("your connection to {title} cannot be used any more"))));
            };
            let fresh = connection.expires_at.is_none_or(|end| now.plus(EARLY) < end) && refused != Some(held.access_token.as_str());
            if fresh {
                return Ok(held.access_token);
            }
            if let Some(token) = self.refresh(connection, held, now, refused).await? {
                return Ok(token);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(NoToken::Unavailable(format!("the access to {title} is being refreshed; try again shortly")));
            }
            // Somebody else refreshes: look what came of it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            seen = store.connection_now(&person.id, name).await?;
        }
    }

    /// Refreshes, if nobody else does at this moment (G30). `None` means: look again.
    async fn refresh(&self, connection: Connection, held: Held, now: Timestamp, refused: Option<&str>) -> Result<Option<String>, NoToken> {
        let store = &self.gateway.parts.store;
        let Some(refresh_token) = held.refresh_token.clone() else {
            if refused.is_none() && connection.expires_at.is_none_or(|end| now < end) {
                // About to end, with nothing to refresh it by: good until then.
                return Ok(Some(held.access_token));
            }
            self.end(connection, "the access ended, and the upstream gave nothing to refresh it with").await;
            return Ok(None);
        };
        let claim = UpstreamChange::ClaimRefresh {
            user_id: connection.user_id.clone(),
            upstream: connection.upstream,
            version: connection.version,
            now,
            until: now.plus(RESERVED),
        };
        match store.apply(claim).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        match oauth::refresh(&self.gateway, &self.upstream, &connection, &held, &refresh_token).await {
            Ok(tokens) => {
                let token = tokens.access_token.clone();
                let kept = self.sealed(&connection, &held, tokens, now);
                match store.apply(UpstreamChange::KeepRefreshed { connection: Box::new(kept) }).await {
                    Ok(()) => {
                        tracing::info!(upstream = %self.upstream.name, person = %connection.user_id, "upstream access refreshed");
                        Ok(Some(token))
                    }
                    // The person disconnected or connected anew meanwhile: what they did counts.
                    Err(StoreError::Refused(_)) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            Err(OAuthError::Refused(error, _)) if error == "invalid_grant" => {
                self.end(connection, "the upstream no longer accepts the access that you gave").await;
                Ok(None)
            }
            Err(OAuthError::Refused(error, _)) if matches!(error.as_str(), "invalid_client" | "unauthorized_client") => {
                // G29: the upstream forgot us, not the person. A new connection introduces us anew.
                let forget = UpstreamChange::DeleteRegistration { upstream: self.upstream.name, issuer: connection.issuer.clone() };
                store.apply(forget).await?;
                self.end(connection, "the upstream no longer knows this server").await;
                Ok(None)
            }
            Err(error) => {
                // It may work in a moment: free the reservation and keep the connection.
                let kept = Connection { version: connection.version + 1, refreshing_until: None, ..connection };
                let _ = store.apply(UpstreamChange::KeepRefreshed { connection: Box::new(kept) }).await;
                Err(NoToken::Unavailable(format!("the access to {} could not be refreshed: {error}", self.upstream.title)))
            }
        }
    }

    fn sealed(&self, connection: &Connection, held: &Held, tokens: Tokens, now: Timestamp) -> Connection {
        let scopes = tokens.scope.clone().unwrap_or_else(|| connection.scopes.clone());
        let expires_at = tokens.expires_in.map(|seconds| now.plus(seconds));
        let kept = Held {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.or_else(|| held.refresh_token.clone()),
            token_endpoint: held.token_endpoint.clone(),
            resource: held.resource.clone(),
        };
        let place = place(&connection.user_id, connection.upstream, &connection.issuer);
        let sealed = self.gateway.parts.master.seal(&place, &serde_json::to_vec(&kept).unwrap_or_default());
        Connection { scopes, tokens: Some(sealed), expires_at, version: connection.version + 1, refreshing_until: None, problem: None, ..connection.clone() }
    }

    /// Ends one person's connection and says why. Only this one: others, and other upstreams, are not concerned.
    async fn end(&self, connection: Connection, why: &str) {
        tracing::warn!(upstream = %self.upstream.name, person = %connection.user_id, why, "a connection ended; the person has to connect again");
        let version = connection.version + 1;
        let ended = Connection { tokens: None, expires_at: None, version, refreshing_until: None, problem: Some(why.to_owned()), ..connection };
        match self.gateway.parts.store.apply(UpstreamChange::KeepRefreshed { connection: Box::new(ended) }).await {
            Ok(()) | Err(StoreError::Refused(_)) => {}
            Err(error) => tracing::error!(%error, "an ended connection could not be noted"),
        }
    }
}
