//! The check of tokens (OAuth 2.1 §5.2): signature, issuer, audience, time, the state of the grant
//! behind the token, and the key that it may be bound to (RFC 9449 §7).

use std::{slice, sync::Arc, time::Duration};

use axum::http::{HeaderMap, Method, Uri, header};
use doorward_keys::{Audience, Confirmation, ProofRefusal, TokenRefusal, VerifiedToken};
use doorward_model::{
    Change, ClientId, ConnectStep, Grant, GrantId, HashedToken, PlainToken, Reason, Resource,
    Scope, ScopeSet, StepKind, Timestamp, TokenKind, UserId,
};
use doorward_store::StoreError;
use doorward_transport::possession::Proving;
use quick_cache::sync::Cache;

use crate::{Caller, Mcp, Principal, Target};

/// A grant's last use is noted at most this often, in seconds: a tool call is no reason for a
/// durable write.
const NOTE_USE_EVERY: i64 = 300;

/// Tokens with verified signatures, by their SHA-256. Bounded; a forged token is never entered.
pub(crate) struct VerifiedTokens(Cache<String, Arc<Verified>>);

pub(crate) struct Verified {
    user_id: UserId,
    client_id: ClientId,
    grant_id: GrantId,
    scopes: ScopeSet,
    token: Arc<VerifiedToken>,
}

impl VerifiedTokens {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity.max(16)))
    }

    /// Removes a token that counts no longer.
    fn forget(&self, digest: &HashedToken) {
        self.0.remove(digest.as_str());
    }
}

/// The reason for which a request has no caller.
#[derive(Debug)]
pub enum BearerRefusal {
    /// No token was presented.
    Missing,
    /// The request presents a token twice or in a way that is not allowed.
    Malformed(&'static str),
    /// The token does not count (RFC 6750 §3.1 `invalid_token`).
    Invalid {
        /// The reason, for the log.
        why: String,
        /// The reason, for the timeline.
        reason: Reason,
    },
    /// The token is bound to a key, and there is no proof of it that counts (RFC 9449 §7.1).
    Unproved(ProofRefusal),
    /// True if it counts cannot be found out now.
    Unavailable(String),
}

impl BearerRefusal {
    fn invalid(reason: Reason, why: impl Into<String>) -> Self {
        Self::Invalid { why: why.into(), reason }
    }
}

impl From<StoreError> for BearerRefusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A request for a resource of this server.
#[derive(Clone, Copy, Debug)]
pub struct Calling<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its URL, below the public URL.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

/// The ASCII characters of which a token may consist (RFC 6750 §2.1, `b64token`), a bit for each.
const OF_TOKEN: u128 = {
    let (mut set, mut byte) = (0_u128, 0_u8);
    while byte.is_ascii() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
        {
            set |= 1 << byte;
        }
        byte += 1;
    }
    set
};

/// A token as a request presents it.
#[derive(Clone, Copy)]
struct Presented<'a> {
    token: &'a str,
    /// By the scheme of tokens that are bound to a key.
    as_bound: bool,
}

/// Takes the token out of the Authorization header, the only place where one may be (R10).
fn presented(Calling { headers, uri, .. }: Calling<'_>) -> Result<Presented<'_>, BearerRefusal> {
    let in_query = uri.query().is_some_and(|query| {
        query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
    });
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(BearerRefusal::Malformed("more than one Authorization header")),
        (Some(_), None) if in_query => {
            Err(BearerRefusal::Malformed("a token in the query is not allowed"))
        }
        (None, _) => Err(BearerRefusal::Missing),
        (Some(value), None) => {
            let (scheme, token) =
                value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
            let token = token.trim();
            let is_token = !token.is_empty()
                && token.len() <= 8192
                && token.bytes().all(|byte| byte.is_ascii() && OF_TOKEN >> byte & 1 == 1);
            let as_bound = scheme.eq_ignore_ascii_case("dpop");
            if (as_bound || scheme.eq_ignore_ascii_case("bearer")) && is_token {
                Ok(Presented { token, as_bound })
            } else {
                Err(BearerRefusal::Missing)
            }
        }
    }
}

