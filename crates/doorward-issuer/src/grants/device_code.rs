//! `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4): the poll of a device.

use doorward_model::{
    AuditKind, Change, ClientAuthMethod, DeviceChange, Grant as GrantRecord, GrantType,
    OAuthErrorCode, PlainToken, Reason, RevokeReason, ScopeSet, StepKind, Timestamp, TokenKind,
    UnitOfWork,
    device::{DeviceAuthorization, DeviceDecision},
};
use doorward_store::Condition;
use futures_util::future::BoxFuture;

use super::{Grant, Granted, Refused, Request};
use crate::{
    Failure,
    checks::{resource, scope::NoScope},
};

pub(super) struct DeviceCode;

/// By how many seconds a poll that is too fast lengthens the interval (RFC 8628 §3.5).
const SLOWER: i64 = 5;
/// The longest interval, in seconds.
const SLOWEST: i64 = 60;

impl Grant for DeviceCode {
    fn kind(&self) -> GrantType {
        GrantType::DeviceCode
    }

    fn summary(&self) -> &'static str {
        "A device code for the first tokens, once a user allowed it in a browser elsewhere (RFC 8628)."
    }

    fn step(&self) -> StepKind {
        StepKind::DeviceToken
    }

    fn of_existing_grant(&self) -> AuditKind {
        AuditKind::GrantGiven
    }

    fn client_authentication(&self) -> &'static [ClientAuthMethod] {
        &ClientAuthMethod::ALL
    }

    /// The user decided about the scopes.
    fn scopes(&self, _: Option<&str>) -> Result<Option<ScopeSet>, NoScope> {
        Ok(None)
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Request<'a>,
    ) -> BoxFuture<'a, Result<Granted, Refused>> {
        Box::pin(async move {
            let device = find(request).await?;
            if device.spent_at.is_some() {
                return Err(match device.decision {
                    DeviceDecision::Allowed { .. } => replayed(device, request.now),
                    DeviceDecision::Pending | DeviceDecision::Denied => denied().into(),
                });
            }
            if request.now >= device.expires_at {
                let why = "the device code has expired; begin again";
                let failure = Failure::new(OAuthErrorCode::ExpiredToken, why);
                return Err(failure.because(Reason::CodeExpired).into());
            }
            let (subject, scopes) = match device.decision.clone() {
                DeviceDecision::Allowed { subject, scopes } => (subject, scopes),
                DeviceDecision::Denied => return Err(denied().into()),
                DeviceDecision::Pending => return Err(pending(request, &device)),
            };
            let issuer = request.issuer;
            let user = issuer.active_user(&subject.account).await?;
            let config = &issuer.settings.config;
            let refreshes = request.client.grant_types.contains(GrantType::RefreshToken);
            // Without refresh tokens the grant ends with its only access token.
            let lifetime =
                if refreshes { config.grant_max_seconds } else { config.access_token_seconds };
            let grant = GrantRecord {
                id: device.grant_id.clone(),
                client_id: device.client_id.clone(),
                subject,
                scopes: scopes.clone(),
                resources: device.resources.clone(),
                created_at: request.now,
                last_used_at: request.now,
                expires_at: request.now.plus(lifetime),
                revoked_at: None,
                delegation: None,
                key: request.bound_key(),
            };
            let resources = resource::of_token(request.resources, &device.resources)?;
            let scopes = issuer.allowed_now(&scopes, &resources, &user, &grant)?;
            let redeem = DeviceChange::Redeem { device_code: device.device_code, now: request.now };
            let mut unit = UnitOfWork::from(redeem);
            let refresh_token = refreshes.then(|| {
                PlainToken::random(TokenKind::RefreshToken, issuer.services.entropy.as_ref())
            });
            if let Some(plain) = &refresh_token {
                unit.push(Change::InsertRefreshToken(issuer.refresh_token(
                    plain,
                    &grant,
                    request.now,
                )));
            }
            Ok(Granted {
                grant,
                is_new: true,
                scopes,
                resources,
                refresh_token,
                unit,
                detail: None,
                nonce: None,
            })
        })
    }

    /// Another poll redeemed it meanwhile, or it ended: decided again, it is a replay or expired.
    fn overtaken<'a>(
        &'a self,
        _: &'a Request<'a>,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async move {
            match condition {
                Condition::RedeemDevice => Ok(()),
                other => Err(Refused::unexpected(other)),
            }
        })
    }
}

/// The authorization of the presented code. That of another client is none.
async fn find(request: &Request<'_>) -> Result<DeviceAuthorization, Failure> {
    let presented = PlainToken::presented(request.required("device_code")?);
    let found = request.issuer.services.store.device(&presented.hashed()).await?;
    found.filter(|device| device.client_id == request.client.id).ok_or_else(|| {
        let why = "the device code is unknown";
        Failure::new(OAuthErrorCode::InvalidGrant, why).because(Reason::CodeForeign)
    })
}

fn denied() -> Failure {
    Failure::new(OAuthErrorCode::AccessDenied, "the user refused")
}

/// Notes the poll. One that comes too early is told to slow down, from then on.
fn pending(request: &Request<'_>, device: &DeviceAuthorization) -> Refused {
    let early = device.polled_at.is_some_and(|before| request.now.since(before) < device.interval);
    let (code, why, interval) = if early {
        let slower = (device.interval + SLOWER).min(SLOWEST);
        (OAuthErrorCode::SlowDown, "the device polls too fast; wait five seconds longer", slower)
    } else {
        let why = "the user has not decided yet";
        (OAuthErrorCode::AuthorizationPending, why, device.interval)
    };
    let poll = DeviceChange::Poll {
        device_code: device.device_code.clone(),
        seen: device.polled_at,
        interval,
        now: request.now,
    };
    Refused { failure: Failure::new(code, why), unit: poll.into() }
}

/// The code was redeemed before, by this client or with its credentials: all that it gave ends.
fn replayed(device: DeviceAuthorization, at: Timestamp) -> Refused {
    tracing::warn!(grant = %device.grant_id, client = %device.client_id, "a spent device code came back: its grant is revoked");
    let revoke =
        Change::RevokeGrant { grant_id: device.grant_id, at, reason: RevokeReason::CodeReplay };
    let why = "the device code was used before; what it gave is revoked";
    let failure = Failure::new(OAuthErrorCode::InvalidGrant, why).because(Reason::CodeSpent);
    Refused { failure, unit: revoke.into() }
}
