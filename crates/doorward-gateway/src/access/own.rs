//! Access of this server itself, which is the same for all users: a token for its own credentials
//! (RFC 6749 §4.4), or for a token that names it as a workload (RFC 7523 §2.1).

use std::path::Path;

use doorward_model::{Timestamp, id::random_text};
use doorward_transport::oauth::{self, Failure};
use serde_json::json;

use super::{AccessKey, IssuedToken, LinkAuth, NoToken, RequestedInVain, asserted::JWT_BEARER};
use crate::{
    oauth::{Discovered, NoTokens, OAuthError, client::AssertionAudience},
    upstream::{Auth, OwnAccess, Upstream},
};

/// The place of an issuer in the key of such an access: there is one for each upstream.
const ISSUER: &str = "";
/// Maximum number of bytes of a file with a token.
const MOST_BYTES: u64 = 64 * 1024;
/// Seconds for which an assertion of this server counts.
const ASSERTION: i64 = 300;
/// Seconds for which an authorization server that refused is not asked again, one that failed, and
/// the one of an upstream that refuses even a fresh token.
const AFTER_REFUSAL: i64 = 30;
const AFTER_FAILURE: i64 = 2;
const AFTER_FRESH: i64 = 10;

impl LinkAuth {
    fn own_key(&self) -> AccessKey {
        AccessKey::of(&self.gateway, None, &self.upstream, ISSUER)
    }

    /// A token of the upstream's authorization server for this server, by one task for all calls.
    pub(super) async fn own(&self, access: &OwnAccess) -> Result<IssuedToken, NoToken> {
        let key = self.own_key();
        if let Some(settled) = self.kept_or_paused(&key) {
            return settled;
        }
        let (auth, access) = (self.clone(), access.clone());
        let work = || async move { auth.obtain_own(&access).await };
        self.gateway.flights.exchanges.run(key, work).await?
    }

    /// The token that is kept, or the reason for which none is requested now.
    fn kept_or_paused(&self, key: &AccessKey) -> Option<Result<IssuedToken, NoToken>> {
        let (gateway, now) = (&self.gateway, self.gateway.services.clock.now());
        if let Some(token) = gateway.short_lived.get(key, &self.upstream, now) {
            return Some(Ok(token));
        }
        self.own_paused(key).map(Err)
    }

    /// The reason for which no token is requested now.
    fn own_paused(&self, key: &AccessKey) -> Option<NoToken> {
        let (gateway, now) = (&self.gateway, self.gateway.services.clock.now());
        let left = gateway.waits.left(key, now)?;
        let why = format!("{}; no token is requested for {} s", left.why, left.seconds);
        Some(NoToken::Unavailable(why))
    }

    async fn obtain_own(&self, access: &OwnAccess) -> Result<IssuedToken, NoToken> {
        let key = self.own_key();
        // Another call may have obtained it between the check and the task.
        if let Some(settled) = self.kept_or_paused(&key) {
            return settled;
        }
        let now = self.gateway.services.clock.now();
        let found = self.authorization_server(now).await.map_err(|error| {
            let why = format!("no token was requested for {}: {error}", self.upstream.title);
            let seconds = match error {
                OAuthError::Unreachable(_) | OAuthError::Store(_) => AFTER_FAILURE,
                _ => AFTER_REFUSAL,
            };
            self.pause(seconds, why)
        })?;
        let form = self.form(access, &found, now).await?;
        let requested = self.request_token_of(&found, key, form).await;
        if requested.is_ok() {
            tracing::info!(upstream = %self.upstream.name, issuer = %found.server.issuer, "a token of this server's own was issued");
        }
        requested.map_err(|vain| match vain {
            RequestedInVain::Unasked(why) => why,
            RequestedInVain::Answered(none) => self.issued_none(none),
        })
    }

    /// Notes a pause, and tells its reason.
    fn pause(&self, seconds: i64, why: String) -> NoToken {
        let now = self.gateway.services.clock.now();
        self.gateway.waits.note(self.own_key(), Some(seconds), why.clone(), now);
        NoToken::Unavailable(why)
    }

