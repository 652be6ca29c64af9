//! `client_credentials` (OAuth 2.1 §4.2): a service, as which its client acts without a user.

use doorward_model::{AuditKind, ClientAuthMethod, GrantType, OAuthErrorCode, ScopeSet, StepKind};
use doorward_store::Condition;
use futures_util::future::BoxFuture;

use super::{Grant, Granted, Refused, Request, service};
use crate::{
    Failure,
    checks::scope::{self, NoScope},
};

pub(super) struct ClientCredentials;

/// Public clients are left out: their `client_id` is no secret, and nothing else is presented here.
const METHODS: [ClientAuthMethod; 3] = [
    ClientAuthMethod::ClientSecretBasic,
    ClientAuthMethod::ClientSecretPost,
    ClientAuthMethod::PrivateKeyJwt,
];

impl Grant for ClientCredentials {
    fn kind(&self) -> GrantType {
        GrantType::ClientCredentials
    }

    fn summary(&self) -> &'static str {
        "The authentication of a client that an administrator added for a service, without a user (OAuth 2.1 §4.2). There is no refresh token: the client asks again."
    }

    fn step(&self) -> StepKind {
        StepKind::ServiceToken
    }

    fn of_existing_grant(&self) -> AuditKind {
        AuditKind::TokenIssued
    }

    fn client_authentication(&self) -> &'static [ClientAuthMethod] {
        &METHODS
    }

    fn scopes(&self, asked: Option<&str>) -> Result<Option<ScopeSet>, NoScope> {
        scope::narrowed(asked)
    }

    fn authorize<'a>(
        &'a self,
        request: &'a Request<'a>,
    ) -> BoxFuture<'a, Result<Granted, Refused>> {
        Box::pin(async move {
            let account = request.client.service.as_ref().ok_or_else(|| {
                let why = "an administrator must add the client for a service";
                Failure::new(OAuthErrorCode::UnauthorizedClient, why)
            })?;
            service::authorize(request, account).await
        })
    }

    /// The grant was revoked between the decision and the write, and the next decision makes another
    /// one; or the client was changed, blocked or deleted.
    fn overtaken<'a>(
        &'a self,
        _: &'a Request<'a>,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Refused>> {
        Box::pin(async move {
            match condition {
                Condition::UseGrant => Ok(()),
                Condition::Expect => Err(service::changed()),
                other => Err(Refused::unexpected(other)),
            }
        })
    }
}
