//! The user's decision about an authorization request.

use std::sync::Arc;

use doorward_model::{
    AuthorizationCode, Change, ExternalResource, GrantId, OAuthErrorCode, PlainToken, Reason,
    RelyingChange, RelyingSession, Resource, Scope, ScopeSet, StepKind, TokenKind, Toolset,
    UnitOfWork, User, UserId, id::random_text,
};
use doorward_store::StoreError;

use super::{Approver, AuthorizationRequest, AuthorizeRefusal, append};
use crate::{Failure, Issuer};

impl Issuer {
    /// The scopes that this user already allowed this client for the same resources. The consent
    /// page offers to keep them, so that a step up that names only the new scope does not lose the
    /// old ones (I17).
    pub async fn already_allowed(
        &self,
        request: &AuthorizationRequest,
        user_id: &UserId,
    ) -> Result<ScopeSet, Failure> {
        let now = self.services.clock.now();
        let grants = self.services.store.live_grants_to(user_id, &request.client.id, now).await?;
        let same = grants.iter().filter(|grant| {
            request.resources.iter().all(|resource| grant.resources.contains(resource))
        });
        Ok(same.fold(ScopeSet::default(), |all, grant| all.union(&grant.scopes)))
    }

    /// The same, with what the user allowed a relying party in this session.
    pub async fn allowed_in_session(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
    ) -> Result<ScopeSet, Failure> {
        let already = self.already_allowed(request, &who.user.id).await?;
        let used = self.used_session(request, who).await?;
        Ok(used.map_or(already.clone(), |used| already.union(&used.scopes)))
    }

    /// The use of the session by the relying party of a request for userinfo alone.
    async fn used_session(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
    ) -> Result<Option<RelyingSession>, Failure> {
        if !request.signs_in() {
            return Ok(None);
        }
        Ok(self.services.store.relying_session(who.session, &request.client.id).await?)
    }

    /// True if a request signs the user in to an administrator's relying party within what they
    /// allowed it before, so that they are not asked again.
    pub fn is_agreed(&self, request: &AuthorizationRequest, already: &ScopeSet) -> bool {
        request.signs_in()
            && request.resources == [self.userinfo_resource()]
            && !request.interaction.consent
            && request.client.is_assured_at(&request.redirect_uri)
            && already.covers(&request.scopes)
    }

    /// True if a relying party expects another user than this one (`id_token_hint`).
    pub fn expects_another(&self, request: &AuthorizationRequest, user_id: &UserId) -> bool {
        let subject = self.subject_at(&request.client, user_id);
        request.hinted.as_ref().is_some_and(|hinted| *hinted != subject)
    }

    /// True if a request names access that the client does not have yet.
    fn steps_up(request: &AuthorizationRequest, already: &ScopeSet) -> bool {
        let is_access = |scope: &Scope| *scope != Scope::OfflineAccess && !scope.is_identity();
        request.scopes.iter().filter(is_access).any(|scope| !already.allows(scope))
    }

    /// The scopes that this user may be offered to allow, as far as roles and factors permit: the
    /// requested ones, and for a step up those that were allowed before. A narrower request is
    /// offered the scopes that it names, and no others.
    pub fn offered(
        &self,
        request: &AuthorizationRequest,
        already: &ScopeSet,
        who: &Approver<'_>,
    ) -> ScopeSet {
        // A relying party learns only what it asks for this time.
        let signs_in_only = request.resources == [self.userinfo_resource()];
        let keeps = !signs_in_only && Self::steps_up(request, already);
        let before = already.iter().filter(|scope| keeps && !scope.is_identity());
        let asked = request.scopes.union(&before.collect());
        self.reach(&asked, &request.resources, who.user, who.authentication)
    }

    /// The external resource server that a request is for.
    pub fn external(&self, request: &AuthorizationRequest) -> Option<ExternalResource> {
        request.resources.iter().find_map(|resource| self.settings.resources.external(resource))
    }

    /// The toolset that a request is for.
    pub fn toolset(&self, request: &AuthorizationRequest) -> Option<Arc<Toolset>> {
        self.toolset_of(&request.resources)
    }

    /// The toolset among some resources.
    pub fn toolset_of(&self, resources: &[Resource]) -> Option<Arc<Toolset>> {
        resources.iter().find_map(|resource| self.settings.resources.toolset_at(resource))
    }

    /// The toolsets that a user may connect clients to, by name.
    pub fn toolsets_of(&self, user: &User) -> Vec<Arc<Toolset>> {
        let all = self.settings.resources.toolsets();
        all.iter().filter(|toolset| toolset.admits(user)).cloned().collect()
    }

