//! Credentials for calls of an upstream: the token of each request, made, fetched or refreshed.
//!
//! Only [`LinkAuth::credential`] returns a token, and it takes the receiver. A token is sent to no
//! other resource than the one that it was obtained for, and comes from no other issuer than the
//! one pinned for the upstream.

mod asserted;
pub(crate) mod held;
pub(crate) mod key;
mod own;
mod proof;
mod short_lived;
mod token;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use doorward_keys::ProvingKey;
use doorward_model::{Timestamp, User, id::random_text, upstream::ConnectionProblem};
use doorward_transport::SingleFlight;
use serde_json::{Value, json};
use url::Url;

pub(crate) use asserted::LastFound;
pub use asserted::{NotAsserted, UserAssertions, WantedAssertion};
pub(crate) use held::StoredTokens;
pub(crate) use key::{AccessKey, NoToken};
pub(crate) use own::subject as own_subject_of;
pub(crate) use proof::{Nonces, ProvenRequest};
use short_lived::{EARLY, Kept};
pub(crate) use short_lived::{RequiredScopes, ShortLived, Waits};
pub(crate) use token::Credential;
use token::IssuedToken;

use crate::{
    Inner,
    oauth::{self, refresh},
    upstream::{Auth, Receiver, Shared},
};

/// The lifetime of a token of this server that names a user, in seconds.
const IDENTITY_LIFETIME: i64 = 300;
/// Time that a call waits for the refresh of a token. The refresh continues when the call no longer
/// waits.
const REFRESH_WITHIN: Duration = Duration::from_secs(15);
/// Maximum number of refreshes and exchanges under way at once.
const MOST_UNDER_WAY: usize = 1000;

/// Refreshes and exchanges under way.
pub(crate) struct Flights {
    /// Refreshes of connections.
    pub(crate) refreshes: SingleFlight<AccessKey, Result<(), NoToken>>,
    exchanges: SingleFlight<AccessKey, Result<IssuedToken, NoToken>>,
}

impl Default for Flights {
    fn default() -> Self {
        Self {
            refreshes: SingleFlight::new(MOST_UNDER_WAY),
            exchanges: SingleFlight::new(MOST_UNDER_WAY),
        }
    }
}

impl Flights {
    /// Begins no more work and waits for the work under way.
    pub(crate) async fn finish(&self) {
        self.refreshes.finish().await;
        self.exchanges.finish().await;
    }
}

/// Reason for which a request for a token yielded none.
enum RequestedInVain {
    /// It was not sent.
    Unasked(NoToken),
    /// It has no response with a token.
    Answered(oauth::NoTokens),
}

/// The authorization of one link: the token that its requests carry.
#[derive(Clone)]
pub(crate) struct LinkAuth {
    pub(crate) gateway: Arc<Inner>,
    pub(crate) upstream: Shared,
    pub(crate) user: Option<Arc<User>>,
}

impl LinkAuth {
    fn key(&self, user: &User, issuer: &str) -> AccessKey {
        AccessKey::of(&self.gateway, Some(&user.id), &self.upstream, issuer)
    }

    /// The token of the next request to this receiver; `None` where the upstream takes none.
    pub(crate) async fn credential(
        &self,
        receiver: Receiver<'_>,
    ) -> Result<Option<Credential>, NoToken> {
        self.obtain(receiver, None).await
    }

    /// A fresh token for this receiver after the upstream refused another one; `None` where there
    /// is no other.
    pub(crate) async fn renewed(
        &self,
        receiver: Receiver<'_>,
        refused: &Credential,
    ) -> Result<Option<Credential>, NoToken> {
        self.obtain(receiver, Some(refused)).await
    }

    async fn obtain(
        &self,
        receiver: Receiver<'_>,
        refused: Option<&Credential>,
    ) -> Result<Option<Credential>, NoToken> {
        if matches!(self.upstream.auth, Auth::None | Auth::Fixed(..)) {
            return Ok(None);
        }
        if !self.upstream.is_reached_at(receiver) {
            return Err(NoToken::Unavailable(format!(
                "the access to {} is not for the URL to which this request goes",
                self.upstream.title
            )));
        }
        if let Some(refused) = refused {
            self.own_is_renewable()?;
            self.gateway.short_lived.forget_refused(self.upstream.name, refused);
            self.gateway.last_found.forget(self.upstream.name);
        }
        let user = || {
            let missing = || NoToken::Unavailable("the call has no user".to_owned());
            self.user.as_ref().ok_or_else(missing)
        };
        let token = match &self.upstream.auth {
            Auth::None | Auth::Fixed(..) => return Ok(None),
            Auth::Own(access) => self.own(access).await?,
            Auth::Identity => self.identity(user()?)?,
            Auth::Exchange(endpoint) => self.exchanged(user()?, endpoint).await?,
            Auth::Assertion => self.asserted(user()?).await?,
            Auth::Grant => self.granted(user()?, refused.map(Credential::token)).await?,
        };
        Ok(Some(Credential(token)))
    }

