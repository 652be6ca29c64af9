//! Authorization requests: validated, carried through the pages as a sealed value, decided once.
//!
//! Nothing is stored before the person decides. Looking at the authorization page costs an attacker
//! a signature's worth of work here and leaves no row behind, and a client that fetches it in
//! advance burns nothing (N4).

use std::sync::Arc;

use doorward_model::{
    Authentication, Change, Client, ClientId, ConnectStep, IdentityId, OAuthErrorCode, Person,
    Reason, Resource, Scope, ScopeSet, Sealed, StepKind, Timestamp, UserId, id::random_text,
};
use doorward_store::StoreError;
use doorward_transport::{ClientAddress, Params};

use crate::{
    DirectoryError, Failure, Issuer,
    oxide::{Approval, GrantSession, Refusal},
};

/// What the sealed value is sealed for.
const PLACE: &str = "authorization-request";

/// A valid authorization request on its way to a decision.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Identifies it, so that it is decided at most once.
    pub id: String,
    /// When it came in.
    pub created_at: Timestamp,
    /// Its parameters as they came.
    pub params: Params,
    /// The client.
    pub client: Arc<Client>,
    /// The redirect URI, as presented and found valid.
    pub redirect_uri: String,
    /// What is asked for, without what is implied.
    pub scopes: ScopeSet,
    /// What it is for.
    pub resources: Vec<Resource>,
}

/// Who decides on a request: a person, and how they proved that they are it.
#[derive(Clone, Copy, Debug)]
pub struct Approver<'a> {
    /// Who.
    pub person: &'a Person,
    /// When they proved it.
    pub auth_time: Timestamp,
    /// How.
    pub authentication: &'a Authentication,
    /// The upstream account that they came by.
    pub identity: Option<&'a IdentityId>,
}

/// An authorization request that is refused.
#[derive(Debug, Clone)]
pub enum AuthorizeRefusal {
    /// To be shown to the person: there is no place that may be redirected to (RFC 6749 §4.1.2.1).
    Page(Failure),
    /// To be sent to the client.
    Client(ErrorAnswer),
}

/// An error on its way to a client (RFC 6749 §4.1.2.1). It can only be sent by asking
/// [`ErrorAnswer::needs_page`] first.
#[derive(Debug, Clone)]
pub struct ErrorAnswer {
    /// The address that tells the client, with the error in its query.
    pub target: String,
    /// The error.
    pub failure: Failure,
    /// The client.
    pub client: Arc<Client>,
}

impl ErrorAnswer {
    /// Whether the user must see where the redirect leads and follow it themselves. Otherwise
    /// anybody could register a client and make this server's address lead anywhere (RFC 9700
    /// §4.11.2). `known` says that the browser's user has signed in here, at least by half.
    pub fn needs_page(&self, known: bool) -> bool {
        !known && !self.client.is_introduced()
    }
}

/// A sealed request that cannot be taken up again.
#[derive(Debug, Clone)]
pub enum ReopenError {
    /// Not one of ours, or damaged.
    Invalid,
    /// Too old.
    Expired,
    /// It is refused now, though it was fine when it came.
    Refused(AuthorizeRefusal),
}

