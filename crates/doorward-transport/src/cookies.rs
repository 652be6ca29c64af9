//! Cookies.

use axum::http::{HeaderMap, HeaderValue, header};
use doorward_model::PublicUrl;

/// The cookies of this server. On https their names begin with `__Host-`, so that no other host or
/// path can set them (RFC 6265bis §4.1.3.2); on loopback http browsers would refuse that prefix.
#[derive(Clone, Debug)]
pub struct Cookies {
    secure: bool,
}

/// One of this server's cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The session's token.
    Session,
    /// A random value that ties forms to the browser before a user is signed in.
    Browser,
    /// A random value that binds a sign-in at an identity provider to the browser that began it. It
    /// stays after a sign-in, so that the callback of a second tab is still accepted.
    SignIn,
    /// A sealed note that users completed a sign-in in this browser. It gives no access; see
    /// `doorward_accounts`, `guessing.rs`.
    Known,
}

impl Cookies {
    /// The cookies for this public URL.
    pub fn new(public_url: &PublicUrl) -> Self {
        Self { secure: public_url.is_https() }
    }

    fn name(&self, cookie: Cookie) -> &'static str {
        match (cookie, self.secure) {
            (Cookie::Session, true) => "__Host-doorward-session",
            (Cookie::Session, false) => "doorward-session",
            (Cookie::Browser, true) => "__Host-doorward-browser",
            (Cookie::Browser, false) => "doorward-browser",
            (Cookie::SignIn, true) => "__Host-doorward-journey",
            (Cookie::SignIn, false) => "doorward-journey",
            (Cookie::Known, true) => "__Host-doorward-known",
            (Cookie::Known, false) => "doorward-known",
        }
    }

    /// A cookie's value in a request. If the cookie is sent twice, neither value is accepted.
    pub fn read(&self, headers: &HeaderMap, cookie: Cookie) -> Option<String> {
        let name = self.name(cookie);
        let mut found = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, value)| *key == name && value.len() <= 256)
            .map(|(_, value)| value.to_owned());
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn attributes(&self) -> &'static str {
        if self.secure {
            "; Path=/; HttpOnly; SameSite=Lax; Secure"
        } else {
            "; Path=/; HttpOnly; SameSite=Lax"
        }
    }

    /// Sets a cookie until the browser closes, or for `seconds`.
    pub fn set(&self, headers: &mut HeaderMap, cookie: Cookie, value: &str, seconds: Option<i64>) {
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        if let Ok(value) = HeaderValue::try_from(format!(
            "{}={value}{}{age}",
            self.name(cookie),
            self.attributes()
        )) {
            headers.append(header::SET_COOKIE, value);
        }
    }

    /// Removes a cookie.
    pub fn clear(&self, headers: &mut HeaderMap, cookie: Cookie) {
        self.set(headers, cookie, "", Some(0));
    }
}
