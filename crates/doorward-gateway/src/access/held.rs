//! Tokens as they are kept: sealed for one user, upstream, issuer and resource.

use std::sync::Arc;

use doorward_keys::ProvingKey;
use doorward_model::{Connection, Sealed, UpstreamTrust, UserId};
use doorward_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::token::IssuedToken;
use crate::{
    Inner,
    oauth::{Tokens, covers},
    upstream::Upstream,
};

/// The sealed contents of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredTokens {
    // Read only by the parent module, which determines the recipient.
    pub(super) access_token: String,
    /// The key that they are bound to, if they are.
    #[serde(default)]
    proving_key: Option<String>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) token_endpoint: String,
    /// The issuer's revocation endpoint (RFC 7009), if stated.
    #[serde(default)]
    pub(crate) revocation_endpoint: Option<String>,
    /// The value that was named as `resource` (RFC 8707).
    pub(crate) resource: Option<String>,
}

/// The endpoints of the issuer of tokens, and the resource that was named to it.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) token_endpoint: String,
    pub(crate) revocation_endpoint: Option<String>,
    pub(crate) resource: Option<String>,
    /// The key that the tokens are bound to.
    pub(crate) proving_key: Option<String>,
}

impl StoredTokens {
    /// The tokens of an answer.
    pub(crate) fn new(tokens: &Tokens, issued: Issued) -> Self {
        Self {
            access_token: tokens.access_token.clone(),
            refresh_token: tokens.refresh_token.clone(),
            token_endpoint: issued.token_endpoint,
            revocation_endpoint: issued.revocation_endpoint,
            resource: issued.resource,
            proving_key: issued.proving_key,
        }
    }

    /// The access token, as it is presented.
    pub(super) fn into_token(self) -> IssuedToken {
        let key = self.proving_key().map(Arc::new);
        IssuedToken { text: self.access_token, key }
    }

    /// The key that the tokens are bound to.
    pub(crate) fn proving_key(&self) -> Option<ProvingKey> {
        ProvingKey::revealed(self.proving_key.as_deref()?)
    }

    /// The same after a refresh with this key. A refresh token that was not replaced stays.
    pub(crate) fn refreshed(&self, tokens: &Tokens, key: Option<&ProvingKey>) -> Self {
        Self {
            proving_key: key.map(ProvingKey::reveal),
            access_token: tokens.access_token.clone(),
            refresh_token: tokens.refresh_token.clone().or_else(|| self.refresh_token.clone()),
            ..self.clone()
        }
    }

    /// The same with another refresh token, if there is one.
    pub(crate) fn rotated(self, refresh_token: Option<String>) -> Self {
        Self { refresh_token: refresh_token.or(self.refresh_token), ..self }
    }

    /// The same with another token endpoint of their issuer.
    pub(crate) fn refreshed_at(self, token_endpoint: String) -> Self {
        Self { token_endpoint, ..self }
    }

    /// The forms that take both tokens back at their issuer (RFC 7009 section 2.1), the one that
    /// lives longer first.
    pub(crate) fn revocations(&self) -> Vec<Vec<(&'static str, String)>> {
        let form = |token: &String, hint: &str| {
            vec![("token", token.clone()), ("token_type_hint", hint.to_owned())]
        };
        let refresh = self.refresh_token.iter().map(|token| form(token, "refresh_token"));
        refresh.chain([form(&self.access_token, "access_token")]).collect()
    }
}

/// The place that a connection's tokens are sealed for: they open for no other user, upstream,
/// issuer and resource. Rows of versions before 0.2 name no resource.
fn place(connection: &Connection) -> String {
    let (user_id, upstream, issuer) =
        (&connection.user_id, connection.upstream, &connection.issuer);
    match &connection.resource {
        Some(resource) => {
            format!("connection {}", json!([user_id.as_str(), upstream.as_str(), issuer, resource]))
        }
        None => format!("connection/{user_id}/{upstream}/{issuer}"),
    }
}

/// Seals tokens for the place of a connection.
pub(crate) fn seal(gateway: &Inner, connection: &Connection, held: &StoredTokens) -> Sealed {
    gateway.services.master.seal(&place(connection), &serde_json::to_vec(held).unwrap_or_default())
}

/// The tokens of a connection, if they open.
pub(crate) fn open(gateway: &Inner, connection: &Connection) -> Option<StoredTokens> {
    let plain =
        gateway.services.master.open(&place(connection), connection.tokens.as_ref()?).ok()?;
    serde_json::from_slice(&plain).ok()
}

fn issued_by_pinned(trust: &UpstreamTrust, connection: &Connection) -> bool {
    trust.server.as_ref().is_some_and(|server| server.is_issued_by(&connection.issuer))
}

impl Inner {
    /// A user's connection to an upstream: one with tokens that the pinned authorization server
    /// issued for the upstream's present resource. Any other counts as no connection.
    pub(crate) async fn connection(
        &self,
        user_id: &UserId,
        upstream: &Upstream,
    ) -> Result<Option<Connection>, StoreError> {
        let found = self.services.store.connection(user_id, upstream.name).await?;
        self.fitting(upstream, found).await
    }

    /// The same as it is at this moment, for callers that change it.
    pub(crate) async fn connection_now(
        &self,
        user_id: &UserId,
        upstream: &Upstream,
    ) -> Result<Option<Connection>, StoreError> {
        let found = self.services.store.connection_now(user_id, upstream.name).await?;
        self.fitting(upstream, found).await
    }

    /// Lets a connection through if its tokens are for this upstream as it is now.
    pub(crate) async fn fitting(
        &self,
        upstream: &Upstream,
        connection: Option<Connection>,
    ) -> Result<Option<Connection>, StoreError> {
        let Some(connection) = connection else { return Ok(None) };
        // Another replica may have pinned the issuer a moment ago: on a mismatch with memory, the
        // database is read.
        let issued = match self.trust(upstream).await? {
            Some(trust) if issued_by_pinned(&trust, &connection) => true,
            Some(_) | None => self
                .trust_now(upstream)
                .await?
                .is_some_and(|trust| issued_by_pinned(&trust, &connection)),
        };
        let here = match &connection.resource {
            Some(resource) => *resource == upstream.location,
            // For a row of an older version, the sealed part names the resource.
            None => open(self, &connection).is_some_and(|held| {
                let named = held.resource.as_deref();
                named.zip(upstream.url.as_ref()).is_some_and(|(named, url)| covers(named, url))
            }),
        };
        Ok(Some(connection).filter(|_| issued && here))
    }
}
