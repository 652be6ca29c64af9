//! The dispatcher of the browser flow: from a request and the browser's user, it determines the
//! next step. Steps return to it, never to each other.

use axum::response::Response;
use doorward_accounts::Visitor;
use doorward_issuer::{Approver, AuthorizationRequest, AuthorizeRefusal, ErrorAnswer, ReopenError};
use doorward_model::{OAuthErrorCode, Scope, ScopeSet, routes};
use doorward_transport::answer;

use crate::{Web, browser::Browser, language::Language, pages::error::ErrorPage};

/// The next step of an authorization request.
#[derive(Debug)]
pub(crate) enum Step {
    /// The user must sign in.
    SignIn,
    /// The user must prove a second factor.
    ProveMore,
    /// The user must decide. Holds the scopes that they allowed this client before.
    Decide(ScopeSet),
    /// The user may allow none of it, and a page says so. Holds the response for the client, to
    /// which the page links.
    Refuse(String),
    /// The client gets a code without a question, at this URL.
    Answer(String),
    /// The relying party expects another user than the one in this browser, who may sign in.
    Switch,
    /// Another user than the one that the relying party expects signed in for the request. A page
    /// says so, and leads to the client.
    WrongUser(ErrorAnswer),
    /// The client receives an error.
    Tell(ErrorAnswer),
}

/// The user of this session, in the form of the issuer.
pub(crate) fn approver(visitor: &Visitor) -> Approver<'_> {
    let session = &visitor.session;
    let identity = session.upstream.as_ref().map(|upstream| &upstream.identity);
    Approver {
        user: &visitor.user,
        auth_time: session.auth_time,
        authentication: &session.authentication,
        identity,
        session: &session.id,
    }
}

/// Draws the pages of a request in the language that its client prefers.
pub(crate) fn adopt_language(request: &AuthorizationRequest) {
    if let Some(language) = request.ui_locales().and_then(Language::of_locales) {
        language.adopt();
    }
}

impl Web {
    /// Determines the next step. `settled` means that the user continues without the scopes that
    /// need a second factor.
    pub(crate) async fn next_step(
        &self,
        request: &AuthorizationRequest,
        browser: &Browser,
        settled: bool,
    ) -> Result<Step, AuthorizeRefusal> {
        let issuer = &self.services.issuer;
        let now = self.services.clock.now();
        let counts = |visitor: &Visitor| !request.needs_login(visitor.session.auth_time, now);
        let refuse = |code, why| Ok(Step::Tell(issuer.answer_error(request, code, why)));
        let Some(visitor) = browser.visitor.as_ref().filter(|visitor| counts(visitor)) else {
            if request.is_silent() {
                return refuse(
                    OAuthErrorCode::LoginRequired,
                    "there is no session, or the sign-in is not recent enough",
                );
            }
            return Ok(if browser.waiting.as_ref().is_some_and(counts) {
                Step::ProveMore
            } else {
                Step::SignIn
            });
        };
        let who = approver(visitor);
        if let Some(step) = self.other_user(request, visitor) {
            return Ok(step);
        }
        if request.level().is_some_and(|level| level > visitor.session.authentication.level) {
            return if request.is_silent() {
                let code = OAuthErrorCode::UnmetAuthenticationRequirements;
                refuse(code, "the requested acr_values need a second factor")
            } else {
                Ok(Step::ProveMore)
            };
        }
        let already =
            issuer.allowed_in_session(request, &who).await.map_err(AuthorizeRefusal::Page)?;
        if !settled && !issuer.behind_second_factor(request, &who).is_empty() {
            return if request.is_silent() {
                refuse(OAuthErrorCode::InteractionRequired, "a second factor is required")
            } else {
                Ok(Step::ProveMore)
            };
        }
        if !issuer
            .offered(request, &already, &who)
            .iter()
            .any(|scope| scope != Scope::OfflineAccess)
        {
            tracing::info!(user = %visitor.user.id, client = %request.client.id, asked = %request.scopes, "authorization refused: the user's roles allow none of it");
            let why = "the user's roles allow none of the scopes that the app requests; an \
                administrator can change that";
            let answer = issuer.answer_error(request, OAuthErrorCode::AccessDenied, why);
            // A page rather than a redirect: the user sees it, and browsers do not follow a
            // redirect to another origin after a form of this server.
            return Ok(if request.is_silent() {
                Step::Tell(answer)
            } else {
                Step::Refuse(answer.target)
            });
        }
        if !request.is_silent() {
            return Ok(Step::Decide(already));
        }
        // The consent page is skipped only for clients with an assured identity, within the user's
        // earlier consent. Any other could be a program that copied the ID, so its user is always
        // asked.
        if request.client.is_assured_at(&request.redirect_uri) && already.covers(&request.scopes) {
            return issuer
                .approve(request, &who, &request.scopes, &already)
                .await
                .map(Step::Answer);
        }
        refuse(OAuthErrorCode::ConsentRequired, "the user must be asked")
    }