    /// The requested scopes that this user could have after proving a second factor.
    pub fn behind_second_factor(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
    ) -> ScopeSet {
        let rules = self.settings.rules.now();
        if !rules.access.may_lack_second_factor(&request.scopes, who.authentication) {
            return ScopeSet::default();
        }
        let allowed = request.scopes.closure().intersection(&rules.access.scopes_of(who.user));
        rules.access.lacks_second_factor(&allowed, who.authentication)
    }

    /// Answers the client with a code for the user's grant. Conditional on the request not being
    /// decided yet. `already` is the result of [`Issuer::already_allowed`].
    pub async fn approve(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
        chosen: &ScopeSet,
        already: &ScopeSet,
    ) -> Result<String, AuthorizeRefusal> {
        let user_id = &who.user.id;
        // A relying party without it could not sign the user in; the page says so.
        let openid = request.signs_in().then_some(Scope::OpenId);
        let chosen: ScopeSet = chosen.iter().chain(openid).collect();
        let granted = chosen.intersection(&self.offered(request, already, who));
        // `offline_access` alone allows nothing.
        if !granted.iter().any(|scope| scope != Scope::OfflineAccess) {
            return Ok(self.deny(request, user_id));
        }
        let plain =
            PlainToken::random(TokenKind::AuthorizationCode, self.services.entropy.as_ref());
        let mut code = self.code(request, who, &granted, &plain);
        let used = if granted.contains(Scope::OpenId) {
            let used = self.used_session(request, who).await.map_err(AuthorizeRefusal::Page)?;
            Some(self.use_of_session(request, who, &granted, used))
        } else {
            None
        };
        code.subject.sid = used.as_ref().map(|used| used.sid.clone());
        let expires_at =
            request.created_at.plus(self.settings.config.authorization_request_seconds);
        let mut unit = UnitOfWork::from_iter([
            Change::InsertCode(code),
            Change::SpendValue { key: format!("consent:{}", request.id), expires_at },
        ]);
        if let Some(used) = used {
            unit.push(RelyingChange::Put(used).into());
        }
        if request.client.authorized_at.is_none() {
            unit.push(Change::MarkClientAuthorized {
                client_id: request.client.id.clone(),
                at: self.services.clock.now(),
            });
        }
        match self.services.store.apply(unit).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => {
                return Err(AuthorizeRefusal::Page(Failure::new(
                    OAuthErrorCode::InvalidRequest,
                    "this request was already answered; start again from the app",
                )));
            }
            Err(error) => return Err(AuthorizeRefusal::Page(error.into())),
        }
        tracing::info!(client = %request.client.id, user = %user_id, "authorization granted");
        self.services.store.note_step(request.step(StepKind::Answered).user(user_id.as_str()));
        let mut pairs = vec![("code", plain.reveal())];
        pairs.extend(request.params.get("state").map(|state| ("state", state)));
        pairs.push(("iss", self.settings.public_url.as_str()));
        Ok(append(&request.redirect_uri, &pairs))
    }

    /// The use of the session by a relying party with these scopes, besides those of before.
    fn use_of_session(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
        granted: &ScopeSet,
        before: Option<RelyingSession>,
    ) -> RelyingSession {
        // Access to another resource is asked for each time.
        let here = request.resources == [self.userinfo_resource()];
        let granted = if here { granted.clone() } else { ScopeSet::default() };
        match before {
            Some(used) => RelyingSession { scopes: used.scopes.union(&granted), ..used },
            None => RelyingSession {
                sid: random_text(self.services.entropy.as_ref(), 16),
                session_id: who.session.clone(),
                client_id: request.client.id.clone(),
                user_id: who.user.id.clone(),
                scopes: granted,
                created_at: self.services.clock.now(),
            },
        }
    }

    /// The code for the user's grant.
    fn code(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
        granted: &ScopeSet,
        plain: &PlainToken,
    ) -> AuthorizationCode {
        AuthorizationCode {
            token: plain.hashed(),
            grant_id: GrantId::random(self.services.entropy.as_ref()),
            client_id: request.client.id.clone(),
            subject: who.subject(),
            redirect_uri: request.redirect_uri.clone(),
            scopes: granted.normalised(),
            resources: request.resources.clone(),
            challenge: request.challenge.clone(),
            nonce: request.params.get("nonce").map(str::to_owned),
            expires_at: self.services.clock.now().plus(self.settings.config.code_seconds),
            consumed_at: None,
            key: request.key().cloned(),
        }
    }

    /// The URL that reports the user's refusal to the client. The user decided it on a page, so the
    /// browser may be redirected at once.
    pub fn deny(&self, request: &AuthorizationRequest, user_id: &UserId) -> String {
        tracing::info!(client = %request.client.id, "authorization refused by the user");
        self.services.store.note_step(
            request.step(StepKind::Answered).user(user_id.as_str()).refused(Reason::Denied),
        );
        self.answer_error(request, OAuthErrorCode::AccessDenied, "the user refused").target
    }
}
