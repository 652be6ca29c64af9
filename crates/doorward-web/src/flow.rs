//! The dispatcher of the browser flow: given a request and who is here, it names the next step. Steps return to it, never to
//! each other.

use axum::response::Response;
use doorward_accounts::Visitor;
use doorward_issuer::{AuthorizationRequest, AuthorizeRefusal, ReopenError};
use doorward_model::{ClientSource, OAuthErrorCode, routes};
use doorward_transport::answer;

use crate::{Web, pages::error::Oops, visitor::Browser};

/// What comes next for an authorization request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The person must sign in.
    SignIn,
    /// The person must decide.
    Decide,
    /// The client is answered without asking anybody.
    Answer(String),
}

impl Web {
    /// Names the next step.
    pub(crate) async fn next_step(&self, request: &AuthorizationRequest, visitor: Option<&Visitor>) -> Result<Step, AuthorizeRefusal> {
        let issuer = &self.parts.issuer;
        let now = self.parts.clock.now();
        let visitor = visitor.filter(|visitor| !request.needs_login(visitor.session.auth_time, now));
        let Some(visitor) = visitor else {
            return Ok(if request.is_silent() {
                Step::Answer(issuer.answer_error(request, OAuthErrorCode::LoginRequired, "nobody is signed in, or not recently enough"))
            } else {
                Step::SignIn
            });
        };
        if !request.is_silent() {
            return Ok(Step::Decide);
        }
        // Silence is for clients that an administrator vouches for, within what the person allowed before. A client that
        // registered itself could be anybody who copied its id, so its person is always asked.
        let already = issuer.already_allowed(request, &visitor.person.id).await.map_err(AuthorizeRefusal::Page)?;
        if request.client.source == ClientSource::Administrator && already.covers(&request.scopes) {
            return issuer.approve(request, &visitor.person.id, visitor.session.auth_time, &request.scopes).await.map(Step::Answer);
        }
        Ok(Step::Answer(issuer.answer_error(request, OAuthErrorCode::ConsentRequired, "the person must be asked")))
    }

    /// Goes to the next step.
    pub(crate) async fn proceed(&self, request: &AuthorizationRequest, browser: &Browser) -> Response {
        let sealed = || self.parts.issuer.seal(request);
        match self.next_step(request, browser.visitor.as_ref()).await {
            Ok(Step::SignIn) => answer::see_other(&self.at(&format!("{}?request={}", routes::LOGIN, sealed()))),
            Ok(Step::Decide) => answer::see_other(&self.at(&format!("{}?request={}", routes::CONSENT, sealed()))),
            Ok(Step::Answer(target)) => answer::see_other(&target),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// Takes up a sealed request from a page's address or form.
    pub(crate) async fn reopen(&self, sealed: &str, browser: &Browser) -> Result<AuthorizationRequest, Response> {
        self.parts.issuer.reopen(sealed, browser.address).await.map_err(|error| match error {
            ReopenError::Refused(refusal) => self.refuse(&refusal),
            ReopenError::Expired => Oops::expired().draw(self),
            ReopenError::Invalid => Oops::bad_form("the request in this page's address is damaged").draw(self),
        })
    }

    /// Shows a refusal to the person, or sends it to the client.
    pub(crate) fn refuse(&self, refusal: &AuthorizeRefusal) -> Response {
        match refusal {
            AuthorizeRefusal::Redirect(target) => {
                tracing::info!("authorization refused; the client was told");
                answer::see_other(target)
            }
            AuthorizeRefusal::Page(failure) => {
                tracing::info!(error = failure.code.as_str(), why = %failure.why, "authorization refused; a page was shown");
                Oops::from_failure(failure).draw(self)
            }
        }
    }
}
