//! Codes: made at approval, found again at redemption.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use doorward_model::{
    AuthorizationCode, Change, GrantId, OAuthErrorCode, PlainToken, Reason, TokenKind,
};
use oxide_auth::{
    code_grant::extensions::Pkce,
    primitives::grant::{Extensions, Grant, Value},
};
use oxide_auth_async::primitives::Authorizer;

use super::{
    request::REDIRECT_OMITTED,
    session::{GrantSession, from_machine, machine_scope},
};

#[async_trait]
impl Authorizer for GrantSession<'_> {
    async fn authorize(&mut self, mut grant: Grant) -> Result<String, ()> {
        let parts = &self.issuer.parts;
        let approval = self.approval.clone().ok_or(())?;
        let challenge = grant
            .extensions
            .remove(&Pkce::required())
            .and_then(|value| value.into_private_value().ok().flatten())
            .ok_or(())?;
        let resources = self
            .resources(&parts.resources.snapshot())
            .map_err(|failure| self.fail_with(failure))?;
        let plain = PlainToken::random(TokenKind::AuthorizationCode, parts.entropy.as_ref());
        let code = AuthorizationCode {
            token: plain.hashed(),
            grant_id: GrantId::random(parts.entropy.as_ref()),
            client_id: self.client.id.clone(),
            user_id: approval.user_id,
            redirect_uri: self.bound_redirect().ok_or(())?,
            scopes: from_machine(&grant.scope),
            // Without `resource` a token is for the aggregate endpoint, not for everything there is
            // (A27, I11).
            resources: if self.presented_resources.is_empty() {
                resources.into_iter().take(1).collect()
            } else {
                resources
            },
            challenge,
            auth_time: approval.auth_time,
            authentication: approval.authentication,
            identity: approval.identity,
            expires_at: self.now.plus(parts.config.code_seconds),
            consumed_at: None,
        };
        self.outcome.unit.push(Change::InsertCode(code));
        self.outcome
            .unit
            .push(Change::MarkClientAuthorized { client_id: self.client.id.clone(), at: self.now });
        let text = plain.reveal().to_owned();
        self.outcome.code = Some(plain);
        Ok(text)
    }

    /// Finds a code. A spent one is found too: whether its return is a replay or a stranger's guess
    /// is known only after client, redirect URI and verifier were compared.
    async fn extract(&mut self, presented: &str) -> Result<Option<Grant>, ()> {
        let found = self
            .issuer
            .parts
            .store
            .code(&PlainToken::presented(presented).hashed())
            .await
            .map_err(|error| self.fail_with(error.into()))?;
        let Some(code) = found else {
            // One of ours that is not there any more expired long ago; another was never ours.
            let reason = if presented.starts_with(TokenKind::AuthorizationCode.prefix()) {
                Reason::CodeExpired
            } else {
                Reason::CodeForeign
            };
            self.fail_because(OAuthErrorCode::InvalidGrant, reason, "the code is unknown");
            return Ok(None);
        };
        if code.consumed_at.is_none() && self.now >= code.expires_at {
            self.fail_because(
                OAuthErrorCode::InvalidGrant,
                Reason::CodeExpired,
                "the code has expired",
            );
            return Ok(None);
        }
        if self.require_person(&code.user_id).await.is_err() {
            return Ok(None);
        }
        let mut extensions = Extensions::new();
        extensions.set(&Pkce::required(), Value::private(Some(code.challenge.clone())));
        let redirect = if self.redirect_omitted { REDIRECT_OMITTED } else { &code.redirect_uri };
        let grant = Grant {
            owner_id: code.user_id.as_str().to_owned(),
            client_id: code.client_id.as_str().to_owned(),
            scope: machine_scope(&code.scopes)?,
            redirect_uri: redirect.parse().map_err(|_| ())?,
            // Time was judged above, by our own clock; the machine's must not differ.
            until: DateTime::<Utc>::MAX_UTC,
            extensions,
        };
        self.code = Some(code);
        Ok(Some(grant))
    }
}
