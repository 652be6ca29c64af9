//! Access without a page (enterprise-managed authorization): the user's identity provider asserts the
//! user to the authorization server of the upstream, which issues a token for the assertion
//! (RFC 7523 with an ID-JAG).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use doorward_model::{Timestamp, UpstreamName, User, UserId};
use futures_util::future::BoxFuture;

use super::{AccessKey, IssuedToken, LinkAuth, NoToken, RequestedInVain};
use crate::{
    Gateway,
    oauth::{
        ClientCredentials, Discovered, OAuthError,
        client::{Form, TokenEndpoint},
    },
    upstream::{Shared, Upstream},
};

/// The grant of assertions (RFC 7523 §2.1).
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Seconds for which the authorization server of an upstream is not discovered again.
const FOUND_FOR: i64 = 600;

/// The authorization servers of upstreams as they were discovered last, one each. One is discovered
/// again after a while, with other settings of its upstream, and once it or the upstream refuses.
#[derive(Default)]
pub(crate) struct LastFound(Mutex<HashMap<UpstreamName, Kept>>);

struct Kept {
    of: Weak<Upstream>,
    found: Arc<Discovered>,
    at: Timestamp,
}

impl Kept {
    fn counts(&self, now: Timestamp) -> bool {
        (0..FOUND_FOR).contains(&now.since(self.at)) && self.of.strong_count() > 0
    }
}

impl LastFound {
    fn lock(&self) -> MutexGuard<'_, HashMap<UpstreamName, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn get(&self, upstream: &Shared, now: Timestamp) -> Option<Arc<Discovered>> {
        let kept = self.lock();
        let kept = kept.get(&upstream.name)?;
        let is_same = std::ptr::eq(kept.of.as_ptr(), Arc::as_ptr(upstream));
        (is_same && kept.counts(now)).then(|| Arc::clone(&kept.found))
    }
    fn put(&self, upstream: &Shared, found: &Arc<Discovered>, now: Timestamp) {
        let mut all = self.lock();
        all.retain(|_, kept| kept.counts(now));
        let (of, found) = (Arc::downgrade(upstream), Arc::clone(found));
        all.insert(upstream.name, Kept { of, found, at: now });
    }
    pub(crate) fn forget(&self, upstream: UpstreamName) {
        self.lock().remove(&upstream);
    }
}

/// The recipient and the reach of an assertion.
#[derive(Clone, Debug)]
pub struct WantedAssertion {
    /// The identity provider, by its short name.
    pub provider: String,
    /// The issuer of the upstream's authorization server.
    pub audience: String,
    /// The upstream, as its authorization server knows it.
    pub resource: String,
    /// The scopes, separated by spaces; empty for those that the provider chooses.
    pub scope: String,
}

/// Reason for which there is no assertion.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotAsserted {
    /// The user must sign in through the provider.
    #[error("{0}")]
    SignIn(String),
    /// The provider does not assert the user, or could not be asked.
    #[error("{0}")]
    Unavailable(String),
}

/// The identity providers of users. The program connects them here.
pub trait UserAssertions: Send + Sync + 'static {
    /// The assertion of a user by an identity provider.
    fn assertion<'a>(
        &'a self,
        user_id: &'a UserId,
        wanted: WantedAssertion,
    ) -> BoxFuture<'a, Result<String, NotAsserted>>;
}

impl LinkAuth {
    /// A token of the upstream's authorization server, by one task for all calls of the user.
    pub(super) async fn asserted(&self, user: &Arc<User>) -> Result<IssuedToken, NoToken> {
        // A provider has no slash in its name: no issuer has the same key.
        let key = self.key(user, &self.upstream.config.identity_provider);
        let now = self.gateway.services.clock.now();
        if let Some(token) = self.gateway.short_lived.get(&key, &self.upstream, now) {
            return Ok(token);
        }
        let (auth, user) = (self.clone(), Arc::clone(user));
        let work = || async move { auth.obtain_asserted(&user).await };
        self.gateway.flights.exchanges.run(key, work).await?
    }

    /// The authorization server of the upstream. The pinned one alone receives requests for tokens.
    pub(super) async fn authorization_server(
        &self,
        now: Timestamp,
    ) -> Result<Arc<Discovered>, OAuthError> {
        let upstream = &self.upstream;
        let gateway = Gateway { inner: Arc::clone(&self.gateway) };
        if let Some(found) = self.gateway.last_found.get(upstream, now)
            && gateway.is_pinned(upstream, &found).await?
        {
            return Ok(found);
        }
        let (found, _) = gateway.settled(upstream).await?;
        let found = Arc::new(found);
        if found.unsure.is_none() {
            self.gateway.last_found.put(upstream, &found, now);
        }
        Ok(found)
    }

    async fn obtain_asserted(&self, user: &User) -> Result<IssuedToken, NoToken> {
        let (upstream, services) = (&self.upstream, &self.gateway.services);
        let (config, now) = (&upstream.config, services.clock.now());
        let key = self.key(user, &config.identity_provider);
        // Another call may have obtained it between the check and the task.
        if let Some(token) = self.gateway.short_lived.get(&key, upstream, now) {
            return Ok(token);
        }
        let failed = |error: OAuthError| {
            NoToken::Unavailable(format!("no token was issued for the assertion: {error}"))
        };
        let found = self.authorization_server(now).await.map_err(failed)?;
        let wanted = WantedAssertion {
            provider: config.identity_provider.clone(),
            audience: found.server.issuer.clone(),
            resource: found.resource.clone().unwrap_or_else(|| upstream.audience()),
            scope: found.scopes.join(" "),
        };
        let Some(asserting) = &services.assertions else {
            let why = "identity providers are asked by the server alone, not by this command";
            return Err(NoToken::Unavailable(why.to_owned()));
        };
        let assertion = asserting.assertion(&user.id, wanted).await.map_err(|error| {
            NoToken::Unavailable(format!(
                "the identity provider {} gives no access to {}: {error}",
                config.identity_provider, upstream.title
            ))
        })?;
        let form = vec![("grant_type", JWT_BEARER.to_owned()), ("assertion", assertion)];
        self.request_token_of(&found, key, form).await.map_err(|vain| match vain {
            RequestedInVain::Unasked(why) => why,
            RequestedInVain::Answered(none) => failed(none.into()),
        })
    }

    /// Requests a token of the upstream's authorization server.
    pub(super) async fn request_token_of(
        &self,
        found: &Discovered,
        access: AccessKey,
        form: Form,
    ) -> Result<IssuedToken, RequestedInVain> {
        let upstream = &self.upstream;
        let methods = found.server.token_endpoint_auth_methods_supported.as_deref();
        let client = ClientCredentials::configured(upstream)
            .fitting(methods.filter(|_| upstream.by_hand.method.is_none()));
        let at = TokenEndpoint { url: &found.token_endpoint, issuer: &found.server.issuer };
        let requested = self.request_token(access, &client, &at, form).await;
        if requested.is_err() {
            // It may have moved.
            self.gateway.last_found.forget(upstream.name);
        }
        requested
    }
}
