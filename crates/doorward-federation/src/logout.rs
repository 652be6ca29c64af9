//! Signing out, in both directions: the provider notifies this server (OpenID Connect Back-Channel
//! Logout 1.0), and this server redirects the user to the provider's sign-out page (RP-Initiated
//! Logout 1.0).

use std::sync::Arc;

use doorward_keys::Audience;
use doorward_model::{Change, IdentityId, RevokeReason, Session, Timestamp, UnitOfWork, routes};
use doorward_store::StoreError;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    claims,
    error::FederationError,
    federation::Federation,
    protocol::{SignOutPage, openid::LEEWAY},
    provider::Provider,
};

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The greatest age of an accepted logout token, in seconds; its `jti` is remembered for longer.
const OLDEST: i64 = 600;

/// Reason for which a logout token is refused. For the log; the provider receives
/// `invalid_request`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogoutTokenRefusal {
    /// The token is not valid for its purpose.
    #[error("{}", crate::error::plain(.0))]
    Invalid(String),
    /// It came before.
    #[error("this logout token was already used")]
    Replayed,
    /// It cannot be judged now.
    #[error(transparent)]
    Unavailable(#[from] FederationError),
}

impl From<StoreError> for LogoutTokenRefusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The claims of a logout token (§2.4).
struct LogoutClaims {
    iss: String,
    aud: Audience,
    iat: i64,
    exp: Option<i64>,
    jti: String,
    events: Map<String, Value>,
    sub: Option<String>,
    sid: Option<String>,
    nonce: Option<Value>,
}

impl LogoutClaims {
    /// Reads them in the forms in which ID tokens have them: a session that was begun by one is
    /// ended by the other.
    fn read(told: &Value) -> Option<Self> {
        let given = |name: &str| told.get(name).filter(|value| !value.is_null());
        let exp = claims::seconds(told, "exp");
        // An end that cannot be read may be over.
        if given("exp").is_some() && exp.is_none() {
            return None;
        }
        Some(Self {
            iss: given("iss")?.as_str()?.to_owned(),
            aud: Audience::deserialize(given("aud")?).ok()?,
            iat: claims::seconds(told, "iat")?,
            exp,
            jti: claims::identifier(told, "jti")?,
            events: given("events")?.as_object()?.clone(),
            sub: claims::identifier(told, "sub"),
            sid: claims::identifier(told, "sid"),
            nonce: given("nonce").cloned(),
        })
    }
}

/// A form that sends the browser to the provider's sign-out page.
#[derive(Debug, Clone)]
pub struct LogoutForm {
    /// The provider's display name.
    pub provider: String,
    /// Its target.
    pub action: String,
    /// Its hidden fields.
    pub fields: Vec<(String, String)>,
}

/// The user's session at the provider, after they signed out here.
#[derive(Debug, Clone)]
pub enum SignedOut {
    /// There was none: the user did not sign in through a provider.
    Here,
    /// It continues, and this form ends it.
    AtProvider(LogoutForm),
    /// It continues at the provider of this display name, which has no sign-out page.
    Continues(String),
}

/// Checks the requirements of §2.6 on a logout token. `issuers` are those that may have signed it.
fn judge(
    claims: &LogoutClaims,
    typ: Option<&str>,
    issuers: &[String],
    client_id: &str,
    now: Timestamp,
) -> Result<(), String> {
    let typ = typ.map(str::to_ascii_lowercase);
    if !matches!(typ.as_deref(), None | Some("jwt" | "logout+jwt" | "application/logout+jwt")) {
        return Err(format!("its typ is {typ:?}"));
    }
    if !issuers.contains(&claims.iss) {
        return Err(format!("its issuer is {:?}", claims.iss));
    }
    if !claims.aud.contains(client_id) {
        return Err("it is for another client".to_owned());
    }
    let at = |seconds: i64| now.plus(seconds).0;
    if claims.iat > at(LEEWAY)
        || claims.iat < at(-OLDEST)
        || claims.exp.is_some_and(|end| end <= at(-LEEWAY))
    {
        return Err("it is too old or from the future".to_owned());
    }
    if !claims.events.get(EVENT).is_some_and(Value::is_object) {
        return Err("it is not a logout token: events does not name one".to_owned());
    }
    if claims.nonce.is_some() {
        return Err("it has a nonce, so it is an ID token".to_owned());
    }
    if claims.jti.is_empty() || claims.jti.len() > 512 {
        return Err("its jti is empty or too long".to_owned());
    }
    if claims.sub.is_none() && claims.sid.is_none() {
        Err("it names neither a user nor a session".to_owned())
    } else {
        Ok(())
    }
}