    /// The step for a user whom the relying party does not expect.
    fn other_user(&self, request: &AuthorizationRequest, visitor: &Visitor) -> Option<Step> {
        let issuer = &self.services.issuer;
        if !issuer.expects_another(request, &visitor.user.id) {
            return None;
        }
        let why = "another user than the one of id_token_hint is signed in";
        let answer = issuer.answer_error(request, OAuthErrorCode::LoginRequired, why);
        Some(if request.is_silent() {
            Step::Tell(answer)
        } else if visitor.session.auth_time >= request.created_at {
            Step::WrongUser(answer)
        } else {
            Step::Switch
        })
    }

    /// Goes to the first step of a request that arrives: where the user agreed before, the client
    /// gets a code at once. Not after a form of this server, from which browsers follow no redirect
    /// to another origin.
    pub(crate) async fn arrive(
        &self,
        request: &AuthorizationRequest,
        browser: &Browser,
    ) -> Response {
        let issuer = &self.services.issuer;
        let step = match (self.next_step(request, browser, false).await, &browser.visitor) {
            (Ok(Step::Decide(already)), Some(visitor)) if issuer.is_agreed(request, &already) => {
                let who = approver(visitor);
                issuer.approve(request, &who, &request.scopes, &already).await.map(Step::Answer)
            }
            (step, _) => step,
        };
        self.take(step, request, browser)
    }

    /// Goes to the next step.
    pub(crate) async fn proceed(
        &self,
        request: &AuthorizationRequest,
        browser: &Browser,
    ) -> Response {
        let step = self.next_step(request, browser, false).await;
        self.take(step, request, browser)
    }

    fn take(
        &self,
        step: Result<Step, AuthorizeRefusal>,
        request: &AuthorizationRequest,
        browser: &Browser,
    ) -> Response {
        let to = |place: &str| {
            answer::see_other(
                &self.at(&format!("{place}?request={}", self.services.issuer.seal(request))),
            )
        };
        match step {
            Ok(Step::SignIn) => to(routes::LOGIN),
            Ok(Step::Switch) => {
                let sealed = self.services.issuer.seal(request);
                let login = format!("{}?request={sealed}&switch=1&choose=1", routes::LOGIN);
                answer::see_other(&self.at(&login))
            }
            Ok(Step::WrongUser(error)) => {
                ErrorPage::wrong_user(&request.client.name, error).draw(self)
            }
            Ok(Step::ProveMore) => to(routes::LOGIN_SECOND_FACTOR),
            Ok(Step::Decide(_)) => to(routes::CONSENT),
            Ok(Step::Refuse(target)) => ErrorPage::no_role(&request.client.name, target).draw(self),
            Ok(Step::Answer(target)) => answer::see_other(&target),
            Ok(Step::Tell(error)) => self.tell(&error, browser),
            Err(refusal) => self.refuse(&refusal, browser),
        }
    }

    /// Opens a sealed request from a page's URL or form.
    pub(crate) async fn reopen(
        &self,
        sealed: &str,
        browser: &Browser,
    ) -> Result<AuthorizationRequest, Response> {
        let reopened = self.services.issuer.reopen(sealed, browser.address).await;
        if let Ok(request) = &reopened {
            adopt_language(request);
        }
        reopened.map_err(|error| match error {
            ReopenError::Refused(refusal) => self.refuse(&refusal, browser),
            ReopenError::Expired => ErrorPage::expired().draw(self),
            ReopenError::Invalid => ErrorPage::malformed("request").draw(self),
        })
    }

    /// Shows a refusal to the user, or sends it to the client.
    pub(crate) fn refuse(&self, refusal: &AuthorizeRefusal, browser: &Browser) -> Response {
        match refusal {
            AuthorizeRefusal::Client(error) => self.tell(error, browser),
            AuthorizeRefusal::Page(failure) => {
                tracing::info!(error = failure.code.as_str(), why = %failure.why, "authorization refused; a page was shown");
                ErrorPage::from_failure(failure).draw(self)
            }
        }
    }

    /// Sends an error to the client: at once, or by a page on which the user sees the target. The
    /// only place that redirects with an error before the user has decided something.
    fn tell(&self, error: &ErrorAnswer, browser: &Browser) -> Response {
        if error.needs_page(browser.visitor.is_some() || browser.waiting.is_some()) {
            tracing::info!(client = %error.client.id, error = error.failure.code.as_str(), "authorization refused; the user is asked before the redirect to the client");
            return ErrorPage::leads_away(&error.failure, error.target.clone()).draw(self);
        }
        tracing::info!(client = %error.client.id, error = error.failure.code.as_str(), "authorization refused; redirected to the client");
        answer::see_other(&error.target)
    }
}