/// True if a token is for this resource. A grant from the time when the resource was named by an IP
/// address of this machine names that IP address.
fn is_for(audience: &Audience, resource: &Resource) -> bool {
    audience.contains(resource.as_str())
        || audience.iter().any(|name| Resource::find(slice::from_ref(resource), name).is_some())
}

impl Mcp {
    /// Authenticates the caller of an MCP URL.
    pub(crate) async fn authenticate(
        &self,
        target: Target,
        calling: Calling<'_>,
    ) -> Result<Arc<Caller>, BearerRefusal> {
        let caller = self.caller(&self.resource(target), calling).await?;
        if let (Some(name), Principal::Client(grant)) = (target.toolset(), &caller.principal) {
            // Access to a toolset that was removed is none to one of the same name that was added
            // later.
            let toolset = self.inner.settings.resources.toolset(name);
            if toolset.is_none_or(|toolset| grant.created_at < toolset.created_at) {
                let why = "the access is to a toolset that was removed";
                return Err(BearerRefusal::invalid(Reason::TokenRevoked, why));
            }
        }
        Ok(caller)
    }

    /// Authenticates the caller of a resource of this server, by the token of the request.
    ///
    /// # Errors
    ///
    /// If there is no token, or it is not valid for the resource, or this cannot be determined now.
    pub async fn caller(
        &self,
        resource: &Resource,
        calling: Calling<'_>,
    ) -> Result<Arc<Caller>, BearerRefusal> {
        let presented = presented(calling)?;
        let token = presented.token;
        if token.starts_with(TokenKind::AgentPass.prefix()) && !presented.as_bound {
            return self.caller_by_pass(resource, token).await;
        }
        let hashed = PlainToken::presented(token).hashed();
        if token.starts_with(TokenKind::AccessToken.prefix()) && !presented.as_bound {
            return self.holder(resource, &hashed).await;
        }
        let digest = hashed.as_str().to_owned();
        let services = &self.inner.services;
        let now = services.clock.now();
        let keys = services.store.signing_keys().await?;
        let followed = services.keys.follow(&keys);
        followed.map_err(|error| BearerRefusal::Unavailable(error.to_string()))?;
        // A key may be retired while its tokens live, because other servers cache it.
        let known = self.inner.verified.0.get(&digest);
        let verified = match known.filter(|it| services.keys.is_published(&it.token.kid, now)) {
            Some(verified) => verified,
            None => self.verify(token, digest).await?,
        };
        let claims = &verified.token.claims;
        if now.0 >= claims.exp {
            self.inner.verified.forget(&hashed);
            return Err(BearerRefusal::invalid(Reason::TokenExpired, "the access token expired"));
        }
        if claims.cnf.is_some() || presented.as_bound {
            self.prove(calling, presented, claims.cnf.as_ref(), now)?;
        }
        if !is_for(&claims.aud, resource) {
            return Err(BearerRefusal::invalid(
                Reason::TokenAudience,
                TokenRefusal::Audience.to_string(),
            ));
        }
        let grant = if claims.is_of_back_end() {
            self.of_back_end(&verified, resource, now).await?
        } else {
            services.store.grant_in_force(&verified.grant_id, now).await?
        };
        let Some(grant) = grant.filter(|grant| {
            grant.subject.account == verified.user_id && grant.client_id == verified.client_id
        }) else {
            self.inner.verified.forget(&hashed);
            return Err(BearerRefusal::invalid(
                Reason::TokenRevoked,
                "the access was revoked or has ended",
            ));
        };
        self.acting(grant, &verified.scopes, claims.exp).await?.map(Arc::new).ok_or_else(|| {
            BearerRefusal::invalid(Reason::UserDisabled, "the user is disabled or deleted")
        })
    }