impl Federation {
    /// Accepts a logout token from a provider: ends the sessions that it names and, where the
    /// configuration says so, grants.
    pub async fn back_channel_logout(
        &self,
        provider: &Arc<Provider>,
        token: &str,
    ) -> Result<(), LogoutTokenRefusal> {
        let services = &self.inner.services;
        let claims = self.logout_claims(provider, token).await?;
        let now = services.clock.now();
        let jti = format!("logout:{}:{}", provider.id, claims.jti);
        let mut unit =
            UnitOfWork::from(Change::SpendValue { key: jti, expires_at: now.plus(2 * OLDEST) });
        let mut accounts = Vec::new();
        // The user by `sub` where that claim names users here; the provider's session by `sid` in
        // any case.
        let identity = claims
            .sub
            .as_ref()
            .filter(|_| provider.claims.subject == "sub")
            .map(|sub| IdentityId::of(&claims.iss, sub));
        match (&identity, &claims.sid) {
            (Some(identity), sid) => {
                accounts.push(identity.clone());
                unit.push(Change::EndSessionsOfIdentity {
                    identity: identity.clone(),
                    sid: sid.clone(),
                });
            }
            (None, Some(sid)) => {
                accounts.extend(services.store.identities_with_sid(&provider.id, sid).await?);
                unit.push(Change::EndSessionsOfSid {
                    provider: provider.id.clone(),
                    sid: sid.clone(),
                });
            }
            (None, None) => {
                return Err(LogoutTokenRefusal::Invalid(
                    "users here are not named by sub, and it names no session".to_owned(),
                ));
            }
        }
        if provider.config.logout_ends_grants {
            for identity in accounts {
                unit.push(Change::RevokeGrantsOfIdentity {
                    identity,
                    at: now,
                    reason: RevokeReason::ProviderLogout,
                });
            }
        }
        match services.store.apply(unit).await {
            Ok(()) => {
                tracing::info!(provider = %provider.id, sub = claims.sub, sid = claims.sid, "signed out at the provider: sessions here have ended");
                Ok(())
            }
            Err(StoreError::Refused(_)) => Err(LogoutTokenRefusal::Replayed),
            Err(error) => Err(error.into()),
        }
    }

    async fn logout_claims(
        &self,
        provider: &Provider,
        token: &str,
    ) -> Result<LogoutClaims, LogoutTokenRefusal> {
        let Some(read) = provider.protocol.signed_token(token).await else {
            return Err(LogoutTokenRefusal::Invalid(
                "this kind of provider has no back-channel logout".to_owned(),
            ));
        };
        let signed = read.map_err(|error| match error {
            FederationError::Untrusted(why) => LogoutTokenRefusal::Invalid(why),
            other => LogoutTokenRefusal::Unavailable(other),
        })?;
        let claims = LogoutClaims::read(&signed.claims).ok_or_else(|| {
            LogoutTokenRefusal::Invalid(
                "one of iss, aud, iat, exp, jti and events is missing or of another type"
                    .to_owned(),
            )
        })?;
        let now = self.inner.services.clock.now();
        let issuers = provider.protocol.issuers();
        judge(&claims, signed.typ.as_deref(), &issuers, &provider.config.client_id, now)
            .map_err(LogoutTokenRefusal::Invalid)?;
        Ok(claims)
    }