    /// A key for a new access token, where the operator wants tokens to be bound to one.
    fn new_key(&self) -> Result<Option<Arc<ProvingKey>>, NoToken> {
        if !self.upstream.config.dpop {
            return Ok(None);
        }
        let key = ProvingKey::generate();
        key.map(|key| Some(Arc::new(key))).map_err(|error| NoToken::Unavailable(error.to_string()))
    }

    /// Requests a token for this access at a token endpoint, and keeps it until shortly before its
    /// end.
    async fn request_token(
        &self,
        access: AccessKey,
        client: &oauth::ClientCredentials,
        at: &oauth::client::TokenEndpoint<'_>,
        form: oauth::client::Form,
    ) -> Result<IssuedToken, RequestedInVain> {
        let key = self.new_key().map_err(RequestedInVain::Unasked)?;
        let (gateway, outbound) = (&*self.gateway, &self.upstream.outbound);
        let asking = oauth::AsClient { gateway, outbound, credentials: client, issuer: at.issuer };
        // Its lifetime begins before the answer arrives.
        let now = gateway.services.clock.now();
        let answer = asking.tokens(at.url, form, key.as_deref()).await;
        let tokens = answer.map_err(RequestedInVain::Answered)?;
        let token = IssuedToken::new(&tokens, key);
        let lifetime = tokens.expires_in.unwrap_or(IDENTITY_LIFETIME);
        gateway.short_lived.put(access, Kept::new(&self.upstream, &token, lifetime, now), now);
        Ok(token)
    }

    /// Notes the upstream's challenge.
    pub(crate) fn challenged(&self, said: &str) {
        if !said.is_empty() {
            *self.upstream.challenge.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(said.chars().take(4096).collect());
        }
    }

    /// Notes that the upstream requires more access than the user gave (G25).
    pub(crate) fn wants_scope(&self, scope: Option<&str>) {
        if let (Some(user), Some(scope)) = (&self.user, scope) {
            self.gateway.wanted.note(&user.id, &self.upstream, scope);
        }
    }

    /// Notes that the upstream refuses even a fresh token: this connection, and no other, is over.
    pub(crate) async fn refused(&self, refused: &Credential) {
        if matches!(self.upstream.auth, Auth::Own(_)) {
            self.own_refused();
        }
        let (Auth::Grant, Some(user)) = (&self.upstream.auth, &self.user) else { return };
        if let Ok(Some(connection)) = self.gateway.connection_now(&user.id, &self.upstream).await
            && held::open(&self.gateway, &connection)
                .is_some_and(|held| held.access_token == refused.token())
        {
            refresh::end(&self.gateway, &self.upstream, connection, ConnectionProblem::CallRefused)
                .await;
        }
    }

    /// A token of this server that names the user, for this upstream alone.
    fn identity(&self, user: &User) -> Result<IssuedToken, NoToken> {
        let now = self.gateway.services.clock.now();
        let key = self.key(user, self.gateway.settings.public_url.as_str());
        let kept = &self.gateway.short_lived;
        if let Some(token) = kept.get(&key, &self.upstream, now) {
            return Ok(token);
        }
        let token = IssuedToken::bearer(self.signed(user, &self.upstream.audience(), now)?);
        kept.put(key, Kept::new(&self.upstream, &token, IDENTITY_LIFETIME, now), now);
        Ok(token)
    }

    fn signed(&self, user: &User, audience: &str, now: Timestamp) -> Result<String, NoToken> {
        let services = &self.gateway.services;
        let settings = &self.gateway.settings;
        let roles: Vec<String> = user.all_roles().map(ToString::to_string).collect();
        let mut claims = json!({
            "iss": settings.public_url.as_str(),
            "sub": user.id.as_str(),
            "aud": audience,
            "iat": now.0,
            "nbf": now.0,
            "exp": now.plus(IDENTITY_LIFETIME).0,
            "jti": random_text(services.entropy.as_ref(), 16),
            "preferred_username": user.name.as_str(),
            "roles": roles,
        });
        if let Value::Object(members) = &mut claims {
            members.extend(user.email.as_ref().map(|email| ("email".to_owned(), json!(email))));
            members.extend(user.display_name.as_ref().map(|name| ("name".to_owned(), json!(name))));
        }
        services
            .keys
            .sign_client_assertion(&claims, now)
            .map_err(|error| NoToken::Unavailable(error.to_string()))
    }