/// `prompt` (OpenID Connect Core §3.1.2.1).
impl AuthorizationRequest {
    fn prompts(&self, value: &str) -> bool {
        self.params.get("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == value))
    }
    /// Whether nobody may be asked anything.
    pub fn is_silent(&self) -> bool {
        self.prompts("none")
    }
    /// Whether the client wants the person to sign in again whatever is known.
    pub fn wants_login(&self) -> bool {
        self.prompts("login")
    }
    /// Whether the client wants the person to choose an account.
    pub fn wants_choice(&self) -> bool {
        self.prompts("select_account")
    }
    /// The greatest age of a sign-in, in seconds.
    pub fn max_age(&self) -> Option<i64> {
        self.params.get("max_age").and_then(|age| age.parse().ok())
    }
    /// The authentication contexts that the client would like.
    pub fn acr_values(&self) -> Option<&str> {
        self.params.get("acr_values").filter(|values| values.len() <= 512)
    }
    /// Who the client thinks will sign in.
    pub fn login_hint(&self) -> Option<&str> {
        self.params.get("login_hint").filter(|hint| hint.len() <= 256)
    }
    /// Whether somebody who signed in at `auth_time` must sign in again for this request.
    pub fn needs_login(&self, auth_time: Timestamp, now: Timestamp) -> bool {
        let asked_anew = (self.prompts("login") || self.prompts("select_account"))
            && auth_time < self.created_at;
        let too_old = self
            .params
            .get("max_age")
            .and_then(|age| age.parse::<i64>().ok())
            .is_some_and(|age| now.since(auth_time) > age.max(0));
        // With max_age=0 the sign-in that was made for this request must count.
        asked_anew || (too_old && auth_time < self.created_at)
    }
}

fn step(kind: StepKind, request: &AuthorizationRequest) -> ConnectStep {
    ConnectStep::new(kind)
        .client(request.client.id.as_str(), Some(request.client.name.clone()))
        .flow(&request.id)
}

/// What of a request the timeline shows. Nothing of it is a secret.
struct Sent {
    client_id: Option<String>,
    redirect_uri: String,
    resources: String,
    scope: String,
    challenge_method: String,
}

impl Sent {
    fn of(params: &Params) -> Self {
        let text =
            |name: &str| params.get(name).unwrap_or_default().chars().take(300).collect::<String>();
        Self {
            client_id: params.get("client_id").map(|id| id.chars().take(512).collect()),
            redirect_uri: text("redirect_uri"),
            resources: params.resources().join(" ").chars().take(300).collect(),
            scope: text("scope"),
            challenge_method: text("code_challenge_method"),
        }
    }

