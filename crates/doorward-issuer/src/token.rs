//! The token endpoint's decision: run the grant, apply what it decided, answer.

use doorward_model::{
    AuditEvent, AuditKind, AuditSubject, Change, ConnectStep, OAuthErrorCode, Outcome as Ended,
    PlainToken, Reason, RevokeReason, StepKind, UnitOfWork,
};
use doorward_store::{Condition, StoreError};
use doorward_transport::Params;

use crate::{
    Failure, Issuer,
    client_auth::AuthenticatedClient,
    grants,
    oxide::{IssuedTokens, Outcome},
};

/// How often a decision is taken anew because another request changed what it was based on.
const ATTEMPTS: usize = 3;

impl Issuer {
    /// Exchanges a code or refresh token for tokens. What is answered is durable.
    pub(crate) async fn token(
        &self,
        client: &AuthenticatedClient,
        params: &Params,
    ) -> Result<IssuedTokens, Failure> {
        let result = self.exchange(client, params).await;
        self.note_token(client, params, &result).await;
        result
    }

    /// Tells the audit and the timeline.
    async fn note_token(
        &self,
        client: &AuthenticatedClient,
        params: &Params,
        result: &Result<IssuedTokens, Failure>,
    ) {
        let refreshes = params.get("grant_type") == Some("refresh_token");
        let client = &client.client;
        let kind = if refreshes { StepKind::Refresh } else { StepKind::Token };
        let step = ConnectStep::new(kind).client(client.id.as_str(), Some(client.name.clone()));
        let event = match result {
            Ok(tokens) if refreshes => {
                let mut event = AuditEvent::new(AuditKind::TokenRefreshed)
                    .by(&tokens.user_id)
                    .about(AuditSubject::Grant, tokens.grant_id.as_str());
                event.actor.grant_id = Some(tokens.grant_id.to_string());
                event
            }
            // The grant that was made has its own entry.
            Ok(tokens) => return self.parts.store.note_step(step.person(tokens.user_id.as_str())),
            Err(failure) => {
                self.parts.store.note_step(step.refused(failure.reason));
                let detail = serde_json::json!({"grant_type": params.get("grant_type"), "error": failure.code.as_str(), "reason": failure.reason.code()});
                AuditEvent::new(AuditKind::TokenRefused)
                    .ended(Ended::Refused)
                    .about(AuditSubject::Client, client.id.as_str())
                    .detail(detail.to_string())
            }
        };
        if let Err(error) = self.parts.store.note(event.through(&client.id)).await {
            tracing::debug!(%error, "not noted");
        }
    }

    async fn exchange(
        &self,
        client: &AuthenticatedClient,
        params: &Params,
    ) -> Result<IssuedTokens, Failure> {
        for _ in 0..ATTEMPTS {
            self.follow_keys().await?;
            let (Outcome { unit, tokens, .. }, result) = grants::run(self, client, params).await;
            match self.parts.store.apply(unit).await {
                Ok(()) => {
                    result?;
                    return tokens.ok_or_else(|| {
                        Failure::new(OAuthErrorCode::ServerError, "no token was issued")
                    });
                }
                // Two requests raced for the same code and this one lost: with everything else
                // right, that is a replay.
                Err(StoreError::Refused(Condition::RedeemCode)) => {
                    return Err(self.replayed(params).await?);
                }
                // The same for a refresh token: decide again on what the other request left, which
                // is the grace period's case.
                Err(StoreError::Refused(Condition::UseRefreshToken)) => {}
                Err(StoreError::Refused(Condition::UseGrant)) => {
                    return Err(Failure::new(
                        OAuthErrorCode::InvalidGrant,
                        "the grant was withdrawn or has ended",
                    ));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::new(
            OAuthErrorCode::TemporarilyUnavailable,
            "the refresh token is in use by another request; try again",
        ))
    }

    async fn replayed(&self, params: &Params) -> Result<Failure, Failure> {
        let presented = PlainToken::presented(params.get("code").unwrap_or_default());
        if let Some(code) = self.parts.store.code(&presented.hashed()).await?
            && code.consumed_at.is_some()
        {
            tracing::warn!(grant = %code.grant_id, client = %code.client_id, "one code was presented twice at the same moment: its grant is revoked");
            let revoke = Change::RevokeGrant {
                grant_id: code.grant_id,
                at: self.parts.clock.now(),
                reason: RevokeReason::CodeReplay,
            };
            self.parts.store.apply(UnitOfWork::from(revoke)).await?;
        }
        Ok(Failure::new(
            OAuthErrorCode::InvalidGrant,
            "the code was used before; what it gave is revoked",
        )
        .because(Reason::CodeSpent))
    }

    /// Takes over the signing keys of the store; free when nothing changed.
    pub(crate) async fn follow_keys(&self) -> Result<(), Failure> {
        let records = self.parts.store.signing_keys().await?;
        self.parts.keys.follow(&records).map_err(|error| {
            tracing::error!(%error, "the signing keys cannot be used");
            Failure::new(OAuthErrorCode::ServerError, "no token can be issued now")
        })
    }
}
