//! One request's view of the store, and what it decided.

use std::sync::{Arc, Mutex, PoisonError};

use doorward_keys::{AccessClaims, Audience};
use doorward_model::{
    Authentication, AuthorizationCode, Client, Grant as GrantRecord, GrantId, IdentityId,
    OAuthErrorCode, Person, PlainToken, Reason, RefreshToken, Resource, Scope, ScopeSet, Timestamp,
    TokenKind, UnitOfWork, UserId, id::random_text,
};
use oxide_auth::primitives::scope::Scope as MachineScope;
use oxide_auth_async::code_grant::{access_token, authorization, refresh};
use oxide_auth_async::primitives::{Authorizer, Issuer, Registrar};

use crate::{Failure, Issuer as IssuerParts};

/// What a token request yields.
#[derive(Debug)]
pub(crate) struct IssuedTokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<PlainToken>,
    pub(crate) expires_in: i64,
    pub(crate) scope: ScopeSet,
    /// For whom.
    pub(crate) user_id: UserId,
    /// From which grant.
    pub(crate) grant_id: GrantId,
}

/// What a machine's run leaves behind: changes to apply, whatever else happened.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) unit: UnitOfWork,
    pub(crate) tokens: Option<IssuedTokens>,
    /// The code that was made, for authorization requests.
    pub(crate) code: Option<PlainToken>,
}

/// The person's decision, for the second run of an authorization request.
#[derive(Clone, Debug)]
pub(crate) struct Approval {
    pub(crate) user_id: UserId,
    pub(crate) auth_time: Timestamp,
    pub(crate) authentication: Authentication,
    pub(crate) identity: Option<IdentityId>,
    pub(crate) scopes: ScopeSet,
}

/// Implements everything that the machines ask for, for one request.
pub(crate) struct GrantSession<'a> {
    pub(super) issuer: &'a IssuerParts,
    pub(super) client: Arc<Client>,
    pub(super) now: Timestamp,
    /// The `resource` parameters as presented.
    pub(super) presented_resources: Vec<String>,
    /// The scope that was asked for, `None` if none was named.
    pub(super) asked_scope: Option<String>,
    pub(super) approval: Option<Approval>,
    pub(super) redirect_omitted: bool,
    pub(super) code: Option<AuthorizationCode>,
    pub(super) refresh: Option<(RefreshToken, GrantRecord)>,
    pub(super) outcome: Outcome,
    bound_redirect: Mutex<Option<String>>,
    failure: Mutex<Option<Failure>>,
}

impl<'a> GrantSession<'a> {
    pub(crate) fn new(
        issuer: &'a IssuerParts,
        client: Arc<Client>,
        presented_resources: &[String],
    ) -> Self {
        Self {
            issuer,
            client,
            now: issuer.parts.clock.now(),
            presented_resources: presented_resources.to_vec(),
            asked_scope: None,
            approval: None,
            redirect_omitted: false,
            code: None,
            refresh: None,
            outcome: Outcome::default(),
            bound_redirect: Mutex::new(None),
            failure: Mutex::new(None),
        }
    }

    pub(crate) fn ask_scope(mut self, scope: Option<&str>) -> Self {
        self.asked_scope = scope.map(str::to_owned);
        self
    }

    pub(crate) fn approve(mut self, approval: Approval) -> Self {
        self.approval = Some(approval);
        self
    }

    pub(crate) fn omit_redirect(mut self, omitted: bool) -> Self {
        self.redirect_omitted = omitted;
        self
    }

    /// Notes why the machine is about to be told "no". The first reason stands.
    pub(super) fn fail(&self, code: OAuthErrorCode, why: impl Into<String>) {
        self.fail_with(Failure::new(code, why));
    }

    /// The same, with the reason for the timeline.
    pub(super) fn fail_because(
        &self,
        code: OAuthErrorCode,
        reason: Reason,
        why: impl Into<String>,
    ) {
        self.fail_with(Failure::new(code, why).because(reason));
    }

