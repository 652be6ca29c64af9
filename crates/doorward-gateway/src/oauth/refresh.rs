//! Keeps a user's access to an upstream alive. The work is a task's: an authorization server that
//! rotates refresh tokens has ended the old one once it answers, whatever becomes of the call that
//! needed the token.

use std::{sync::Arc, time::Duration};

use doorward_model::{Connection, Timestamp, UpstreamChange, UserId};
use doorward_store::StoreError;
use url::Url;

use super::{OAuthError, Tokens, registration, token_answer};
use crate::{
    Inner,
    access::{Held, NoToken, held},
    upstream::{Shared, Upstream},
};

/// For how much longer than the authorization server may take one replica reserves a refresh.
const RESERVED_BEYOND: Duration = Duration::from_secs(15);
/// How often a refreshed token is stored if the database does not take it at once, and the first
/// and the longest pause between two tries. Together they take about as long as the reservation.
const KEEP_TRIES: u32 = 10;
const KEEP_EVERY: Duration = Duration::from_millis(250);
const KEEP_EVERY_AT_MOST: Duration = Duration::from_secs(2);

/// Refreshes a connection of this version, if no other replica does so at this moment (G30). The
/// caller looks at the connection again afterwards. Runs in a task of its own.
pub(crate) async fn run(
    gateway: Arc<Inner>,
    upstream: Shared,
    user_id: UserId,
    version: i64,
) -> Result<(), NoToken> {
    let store = &gateway.parts.store;
    let Some(connection) = gateway.connection_now(&user_id, &upstream).await? else {
        return Ok(());
    };
    if connection.version != version {
        return Ok(());
    }
    let now = gateway.parts.clock.now();
    let Some(before) = held::open(&gateway, &connection) else { return Ok(()) };
    let Some(refresh_token) = before.refresh_token.clone() else {
        end(
            &gateway,
            &upstream,
            connection,
            "the access ended, and the upstream gave nothing to refresh it with",
        )
        .await;
        return Ok(());
    };
    // Everything that can fail before the request is done before it.
    let endpoint = Url::parse(&before.token_endpoint)
        .map_err(|error| NoToken::Unavailable(error.to_string()))?;
    let client = registration::known(&gateway, &upstream, &connection.issuer)
        .await
        .map_err(|error| NoToken::Unavailable(error.to_string()))?;
    let Some(client) = client else {
        end(
            &gateway,
            &upstream,
            connection,
            "the registration of this server at the upstream is gone",
        )
        .await;
        return Ok(());
    };
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
    let (answer, rotated) = token_answer(&upstream.outbound, &endpoint, &client, form).await;
    match answer {
        Ok(tokens) => {
            let kept = refreshed((&gateway, &upstream), &connection, &before, &tokens, now);
            keep(&gateway, kept).await?;
            tracing::info!(upstream = %upstream.name, person = %user_id, "upstream access refreshed");
            Ok(())
        }
        // The refresh token that counts now, whatever else the answer was.
        Err(error) => {
            failed(&gateway, &upstream, connection, before.rotated(rotated.0), error).await
        }
    }
}

async fn failed(
    gateway: &Inner,
    upstream: &Upstream,
    connection: Connection,
    held: Held,
    error: OAuthError,
) -> Result<(), NoToken> {
    match &error {
        OAuthError::Refused(code, _) if code == "invalid_grant" => {
            end(
                gateway,
                upstream,
                connection,
                "the upstream no longer accepts the access that you gave",
            )
            .await;
            return Ok(());
        }
        OAuthError::Refused(code, _)
            if matches!(code.as_str(), "invalid_client" | "unauthorized_client") =>
        {
            // G29: the upstream forgot us, not the person. A new connection introduces us anew.
            let forget = UpstreamChange::DeleteRegistration {
                upstream: upstream.name,
                issuer: connection.issuer.clone(),
            };
            gateway.parts.store.apply(forget).await?;
            end(gateway, upstream, connection, "the upstream no longer knows this server").await;
            return Ok(());
        }
        _ => {}
    }
    // It may work in a moment: free the reservation and keep the connection, with the refresh token
    // that counts now.
    let version = connection.version + 1;
    let mut kept = Connection { version, refreshing_until: None, ..connection };
    kept.resource = Some(upstream.location.clone());
    kept.tokens = Some(held::seal(gateway, &kept, &held));
    keep(gateway, kept).await?;
    Err(NoToken::Unavailable(format!(
        "the access to {} could not be refreshed: {error}",
        upstream.title
    )))
}

fn refreshed(
    (gateway, upstream): (&Inner, &Upstream),
    connection: &Connection,
    before: &Held,
    tokens: &Tokens,
    now: Timestamp,
) -> Connection {
    let scopes = tokens.scope.clone().unwrap_or_else(|| connection.scopes.clone());
    let expires_at = tokens.expires_in.map(|seconds| now.plus(seconds));
    let mut refreshed = Connection {
        resource: Some(upstream.location.clone()),
        scopes,
        expires_at,
        version: connection.version + 1,
        refreshing_until: None,
        problem: None,
        ..connection.clone()
    };
    refreshed.tokens = Some(held::seal(gateway, &refreshed, &before.refreshed(tokens)));
    refreshed
}

/// Stores what a refresh came to. The token before it is worth nothing any more, so a database that
/// fails for a moment is asked again.
async fn keep(gateway: &Inner, kept: Connection) -> Result<(), NoToken> {
    let mut pause = KEEP_EVERY;
    let mut tries = 0;
    loop {
        match gateway
            .parts
            .store
            .apply(UpstreamChange::KeepRefreshed { connection: Box::new(kept.clone()) })
            .await
        {
            // The person disconnected or connected anew meanwhile: what they did counts.
            Ok(()) | Err(StoreError::Refused(_)) => return Ok(()),
            Err(error) if tries == KEEP_TRIES || matches!(error, StoreError::Closed) => {
                tracing::error!(upstream = %kept.upstream, person = %kept.user_id, %error, "a refreshed token could not be stored; the person has to connect again");
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

/// Ends one person's connection and says why. Only this one: others, and other upstreams, are not
/// concerned.
pub(crate) async fn end(gateway: &Inner, upstream: &Upstream, connection: Connection, why: &str) {
    tracing::warn!(upstream = %upstream.name, person = %connection.user_id, why, "a connection ended; the person has to connect again");
    let version = connection.version + 1;
    let ended = Connection {
        tokens: None,
        expires_at: None,
        version,
        refreshing_until: None,
        problem: Some(why.to_owned()),
        ..connection
    };
    match gateway
        .parts
        .store
        .apply(UpstreamChange::KeepRefreshed { connection: Box::new(ended) })
        .await
    {
        Ok(()) | Err(StoreError::Refused(_)) => {}
        Err(error) => tracing::error!(%error, "an ended connection could not be noted"),
    }
}