    /// Handles a user's sign-out from this session here: the provider's token is deleted, unless
    /// another session of the same account needs it. Returns the consequence for the session at the
    /// provider.
    pub async fn signed_out(&self, session: &Session) -> Result<SignedOut, StoreError> {
        let services = &self.inner.services;
        let settings = &self.inner.settings;
        let Some(upstream) = &session.upstream else { return Ok(SignedOut::Here) };
        let now = services.clock.now();
        let others = services.store.sessions_of(&session.user_id, now).await?;
        let needed = others.iter().any(|other| {
            other.id != session.id
                && other.upstream.as_ref().is_some_and(|other| other.identity == upstream.identity)
        });
        let provider = self.any_provider(&upstream.provider).await?;
        if !needed && let Some(identity) = services.store.identity(&upstream.identity).await? {
            let wait = provider.as_ref().map_or(0, |provider| provider.config.confirm_seconds);
            services
                .store
                .apply(Change::DropCredential {
                    identity: identity.id,
                    next_check_at: identity.confirmed_at.plus(wait).max(now),
                })
                .await?;
        }
        let Some(provider) = provider else { return Ok(SignedOut::Here) };
        let id_token = upstream.id_token.as_ref().and_then(|sealed| {
            services.master.open(&Session::id_token_place(&session.id), sealed).ok()
        });
        let id_token = id_token.and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        let name = provider.name.clone();
        let page =
            provider.protocol.logout(&settings.public_url.at(routes::LOGOUT), id_token).await;
        Ok(match page {
            Some(SignOutPage { action, fields }) => {
                SignedOut::AtProvider(LogoutForm { provider: name, action, fields })
            }
            None => SignedOut::Continues(name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn told(change: impl FnOnce(&mut Value)) -> Result<(), String> {
        let mut claims = json!({"iss": "https://i", "aud": "me", "iat": NOW.0, "exp": NOW.0 + 60, "jti": "j", "sub": "u", "sid": "s", "events": {EVENT: {}}});
        change(&mut claims);
        let claims = LogoutClaims::read(&claims).ok_or("a claim is missing")?;
        judge(&claims, Some("logout+jwt"), &["https://i".to_owned()], "me", NOW)
    }

    #[test]
    fn fed22_a_logout_token_is_checked_whole() {
        told(|_| {}).unwrap();
        told(|claims| claims["aud"] = json!(["other", "me"])).unwrap();
        for (member, value) in [
            ("iss", json!("https://other")),
            ("aud", json!("other")),
            ("iat", json!(NOW.0 - 601)),
            ("iat", json!(NOW.0 + LEEWAY + 1)),
            ("iat", json!("now")),
            ("exp", json!("never")),
            ("exp", json!(NOW.0 - LEEWAY - 1)),
            ("jti", json!("")),
            ("events", json!({})),
            ("events", json!({EVENT: "yes"})),
            ("nonce", json!("n")),
        ] {
            assert!(told(|claims| claims[member] = value.clone()).is_err(), "{member} {value}");
        }
        for member in ["iss", "aud", "iat", "jti", "events"] {
            assert!(
                told(|claims| drop(claims.as_object_mut().unwrap().remove(member))).is_err(),
                "{member}"
            );
        }
        assert!(
            told(|claims| {
                let members = claims.as_object_mut().unwrap();
                members.remove("sub");
                members.remove("sid");
            })
            .is_err()
        );
        let claims = json!({"iss": "https://i", "aud": "me", "iat": NOW.0, "jti": "j", "sub": "u", "events": {EVENT: {}}});
        let claims = LogoutClaims::read(&claims).unwrap();
        assert!(judge(&claims, Some("at+jwt"), &["https://i".to_owned()], "me", NOW).is_err());
        assert!(judge(&claims, None, &["https://i".to_owned()], "me", NOW).is_ok());
    }
}