    pub(super) fn fail_with(&self, failure: Failure) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }

    pub(crate) fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn bind_redirect(&self, redirect: &str) {
        *self.bound_redirect.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(redirect.to_owned());
    }

    /// The redirect URI that was found valid, as presented. Only this may ever be redirected to.
    pub(crate) fn bound_redirect(&self) -> Option<String> {
        self.bound_redirect.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        self.outcome
    }

    /// Insists that the person may still sign in. Disabling spends waiting codes and revokes
    /// grants, but a code whose making was under way at that moment arrives after it.
    pub(super) async fn require_person(&self, user_id: &UserId) -> Result<Arc<Person>, ()> {
        let person = self
            .issuer
            .parts
            .store
            .person(user_id)
            .await
            .map_err(|error| self.fail_with(error.into()))?;
        if let Some(person) = person.filter(|person| person.disabled_at.is_none()) {
            return Ok(person);
        }
        self.fail_because(
            OAuthErrorCode::InvalidGrant,
            Reason::PersonDisabled,
            "the grant was withdrawn or has ended",
        );
        Err(())
    }

    /// What the person's roles and factors leave of `scopes` at this moment. Nothing left is a
    /// refusal: the grant stays, and is worth something again when the roles come back.
    pub(super) async fn allowed_now(
        &self,
        scopes: &ScopeSet,
        grant: &GrantRecord,
    ) -> Result<ScopeSet, ()> {
        let person = self.require_person(&grant.user_id).await?;
        let left = self.issuer.parts.access.effective(scopes, &person, &grant.authentication);
        if left.iter().any(|scope| scope != Scope::OfflineAccess) {
            return Ok(left.normalised());
        }
        tracing::info!(person = %grant.user_id, client = %grant.client_id, grant = %grant.id, asked = %scopes, "no token: the person's roles allow none of the scopes");
        self.fail_because(
            OAuthErrorCode::InvalidGrant,
            Reason::Role,
            "the person's roles no longer allow any of this",
        );
        Err(())
    }

    /// The scopes that this authorization request may be granted.
    pub(crate) fn requested_scopes(&self) -> Result<ScopeSet, Failure> {
        let asked = match self.asked_scope.as_deref() {
            None => ScopeSet::default_request(),
            Some(text) => ScopeSet::parse_known(text),
        };
        let exists = |scope: &Scope| {
            scope
                .upstream()
                .is_none_or(|upstream| self.issuer.parts.resources.has_upstream(upstream))
        };
        let possible: ScopeSet = asked
            .closure()
            .iter()
            .filter(|scope| self.client.scopes.allows(*scope) && exists(scope))
            .collect();
        if possible.is_empty() {
            return Err(Failure::new(
                OAuthErrorCode::InvalidScope,
                "none of the requested scopes exists here; known are mcp:read, mcp:write and mcp:destructive",
            ));
        }
        Ok(possible.normalised())
    }

    /// The resources meant by the request (RFC 8707): those named, which must be `among`, or all of
    /// `among` if none is named.
    pub(crate) fn resources(&self, among: &[Resource]) -> Result<Vec<Resource>, Failure> {
        let mut found = Vec::new();
        for presented in &self.presented_resources {
            match Resource::find(among, presented) {
                Some(resource) if found.contains(&resource) => {}
                Some(resource) => found.push(resource),
                None => {
                    return Err(Failure::new(
                        OAuthErrorCode::InvalidTarget,
                        "the resource is not one of this server's, or not part of the grant",
                    ));
                }
            }
        }
        Ok(if found.is_empty() { among.to_vec() } else { found })
    }

    pub(super) fn sign(
        &self,
        grant: &GrantRecord,
        scopes: &ScopeSet,
        resources: &[Resource],
    ) -> Result<(String, i64), Failure> {
        let parts = &self.issuer.parts;
        let lifetime =
            parts.config.access_token_seconds.min(grant.expires_at.since(self.now)).max(1);
        let claims = AccessClaims {
            iss: parts.public_url.as_str().to_owned(),
            sub: grant.user_id.as_str().to_owned(),
            aud: Audience::from_list(
                resources.iter().map(|resource| resource.as_str().to_owned()).collect(),
            ),
            exp: self.now.plus(lifetime).0,
            iat: self.now.0,
            jti: random_text(parts.entropy.as_ref(), 12),
            client_id: grant.client_id.as_str().to_owned(),
            scope: scopes.to_string(),
            auth_time: grant.auth_time.0,
            acr: grant.authentication.level.as_str().to_owned(),
            amr: grant.authentication.amr.clone(),
            grant: grant.id.as_str().to_owned(),
        };
        let token = parts.keys.sign(&claims, self.now).map_err(|error| {
            tracing::error!(%error, "an access token could not be signed");
            Failure::new(OAuthErrorCode::ServerError, "no token can be issued now")
        })?;
        Ok((token, lifetime))
    }

    pub(super) fn new_grant(&self, id: GrantId, code: &AuthorizationCode) -> GrantRecord {
        let config = &self.issuer.parts.config;
        // Without refresh tokens the grant ends with its only access token.
        let lifetime = if self.client.refresh_tokens {
            config.grant_max_seconds
        } else {
            config.access_token_seconds
        };
        GrantRecord {
            id,
            client_id: code.client_id.clone(),
            user_id: code.user_id.clone(),
            scopes: code.scopes.clone(),
            resources: code.resources.clone(),
            auth_time: code.auth_time,
            authentication: code.authentication.clone(),
            identity: code.identity.clone(),
            created_at: self.now,
            last_used_at: self.now,
            expires_at: self.now.plus(lifetime),
            revoked_at: None,
        }
    }

    pub(super) fn new_refresh_token(
        &self,
        plain: &PlainToken,
        grant: &GrantRecord,
    ) -> RefreshToken {
        let idle_end = self.now.plus(self.issuer.parts.config.refresh_token_idle_seconds);
        RefreshToken {
            token: plain.hashed(),
            grant_id: grant.id.clone(),
            expires_at: idle_end.min(grant.expires_at),
            used_at: None,
            successor: None,
        }
    }

    /// The token that replaces `presented`. It is derived, not drawn, so that a second presentation
    /// within the grace period yields the same one and the family never has two heads.
    pub(super) fn successor(&self, presented: &str) -> PlainToken {
        PlainToken::from_bytes(
            TokenKind::RefreshToken,
            &self.issuer.parts.master.mac("refresh-token-successor", &[presented.as_bytes()]),
        )
    }
}

