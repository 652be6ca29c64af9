//! The misbehaviours by what they are about.

use super::OddHabit as H;

impl H {
    /// True if the server answers discovery of its revisions in its own way.
    pub(super) fn is_about_discover(self) -> bool {
        matches!(
            self,
            H::DiscoverServerError
                | H::DiscoverTooMany
                | H::DiscoverForbidden
                | H::DiscoverPage
                | H::DiscoverNotFoundPage
                | H::DiscoverAccepted
                | H::DiscoverCloses
                | H::DiscoverSilent
                | H::DiscoverNullId
                | H::DiscoverOtherResult
                | H::DiscoverNotAllowed
                | H::DiscoverNotAcceptable
                | H::DiscoverNotImplemented
                | H::DiscoverTimeout
                | H::DiscoverRedirect
                | H::DiscoverEmpty
                | H::DiscoverStreamEnds
                | H::DiscoverTextError
                | H::DiscoverInternalError
                | H::DiscoverParseError
                | H::DiscoverEmptyResult
                | H::DiscoverNoVersions
                | H::DiscoverOldVersions
        )
    }

    /// True if the server loses its sessions.
    pub(super) fn forgets(self) -> bool {
        matches!(
            self,
            H::Forgets400
                | H::Forgets404
                | H::Forgets400ServerErrorId
                | H::Forgets404Page
                | H::Forgets410
                | H::Forgets400OwnId
                | H::ForgetsAlways
                | H::BadRequestIsAnAnswer
        )
    }

    /// The status with which a redirect begins.
    pub(super) fn redirects(self) -> Option<u16> {
        match self {
            H::Redirect307
            | H::RedirectTwice
            | H::RedirectElsewhere
            | H::RedirectRelative
            | H::RedirectWithoutScheme
            | H::RedirectWithout
            | H::RedirectOtherScheme
            | H::RedirectCapitals
            | H::RedirectFragment
            | H::RedirectQuery
            | H::RedirectDots
            | H::RedirectBlanks
            | H::RedirectLetters
            | H::RedirectUser
            | H::RedirectOtherPort
            | H::RedirectName
            | H::RedirectEmpty
            | H::RedirectOdd
            | H::RedirectLoop => Some(307),
            H::RedirectChoices => Some(300),
            H::Redirect301 => Some(301),
            H::Redirect303 => Some(303),
            H::Redirect308 => Some(308),
            H::Redirect302 => Some(302),
            _ => None,
        }
    }
}