    /// The access of a back end, if its token is for this upstream as it is at this moment.
    async fn of_back_end(
        &self,
        verified: &Verified,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<Option<Arc<Grant>>, BearerRefusal> {
        let settings = &self.inner.settings;
        let name = resource.upstream(&settings.public_url);
        let Some(id) = name.and_then(|name| settings.resources.upstream_id(name)) else {
            return Ok(None);
        };
        if verified.token.claims.upstream.as_deref() != Some(id.as_str()) {
            return Ok(None);
        }
        let store = &self.inner.services.store;
        let access =
            store.back_end_in_force(&verified.grant_id, &verified.client_id, &id, now).await?;
        Ok(access.map(Arc::new))
    }

    /// The caller that acts by a grant in force, within `scopes`; `None` without its user.
    pub(crate) async fn acting(
        &self,
        grant: Arc<Grant>,
        scopes: &ScopeSet,
        expires_at: i64,
    ) -> Result<Option<Caller>, StoreError> {
        let services = &self.inner.services;
        let now = services.clock.now();
        let user = services.store.user(&grant.subject.account).await?;
        let Some(user) = user.filter(|user| user.disabled_at.is_none()) else { return Ok(None) };
        if now.since(grant.last_used_at) >= NOTE_USE_EVERY {
            let (store, grant_id) = (services.store.clone(), grant.id.clone());
            // In the background, and it may fail: the time is only displayed on the account page.
            tokio::spawn(async move {
                let _ = store.apply(Change::UseGrant { grant_id, now }).await;
            });
        }
        Ok(Some(Caller {
            // The present roles count, not those at the time of issue; so do the user's later
            // revocations.
            scopes: self.inner.settings.rules.now().access.effective(
                &scopes.intersection(&grant.scopes),
                &user,
                &grant.subject.authentication,
            ),
            user,
            expires_at,
            principal: Principal::Client(grant),
            agent: None,
        }))
    }

    /// Insists on the proof of the key that a token is bound to. This replica takes each proof
    /// once; a bearer token comes here only if it is presented as one that is bound.
    fn prove(
        &self,
        calling: Calling<'_>,
        presented: Presented<'_>,
        bound: Option<&Confirmation>,
        now: Timestamp,
    ) -> Result<(), BearerRefusal> {
        let Some(bound) = bound else {
            let why = "the access token is not bound to a key and was presented as if it were";
            return Err(BearerRefusal::invalid(Reason::KeyProof, why));
        };
        if !presented.as_bound {
            return Err(BearerRefusal::Unproved(ProofRefusal::Missing));
        }
        let (services, settings) = (&self.inner.services, &self.inner.settings);
        let proving = Proving {
            headers: calling.headers,
            method: calling.method.as_str(),
            path: calling.uri.path(),
            token: Some(presented.token),
        };
        let proof = proving.judge(&services.proofs, &settings.public_url, now);
        let proof = proof.map_err(BearerRefusal::Unproved)?;
        if proof.key != bound.jkt {
            let why = "the access token is bound to another key than the one that was proved";
            return Err(BearerRefusal::invalid(Reason::KeyProof, why));
        }
        if services.proofs.is_first(&proof, now) {
            Ok(())
        } else {
            Err(BearerRefusal::Unproved(ProofRefusal::Used))
        }
    }

    /// Finds the holder of a personal or service token.
    pub(crate) async fn holder(
        &self,
        resource: &Resource,
        hashed: &HashedToken,
    ) -> Result<Arc<Caller>, BearerRefusal> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let now = services.clock.now();
        let Some(token) = services.store.access_token(hashed).await? else {
            return Err(BearerRefusal::invalid(
                Reason::TokenForeign,
                "there is no such personal or service token",
            ));
        };
        if !token.is_live(now) {
            let (reason, why) = if token.revoked_at.is_some() {
                (Reason::TokenRevoked, "revoked")
            } else {
                (Reason::TokenExpired, "expired")
            };
            return Err(BearerRefusal::invalid(
                reason,
                format!("the personal or service token {} is {why}", token.id),
            ));
        }
        let upstream = resource.upstream(&settings.public_url);
        if upstream.is_some() && !token.reaches_upstream(upstream) {
            return Err(BearerRefusal::invalid(
                Reason::TokenAudience,
                format!("the personal or service token {} is not for this upstream", token.id),
            ));
        }
        let Some(user) =
            services.store.user(&token.user_id).await?.filter(|user| user.disabled_at.is_none())
        else {
            return Err(BearerRefusal::invalid(
                Reason::UserDisabled,
                "the user is disabled or deleted",
            ));
        };
        if token.last_used_at.is_none_or(|at| now.since(at) >= NOTE_USE_EVERY) {
            let (store, id) = (services.store.clone(), token.id.clone());
            tokio::spawn(async move {
                let _ = store.apply(Change::UseAccessToken { id, now }).await;
            });
        }
        Ok(Arc::new(Caller {
            // The authentication is that of the user who made the token; the rules are the present
            // ones.
            scopes: settings.rules.now().access.effective(
                &token.scopes,
                &user,
                &token.authentication,
            ),
            user,
            expires_at: token.expires_at.0,
            principal: Principal::Token(token),
            agent: None,
        }))
    }

