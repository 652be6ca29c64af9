//! Tells relying parties of sessions that ended (OpenID Connect Back-Channel Logout 1.0).

use doorward_model::{
    Change, EndedUse, RelyingChange, RelyingParty, RelyingSession, Timestamp, id::random_text,
};
use doorward_store::StoreError;
use futures_util::StreamExt;
use http::header;
use serde_json::json;

use crate::Issuer;

/// The member of `events` that makes a token a logout token (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Maximum number of notices of one round, and of those that are sent at once.
const ROUND: u64 = 64;
const AT_ONCE: usize = 8;
/// The attempts for one notice; pauses grow from seconds to half a day.
const TRIES: i64 = 8;
/// The pause after the first attempt, in seconds. It is longer than an attempt takes.
const AGAIN: i64 = 30;
/// The lifetime of a logout token, in seconds: each attempt has one of its own.
const LIFETIME: i64 = 120;
/// Maximum number of bytes that are read of an answer.
const MAX_ANSWER: usize = 16 * 1024;

/// The outcome of an attempt.
enum Outcome {
    Told,
    /// The relying party answers that it does not accept the token.
    Refused(String),
    Later(String),
}

impl Issuer {
    /// Tells relying parties of the sessions that ended since the last round, and of those that
    /// they could not be told of. A notice that is interrupted is due again later.
    pub async fn tell_of_ended_sessions(&self) {
        let now = self.services.clock.now();
        let due = match self.services.store.ended_uses(now, ROUND).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "sessions that ended could not be read; relying parties will be told later");
                return;
            }
        };
        futures_util::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |ended| async move {
                if let Err(error) = self.tell_of(&ended, now).await {
                    tracing::warn!(client = %ended.used.client_id, %error, "the notice of the end of a session could not be stored; trying again later");
                }
            })
            .await;
    }

    async fn tell_of(&self, ended: &EndedUse, now: Timestamp) -> Result<(), StoreError> {
        let (store, used) = (&self.services.store, &ended.used);
        let pause =
            AGAIN.saturating_mul(4_i64.saturating_pow(u32::try_from(ended.tries).unwrap_or(0)));
        let claim = Change::from(RelyingChange::ClaimNotice {
            sid: used.sid.clone(),
            due: ended.due_at,
            until: now.plus(pause.min(43_200)),
        });
        match store.apply(claim).await {
            Ok(()) => {}
            // Another replica took it.
            Err(StoreError::Refused(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        // A client that was blocked or removed is told with the settings that it had.
        let party = match &ended.removed {
            Some(removed) => Some(removed.clone()),
            None => store
                .client(&used.client_id)
                .await?
                .filter(|client| client.disabled_at.is_none())
                .and_then(|client| client.openid.clone()),
        };
        let told = party.and_then(|party| Some((party.backchannel_logout_uri.clone()?, party)));
        if let Some((uri, party)) = told {
            let (id, account) = (&used.client_id, &used.user_id);
            match self.send_logout_token(&party, used, &uri).await {
                Outcome::Told => {
                    tracing::info!(client = %id, user = %account, "the relying party was told that a session ended");
                }
                Outcome::Refused(why) => {
                    tracing::warn!(client = %id, user = %account, why, "the relying party does not accept the notice that a session ended");
                }
                Outcome::Later(why) if ended.tries + 1 >= TRIES => {
                    tracing::warn!(client = %id, user = %account, why, "the relying party could not be told that a session ended; no further attempt is made");
                }
                Outcome::Later(why) => {
                    tracing::warn!(client = %id, user = %account, why, "the relying party could not be told that a session ended; trying again later");
                    return Ok(());
                }
            }
        }
        store.apply(Change::from(RelyingChange::Forget { sid: used.sid.clone() })).await
    }

    async fn send_logout_token(
        &self,
        party: &RelyingParty,
        used: &RelyingSession,
        uri: &str,
    ) -> Outcome {
        let token = match self.logout_token(party, used).await {
            Ok(token) => token,
            Err(why) => return Outcome::Later(why),
        };
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", &token)
            .finish();
        let request = http::Request::post(uri)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes());
        let request = match request {
            Ok(request) => request,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        match self.services.to_relying_parties.send(request, MAX_ANSWER).await {
            Ok(answer) => match answer.status {
                // 204 is what frameworks make of an empty answer (§2.8).
                200 | 204 => Outcome::Told,
                status @ (429 | 500..) => Outcome::Later(format!("it returned HTTP {status}")),
                status => Outcome::Refused(format!("it returned HTTP {status}")),
            },
            Err(error) => Outcome::Later(error.to_string()),
        }
    }

    /// The logout token for one relying party: it names the user and the session as this one knows
    /// them.
    async fn logout_token(
        &self,
        party: &RelyingParty,
        used: &RelyingSession,
    ) -> Result<String, String> {
        let services = &self.services;
        self.follow_keys().await.map_err(|failure| failure.why)?;
        let now = services.clock.now();
        let claims = json!({
            "iss": self.settings.public_url.as_str(), "aud": used.client_id.as_str(),
            "sub": self.subject_of_party(Some(party), &used.user_id), "sid": used.sid,
            "iat": now.0, "exp": now.plus(LIFETIME).0,
            "jti": random_text(services.entropy.as_ref(), 16),
            "events": {EVENT: {}},
        });
        services.keys.sign_logout_token(&claims, now).map_err(|error| error.to_string())
    }
}