    fn detail(&self, reason: Reason) -> String {
        match reason {
            Reason::RedirectUri => format!("redirect_uri={}", self.redirect_uri),
            Reason::Resource => format!("resource={}", self.resources),
            Reason::Scope => format!("scope={}", self.scope),
            Reason::PkceMethod => format!("code_challenge_method={}", self.challenge_method),
            _ => String::new(),
        }
    }
}

/// Appends parameters to a redirect URI as text, so that every other byte of it stays (CA17).
fn append(redirect_uri: &str, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let joint = match redirect_uri.find('?') {
        None => "?",
        Some(_) if redirect_uri.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{joint}{query}")
}

impl Issuer {
    /// The answer that tells the client of an error (RFC 6749 §4.1.2.1, RFC 9207).
    fn tell(
        &self,
        client: &Arc<Client>,
        redirect_uri: &str,
        state: Option<&str>,
        failure: Failure,
    ) -> ErrorAnswer {
        let mut pairs =
            vec![("error", failure.code.as_str()), ("error_description", failure.why.as_str())];
        pairs.extend(state.map(|state| ("state", state)));
        pairs.push(("iss", self.parts.public_url.as_str()));
        ErrorAnswer { target: append(redirect_uri, &pairs), failure, client: Arc::clone(client) }
    }

    async fn find_client(
        &self,
        params: &Params,
        address: ClientAddress,
    ) -> Result<Arc<Client>, Failure> {
        let id = params
            .get("client_id")
            .ok_or_else(|| Failure::new(OAuthErrorCode::InvalidRequest, "client_id is missing"))?;
        let found = self.parts.clients.find(&ClientId::from_text(id), address).await;
        found.map_err(|error| match error {
            DirectoryError::Unknown { why, reason } => {
                Failure::new(OAuthErrorCode::InvalidClient, why).because(reason)
            }
            unavailable @ DirectoryError::Unavailable { .. } => unavailable.into(),
        })
    }

    /// Validates an authorization request.
    pub async fn begin(
        &self,
        params: Params,
        address: ClientAddress,
    ) -> Result<AuthorizationRequest, AuthorizeRefusal> {
        let id = random_text(self.parts.entropy.as_ref(), 16);
        let sent = Sent::of(&params);
        let begun = self.validate(id, self.parts.clock.now(), params, address).await;
        self.parts.store.note_step(match &begun {
            Err(AuthorizeRefusal::Page(failure)) if failure.is_noted() => return begun,
            Ok(request) => ConnectStep::new(StepKind::Authorize)
                .client(request.client.id.as_str(), Some(request.client.name.clone()))
                .flow(&request.id),
            Err(
                AuthorizeRefusal::Page(failure)
                | AuthorizeRefusal::Client(ErrorAnswer { failure, .. }),
            ) => {
                let name = match &sent.client_id {
                    Some(id) => self
                        .parts
                        .store
                        .client(&ClientId::from_text(id.clone()))
                        .await
                        .ok()
                        .flatten()
                        .map(|client| client.name.clone()),
                    None => None,
                };
                let step = ConnectStep::new(StepKind::Authorize)
                    .refused(failure.reason)
                    .detail(sent.detail(failure.reason));
                sent.client_id.iter().fold(step, |step, id| step.client(id.as_str(), name.clone()))
            }
        });
        begun
    }

    /// Notes that the person of a request is being asked.
    pub fn note_asked(&self, request: &AuthorizationRequest, user_id: &UserId) {
        self.parts.store.note_step(step(StepKind::Asked, request).person(user_id.as_str()));
    }

    /// Notes that nobody could sign in for a request.
    pub fn note_no_sign_in(&self, request: &AuthorizationRequest, reason: Reason) {
        self.parts.store.note_step(step(StepKind::SignedIn, request).refused(reason));
    }

    async fn validate(
        &self,
        id: String,
        created_at: Timestamp,
        params: Params,
        address: ClientAddress,
    ) -> Result<AuthorizationRequest, AuthorizeRefusal> {
        let client = self.find_client(&params, address).await.map_err(AuthorizeRefusal::Page)?;
        let mut session = GrantSession::new(self, Arc::clone(&client), params.resources())
            .ask_scope(params.get("scope"));
        session
            .validate(&params)
            .await
            .map_err(|refusal| self.refuse(refusal, &client, params.get("state")))?;
        let redirect_uri = session.bound_redirect();
        let (Some(redirect_uri), Ok(scopes), Ok(resources)) = (
            redirect_uri,
            session.requested_scopes(),
            session.resources(&self.parts.resources.snapshot()),
        ) else {
            return Err(AuthorizeRefusal::Page(Failure::new(
                OAuthErrorCode::ServerError,
                "the request could not be read",
            )));
        };
        if let Err(failure) = unsupported(&params) {
            return Err(AuthorizeRefusal::Client(self.tell(
                &client,
                &redirect_uri,
                params.get("state"),
                failure,
            )));
        }
        let resources = if params.resources().is_empty() {
            resources.into_iter().take(1).collect()
        } else {
            resources
        };
        drop(session);
        Ok(AuthorizationRequest { id, created_at, params, client, redirect_uri, scopes, resources })
    }

    fn refuse(
        &self,
        refusal: Refusal,
        client: &Arc<Client>,
        state: Option<&str>,
    ) -> AuthorizeRefusal {
        match refusal {
            Refusal::Client { redirect_uri, failure } => {
                AuthorizeRefusal::Client(self.tell(client, &redirect_uri, state, failure))
            }
            Refusal::Person(failure) => AuthorizeRefusal::Page(failure),
        }
    }

    /// Makes a request into a value that pages carry in their addresses and forms.
    pub fn seal(&self, request: &AuthorizationRequest) -> String {
        let plain = format!("{}\n{}\n{}", request.id, request.created_at, request.params.encode());
        self.parts.master.seal(PLACE, plain.as_bytes()).as_str().to_owned()
    }

    /// Takes a sealed request up again and validates it anew: the client may have been disabled
    /// meanwhile.
    pub async fn reopen(
        &self,
        sealed: &str,
        address: ClientAddress,
    ) -> Result<AuthorizationRequest, ReopenError> {
        let plain = self
            .parts
            .master
            .open(PLACE, &Sealed::from_stored(sealed.to_owned()))
            .map_err(|_| ReopenError::Invalid)?;
        let text = std::str::from_utf8(&plain).map_err(|_| ReopenError::Invalid)?;
        let mut lines = text.splitn(3, '\n');
        let (Some(id), Some(created_at), Some(query)) = (
            lines.next(),
            lines.next().and_then(|text| text.parse().ok()).map(Timestamp),
            lines.next(),
        ) else {
            return Err(ReopenError::Invalid);
        };
        if self.parts.clock.now().since(created_at)
            >= self.parts.config.authorization_request_seconds
        {
            self.note_expired(id, query).await;
            return Err(ReopenError::Expired);
        }
        let params = Params::parse(query.as_bytes()).map_err(|_| ReopenError::Invalid)?;
        self.validate(id.to_owned(), created_at, params, address)
            .await
            .map_err(ReopenError::Refused)
    }

    /// Notes that a user came back too late. The request itself is not validated any more.
    async fn note_expired(&self, flow: &str, query: &str) {
        let id = Params::parse(query.as_bytes())
            .ok()
            .and_then(|params| params.get("client_id").map(ClientId::from_text));
        let Some(id) = id else { return };
        let name =
            self.parts.store.client(&id).await.ok().flatten().map(|client| client.name.clone());
        self.parts.store.note_step(
            ConnectStep::new(StepKind::Asked)
                .client(id.as_str(), name)
                .flow(flow)
                .refused(Reason::RequestExpired),
        );
    }

    /// What this person already allowed this client for the same resources. The consent page offers
    /// to keep it, so that a step up that names only the new scope does not lose the old ones
    /// (I17).
    pub async fn already_allowed(
        &self,
        request: &AuthorizationRequest,
        user_id: &UserId,
    ) -> Result<ScopeSet, Failure> {
        let grants = self.parts.store.live_grants_of(user_id, self.parts.clock.now()).await?;
        let same = grants.iter().filter(|grant| {
            grant.client_id == request.client.id
                && request.resources.iter().all(|resource| grant.resources.contains(resource))
        });
        Ok(same.fold(ScopeSet::default(), |all, grant| all.union(&grant.scopes)))
    }

    /// What this person may be offered to allow: what is asked for and what was allowed before, as
    /// far as roles and factors reach.
    pub fn offered(
        &self,
        request: &AuthorizationRequest,
        already: &ScopeSet,
        who: &Approver<'_>,
    ) -> ScopeSet {
        self.parts.access.effective(&request.scopes.union(already), who.person, who.authentication)
    }

    /// The scopes asked for that this person could have after proving a second factor.
    pub fn behind_second_factor(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
    ) -> ScopeSet {
        let allowed =
            request.scopes.closure().intersection(&self.parts.access.scopes_of(who.person));
        self.parts.access.lacks_second_factor(&allowed, who.authentication)
    }

    /// Answers the client with a code for what the person allowed. Conditional on the request not
    /// being decided yet.
    pub async fn approve(
        &self,
        request: &AuthorizationRequest,
        who: &Approver<'_>,
        chosen: &ScopeSet,
    ) -> Result<String, AuthorizeRefusal> {
        let user_id = &who.person.id;
        let already =
            self.already_allowed(request, user_id).await.map_err(AuthorizeRefusal::Page)?;
        let granted = chosen.intersection(&self.offered(request, &already, who));
        // `offline_access` alone allows nothing.
        if !granted.iter().any(|scope| scope != Scope::OfflineAccess) {
            return Ok(self.deny(request, user_id));
        }
        let session =
            GrantSession::new(self, Arc::clone(&request.client), request.params.resources());
        let mut session = session.ask_scope(request.params.get("scope")).approve(Approval {
            user_id: user_id.clone(),
            auth_time: who.auth_time,
            authentication: who.authentication.clone(),
            identity: who.identity.cloned(),
            scopes: granted,
        });
        let state = request.params.get("state");
        session
            .authorize(&request.params, user_id)
            .await
            .map_err(|refusal| self.refuse(refusal, &request.client, state))?;
        let mut outcome = session.into_outcome();
        let Some(code) = outcome.code.take() else {
            return Err(AuthorizeRefusal::Page(Failure::new(
                OAuthErrorCode::ServerError,
                "no code was made",
            )));
        };
        let expires_at = request.created_at.plus(self.parts.config.authorization_request_seconds);
        outcome
            .unit
            .push(Change::SpendValue { key: format!("consent:{}", request.id), expires_at });
        match self.parts.store.apply(outcome.unit).await {
            Ok(()) => {}
            Err(StoreError::Refused(_)) => {
                return Err(AuthorizeRefusal::Page(Failure::new(
                    OAuthErrorCode::InvalidRequest,
                    "this request was answered before; start again from the app",
                )));
            }
            Err(error) => return Err(AuthorizeRefusal::Page(error.into())),
        }
        tracing::info!(client = %request.client.id, person = %user_id, "authorization granted");
        self.parts.store.note_step(step(StepKind::Answered, request).person(user_id.as_str()));
        let mut pairs = vec![("code", code.reveal())];
        pairs.extend(state.map(|state| ("state", state)));
        pairs.push(("iss", self.parts.public_url.as_str()));
        Ok(append(&request.redirect_uri, &pairs))
    }

    /// The address that tells the client that the user refused. The user decided it on a page, so
    /// the browser may go there at once.
    pub fn deny(&self, request: &AuthorizationRequest, user_id: &UserId) -> String {
        tracing::info!(client = %request.client.id, "authorization refused by the person");
        self.parts.store.note_step(
            step(StepKind::Answered, request).person(user_id.as_str()).refused(Reason::Denied),
        );
        self.answer_error(request, OAuthErrorCode::AccessDenied, "the person refused").target
    }

    /// The answer that tells the client of an error.
    pub fn answer_error(
        &self,
        request: &AuthorizationRequest,
        code: OAuthErrorCode,
        why: &str,
    ) -> ErrorAnswer {
        self.tell(
            &request.client,
            &request.redirect_uri,
            request.params.get("state"),
            Failure::new(code, why),
        )
    }
}

/// Parameters that would change the meaning of a request and are not supported.
fn unsupported(params: &Params) -> Result<(), Failure> {
    if params.get("request").is_some() {
        return Err(Failure::new(
            OAuthErrorCode::RequestNotSupported,
            "request objects are not supported",
        ));
    }
    if params.get("request_uri").is_some() {
        return Err(Failure::new(
            OAuthErrorCode::RequestUriNotSupported,
            "request_uri is not supported",
        ));
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Failure::new(OAuthErrorCode::InvalidRequest, "response_mode must be query"));
    }
    if params.get("max_age").is_some_and(|age| age.parse::<u32>().is_err()) {
        return Err(Failure::new(
            OAuthErrorCode::InvalidRequest,
            "max_age must be a number of seconds",
        ));
    }
    let silent_and_more = params.get("prompt").is_some_and(|prompt| {
        prompt.split(' ').any(|word| word == "none") && prompt.split(' ').count() > 1
    });
    if silent_and_more {
        Err(Failure::new(OAuthErrorCode::InvalidRequest, "prompt=none excludes other values"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca17_parameters_are_appended_without_touching_the_rest() {
        for (uri, expected) in [
            ("https://a.example/cb", "https://a.example/cb?code=x%26y"),
            ("https://a.example/cb?", "https://a.example/cb?code=x%26y"),
            ("https://a.example/cb?keep=%2F", "https://a.example/cb?keep=%2F&code=x%26y"),
            ("http://127.0.0.1:1", "http://127.0.0.1:1?code=x%26y"),
            (
                "cursor://anysphere.cursor-mcp/oauth/callback",
                "cursor://anysphere.cursor-mcp/oauth/callback?code=x%26y",
            ),
        ] {
            assert_eq!(append(uri, &[("code", "x&y")]), expected);
        }
    }
}
