//! Token revocation (RFC 7009).

use std::sync::Arc;

use doorward_keys::VerifiedToken;
use doorward_model::{
    Change, ClientId, Grant, GrantId, OAuthErrorCode, PlainToken, RevokeReason, TokenKind,
};
use doorward_transport::{ClientAddress, Params};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    Failure, Issuer,
    client_auth::{AuthenticatedClient, Endpoint, RequestFailure},
};

/// A token of this server.
pub(crate) struct OwnToken {
    /// Its grant.
    pub(crate) grant: Grant,
    /// Its claims, if it is an access token.
    pub(crate) verified: Option<Arc<VerifiedToken>>,
}

impl Issuer {
    /// The grant of a token, if this server issued the token, with what was verified of an access
    /// token.
    pub(crate) async fn grant_of(&self, token: &str) -> Result<Option<OwnToken>, Failure> {
        let is_stored = [TokenKind::RefreshToken, TokenKind::ApplicationSession]
            .iter()
            .any(|kind| token.starts_with(kind.prefix()));
        let (grant_id, verified) = if is_stored {
            match self.services.store.refresh_token(&PlainToken::presented(token).hashed()).await? {
                Some(refresh) => (refresh.grant_id, None),
                None => return Ok(None),
            }
        } else {
            self.follow_keys().await?;
            match self.services.keys.verify(
                token,
                self.settings.public_url.as_str(),
                self.services.clock.now(),
            ) {
                // Its grant is that of the user's application, of which it can say and end nothing.
                Ok(verified) if verified.claims.is_of_back_end() => return Ok(None),
                Ok(verified) => (GrantId::from_text(verified.claims.grant.clone()), Some(verified)),
                Err(_) => return Ok(None),
            }
        };
        let grant = self.services.store.grant_uncached(&grant_id).await?;
        Ok(grant.map(|grant| OwnToken { grant, verified }))
    }

    /// The grant of a token, if it counts at this moment.
    pub(crate) async fn live_grant_of(&self, token: &str) -> Result<Option<OwnToken>, Failure> {
        let now = self.services.clock.now();
        let own = self.grant_of(token).await?.filter(|own| own.grant.is_live(now));
        let Some(OwnToken { grant, verified }) = own else { return Ok(None) };
        if grant.delegation.is_none() {
            return Ok(Some(OwnToken { grant, verified }));
        }
        let in_force = self.services.store.grant_in_force(&grant.id, now).await?;
        Ok(in_force.map(|grant| OwnToken { grant: grant.as_ref().clone(), verified }))
    }

    /// Revokes the grant that a token belongs to. Unknown tokens and those of other clients change
    /// nothing and cannot be distinguished by the response (RFC 7009 §2.2).
    pub(crate) async fn revoke(
        &self,
        headers: &HeaderMap,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Value, RequestFailure> {
        let AuthenticatedClient { client } =
            self.authenticate(Endpoint::Revocation, headers, params, address).await?;
        let token = params
            .get("token")
            .ok_or_else(|| Failure::new(OAuthErrorCode::InvalidRequest, "token is missing"))?;
        let nothing = || Ok(json!({}));
        let Some(OwnToken { grant, .. }) = self.grant_of(token).await? else { return nothing() };
        if grant.client_id != client.id {
            tracing::warn!(client = %client.id, owner = %grant.client_id, "a client tried to revoke another client's token");
            return nothing();
        }
        let revoke = Change::RevokeGrant {
            grant_id: grant.id,
            at: self.services.clock.now(),
            reason: RevokeReason::ByClient,
        };
        self.services.store.apply(revoke).await.map_err(Failure::from)?;
        nothing()
    }

    /// Revokes everything that a user allowed a client: `None` in its place revokes the access of all
    /// clients.
    pub async fn revoke_access(
        &self,
        user_id: &doorward_model::UserId,
        client_id: Option<ClientId>,
    ) -> Result<(), Failure> {
        tracing::info!(user = %user_id, client = client_id.as_ref().map_or("all", ClientId::as_str), "access revoked");
        let at = self.services.clock.now();
        Ok(self
            .services
            .store
            .apply(Change::RevokeGrantsOfUser {
                user_id: user_id.clone(),
                client_id,
                at,
                reason: RevokeReason::ByUser,
            })
            .await?)
    }
}
