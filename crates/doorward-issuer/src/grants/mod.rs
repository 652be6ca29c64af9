//! The grant types, one file each, and their table. Metadata, the token endpoint and the reference
//! read it.

mod authorization_code;
mod back_end;
mod client_credentials;
mod device_code;
pub(crate) mod exchanged;
mod id_jag;
mod jwt_bearer;
mod provider_token;
mod refresh_token;
mod service;
mod token_exchange;

use doorward_model::{
    AuditKind, Client, ClientAuthMethod, Grant as GrantRecord, GrantType, KeyThumbprint,
    OAuthErrorCode, PlainToken, Resource, ScopeSet, StepKind, Timestamp, UnitOfWork,
};
use doorward_store::{Condition, StoreError};
use doorward_transport::Params;
use futures_util::future::BoxFuture;

use crate::{Failure, Issuer, checks::scope::NoScope};

/// The table: the grant of each type.
fn of(kind: GrantType) -> &'static dyn Grant {
    match kind {
        GrantType::AuthorizationCode => &authorization_code::AuthorizationCode,
        GrantType::RefreshToken => &refresh_token::RefreshToken,
        GrantType::ClientCredentials => &client_credentials::ClientCredentials,
        GrantType::JwtBearer => &jwt_bearer::JwtBearer,
        GrantType::DeviceCode => &device_code::DeviceCode,
        GrantType::TokenExchange => &token_exchange::TokenExchange,
    }
}

/// The grant types that are served, with their purposes.
pub fn served() -> impl Iterator<Item = (GrantType, &'static str)> {
    GrantType::ALL.into_iter().map(|kind| (kind, of(kind).summary()))
}

/// A grant type of the token endpoint: its rules, and its result.
pub(crate) trait Grant: Sync {
    /// Its type, by which requests and clients name it.
    fn kind(&self) -> GrantType;

    /// Its purpose, for the reference.
    fn summary(&self) -> &'static str;

    /// The step that a request for it is, in the timeline.
    fn step(&self) -> StepKind;

    /// The audit entry of a token for an existing grant. A grant made by a request has an entry of
    /// its own.
    fn of_existing_grant(&self) -> AuditKind;

    /// The methods of client authentication that it accepts.
    fn client_authentication(&self) -> &'static [ClientAuthMethod];

    /// The type of the token in the response, where it is named (RFC 8693 §2.2.1).
    fn issued_token_type(&self) -> Option<&'static str> {
        None
    }

    /// Its rule for the parameter `scope`: the scopes to which the request narrows the grant, or
    /// `None` for all of it.
    fn scopes(&self, asked: Option<&str>) -> Result<Option<ScopeSet>, NoScope>;

    /// Decides on a request: the grant, or a refusal.
    fn authorize<'a>(&'a self, request: &'a Request<'a>)
    -> BoxFuture<'a, Result<Granted, Refused>>;

    /// Handles a conflict with a faster request: `condition` of the grant no longer held. After
    /// `Ok` the request is decided again, on the new state.
    fn overtaken<'a>(
        &'a self,
        request: &'a Request<'a>,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), Refused>>;
}

/// A token request of an authenticated client.
pub(crate) struct Request<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) client: &'a Client,
    pub(crate) params: &'a Params,
    /// The `resource` parameters. Each must be one of the resources that the grant is for.
    pub(crate) resources: &'a [String],
    /// The scopes to narrow to, by [`Grant::scopes`].
    pub(crate) scopes: Option<&'a ScopeSet>,
    pub(crate) now: Timestamp,
    /// The key that the request proved, to which the access token is bound.
    pub(crate) key: Option<&'a KeyThumbprint>,
}

impl<'a> Request<'a> {
    /// The key to which the refresh tokens of a new grant are bound: those of clients that do not
    /// authenticate, which nothing else keeps from others (RFC 9449 §5).
    pub(crate) fn bound_key(&self) -> Option<KeyThumbprint> {
        self.key.filter(|_| self.client.auth_method == ClientAuthMethod::None).cloned()
    }

    /// A required parameter.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Failure> {
        self.params.get(name).ok_or_else(|| {
            Failure::new(OAuthErrorCode::InvalidRequest, format!("{name} is missing"))
        })
    }
}

/// The tokens that a request is given, before they are signed and stored.
pub(crate) struct Granted {
    /// The grant to which they belong.
    pub(crate) grant: GrantRecord,
    /// `true` for a grant that this request makes, `false` for one that it uses.
    pub(crate) is_new: bool,
    pub(crate) scopes: ScopeSet,
    pub(crate) resources: Vec<Resource>,
    pub(crate) refresh_token: Option<PlainToken>,
    /// The changes that spend the presented credential and store the refresh token.
    pub(crate) unit: UnitOfWork,
    /// More for the audit: each token then has an entry, also the first one of a grant.
    pub(crate) detail: Option<serde_json::Value>,
    /// The value that binds an ID token to an authorization request.
    pub(crate) nonce: Option<String>,
}

/// A refusal, with the changes that must be written nevertheless.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) failure: Failure,
    pub(crate) unit: UnitOfWork,
}

impl<F: Into<Failure>> From<F> for Refused {
    fn from(failure: F) -> Self {
        Self { failure: failure.into(), unit: UnitOfWork::new() }
    }
}

impl Refused {
    /// The consequence of a condition that failed where the user of a foreign token is admitted.
    /// What was changed meanwhile is found by the next decision; `spent` refuses a token that was
    /// presented before.
    fn at_admission(condition: Condition, spent: impl FnOnce() -> Failure) -> Result<(), Self> {
        match condition {
            Condition::UseGrant
            | Condition::InsertUser
            | Condition::InsertIdentity
            | Condition::UpdateIdentity
            | Condition::CollectProviderRoles
            | Condition::RenameUser
            | Condition::RedeemInvitation => Ok(()),
            Condition::SpendValue => Err(spent().into()),
            Condition::Expect => Err(service::changed()),
            other => Err(Self::unexpected(other)),
        }
    }

    /// A condition that no grant expects to fail.
    fn unexpected(condition: Condition) -> Self {
        StoreError::Refused(condition).into()
    }
}

/// The grant that a request names, if it exists.
pub(crate) fn named(params: &Params) -> Option<&'static dyn Grant> {
    params.get("grant_type").and_then(GrantType::parse).map(of)
}

/// The grant that a request names, if it exists and the client may use it.
pub(crate) fn requested(client: &Client, params: &Params) -> Result<&'static dyn Grant, Failure> {
    let name = params
        .get("grant_type")
        .ok_or_else(|| Failure::new(OAuthErrorCode::InvalidRequest, "grant_type is missing"))?;
    let grant = GrantType::parse(name).map(of).ok_or_else(|| {
        let names: Vec<_> = GrantType::ALL.iter().map(|kind| kind.as_str()).collect();
        let why = format!("supported are {}", names.join(", "));
        Failure::new(OAuthErrorCode::UnsupportedGrantType, why)
    })?;
    registered(client, grant.kind())?;
    Ok(grant)
}

/// Refuses a client that may not use a grant type.
pub(crate) fn registered(client: &Client, kind: GrantType) -> Result<(), Failure> {
    let unauthorized = |why| Failure::new(OAuthErrorCode::UnauthorizedClient, why);
    if !client.may_use(kind) {
        return Err(unauthorized("the client did not register this grant type"));
    }
    if !of(kind).client_authentication().contains(&client.auth_method) {
        return Err(unauthorized("this grant type needs another way of client authentication"));
    }
    Ok(())
}
