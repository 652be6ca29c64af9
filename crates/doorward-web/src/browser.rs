//! The browser behind a request.

use axum::response::Response;
use doorward_accounts::{BrowserFacts, Visitor};
use doorward_model::PlainToken;
use doorward_transport::{ClientAddress, cookies::Cookie};

use crate::Web;

/// The browser behind a request: signed in or not.
pub struct Browser {
    /// The value to which form tokens are bound: the session's cookie, or a random one before
    /// signing in.
    pub(crate) binding: String,
    /// True if `binding` is new and must be sent.
    pub(crate) fresh_binding: bool,
    /// The signed-in user.
    pub(crate) visitor: Option<Visitor>,
    /// The user who signed in and still has to prove a second factor.
    pub(crate) waiting: Option<Visitor>,
    /// The cookie that ties sign-ins at providers to this browser, if it has one.
    pub(crate) sign_in_cookie: Option<String>,
    /// The cookie of a browser in which users completed a sign-in.
    pub(crate) known: Option<String>,
    /// The IP address of the request.
    pub(crate) address: ClientAddress,
    /// The name that the browser gives itself.
    pub(crate) user_agent: String,
    /// The session cookie as sent, valid or not.
    pub(crate) session_cookie: Option<String>,
}

impl Browser {
    /// Sends the binding cookie along if it is new.
    pub(crate) fn remember(&self, web: &Web, mut response: Response) -> Response {
        if self.fresh_binding {
            web.cookies.set(response.headers_mut(), Cookie::Browser, &self.binding, None);
        }
        response
    }
    /// The facts about the browser for `accounts`.
    pub(crate) fn facts(&self) -> BrowserFacts<'_> {
        BrowserFacts {
            address: self.address,
            user_agent: &self.user_agent,
            previous: self.previous_session(),
            known: self.known.as_deref(),
        }
    }
    /// The hash of the session that the browser had.
    pub(crate) fn previous_session(&self) -> Option<doorward_model::HashedToken> {
        self.session_cookie.as_deref().map(|cookie| PlainToken::presented(cookie).hashed())
    }
}
