//! The error page: what happened and what to do.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use doorward_accounts::HasherError;
use doorward_federation::{FederationError, NotAdmitted};
use doorward_issuer::Failure;
use doorward_model::{OAuthErrorCode, RedirectUri};
use doorward_store::StoreError;
use doorward_transport::answer;

use crate::{
    Web,
    frame::{Frame, draw},
    language::filters,
};

#[derive(Template)]
#[template(path = "error.html")]
struct Page {
    frame: Frame,
    title: String,
    why: String,
    advice: String,
    code: Option<String>,
    link: Option<(String, String)>,
}

/// Something that a person must be told.
pub struct Oops {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    pub(crate) why: String,
    pub(crate) advice: String,
    pub(crate) code: Option<String>,
    pub(crate) link: Option<(String, String)>,
}

impl Oops {
    /// A page with this title, reason and advice.
    pub fn new(status: StatusCode, title: &str, why: &str, advice: &str) -> Self {
        Self {
            status,
            title: title.to_owned(),
            why: why.to_owned(),
            advice: advice.to_owned(),
            code: None,
            link: None,
        }
    }
    pub(crate) fn too_many_refused() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many refused requests",
            "Too many requests from your network address were refused in a short time.",
            "Wait a minute, then reload the page.",
        )
    }
    /// An address that does not exist, or is not for this user.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is nothing here",
            "This address does not exist, or is not for you.",
            "Check the address, or go to your page.",
        )
    }
    /// A form that cannot be read.
    pub fn bad_form(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "That did not work",
            &format!("The request could not be read: {why}."),
            "Go back, reload the page and try again.",
        )
    }
    pub(crate) fn expired() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "This took too long",
            "The app's request has expired.",
            "Start again from the app: let it connect once more.",
        )
    }
    /// A page that needs the database, which does not answer.
    pub fn unavailable(error: &StoreError) -> Self {
        tracing::error!(%error, "a page could not be served");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not available right now",
            "The server cannot reach its data.",
            "Try again in a moment. If it stays like this, tell your administrator.",
        )
    }
    /// With a link to where it goes on.
    pub(crate) fn with_link(mut self, text: &str, href: String) -> Self {
        self.link = Some((text.to_owned(), href));
        self
    }
    /// Somebody whose roles allow nothing of what a client asks for. `target` tells the client.
    pub(crate) fn no_role(client: &str, target: String) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Your roles do not allow this",
            &format!("{client} asks for something that nobody with your roles may allow here."),
            "Your administrator can give you a role that does. If you have another account, sign in with that.",
        )
        .with_link("Go back to the app", target)
    }
    pub(crate) fn sign_in_over() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "This sign-in is over",
            "It took too long, was used before, or began in another browser.",
            "Please start again.",
        )
    }
    /// A password that could not be compared or hashed.
    pub(crate) fn from_hasher(error: &HasherError) -> Self {
        let unavailable = |why| {
            Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Not available right now",
                why,
                "Try again in a moment.",
            )
        };
        match error {
            HasherError::Busy => {
                tracing::warn!("a password was not looked at: too many wait");
                unavailable("The server is checking as many passwords as it can.")
            }
            HasherError::Failed | HasherError::Parameters(_) => {
                tracing::error!(%error, "a password could not be hashed");
                unavailable("Signing in is not possible.")
            }
        }
    }
    /// A sign-in through a provider that did not come about.
    pub(crate) fn from_federation(provider: &str, error: &FederationError) -> Self {
        let tell_admin =
            "If it stays like this, tell your administrator: the server's log has the reason.";
        match error {
            FederationError::Unreachable { .. }
            | FederationError::Unavailable(_)
            | FederationError::Nonsense(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("{provider} does not answer"),
                &format!("{provider} could not be asked who you are, or not in time."),
                &format!("Try again in a moment, or sign in another way. {tell_admin}"),
            ),
            FederationError::Wait { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("{provider} asks to wait"),
                &format!("{provider} gets more requests from here than it answers at once."),
                &format!("Try again in a few minutes, or sign in another way. {tell_admin}"),
            ),
            FederationError::Refused(_) => Self::new(
                StatusCode::FORBIDDEN,
                &format!("{provider} did not sign you in"),
                &format!("You cancelled there, or {provider} does not let you use this server."),
                &format!("Try again, or sign in another way. {tell_admin}"),
            ),
            FederationError::Untrusted(_)
            | FederationError::Document(_)
            | FederationError::OtherIssuer { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "The answer was not accepted",
                &format!(
                    "What came back from {provider} could not be believed, so nobody was signed in."
                ),
                &format!("Please start again. {tell_admin}"),
            ),
            FederationError::Misconfigured(_) => Self::new(
                StatusCode::BAD_GATEWAY,
                &format!("{provider} does not accept this server"),
                &format!("{provider} and this server are not set up to work together."),
                "Sign in another way, and tell your administrator: doorward provider test says what is wrong.",
            ),
            FederationError::NotAwaited(_) => Self::sign_in_over(),
            FederationError::Limited => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many at once",
                "Too many people sign in from this place at this moment.",
                "Try again in a minute.",
            ),
            FederationError::NotAdmitted(reason) => Self::not_admitted(provider, *reason),
            FederationError::Store(error) => Self::unavailable(error),
        }
    }
    fn not_admitted(provider: &str, reason: NotAdmitted) -> Self {
        let (why, advice) = match reason {
            NotAdmitted::Domain | NotAdmitted::Group | NotAdmitted::Claim => (
                format!(
                    "{provider} knows you, but this server is not open to your organisation or group there."
                ),
                "Sign in with another account, or ask your administrator.",
            ),
            NotAdmitted::NotInvited => (
                format!("{provider} knows you, but only people who were invited may come in here."),
                "Ask your administrator for an invitation.",
            ),
            NotAdmitted::Disabled => {
                ("Your account here is disabled.".to_owned(), "Ask your administrator.")
            }
            NotAdmitted::LinkedElsewhere => (
                format!("This account at {provider} belongs to another person here."),
                "Sign in as that person and unlink it there, or choose another account.",
            ),
        };
        Self::new(StatusCode::FORBIDDEN, "You may not come in", &why, advice)
    }
    /// An authorization that fails where nothing may be redirected to.
    pub(crate) fn from_failure(failure: &Failure) -> Self {
        let (status, title, advice) = match failure.code {
            OAuthErrorCode::InvalidClient => (
                StatusCode::BAD_REQUEST,
                "This app is not known here",
                "Remove this server from the app and add it again: the app then introduces itself anew. If that does not help, tell your administrator.",
            ),
            OAuthErrorCode::TemporarilyUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Not available right now",
                "Try again in a moment.",
            ),
            OAuthErrorCode::ServerError => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something failed here",
                "Try again. If it stays like this, tell your administrator.",
            ),
            _ => (
                StatusCode::BAD_REQUEST,
                "The app's request is not acceptable",
                "Nothing was sent to the app. Start again from the app; if it stays like this, its developer must mend it.",
            ),
        };
        let mut why = failure.why.clone();
        if let Some(first) = why.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        Self {
            status,
            title: title.to_owned(),
            why: format!("{why}."),
            advice: advice.to_owned(),
            code: Some(failure.code.as_str().to_owned()),
            link: None,
        }
    }
    /// An authorization that fails, of a client that nobody here has dealt with yet. `target` tells
    /// the client.
    pub(crate) fn leads_away(failure: &Failure, target: String) -> Self {
        let host = RedirectUri::display_host(&target);
        let page = Self::new(
            StatusCode::BAD_REQUEST,
            "An app that is new here sent you",
            &format!(
                "Its request failed. The app now wants to take you to {host}, and this server cannot say whose address that is."
            ),
            "Go on only if you have just started this from an app of yours. Otherwise close this page.",
        );
        Self {
            code: Some(failure.code.as_str().to_owned()),
            ..page.with_link(&format!("Go on to {host}"), target)
        }
    }
    /// Draws the page.
    pub fn draw(self, web: &Web) -> Response {
        let unavailable = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let page = Page {
            frame: web.frame(None),
            title: self.title,
            why: self.why,
            advice: self.advice,
            code: self.code,
            link: self.link,
        };
        let response = draw(self.status, &page, false);
        if unavailable { answer::retry_after(response, 5) } else { response }
    }
}