    /// Notes for how long the authorization server is not asked again.
    fn issued_none(&self, none: NoTokens) -> NoToken {
        let seconds = match &none.failure {
            Failure::Refused(_) | Failure::Client(_) | Failure::Nonsense(_) => AFTER_REFUSAL,
            Failure::Wait { seconds, .. } => seconds.unwrap_or(AFTER_REFUSAL),
            Failure::Silent(_) => AFTER_FAILURE,
        };
        let error = OAuthError::from(none);
        let why = format!("no token was issued for {}: {error}", self.upstream.title);
        tracing::warn!(upstream = %self.upstream.name, %error, "no token of this server's own was issued");
        self.pause(seconds, why)
    }

    /// Refuses to replace a token of this server's own while none is requested. All users share it:
    /// that the upstream refuses it for the call of one does not take it from the others.
    pub(super) fn own_is_renewable(&self) -> Result<(), NoToken> {
        if !matches!(self.upstream.auth, Auth::Own(_)) {
            return Ok(());
        }
        self.own_paused(&self.own_key()).map_or(Ok(()), Err)
    }

    /// Notes that the upstream refuses a fresh token: another one would be refused too.
    pub(super) fn own_refused(&self) {
        let why = format!("{} refuses tokens that were just issued", self.upstream.title);
        drop(self.pause(AFTER_FRESH, why));
    }

    /// The request for a token.
    async fn form(
        &self,
        access: &OwnAccess,
        found: &Discovered,
        now: Timestamp,
    ) -> Result<crate::oauth::client::Form, NoToken> {
        let mut form = match access {
            OwnAccess::ClientCredentials => vec![("grant_type", "client_credentials".to_owned())],
            OwnAccess::Workload(file) => {
                let assertion = match file {
                    Some(file) => read(file, now).await.map_err(|why| {
                        NoToken::Unavailable(format!("assertion_file {}: {why}", file.display()))
                    })?,
                    None => self.workload_assertion(found, now)?,
                };
                vec![("grant_type", JWT_BEARER.to_owned()), ("assertion", assertion)]
            }
        };
        let config = &self.upstream.config;
        let scopes = found.scopes.join(" ");
        form.extend(Some(scopes).filter(|scopes| !scopes.is_empty()).map(|text| ("scope", text)));
        form.extend(found.resource.clone().map(|resource| ("resource", resource)));
        let audience = Some(config.audience.clone()).filter(|audience| !audience.is_empty());
        form.extend(audience.map(|audience| ("audience", audience)));
        Ok(form)
    }

    /// A token of this server that names the upstream as its subject: the authorization server
    /// trusts the access to this place and to no other that an administrator may set.
    fn workload_assertion(&self, found: &Discovered, now: Timestamp) -> Result<String, NoToken> {
        let services = &self.gateway.services;
        let audience = AssertionAudience::of(&self.upstream);
        let claims = json!({
            "iss": self.gateway.settings.public_url.as_str(),
            "sub": subject(&self.upstream),
            "aud": audience.at(&found.token_endpoint, &found.server.issuer),
            "iat": now.0, "nbf": now.0, "exp": now.plus(ASSERTION).0,
            "jti": random_text(services.entropy.as_ref(), 16),
        });
        let signed = services.keys.sign_client_assertion(&claims, now);
        signed.map_err(|error| NoToken::Unavailable(error.to_string()))
    }
}

/// The subject of the tokens with which this server names itself at the authorization server of an
/// upstream.
pub(crate) fn subject(upstream: &Upstream) -> &str {
    &upstream.location
}

/// Reads the token that the platform keeps in a file and replaces before it expires.
async fn read(file: &Path, now: Timestamp) -> Result<String, String> {
    use tokio::io::AsyncReadExt;
    let failed = |error: std::io::Error| error.to_string();
    // A pipe would not be opened before another process writes to it.
    if !tokio::fs::metadata(file).await.map_err(failed)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let opened = tokio::fs::File::open(file).await.map_err(failed)?;
    let mut bytes = Vec::new();
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let token = text.trim();
    let claims = token.split('.').nth(1).and_then(|part| oauth::part_of_token(part).ok());
    let is_plain = text.len() as u64 <= MOST_BYTES
        && token.split('.').count() == 3
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    // Another file is sent nowhere.
    let Some(claims) = claims.filter(|_| is_plain) else {
        return Err("it holds no signed token (JWT)".to_owned());
    };
    let end = claims.get("exp").and_then(serde_json::Value::as_i64);
    if end.is_some_and(|end| now.0 >= end) {
        return Err("its token has expired, and the platform has not replaced it".to_owned());
    }
    Ok(token.to_owned())
}