    async fn verify(&self, token: &str, digest: String) -> Result<Arc<Verified>, BearerRefusal> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let token = services
            .keys
            .verify(token, settings.public_url.as_str(), services.clock.now())
            .map_err(|refusal| {
                let reason = if refusal == TokenRefusal::Time {
                    Reason::TokenExpired
                } else {
                    Reason::TokenForeign
                };
                BearerRefusal::invalid(reason, refusal.to_string())
            })?;
        let claims = &token.claims;
        let verified = Arc::new(Verified {
            user_id: UserId::from_text(claims.sub.clone()),
            client_id: ClientId::from_text(claims.client_id.clone()),
            grant_id: GrantId::from_text(claims.grant.clone()),
            scopes: ScopeSet::parse_known(&claims.scope),
            token,
        });
        // Once for each token, not for each call: it is a step of the timeline.
        let name =
            services.store.client(&verified.client_id).await?.map(|client| client.name.clone());
        services.store.note_step(
            ConnectStep::new(StepKind::Called)
                .client(verified.client_id.as_str(), name)
                .user(verified.user_id.as_str()),
        );
        self.inner.verified.0.insert(digest, Arc::clone(&verified));
        Ok(verified)
    }

    /// True if the user allowed the client a scope, and only their second factor is missing for it.
    pub(crate) fn lacks_second_factor(&self, caller: &Caller, scope: Scope) -> bool {
        // The authentication of another token is that of the moment at which it was made.
        let Principal::Client(grant) = &caller.principal else { return false };
        if caller.cannot_ask_for_more() {
            return false;
        }
        let rules = self.inner.settings.rules.now();
        let held = grant.scopes.closure().intersection(&rules.access.scopes_of(&caller.user));
        let authentication = &grant.subject.authentication;
        rules.access.lacks_second_factor(&held, authentication).contains(scope)
    }

    /// True if a stream that was opened by this caller may stay open.
    pub(crate) async fn may_continue(&self, caller: &Caller) -> bool {
        let now = self.inner.services.clock.now();
        if now.0 >= caller.expires_at || !self.is_enabled().await.unwrap_or(true) {
            return false;
        }
        if !self.agent_is_enabled(caller).await.unwrap_or(true) {
            return false;
        }
        let store = &self.inner.services.store;
        let live = match &caller.principal {
            Principal::Token(token) => {
                let token = store.access_token(&token.token).await;
                token.map(|token| token.is_some_and(|token| token.is_live(now)))
            }
            Principal::Console(console) => {
                let session = store.session(&console.session.token).await;
                session.map(|session| session.is_some_and(|session| session.is_live(now)))
            }
            Principal::Client(grant) => store.is_still_in_force(grant, now).await,
        };
        // The database is unavailable: new work is refused anyway, running work is not cancelled
        // for it.
        live.unwrap_or(true)
    }
}

/// The interval at which an open stream checks that it may stay open (MCP-23, P3: at most 60 s).
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
