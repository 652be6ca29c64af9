//! The messages about actions of the account page, which are shown after a redirection.

use axum::response::Response;
use doorward_language::{Message, text};
use doorward_model::routes;
use doorward_transport::answer;

use crate::Web;

/// An action that was carried out, and whose message is shown after a redirection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// An app lost its access.
    Revoked,
    /// An app has less access.
    Narrowed,
    /// A service is disconnected.
    Disconnected,
    /// A chat account is no longer linked.
    Unlinked,
    /// A session ended.
    Ended,
}

impl Finished {
    pub(super) const ALL: [Self; 5] =
        [Self::Revoked, Self::Narrowed, Self::Disconnected, Self::Unlinked, Self::Ended];

    /// Its name in the URL.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Narrowed => "narrowed",
            Self::Disconnected => "disconnected",
            Self::Unlinked => "unlinked",
            Self::Ended => "ended",
        }
    }

    /// Its message.
    pub(super) fn message(self) -> Message {
        match self {
            Self::Revoked => text::account_done_revoked(),
            Self::Narrowed => text::account_done_narrowed(),
            Self::Disconnected => text::account_done_disconnected(),
            Self::Unlinked => text::account_done_unlinked(),
            Self::Ended => text::account_done_ended(),
        }
    }

    /// The answer to the action: the page with its message.
    pub(super) fn redirect(self, web: &Web) -> Response {
        answer::see_other(&web.at(&format!("{}?done={}", routes::ACCOUNT, self.name())))
    }
}
