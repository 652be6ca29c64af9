//! The end of every sign-in, whatever proved who somebody is: the new session's cookie, and where to go.

use axum::response::Response;
use doorward_accounts::SignedIn;
use doorward_model::routes;
use doorward_transport::{answer, cookies::Cookie};

use crate::Web;

/// Where a sign-in leads: back to a client's request, or to a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Onward<'a> {
    pub(crate) request: Option<&'a str>,
    pub(crate) next: Option<&'a str>,
}

/// The only places, besides a request's next step, to which signing in leads (CA20). Everything else is one's own page.
pub(crate) fn local(next: Option<&str>) -> &str {
    let token = |text: &str| !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let link = routes::ADMIN_LINK.trim_end_matches("{token}");
    let welcome = format!("{}?arrival=", routes::LOGIN_WELCOME);
    match next {
        Some(routes::ADMIN) => routes::ADMIN,
        Some(routes::ADMIN_UPSTREAMS) => routes::ADMIN_UPSTREAMS,
        Some(routes::ACCOUNT_SECURITY) => routes::ACCOUNT_SECURITY,
        Some(next) if next.strip_prefix(link).is_some_and(token) || next.strip_prefix(welcome.as_str()).is_some_and(token) => next,
        Some(next) if ["/connect/", "/confirm/"].iter().any(|place| next.strip_prefix(place).is_some_and(token)) => next,
        _ => routes::ACCOUNT,
    }
}

impl Onward<'_> {
    /// The same as the query of an address.
    pub(crate) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(request) = self.request {
            query.append_pair("request", request);
        }
        if let Some(next) = self.next {
            query.append_pair("next", local(Some(next)));
        }
        query.finish()
    }

    /// Where to go when nothing more is asked.
    pub(crate) fn target(&self) -> String {
        match self.request {
            Some(sealed) => format!("{}?request={sealed}", routes::CONSENT),
            None => local(self.next).to_owned(),
        }
    }
}

impl Web {
    /// Gives the browser its new session and sends it on: to the second factor if that is missing. The next step looks at the new
    /// session, so it is taken by the browser's next request.
    pub(crate) fn let_in(&self, signed_in: &SignedIn, onward: &Onward<'_>) -> Response {
        let target = if signed_in.complete { onward.target() } else { format!("{}?{}", routes::LOGIN_SECOND_FACTOR, onward.query()) };
        self.with_session(answer::see_other(&self.at(target.trim_end_matches('?'))), signed_in)
    }

    /// Gives the browser its new session.
    pub(crate) fn with_session(&self, mut response: Response, signed_in: &SignedIn) -> Response {
        self.cookies.set(response.headers_mut(), Cookie::Session, signed_in.token.reveal(), Some(signed_in.max_age));
        self.cookies.clear(response.headers_mut(), Cookie::Browser);
        self.tell_of_sign_in(signed_in);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn ca20_signing_in_leads_nowhere_else() {
        for (next, place) in [
            ("/admin", "/admin"),
            ("/account/security", "/account/security"),
            ("/admin/link/dw_ln_abc-1", "/admin/link/dw_ln_abc-1"),
            ("/login/welcome?arrival=dw_st_x", "/login/welcome?arrival=dw_st_x"),
            ("https://evil.example/", "/account"),
            ("//evil.example", "/account"),
            ("/admin/link/../../x", "/account"),
            ("/admin/link/", "/account"),
            ("/login/welcome?arrival=x&y=z", "/account"),
            ("/logout", "/account"),
        ] {
            assert_eq!(local(Some(next)), place, "{next}");
        }
        assert_eq!(local(None), "/account");
    }
}
