//! Against forms that another site submits in a user's name.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_keys::MasterKey;
use doorward_model::PublicUrl;

/// Makes and checks form tokens. A token fits one browser cookie and one form.
#[derive(Clone)]
pub struct Csrf {
    master: Arc<MasterKey>,
    origin: String,
}

impl Csrf {
    /// Tokens under this master key, for pages of this origin.
    pub fn new(master: Arc<MasterKey>, public_url: &PublicUrl) -> Self {
        Self { master, origin: public_url.origin() }
    }

    /// The token of a form for the browser that holds `cookie`.
    pub fn token(&self, cookie: &str, form: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.master.mac("csrf", &[cookie.as_bytes(), form.as_bytes()]))
    }

    /// True if a submitted form comes from a page of this server in the browser that holds
    /// `cookie`. The browser's own statements (`Sec-Fetch-Site`, `Origin`) are checked where it
    /// makes them, the token always.
    pub fn accepts(
        &self,
        headers: &HeaderMap,
        cookie: Option<&str>,
        form: &str,
        token: Option<&str>,
    ) -> bool {
        if let Some(site) = headers.get("sec-fetch-site")
            && !matches!(site.as_bytes(), b"same-origin" | b"none")
        {
            return false;
        }
        if let Some(origin) = headers.get(header::ORIGIN)
            && origin.as_bytes() != b"null"
            && origin.as_bytes() != self.origin.as_bytes()
        {
            return false;
        }
        let (Some(cookie), Some(token)) = (cookie, token) else { return false };
        constant_time_eq(self.token(cookie, form).as_bytes(), token.as_bytes())
    }
}

fn constant_time_eq(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).fold(0u8, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_one_browser_one_form_and_no_foreign_site() {
        let csrf = Csrf::new(
            Arc::new(MasterKey::from_bytes(&[1; 32]).unwrap()),
            &PublicUrl::parse("https://d.example").unwrap(),
        );
        let token = csrf.token("cookie", "consent");
        let headers = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )])
        };
        assert!(csrf.accepts(&HeaderMap::new(), Some("cookie"), "consent", Some(&token)));
        assert!(csrf.accepts(
            &headers("origin", "https://d.example"),
            Some("cookie"),
            "consent",
            Some(&token)
        ));
        assert!(!csrf.accepts(&HeaderMap::new(), Some("other"), "consent", Some(&token)));
        assert!(!csrf.accepts(&HeaderMap::new(), Some("cookie"), "login", Some(&token)));
        assert!(!csrf.accepts(&HeaderMap::new(), None, "consent", Some(&token)));
        assert!(!csrf.accepts(&HeaderMap::new(), Some("cookie"), "consent", None));
        assert!(!csrf.accepts(
            &headers("origin", "https://evil.example"),
            Some("cookie"),
            "consent",
            Some(&token)
        ));
        assert!(!csrf.accepts(
            &headers("sec-fetch-site", "cross-site"),
            Some("cookie"),
            "consent",
            Some(&token)
        ));
        assert!(!csrf.accepts(
            &headers("sec-fetch-site", "same-site"),
            Some("cookie"),
            "consent",
            Some(&token)
        ));
    }
}
