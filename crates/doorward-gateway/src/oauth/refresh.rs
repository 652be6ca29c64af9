//! Refreshes a user's access to an upstream. The work is done by a task: an authorization server
//! that rotates refresh tokens has ended the old one with its response, even if the call that
//! needed the token is dropped.

use std::{sync::Arc, time::Duration};

use doorward_keys::ProvingKey;
use doorward_model::{Connection, Timestamp, UpstreamChange, UserId, upstream::ConnectionProblem};
use doorward_store::StoreError;
use doorward_transport::oauth::Failure;
use url::Url;

use super::{AsClient, NoTokens, Tokens, metadata::endpoint, registration, server_metadata};
use crate::{
    Inner,
    access::{
        held::{self, StoredTokens},
        key::{AccessKey, NoToken},
    },
    upstream::{Shared, Upstream},
};

/// For how much longer than the authorization server may take one replica reserves a refresh.
const RESERVED_BEYOND: Duration = Duration::from_secs(15);
/// Number of tries to store a refreshed token if the database fails, and the first and the
/// longest pause between two tries. Together they take about as long as the reservation.
const KEEP_TRIES: u32 = 10;
const KEEP_EVERY: Duration = Duration::from_millis(250);
const KEEP_EVERY_AT_MOST: Duration = Duration::from_secs(2);