    /// A token of this server exchanged for one of the upstream's authorization server (RFC 8693),
    /// by one task for all calls of the user.
    async fn exchanged(&self, user: &Arc<User>, endpoint: &Url) -> Result<IssuedToken, NoToken> {
        let (key, now) = (self.key(user, endpoint.as_str()), self.gateway.services.clock.now());
        if let Some(token) = self.gateway.short_lived.get(&key, &self.upstream, now) {
            return Ok(token);
        }
        let (auth, user, endpoint) = (self.clone(), Arc::clone(user), endpoint.clone());
        self.gateway
            .flights
            .exchanges
            .run(key, || async move { auth.exchange(&user, &endpoint).await })
            .await?
    }

    async fn exchange(&self, user: &User, endpoint: &Url) -> Result<IssuedToken, NoToken> {
        let (now, key) = (self.gateway.services.clock.now(), self.key(user, endpoint.as_str()));
        // Another call may have had it exchanged between the check and the task.
        if let Some(token) = self.gateway.short_lived.get(&key, &self.upstream, now) {
            return Ok(token);
        }
        let subject = self.signed(user, endpoint.as_str(), now)?;
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
        let client = oauth::ClientCredentials::configured(&self.upstream);
        let at = oauth::client::TokenEndpoint { url: endpoint, issuer: "" };
        self.request_token(key, &client, &at, form).await.map_err(|vain| match vain {
            RequestedInVain::Unasked(why) => why,
            RequestedInVain::Answered(none) => {
                let error = oauth::OAuthError::from(none);
                NoToken::Unavailable(format!("the token could not be exchanged: {error}"))
            }
        })
    }

    /// The user's own token, refreshed before its end or when it was refused.
    async fn granted(
        &self,
        user: &Arc<User>,
        refused: Option<&str>,
    ) -> Result<IssuedToken, NoToken> {
        let title = &self.upstream.title;
        let deadline = tokio::time::Instant::now() + REFRESH_WITHIN;
        let mut seen = self.gateway.connection(&user.id, &self.upstream).await?;
        // The token before the refresh that this call waited for.
        let mut replaced: Option<String> = None;
        loop {
            let now = self.gateway.services.clock.now();
            let Some(connection) = seen.take() else {
                return Err(NoToken::Connect(format!("you have not connected {title} yet")));
            };
            if now >= connection.ends_at {
                return Err(NoToken::Connect(format!(
                    "your connection to {title} has ended after its time"
                )));
            }
            let Some(held) = held::open(&self.gateway, &connection) else {
                return Err(NoToken::Connect(connection.problem.map_or_else(
                    || format!("your connection to {title} can no longer be used"),
                    |problem| problem.to_string(),
                )));
            };
            let fresh = connection.expires_at.is_none_or(|end| now.plus(EARLY) < end)
                && refused != Some(held.access_token.as_str());
            // A token may live for so short a time that it is never fresh: one that was just given
            // is used nevertheless.
            let given = replaced.as_ref().is_some_and(|before| *before != held.access_token);
            if fresh || given {
                return Ok(held.into_token());
            }
            let good = refused.is_none() && connection.expires_at.is_none_or(|end| now < end);
            if held.refresh_token.is_none() && good {
                // Near its end, without a refresh token: valid until then.
                return Ok(held.into_token());
            }
            let key = self.key(user, &connection.issuer);
            if let Some(left) = self.gateway.waits.left(&key, now) {
                if good {
                    return Ok(held.into_token());
                }
                return Err(NoToken::Unavailable(format!(
                    "the authorization server of {title} asks to wait; try again in {} s",
                    left.seconds
                )));
            }
            let late = || {
                NoToken::Unavailable(format!(
                    "the access to {title} is being refreshed; try again shortly"
                ))
            };
            let (gateway, upstream, user_id) =
                (Arc::clone(&self.gateway), Arc::clone(&self.upstream), user.id.clone());
            let version = connection.version;
            let flight = self
                .gateway
                .flights
                .refreshes
                .run(key, || refresh::run(gateway, upstream, user_id, version));
            match tokio::time::timeout_at(deadline, flight).await.map_err(|_| late())?? {
                Ok(()) => {}
                // The token is near its end and still valid.
                Err(NoToken::Unavailable(_)) if good => return Ok(held.into_token()),
                Err(error) => return Err(error),
            }
            replaced = Some(held.access_token);
            seen = self.gateway.connection_now(&user.id, &self.upstream).await?;
            if seen.as_ref().is_some_and(|connection| connection.version == version) {
                // Another replica refreshes, or this one failed to reach the store: read again,
                // until the call's time is over.
                tokio::time::sleep(Duration::from_millis(50)).await;
                if tokio::time::Instant::now() >= deadline {
                    return Err(late());
                }
            }
        }
    }
}