/// The machine compares scopes as plain sets, so it gets the closure.
pub(super) fn machine_scope(scopes: &ScopeSet) -> Result<MachineScope, ()> {
    scopes.closure().to_string().parse().map_err(|_| ())
}

/// Reads scopes back from the machine.
pub(super) fn from_machine(scope: &MachineScope) -> ScopeSet {
    scope.iter().filter_map(doorward_model::Scope::named).collect::<ScopeSet>().normalised()
}

impl authorization::Endpoint for GrantSession<'_> {
    fn registrar(&self) -> &(dyn Registrar + Sync) {
        self
    }
    fn authorizer(&mut self) -> &mut (dyn Authorizer + Send) {
        self
    }
    fn extension(&mut self) -> &mut (dyn authorization::Extension + Send) {
        self
    }
}

impl access_token::Endpoint for GrantSession<'_> {
    fn registrar(&self) -> &(dyn Registrar + Sync) {
        self
    }
    fn authorizer(&mut self) -> &mut (dyn Authorizer + Send) {
        self
    }
    fn issuer(&mut self) -> &mut (dyn Issuer + Send) {
        self
    }
    fn extension(&mut self) -> &mut (dyn access_token::Extension + Send) {
        self
    }
}

impl refresh::Endpoint for GrantSession<'_> {
    fn registrar(&self) -> &(dyn Registrar + Sync) {
        self
    }
    fn issuer(&mut self) -> &mut (dyn Issuer + Send) {
        self
    }
}