/// Refreshes a connection of this version, if no other replica does so at this moment (G30). The
/// caller reads the connection again afterwards. Runs in a task of its own.
pub(crate) async fn run(
    gateway: Arc<Inner>,
    upstream: Shared,
    user_id: UserId,
    version: i64,
) -> Result<(), NoToken> {
    let store = &gateway.services.store;
    let Some(connection) = gateway.connection_now(&user_id, &upstream).await? else {
        return Ok(());
    };
    if connection.version != version {
        return Ok(());
    }
    let now = gateway.services.clock.now();
    let Some(before) = held::open(&gateway, &connection) else { return Ok(()) };
    let Some(refresh_token) = before.refresh_token.clone() else {
        end(&gateway, &upstream, connection, ConnectionProblem::Expired).await;
        return Ok(());
    };
    // Everything that can fail before the request is done before it.
    let endpoint = Url::parse(&before.token_endpoint)
        .map_err(|error| NoToken::Unavailable(error.to_string()))?;
    let client = registration::known(&gateway, &upstream, &connection.issuer)
        .await
        .map_err(|error| NoToken::Unavailable(error.to_string()))?;
    let Some(client) = client else {
        end(&gateway, &upstream, connection, ConnectionProblem::RegistrationGone).await;
        return Ok(());
    };
    // Tokens that are not bound yet are bound by their next refresh, where the operator wants it.
    let key = match before.proving_key() {
        None if upstream.config.dpop => ProvingKey::generate().map(Some),
        key => Ok(key),
    };
    let key = key.map_err(|error| NoToken::Unavailable(error.to_string()))?;
    let reserved = upstream.outbound.timeout().saturating_add(RESERVED_BEYOND).as_secs();
    let until = now.plus(i64::try_from(reserved).unwrap_or(i64::MAX / 2));
    let claim = UpstreamChange::ClaimRefresh {
        user_id: user_id.clone(),
        upstream: connection.upstream,
        version,
        now,
        until,
    };
    match store.apply(claim).await {
        Ok(()) => {}
        Err(StoreError::Refused(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let mut form =
        vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", refresh_token)];
    if let Some(resource) = &before.resource {
        form.push(("resource", resource.clone()));
    }
    let outbound = &upstream.outbound;
    let asking =
        AsClient { gateway: &gateway, outbound, credentials: &client, issuer: &connection.issuer };
    match asking.tokens(&endpoint, form, key.as_ref()).await {
        Ok(tokens) => {
            let kept = refreshed(&connection, &upstream, &tokens, now);
            let kept = sealed(&gateway, kept, &before.refreshed(&tokens, key.as_ref()));
            if !keep(&gateway, &kept).await? {
                // If the user disconnected meanwhile, the new tokens are left over.
                if store.connection_now(&user_id, upstream.name).await?.is_none() {
                    gateway.revoke_lost(&upstream, kept).await?;
                }
                return Ok(());
            }
            tracing::info!(upstream = %upstream.name, user = %user_id, "access to an upstream refreshed");
            Ok(())
        }
        Err(none) => failed(&gateway, &upstream, connection, before, none).await,
    }
}

/// Handles a response without tokens, for this connection alone: a refusal ends it; a refusal that
/// may come from something before the server, or of the request, has the user connect again and is
/// tried again meanwhile; any other is tried again, not before the time that the server demands.
async fn failed(
    gateway: &Inner,
    upstream: &Upstream,
    connection: Connection,
    before: StoredTokens,
    none: NoTokens,
) -> Result<(), NoToken> {
    let forgets = none.forgets_client();
    match &none.failure {
        Failure::Client(_) if forgets => {
            // G29: the upstream lost the client registration, not the user. A new connection
            // registers again.
            let forget = UpstreamChange::DeleteRegistration {
                upstream: upstream.name,
                issuer: connection.issuer.clone(),
            };
            gateway.services.store.apply(forget).await?;
            end(gateway, upstream, connection, ConnectionProblem::UnknownClient).await;
            return Ok(());
        }
        Failure::Refused(_) => {
            end(gateway, upstream, connection, ConnectionProblem::Refused).await;
            return Ok(());
        }
        Failure::Wait { seconds, .. } => {
            let user_id = Some(&connection.user_id);
            let key = AccessKey::of(gateway, user_id, upstream, &connection.issuer);
            let why = none.failure.to_string();
            gateway.waits.note(key, *seconds, why, gateway.services.clock.now());
        }
        Failure::Client(_) | Failure::Silent(_) | Failure::Nonsense(_) => {}
    }
    let connects = match &none.failure {
        Failure::Client(_) => true,
        Failure::Nonsense(_) => none.refuses_by_status(),
        Failure::Refused(_) | Failure::Wait { .. } | Failure::Silent(_) => false,
    };
    let why = format!("the access to {} could not be refreshed: {}", upstream.title, none.failure);
    let before = match moved(upstream, &connection.issuer, &none, &before).await {
        Some(token_endpoint) => before.refreshed_at(token_endpoint),
        None => before,
    };
    // It may work in a moment: free the reservation and keep the connection, with the refresh token
    // that counts now.
    let version = connection.version + 1;
    let mut kept = Connection { version, refreshing_until: None, ..connection };
    kept.resource = Some(upstream.location.clone());
    kept.tokens = Some(held::seal(gateway, &kept, &before.rotated(none.rotated)));
    keep(gateway, &kept).await?;
    Err(if connects { NoToken::Connect(why) } else { NoToken::Unavailable(why) })
}

/// The token endpoint that the issuer of a connection names now, where the one of the connection
/// may be no more and another is named. The next refresh is sent there.
async fn moved(
    upstream: &Upstream,
    issuer: &str,
    none: &NoTokens,
    before: &StoredTokens,
) -> Option<String> {
    if !none.may_have_moved() {
        return None;
    }
    let set = &upstream.by_hand;
    let named = if set.are_enough() {
        set.token.as_ref().map(Url::to_string)
    } else {
        let found = server_metadata(&upstream.outbound, issuer, set).await.ok()?;
        Some(found.value.token_endpoint)
    };
    let named = endpoint("token endpoint", &named?).ok()?;
    if Url::parse(&before.token_endpoint).is_ok_and(|old| old == named) {
        return None;
    }
    tracing::info!(upstream = %upstream.name, %issuer, endpoint = %named, "an authorization server names another token endpoint now; refreshes are sent there");
    Some(named.to_string())
}

/// The connection after a refresh, without the new tokens.
fn refreshed(
    connection: &Connection,
    upstream: &Upstream,
    tokens: &Tokens,
    now: Timestamp,
) -> Connection {
    let scopes = tokens.scope.clone().unwrap_or_else(|| connection.scopes.clone());
    let expires_at = tokens.expires_in.map(|seconds| now.plus(seconds));
    Connection {
        resource: Some(upstream.location.clone()),
        scopes,
        expires_at,
        version: connection.version + 1,
        refreshing_until: None,
        problem: None,
        ..connection.clone()
    }
}

/// A refreshed connection with its new tokens, which are sealed for it.
fn sealed(gateway: &Inner, refreshed: Connection, tokens: &StoredTokens) -> Connection {
    let tokens = held::seal(gateway, &refreshed, tokens);
    Connection { tokens: Some(tokens), ..refreshed }
}

/// Stores the outcome of a refresh. The previous token is no longer valid, so a write that fails is
/// repeated. `false` if the user disconnected or connected again meanwhile; that state is kept.
async fn keep(gateway: &Inner, kept: &Connection) -> Result<bool, NoToken> {
    let mut pause = KEEP_EVERY;
    let mut tries = 0;
    loop {
        match gateway
            .services
            .store
            .apply(UpstreamChange::KeepRefreshed { connection: Box::new(kept.clone()) })
            .await
        {
            Ok(()) => return Ok(true),
            Err(StoreError::Refused(_)) => return Ok(false),
            Err(error) if tries == KEEP_TRIES || matches!(error, StoreError::Closed) => {
                tracing::error!(upstream = %kept.upstream, user = %kept.user_id, %error, "a refreshed token could not be stored; the user must connect again");
                return Err(error.into());
            }
            Err(error) => {
                tracing::warn!(upstream = %kept.upstream, %error, "a refreshed token could not be stored yet");
            }
        }
        tries += 1;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(KEEP_EVERY_AT_MOST);
    }
}

/// Ends one user's connection with a reason. Only this one: others, and other upstreams, are not
/// concerned.
pub(crate) async fn end(
    gateway: &Inner,
    upstream: &Upstream,
    connection: Connection,
    why: ConnectionProblem,
) {
    tracing::warn!(upstream = %upstream.name, user = %connection.user_id, %why, "a connection ended; the user must connect again");
    let version = connection.version + 1;
    let ended = Connection {
        tokens: None,
        expires_at: None,
        version,
        refreshing_until: None,
        problem: Some(why),
        ..connection
    };
    match gateway
        .services
        .store
        .apply(UpstreamChange::KeepRefreshed { connection: Box::new(ended) })
        .await
    {
        Ok(()) | Err(StoreError::Refused(_)) => {}
        Err(error) => tracing::error!(%error, "the end of a connection could not be stored"),
    }
}
