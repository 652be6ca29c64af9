//! The error page: the event, its reason, and the next step.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use doorward_accounts::HasherError;
use doorward_federation::{FederationError, NotAdmitted};
use doorward_issuer::{ErrorAnswer, Failure};
use doorward_language::{Message, text};
use doorward_model::{OAuthErrorCode, RedirectUri};
use doorward_store::StoreError;
use doorward_transport::answer;

use crate::{
    Web,
    frame::{Frame, draw},
};

#[derive(Template)]
#[template(path = "error.html")]
struct Page {
    frame: Frame,
    title: Message,
    why: Message,
    advice: Message,
    developer: Option<String>,
    link: Option<(Message, String)>,
}

/// A failure shown to the user: the event, its reason, and the next step.
pub struct ErrorPage {
    pub(crate) status: StatusCode,
    pub(crate) title: Message,
    pub(crate) why: Message,
    pub(crate) advice: Message,
    /// Facts for the developer of the client, in English.
    pub(crate) developer: Option<String>,
    pub(crate) link: Option<(Message, String)>,
}

impl ErrorPage {
    /// A page with this title, reason and advice.
    pub fn new(status: StatusCode, title: Message, why: Message, advice: Message) -> Self {
        Self { status, title, why, advice, developer: None, link: None }
    }
    pub(crate) fn too_many_refused() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            text::error_too_many_refused(),
            text::error_too_many_refused_why(),
            text::error_wait_and_reload(),
        )
    }
    /// A URL that does not exist, or is not for this user.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            text::error_not_found(),
            text::error_not_found_why(),
            text::error_not_found_advice(),
        )
    }
    /// A request that cannot be used, for this reason.
    pub fn bad_form(reason: Message) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            text::error_bad_form(),
            text::error_bad_form_why(reason),
            text::error_reload_and_retry(),
        )
    }
    /// A form without a usable value of this field.
    pub fn incomplete(field: &str) -> Self {
        Self::bad_form(text::input_form(field))
    }
    /// A request with unreadable parameters.
    pub fn malformed(detail: &(impl ToString + ?Sized)) -> Self {
        Self::bad_form(text::input_form_malformed(detail.to_string()))
    }
    pub(crate) fn expired() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            text::error_expired(),
            text::error_expired_why(),
            text::error_connect_again(),
        )
    }
    /// A page that needs the database, which does not answer.
    pub fn unavailable(error: &StoreError) -> Self {
        tracing::error!(%error, "a page could not be served");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            text::error_unavailable(),
            text::error_unavailable_database(),
            text::error_retry_or_tell(),
        )
    }
    /// With a link to the next step.
    pub(crate) fn with_link(mut self, text: Message, href: String) -> Self {
        self.link = Some((text, href));
        self
    }
    /// A user whose roles allow none of the requested scopes. `target` reports it to the client.
    pub(crate) fn no_role(client: &str, target: String) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            text::error_no_role(),
            text::error_no_role_why(client),
            text::error_no_role_advice(),
        )
        .with_link(text::error_back_to_app(), target)
    }
    pub(crate) fn sign_in_over() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            text::error_sign_in_over(),
            text::error_sign_in_over_why(),
            text::error_start_again(),
        )
    }
    /// A one-time link that does not work.
    pub(crate) fn link(advice: Message) -> Self {
        Self::new(StatusCode::NOT_FOUND, text::error_link(), text::error_link_why(), advice)
    }
    /// A password that could not be compared or hashed.
    pub(crate) fn from_hasher(error: &HasherError) -> Self {
        let unavailable = |why| {
            Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                text::error_unavailable(),
                why,
                text::error_retry(),
            )
        };
        match error {
            HasherError::Busy => {
                tracing::warn!("a password was not checked: too many wait");
                unavailable(text::error_passwords_busy())
            }
            HasherError::Failed | HasherError::Parameters(_) => {
                tracing::error!(%error, "a password could not be hashed");
                unavailable(text::error_sign_in_impossible())
            }
        }
    }
    /// A failed sign-in through a provider.
    pub(crate) fn from_federation(provider: &str, error: &FederationError) -> Self {
        match error {
            FederationError::Unreachable { .. }
            | FederationError::Unavailable(_)
            | FederationError::Nonsense(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                text::error_provider_silent(provider),
                text::error_provider_silent_why(provider),
                text::error_provider_silent_advice(),
            ),
            FederationError::Wait { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                text::error_provider_busy(provider),
                text::error_provider_busy_why(provider),
                text::error_provider_busy_advice(),
            ),
            FederationError::Refused(_) => Self::new(
                StatusCode::FORBIDDEN,
                text::error_provider_refused(provider),
                text::error_provider_refused_why(provider),
                text::error_provider_refused_advice(),
            ),
            FederationError::Untrusted(_)
            | FederationError::Document(_)
            | FederationError::OtherIssuer { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                text::error_provider_untrusted(),
                text::error_provider_untrusted_why(provider),
                text::error_provider_untrusted_advice(),
            ),
            FederationError::Misconfigured(_) => Self::new(
                StatusCode::BAD_GATEWAY,
                text::error_provider_misconfigured(provider),
                text::error_provider_misconfigured_why(provider),
                text::error_provider_misconfigured_advice(),
            ),
            FederationError::NotAwaited(_) => Self::sign_in_over(),
            FederationError::Limited => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                text::error_provider_limited(),
                text::error_provider_limited_why(),
                text::error_retry_minute(),
            ),
            FederationError::NotAdmitted(reason) => Self::not_admitted(provider, *reason),
            FederationError::Store(error) => Self::unavailable(error),
        }
    }
    fn not_admitted(provider: &str, reason: NotAdmitted) -> Self {
        let (why, advice) = match reason {
            NotAdmitted::Domain | NotAdmitted::Group | NotAdmitted::Claim => {
                (text::error_denied_group(provider), text::error_denied_group_advice())
            }
            NotAdmitted::NotInvited | NotAdmitted::Undecided => {
                (text::error_denied_not_invited(provider), text::error_denied_not_invited_advice())
            }
            NotAdmitted::Disabled => {
                (text::error_denied_disabled(), text::error_ask_administrator())
            }
            NotAdmitted::LinkedElsewhere => {
                (text::error_denied_linked(provider), text::error_denied_linked_advice())
            }
        };
        Self::new(StatusCode::FORBIDDEN, text::error_denied(), why, advice)
    }
    /// An authorization that fails without a permitted redirect.
    pub(crate) fn from_failure(failure: &Failure) -> Self {
        let page = match failure.code {
            OAuthErrorCode::InvalidClient => Self::new(
                StatusCode::BAD_REQUEST,
                text::error_unknown_app(),
                text::error_unknown_app_why(),
                text::error_unknown_app_advice(),
            ),
            OAuthErrorCode::TemporarilyUnavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                text::error_unavailable(),
                text::error_busy_why(),
                text::error_retry(),
            ),
            OAuthErrorCode::ServerError => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                text::error_failed(),
                text::error_failed_why(),
                text::error_failed_advice(),
            ),
            _ => Self::new(
                StatusCode::BAD_REQUEST,
                text::error_bad_request(),
                text::error_bad_request_why(),
                text::error_bad_request_advice(),
            ),
        };
        Self { developer: Some(format!("{}: {}", failure.code.as_str(), failure.why)), ..page }
    }
    /// A failing authorization of a client that no user has dealt with yet. `target` reports it to
    /// the client.
    pub(crate) fn leads_away(failure: &Failure, target: String) -> Self {
        let host = RedirectUri::display_host(&target);
        let page = Self::new(
            StatusCode::BAD_REQUEST,
            text::error_leads_away(),
            text::error_leads_away_why(&host),
            text::error_leads_away_advice(),
        );
        Self {
            developer: Some(failure.code.as_str().to_owned()),
            ..page.with_link(text::error_leads_away_link(host), target)
        }
    }
    /// The user who signed in is not the one whom the relying party expects.
    pub(crate) fn wrong_user(client: &str, error: ErrorAnswer) -> Self {
        let page = Self::new(
            StatusCode::BAD_REQUEST,
            text::error_wrong_user(client),
            text::error_wrong_user_why(client),
            text::error_wrong_user_advice(client),
        );
        let link = text::error_leads_away_link(RedirectUri::display_host(&error.target));
        Self {
            developer: Some(error.failure.code.as_str().to_owned()),
            ..page.with_link(link, error.target)
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
            developer: self.developer,
            link: self.link,
        };
        let response = draw(self.status, &page, false);
        if unavailable { answer::retry_after(response, 5) } else { response }
    }
}
