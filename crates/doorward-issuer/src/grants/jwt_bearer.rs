//! `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523 §2.1): a workload, which a trust rule
//! lets act as a service; or a client with an identity provider's assertion about a user.

use doorward_model::{
    AuditKind, Change, ClientAuthMethod, GrantType, OAuthErrorCode, Reason, ScopeSet, StepKind,
};
use doorward_store::Condition;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::{Grant, Granted, Refused, Request, id_jag, service};
use crate::{
    Failure, assertion,
    checks::scope::{self, NoScope},
};

pub(super) struct JwtBearer;

impl Grant for JwtBearer {
    fn kind(&self) -> GrantType {
        GrantType::JwtBearer
    }

    fn summary(&self) -> &'static str {
        "A signed token of another issuer (RFC 7523 §2.1): a workload's, which fits a trust rule, or an identity provider's assertion about a user (ID-JAG). There is no refresh token: the client presents another one."
    }

    fn step(&self) -> StepKind {
        StepKind::Assertion
    }

    fn of_existing_grant(&self) -> AuditKind {
        AuditKind::TokenIssued
    }

    /// The assertion is the proof of a workload.
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
            let token = request.required("assertion")?;
            if assertion::claims_to_be_about_user(token) {
                return id_jag::authorize(request, token).await;
            }
            let client = request.client;
            let (Some(rule), Some(account)) = (&client.trust, &client.service) else {
                let why = "an administrator must add a trust rule for the client";
                return Err(Failure::new(OAuthErrorCode::UnauthorizedClient, why).into());
            };
            let presented = request.issuer.present(rule, token, request.key, request.now).await?;
            let mut granted = service::authorize(request, account).await?;
            if !rule.reusable {
                granted
                    .unit
                    .push(Change::SpendValue { key: presented.spent, expires_at: presented.until });
            }
            granted.detail = Some(json!({
                "issuer": presented.issuer, "subject": presented.subject, "jti": presented.jti,
            }));
            Ok(granted)
        })
    }

    /// The token was presented to another replica at the same moment or before; the grant was
    /// revoked between the decision and the write, and the next decision makes another one; the
    /// account of an assertion was linked or changed meanwhile; or the client was changed, blocked
    /// or deleted.
    fn overtaken<'a>(
        &'a self,
        _: &'a Request<'a>,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async move {
            Refused::at_admission(condition, || {
                assertion::refused(Reason::AssertionSpent, "the assertion was used before")
            })
        })
    }
}
