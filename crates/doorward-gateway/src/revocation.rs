//! Tokens of connections that ended are revoked at their issuers (RFC 7009): the upstream, the user
//! or the user's access ended, or the user disconnected. The write that ended the connection queued
//! the revocation; a task of the server executes it, limited in number, in time and in attempts.

use std::{sync::Arc, time::Duration};

use doorward_model::{Connection, Sealed, Timestamp, UpstreamChange, trust::Revocation};
use doorward_store::StoreError;
use doorward_transport::{Outbound, PeerPermissions};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    Gateway, Inner,
    access::{StoredTokens, held},
    oauth::{
        self, AsClient, ByHand, ClientCredentials, MAX_DOCUMENT, OAuthError, clean, client::Form,
    },
    reach::{listed, without_tls},
    upstream::Upstream,
};

/// Maximum number of revocations of one round, and of those that run at once.
const ROUND: u64 = 100;
const AT_ONCE: usize = 8;
/// Time that one may take: two requests and, for older connections, the issuer's metadata.
const WITHIN: Duration = Duration::from_mins(1);
/// The number of attempts; the intervals between them are 2 minutes, 10, 50, …
const TRIES: i64 = 6;
const AGAIN: i64 = 120;

/// Access to the authorization servers of an upstream, with this server's client registration,
/// after its settings were deleted.
#[derive(Default, Serialize, Deserialize)]
struct Reach {
    networks: Vec<String>,
    ca_file: String,
    http_on_loopback: bool,
    // The client that the operator set.
    client: Option<ClientCredentials>,
    /// The operator also set its method of authentication.
    #[serde(default)]
    method_set: bool,
}

fn place(upstream: doorward_model::UpstreamName) -> String {
    format!("token_revocation/{upstream}")
}

/// The outcome of a revocation.
enum Outcome {
    /// The issuer took the tokens back.
    Done,
    /// It does not do so, or refuses; trying again would not help.
    Impossible(String),
    /// It did not answer.
    Later(String),
}

impl Reach {
    fn of(upstream: &Upstream) -> Self {
        let config = &upstream.config;
        Self {
            networks: config.networks.clone(),
            ca_file: config.ca_file.clone(),
            http_on_loopback: config.http_on_loopback,
            client: (!config.client_id.is_empty()).then(|| ClientCredentials::configured(upstream)),
            method_set: upstream.by_hand.method.is_some(),
        }
    }
}

impl Inner {
    /// The settings with which the authorization servers of an upstream are reached later.
    pub(crate) fn sealed_reach(&self, upstream: &Upstream) -> Sealed {
        let plain = serde_json::to_vec(&Reach::of(upstream)).unwrap_or_default();
        self.services.master.seal(&place(upstream.name), &plain)
    }

    /// Queues the tokens of a connection that was not kept.
    pub(crate) async fn revoke_lost(
        &self,
        upstream: &Upstream,
        lost: Connection,
    ) -> Result<(), StoreError> {
        let Some(tokens) = lost.tokens else { return Ok(()) };
        let store = &self.services.store;
        let registered = store.upstream_registration(lost.upstream, &lost.issuer).await?;
        let random = doorward_model::id::random_text(self.services.entropy.as_ref(), 16);
        let queue = UpstreamChange::QueueRevocation(Box::new(Revocation {
            id: format!("{}/{}/{random}", lost.upstream, lost.user_id),
            upstream: lost.upstream,
            user_id: lost.user_id,
            issuer: lost.issuer,
            resource: lost.resource,
            tokens,
            registration: registered.map(|row| row.credentials),
            access: Some(self.sealed_reach(upstream)),
            tries: 0,
            due_at: self.services.clock.now(),
        }));
        store.apply(queue).await?;
        self.revocations.notify_one();
        Ok(())
    }

    /// The route to the issuer: as stored when the upstream ended, or as in its present settings.
    fn reach(&self, row: &Revocation, upstream: Option<&Upstream>) -> Reach {
        let opened = row
            .access
            .as_ref()
            .and_then(|sealed| self.services.master.open(&place(row.upstream), sealed).ok());
        opened
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .or_else(|| upstream.map(Reach::of))
            .unwrap_or_default()
    }

    /// The tokens of a row, sealed as in the connection that they are from.
    fn revoked(&self, row: &Revocation) -> Option<StoredTokens> {
        let connection = Connection {
            user_id: row.user_id.clone(),
            upstream: row.upstream,
            issuer: row.issuer.clone(),
            resource: row.resource.clone(),
            scopes: String::new(),
            tokens: Some(row.tokens.clone()),
            expires_at: None,
            ends_at: Timestamp(0),
            created_at: Timestamp(0),
            version: 0,
            refreshing_until: None,
            problem: None,
            account: None,
        };
        held::open(self, &connection)
    }

