//! The end of every sign-in, after any method: the new session's cookie, and the target page.

use axum::response::Response;
use doorward_accounts::{Authority, KNOWN_SECONDS, NotRecent, SignedIn, Visitor};
use doorward_mail::NewSignIn;
use doorward_model::routes;
use doorward_transport::{Params, answer, cookies::Cookie};

use crate::{
    Web,
    frame::{browser_name, moment},
    language::Language,
    pages::error::ErrorPage,
};

/// The target of a sign-in: a client's request, or a page.
#[derive(Clone, Debug, Default)]
pub struct SignInTarget<'a> {
    pub(crate) request: Option<&'a str>,
    pub(crate) next: Option<&'a str>,
}

/// The only targets of a sign-in besides a request's next step (CA20): pages of this server that
/// change nothing when they are opened. Everything else leads to the user's own page.
pub(crate) fn local(next: Option<&str>) -> &str {
    let token = |text: &str| {
        !text.is_empty()
            && text.len() <= 256
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let welcome = format!("{}?arrival=", routes::LOGIN_WELCOME);
    match next {
        Some(next) if next.strip_prefix(welcome.as_str()).is_some_and(token) => next,
        Some(next)
            if ["/connect/", "/confirm/"]
                .iter()
                .any(|place| next.strip_prefix(place).is_some_and(token)) =>
        {
            next
        }
        Some(next) if is_device(next) => next,
        // A sealed value; this server opens it before it leads anywhere.
        Some(next) if next.len() <= LONGEST_NEXT && is_start(next) => next,
        Some(next) if next.len() <= LONGEST_NEXT && is_page(next) => next,
        _ => routes::ACCOUNT,
    }
}

/// The longest URL to which a sign-in redirects. The values of a form are part of it.
const LONGEST_NEXT: usize = 2048;

/// True if this is the page for the code of a device, which may be filled in.
fn is_device(next: &str) -> bool {
    let code = |rest: &str| {
        rest.strip_prefix("?user_code=").is_some_and(|code| {
            code.len() <= 16
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    next.strip_prefix(routes::DEVICE).is_some_and(|rest| rest.is_empty() || code(rest))
}

/// True if this is the sign-in to an external resource server, with a sealed value.
fn is_start(next: &str) -> bool {
    let sealed =
        next.strip_prefix(routes::AUTH_START).and_then(|rest| rest.strip_prefix("?request="));
    sealed.is_some_and(|sealed| {
        sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    })
}

/// True if this is the path of a page under `/account` or `/admin`, which may have a query.
fn is_page(next: &str) -> bool {
    let (path, query) = next.split_once('?').unwrap_or((next, ""));
    let plain = |text: &str, more: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let mut segments = path.split('/');
    let begins =
        segments.next() == Some("") && matches!(segments.next(), Some("account" | "admin"));
    begins
        && segments.all(|segment| {
            !segment.is_empty() && !matches!(segment, "." | "..") && plain(segment, b"-_.~")
        })
        && plain(query, b"-_.~%=&+*")
}

/// The URL of a page with a form that keeps its entered values: the fields `kept`, in which a name
/// that ends in `*` covers all fields with that prefix. No secret is among them. Values that a
/// sign-in could not lead back to, because the URL would be too long, are left out.
pub fn filled(page: &str, params: &Params, kept: &[&str]) -> String {
    let keeps = |name: &str| {
        kept.iter().any(|kept| {
            kept.strip_suffix('*').map_or(*kept == name, |start| name.starts_with(start))
        })
    };
    let mut url = page.to_owned();
    for name in params.names().filter(|name| keeps(name)) {
        let mut field = url::form_urlencoded::Serializer::new(String::new());
        field.append_pair(name, params.get(name).unwrap_or_default());
        let field = field.finish();
        if url.len() + field.len() < LONGEST_NEXT {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&field);
        }
    }
    url
}

impl<'a> SignInTarget<'a> {
    /// To a page.
    pub const fn page(next: &'a str) -> Self {
        Self { request: None, next: Some(next) }
    }
    /// The same as the query of a URL.
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

    /// The target when no further step is needed.
    pub(crate) fn target(&self) -> String {
        match self.request {
            Some(sealed) => format!("{}?request={sealed}", routes::CONSENT),
            None => local(self.next).to_owned(),
        }
    }
}

impl Web {
    /// The authority of the user of this session to create a lasting means of access.
    ///
    /// # Errors
    ///
    /// The redirect to a new sign-in, or to the second factor, and from there to `onward`.
    pub async fn authority(
        &self,
        visitor: &Visitor,
        onward: &SignInTarget<'_>,
    ) -> Result<Authority, Response> {
        match self.services.accounts.authority(visitor).await {
            Ok(Ok(authority)) => Ok(authority),
            Ok(Err(missing)) => {
                tracing::info!(user = %visitor.user.id, missing = missing.as_str(), "a recent sign-in is required");
                Err(answer::see_other(&self.again(missing, onward)))
            }
            Err(error) => Err(ErrorPage::unavailable(&error).draw(self)),
        }
    }

    /// The URL at which a user repeats the missing authentication, and continues.
    pub(crate) fn again(&self, missing: NotRecent, onward: &SignInTarget<'_>) -> String {
        let query = onward.query();
        match missing {
            NotRecent::SignIn => self.at(&format!("{}?again=1&{query}", routes::LOGIN)),
            NotRecent::SecondFactor => self.at(&format!("{}?{query}", routes::LOGIN_SECOND_FACTOR)),
        }
    }

    /// Gives the browser its new session and redirects it: to the second factor if that is missing.
    /// The next step reads the new session, so it is taken by the browser's next request.
    pub(crate) fn let_in(&self, signed_in: &SignedIn, onward: &SignInTarget<'_>) -> Response {
        let target = if signed_in.complete {
            onward.target()
        } else {
            format!("{}?{}", routes::LOGIN_SECOND_FACTOR, onward.query())
        };
        self.with_session(answer::see_other(&self.at(target.trim_end_matches('?'))), signed_in)
    }

    /// Gives the browser its new session.
    pub(crate) fn with_session(&self, mut response: Response, signed_in: &SignedIn) -> Response {
        self.cookies.set(
            response.headers_mut(),
            Cookie::Session,
            signed_in.token.reveal(),
            Some(signed_in.max_age),
        );
        self.cookies.clear(response.headers_mut(), Cookie::Browser);
        if let Some(known) = &signed_in.known {
            self.cookies.set(response.headers_mut(), Cookie::Known, known, Some(KNOWN_SECONDS));
        }
        self.tell_of_sign_in(signed_in);
        response
    }

    /// Tells a user by mail of a sign-in from a browser and an IP address that are both new.
    fn tell_of_sign_in(&self, signed_in: &SignedIn) {
        if !signed_in.complete
            || signed_in.user.email.is_none()
            || !self.services.mail_writer.tell_of_sign_ins()
        {
            return;
        }
        let (web, user, token) = (self.clone(), signed_in.user.clone(), signed_in.token.clone());
        tokio::spawn(Language::current().speaking(async move {
            let session = match web.services.accounts.new_place(&token).await {
                Ok(Some(session)) => session,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "a mail about a sign-in could not be sent");
                    return;
                }
            };
            let sign_in = NewSignIn {
                at: &moment(session.auth_time),
                browser: &browser_name(&session.user_agent),
                address: &session.address,
            };
            if let Some(prepared) = web.services.mail_writer.new_sign_in(&user, sign_in) {
                prepared.send_in_background();
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use doorward_transport::Params;

    use super::{LONGEST_NEXT, filled, local};

    #[test]
    fn a_form_is_kept_as_far_as_a_sign_in_leads_back_to_it() {
        let long = "x".repeat(LONGEST_NEXT);
        let form =
            format!("name=wiki&set-url=https%3A%2F%2Fa.example&set-scopes={long}&set-title=T&x=1");
        let params = Params::from_query(Some(&form)).unwrap();
        let url = filled("/admin/upstreams?add=1", &params, &["name", "set-*"]);
        assert!(url.starts_with("/admin/upstreams?add=1&"), "{url}");
        for kept in ["name=wiki", "set-url=https%3A%2F%2Fa.example", "set-title=T"] {
            assert!(url.contains(kept), "{url}");
        }
        assert!(!url.contains("scopes") && !url.contains("x=1"), "{url}");
        assert_eq!(local(Some(&url)), url);
        assert_eq!(filled("/admin/users", &Params::default(), &["name"]), "/admin/users");
    }

    #[test]
    fn ca20_signing_in_leads_nowhere_else() {
        for (next, place) in [
            ("/admin", "/admin"),
            ("/account/security", "/account/security"),
            ("/admin/link/dw_ln_abc-1", "/admin/link/dw_ln_abc-1"),
            (
                "/account/tokens?name=a+b%2F&scope-mcp%3Aread=1",
                "/account/tokens?name=a+b%2F&scope-mcp%3Aread=1",
            ),
            ("/admin/users/u_1", "/admin/users/u_1"),
            ("/account/../logout", "/account"),
            ("/account//evil.example", "/account"),
            ("/account/tokens?x=<script>", "/account"),
            ("/account/tokens#x", "/account"),
            ("/administration", "/account"),
            ("/account\\evil", "/account"),
            ("/login/welcome?arrival=dw_st_x", "/login/welcome?arrival=dw_st_x"),
            ("https://evil.example/", "/account"),
            ("//evil.example", "/account"),
            ("/admin/link/../../x", "/account"),
            ("/admin/link/", "/account"),
            ("/login/welcome?arrival=x&y=z", "/account"),
            ("/logout", "/account"),
            ("/auth/start?request=v1.a-b_c", "/auth/start?request=v1.a-b_c"),
            ("/auth/start?request=v1.a&x=y", "/account"),
            ("/auth/start", "/account"),
            ("/device", "/device"),
            ("/device?user_code=WDJB-MJHT", "/device?user_code=WDJB-MJHT"),
            ("/device?user_code=WDJB-MJHT&x=y", "/account"),
            ("/devices", "/account"),
            ("/auth/check", "/account"),
        ] {
            assert_eq!(local(Some(next)), place, "{next}");
        }
        assert_eq!(local(None), "/account");
    }
}
