//! Tokens: issued for a code, and again for a refresh token.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use doorward_model::{Change, OAuthErrorCode, PlainToken, Reason, RevokeReason, TokenKind};
use oxide_auth::primitives::{
    grant::{Extensions, Grant},
    issuer::{IssuedToken, RefreshedToken, TokenType},
};
use oxide_auth_async::primitives::Issuer;

use super::session::{GrantSession, IssuedTokens, from_machine, machine_scope};

impl GrantSession<'_> {
    /// Decides what a presented refresh token is worth: the token to answer with, or a refusal.
    async fn rotate(&mut self, presented: &str) -> Result<PlainToken, ()> {
        let (token, grant) = self.refresh.clone().ok_or(())?;
        let successor = self.successor(presented);
        let Some(used_at) = token.used_at else {
            self.outcome.unit.push(Change::UseRefreshToken {
                token: token.token,
                successor: successor.hashed(),
                now: self.now,
            });
            self.outcome
                .unit
                .push(Change::InsertRefreshToken(self.new_refresh_token(&successor, &grant)));
            return Ok(successor);
        };
        let next = self
            .issuer
            .parts
            .store
            .refresh_token(&successor.hashed())
            .await
            .map_err(|error| self.fail_with(error.into()))?;
        let unused = next.is_some_and(|next| next.used_at.is_none());
        if unused && self.now.since(used_at) <= self.issuer.parts.config.refresh_grace_seconds {
            tracing::info!(grant = %grant.id, "a rotated refresh token came back within the grace period: the same successor is answered");
            return Ok(successor);
        }
        tracing::warn!(grant = %grant.id, client = %grant.client_id, person = %grant.user_id, "a spent refresh token came back: the grant is revoked");
        self.outcome.unit.push(Change::RevokeGrant {
            grant_id: grant.id,
            at: self.now,
            reason: RevokeReason::RefreshReuse,
        });
        self.fail_because(
            OAuthErrorCode::InvalidGrant,
            Reason::RefreshReused,
            "the refresh token was used before; the grant is revoked",
        );
        Err(())
    }
}

#[async_trait]
impl Issuer for GrantSession<'_> {
    async fn issue(&mut self, grant: Grant) -> Result<IssuedToken, ()> {
        let code = self.code.clone().ok_or(())?;
        if code.consumed_at.is_some() {
            // Everything about the request was right, so whoever sent it holds a code that was
            // spent by somebody.
            tracing::warn!(grant = %code.grant_id, client = %code.client_id, person = %code.user_id, "a spent code came back: its grant is revoked");
            self.outcome.unit.push(Change::RevokeGrant {
                grant_id: code.grant_id,
                at: self.now,
                reason: RevokeReason::CodeReplay,
            });
            self.fail_because(
                OAuthErrorCode::InvalidGrant,
                Reason::CodeSpent,
                "the code was used before; what it gave is revoked",
            );
            return Err(());
        }
        let resources =
            self.resources(&code.resources).map_err(|failure| self.fail_with(failure))?;
        let record = self.new_grant(code.grant_id.clone(), &code);
        let scopes = self.allowed_now(&from_machine(&grant.scope), &record).await?;
        let (access, lifetime) =
            self.sign(&record, &scopes, &resources).map_err(|failure| self.fail_with(failure))?;
        self.outcome.unit.push(Change::RedeemCode { token: code.token, now: self.now });
        let refresh = self.client.refresh_tokens.then(|| {
            PlainToken::random(TokenKind::RefreshToken, self.issuer.parts.entropy.as_ref())
        });
        if let Some(refresh) = &refresh {
            self.outcome
                .unit
                .push(Change::InsertRefreshToken(self.new_refresh_token(refresh, &record)));
        }
        let (user_id, grant_id) = (record.user_id.clone(), record.id.clone());
        self.outcome.unit.push(Change::InsertGrant(record));
        let answer = IssuedToken {
            token: access.clone(),
            refresh: None,
            until: grant.until,
            token_type: TokenType::Bearer,
        };
        self.outcome.tokens = Some(IssuedTokens {
            access_token: access,
            refresh_token: refresh,
            expires_in: lifetime,
            scope: scopes,
            user_id,
            grant_id,
        });
        Ok(answer)
    }

    async fn recover_refresh(&mut self, presented: &str) -> Result<Option<Grant>, ()> {
        let store = &self.issuer.parts.store;
        let found = store
            .refresh_token(&PlainToken::presented(presented).hashed())
            .await
            .map_err(|error| self.fail_with(error.into()))?;
        let Some(token) = found else {
            self.fail(OAuthErrorCode::InvalidGrant, "the refresh token is unknown");
            return Ok(None);
        };
        let grant = store
            .grant_uncached(&token.grant_id)
            .await
            .map_err(|error| self.fail_with(error.into()))?;
        let Some(grant) = grant.filter(|grant| grant.is_live(self.now)) else {
            self.fail(OAuthErrorCode::InvalidGrant, "the grant was withdrawn or has ended");
            return Ok(None);
        };
        if self.require_person(&grant.user_id).await.is_err() {
            return Ok(None);
        }
        if token.used_at.is_none() && self.now >= token.expires_at {
            self.fail(OAuthErrorCode::InvalidGrant, "the refresh token has expired");
            return Ok(None);
        }
        let answer = Grant {
            owner_id: grant.user_id.as_str().to_owned(),
            client_id: grant.client_id.as_str().to_owned(),
            scope: machine_scope(&grant.scopes)?,
            redirect_uri: super::request::REDIRECT_OMITTED.parse().map_err(|_| ())?,
            until: DateTime::<Utc>::MAX_UTC,
            extensions: Extensions::new(),
        };
        self.refresh = Some((token, grant));
        Ok(Some(answer))
    }

    async fn refresh(&mut self, presented: &str, grant: Grant) -> Result<RefreshedToken, ()> {
        let record = self.refresh.as_ref().map(|(_, record)| record.clone()).ok_or(())?;
        let resources =
            self.resources(&record.resources).map_err(|failure| self.fail_with(failure))?;
        let scopes = self.allowed_now(&from_machine(&grant.scope), &record).await?;
        let refresh = self.rotate(presented).await?;
        let (access, lifetime) =
            self.sign(&record, &scopes, &resources).map_err(|failure| self.fail_with(failure))?;
        let (user_id, grant_id) = (record.user_id, record.id.clone());
        self.outcome.unit.push(Change::UseGrant { grant_id: record.id, now: self.now });
        let answer = RefreshedToken {
            token: access.clone(),
            refresh: None,
            until: grant.until,
            token_type: TokenType::Bearer,
        };
        let refresh_token = Some(refresh);
        self.outcome.tokens = Some(IssuedTokens {
            access_token: access,
            refresh_token,
            expires_in: lifetime,
            scope: scopes,
            user_id,
            grant_id,
        });
        Ok(answer)
    }

    /// Access tokens are verified by their signature, never looked up through the machine.
    async fn recover_token(&mut self, _: &str) -> Result<Option<Grant>, ()> {
        Ok(None)
    }
}
