//! The error page: what happened and what to do.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use doorward_issuer::Failure;
use doorward_model::OAuthErrorCode;
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
    title: String,
    why: String,
    advice: String,
    code: Option<String>,
}

/// Something that a person must be told.
pub(crate) struct Oops {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    pub(crate) why: String,
    pub(crate) advice: String,
    pub(crate) code: Option<String>,
}

impl Oops {
    fn new(status: StatusCode, title: &str, why: &str, advice: &str) -> Self {
        Self { status, title: title.to_owned(), why: why.to_owned(), advice: advice.to_owned(), code: None }
    }
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing here", "This address does not exist, or is not for you.", "Check the address, or go to your page.")
    }
    pub(crate) fn bad_form(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "That did not work", &format!("The request could not be read: {why}."), "Go back, reload the page and try again.")
    }
    pub(crate) fn expired() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "This took too long", "The app's request has expired.", "Start again from the app: let it connect once more.")
    }
    pub(crate) fn unavailable(error: &StoreError) -> Self {
        tracing::error!(%error, "a page could not be served");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not available right now",
            "The server cannot reach its data.",
            "Try again in a moment. If it stays like this, tell your administrator.",
        )
    }
    /// An authorization that fails where nothing may be redirected to.
    pub(crate) fn from_failure(failure: &Failure) -> Self {
        let (status, title, advice) = match failure.code {
            OAuthErrorCode::InvalidClient => (
                StatusCode::BAD_REQUEST,
                "This app is not known here",
                "Remove this server from the app and add it again: the app then introduces itself anew. If that does not help, tell your administrator.",
            ),
            OAuthErrorCode::TemporarilyUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Not available right now", "Try again in a moment."),
            OAuthErrorCode::ServerError => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Something failed here", "Try again. If it stays like this, tell your administrator.")
            }
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
        Self { status, title: title.to_owned(), why: format!("{why}."), advice: advice.to_owned(), code: Some(failure.code.as_str().to_owned()) }
    }
    pub(crate) fn draw(self, web: &Web) -> Response {
        let unavailable = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let page = Page { frame: web.frame(None), title: self.title, why: self.why, advice: self.advice, code: self.code };
        let response = draw(self.status, &page, false);
        if unavailable { answer::retry_after(response, 5) } else { response }
    }
}
