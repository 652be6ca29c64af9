//! `refresh_token` (OAuth 2.1 §4.3).

use doorward_model::{
    AuditKind, Change, ClientAuthMethod, Grant as GrantRecord, GrantType, OAuthErrorCode,
    PlainToken, Reason, RefreshToken as PresentedToken, RevokeReason, ScopeSet, StepKind,
    TokenKind, UnitOfWork,
};
use doorward_store::Condition;
use futures_util::future::BoxFuture;

use super::{Grant, Granted, Refused, Request};
use crate::{
    Failure,
    checks::{
        resource,
        scope::{self, NoScope},
    },
    possession::other_key,
};

pub(super) struct RefreshToken;

impl Grant for RefreshToken {
    fn kind(&self) -> GrantType {
        GrantType::RefreshToken
    }

    fn summary(&self) -> &'static str {
        "A refresh token for new tokens; it is rotated at each use (OAuth 2.1 §4.3)."
    }

    fn step(&self) -> StepKind {
        StepKind::Refresh
    }

    fn of_existing_grant(&self) -> AuditKind {
        AuditKind::TokenRefreshed
    }

    fn client_authentication(&self) -> &'static [ClientAuthMethod] {
        &ClientAuthMethod::ALL
    }

    fn scopes(&self, asked: Option<&str>) -> Result<Option<ScopeSet>, NoScope> {
        scope::narrowed(asked)
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Request<'a>,
    ) -> BoxFuture<'a, Result<Granted, Refused>> {
        Box::pin(async move {
            let presented = request.required("refresh_token")?;
            let issuer = request.issuer;
            let (token, grant) = find(request, presented).await?;
            let user = issuer.active_user(&grant.subject.account).await?;
            if token.used_at.is_none() && request.now >= token.expires_at {
                return Err(invalid("the refresh token has expired").into());
            }
            if grant.client_id != request.client.id {
                return Err(invalid("the grant belongs to another client or redirect_uri").into());
            }
            if grant.key.is_some() && grant.key.as_ref() != request.key {
                return Err(other_key().into());
            }
            let asked = scope::of_token(request.scopes, &grant.scopes)?;
            let resources = resource::of_token(request.resources, &grant.resources)?;
            let scopes = issuer.allowed_now(&asked, &resources, &user, &grant)?;
            let (successor, unit) = rotate(request, presented, token, &grant).await?;
            let refresh_token = Some(successor);
            Ok(Granted {
                grant,
                is_new: false,
                scopes,
                resources,
                refresh_token,
                unit,
                detail: None,
                nonce: None,
            })
        })
    }

    fn overtaken<'a>(
        &'a self,
        _: &'a Request<'a>,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async move {
            match condition {
                // The state after the other request is the case of the grace period.
                Condition::UseRefreshToken => Ok(()),
                Condition::UseGrant => Err(revoked().into()),
                other => Err(Refused::unexpected(other)),
            }
        })
    }
}

fn invalid(why: &str) -> Failure {
    Failure::new(OAuthErrorCode::InvalidGrant, why)
}

fn revoked() -> Failure {
    invalid("the grant was revoked or has ended")
}

/// Finds a refresh token and its grant, which must be live. A spent token is found too.
async fn find(
    request: &Request<'_>,
    presented: &str,
) -> Result<(PresentedToken, GrantRecord), Failure> {
    let store = &request.issuer.services.store;
    let found = store.refresh_token(&PlainToken::presented(presented).hashed()).await?;
    let token = found.ok_or_else(|| invalid("the refresh token is unknown"))?;
    let grant = store.grant_uncached(&token.grant_id).await?;
    // The token of a session is stored as refresh tokens are, and refreshes nothing.
    let is_for_tokens = |grant: &GrantRecord| grant.is_live(request.now) && !grant.is_session();
    let grant = grant.filter(is_for_tokens).ok_or_else(revoked)?;
    Ok((token, grant))
}

/// Replaces the presented token. One that was replaced already is answered with the same successor,
/// as long as its grace lasts and the successor was not used; after that it counts as stolen.
async fn rotate(
    request: &Request<'_>,
    presented: &str,
    token: PresentedToken,
    grant: &GrantRecord,
) -> Result<(PlainToken, UnitOfWork), Refused> {
    let issuer = request.issuer;
    let successor = successor(request, presented);
    let Some(used_at) = token.used_at else {
        let record = issuer.refresh_token(&successor, grant, request.now);
        let unit = UnitOfWork::from_iter([
            Change::UseRefreshToken {
                token: token.token,
                successor: successor.hashed(),
                now: request.now,
            },
            Change::InsertRefreshToken(record),
        ]);
        return Ok((successor, unit));
    };
    let next = issuer.services.store.refresh_token(&successor.hashed()).await?;
    let unused = next.is_some_and(|next| next.used_at.is_none());
    if unused && request.now.since(used_at) <= issuer.settings.config.refresh_grace_seconds {
        tracing::info!(grant = %grant.id, "a rotated refresh token came back within the grace period: the same successor is answered");
        return Ok((successor, UnitOfWork::new()));
    }
    tracing::warn!(grant = %grant.id, client = %grant.client_id, user = %grant.subject.account, "a spent refresh token came back: the grant is revoked");
    let revoke = Change::RevokeGrant {
        grant_id: grant.id.clone(),
        at: request.now,
        reason: RevokeReason::RefreshReuse,
    };
    let why = "the refresh token was used before; the grant is revoked";
    Err(Refused { failure: invalid(why).because(Reason::RefreshReused), unit: revoke.into() })
}

/// The token that replaces `presented`. It is derived, not drawn, so that a second presentation
/// within the grace period yields the same one and the family never has two heads.
fn successor(request: &Request<'_>, presented: &str) -> PlainToken {
    PlainToken::from_bytes(
        TokenKind::RefreshToken,
        &request.issuer.services.master.mac("refresh-token-successor", &[presented.as_bytes()]),
    )
}