    async fn revoke(&self, row: &Revocation, upstream: Option<&Upstream>) -> Outcome {
        let Some(held) = self.revoked(row) else {
            return Outcome::Impossible("the tokens cannot be unsealed".to_owned());
        };
        let reach = self.reach(row, upstream);
        let networks = listed(&reach.networks, reach.http_on_loopback);
        let plain = without_tls(&networks, &self.settings.outbound_config);
        let wanted = PeerPermissions {
            networks: &networks,
            ca_file: (!reach.ca_file.is_empty()).then_some(reach.ca_file.as_str()),
            plain: &plain,
        };
        let outbound =
            self.services.outbound.for_correspondent(&self.settings.outbound_config, wanted);
        let outbound = match outbound {
            Ok(outbound) => outbound,
            Err(error) => return Outcome::Impossible(error.to_string()),
        };
        let endpoint = match endpoint(&outbound, row, &held).await {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => {
                return Outcome::Impossible("the issuer names no revocation endpoint".to_owned());
            }
            Err(OAuthError::Unreachable(why)) => return Outcome::Later(why),
            Err(error) => return Outcome::Impossible(error.to_string()),
        };
        let registered = row.registration.as_ref().and_then(|sealed| {
            let of = (row.upstream, row.issuer.as_str(), row.resource.as_deref());
            oauth::opened_registration(self, of, sealed)
        });
        // For a registration by the operator, the method is in the registration, without the
        // secret.
        let client = match (reach.client, registered) {
            (Some(set), Some(kept)) if !reach.method_set => {
                ClientCredentials { method: kept.method, ..set }
            }
            (Some(set), Some(_)) => set,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => {
                return Outcome::Impossible("the registration there was deleted".to_owned());
            }
        };
        let asking = AsClient {
            gateway: self,
            outbound: &outbound,
            credentials: &client,
            issuer: &row.issuer,
        };
        let mut outcome = Outcome::Done;
        for form in held.revocations() {
            match post(&asking, &endpoint, form).await {
                Outcome::Done => {}
                // An issuer may revoke one kind of token and refuse the other.
                refused @ Outcome::Impossible(_) => outcome = refused,
                // The revocation is repeated for all of them.
                later @ Outcome::Later(_) => return later,
            }
        }
        outcome
    }
}

async fn endpoint(
    outbound: &Outbound,
    row: &Revocation,
    held: &StoredTokens,
) -> Result<Option<Url>, OAuthError> {
    if let Some(known) = &held.revocation_endpoint {
        return Ok(Url::parse(known).ok());
    }
    // Configured endpoints are stored with the tokens: a setting that was changed since sends no
    // token elsewhere.
    let found = oauth::server_metadata(outbound, &row.issuer, &ByHand::default()).await?;
    Ok(oauth::revocation_endpoint(&found.value))
}

async fn post(asking: &AsClient<'_>, endpoint: &Url, form: Form) -> Outcome {
    let request = match asking.request(endpoint, form) {
        Ok(request) => request,
        Err(error) => return Outcome::Impossible(error.to_string()),
    };
    match asking.outbound.send_along(request, MAX_DOCUMENT).await {
        Ok(answer) if (200..300).contains(&answer.status) => Outcome::Done,
        Ok(answer) if answer.status >= 500 || answer.status == 429 => {
            Outcome::Later(format!("it returned HTTP {}", answer.status))
        }
        Ok(answer) => Outcome::Impossible(format!("it returned HTTP {}", answer.status)),
        Err(error) => Outcome::Later(error.to_string()),
    }
}

impl Gateway {
    /// Executes due revocations. One round is limited in number and time; failed ones are due again
    /// later, and given up after some attempts.
    pub async fn revoke_due(&self) {
        let (store, now) = (&self.inner.services.store, self.inner.services.clock.now());
        let due = match store.revocations_due(now, ROUND).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "tokens to be revoked could not be read; trying again later");
                return;
            }
        };
        if due.is_empty() {
            return;
        }
        let upstreams = match self.all_upstreams().await {
            Ok(upstreams) => upstreams,
            Err(error) => {
                tracing::warn!(%error, "upstreams could not be read; their tokens will be revoked \
                    later");
                return;
            }
        };
        futures_util::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |row| {
                let inner = Arc::clone(&self.inner);
                // The tokens are for the place where the upstream was.
                let upstream = upstreams.iter().find(|upstream| {
                    upstream.name == row.upstream
                        && row.resource.as_ref().is_none_or(|place| *place == upstream.location)
                });
                let upstream = upstream.cloned();
                async move {
                    if let Err(error) = revoke_one(&inner, &row, upstream.as_deref(), now).await {
                        tracing::warn!(upstream = %row.upstream, %error, "a revocation could not be stored; trying again later");
                    }
                }
            })
            .await;
    }

    /// Waits until tokens may be due for revocation.
    pub async fn revocation_wanted(&self) {
        self.inner.revocations.notified().await;
    }
}

async fn revoke_one(
    inner: &Inner,
    row: &Revocation,
    reached: Option<&Upstream>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let store = &inner.services.store;
    let pause = AGAIN.saturating_mul(5_i64.saturating_pow(u32::try_from(row.tries).unwrap_or(0)));
    let claim = UpstreamChange::ClaimRevocation {
        id: row.id.clone(),
        due: row.due_at,
        until: now.plus(pause.min(86_400)),
    };
    match store.apply(claim).await {
        Ok(()) => {}
        // Another replica took it.
        Err(StoreError::Refused(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    let outcome = tokio::time::timeout(WITHIN, inner.revoke(row, reached))
        .await
        .unwrap_or_else(|_| Outcome::Later("it did not respond in time".to_owned()));
    let (upstream, issuer, user) = (row.upstream, clean(&row.issuer), &row.user_id);
    match outcome {
        Outcome::Done => {
            tracing::info!(%upstream, %user, %issuer, "tokens of a connection that ended were revoked at their issuer");
        }
        Outcome::Impossible(why) => {
            tracing::warn!(%upstream, %user, %issuer, why, "tokens of a connection that ended were not revoked at their issuer");
        }
        Outcome::Later(why) if row.tries + 1 >= TRIES => {
            tracing::warn!(%upstream, %user, %issuer, why, "tokens of a connection that ended could not be revoked at their issuer; no further attempt is made");
        }
        Outcome::Later(why) => {
            tracing::warn!(%upstream, %user, %issuer, why, "tokens of a connection that ended could not be revoked at their issuer; trying again later");
            return Ok(());
        }
    }
    store.apply(UpstreamChange::ForgetRevocation { id: row.id.clone() }).await
}
