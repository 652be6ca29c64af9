//! Redirect URIs: validation at registration, and comparison of a presented one with a registered
//! one.

use std::fmt;

use url::Url;

use crate::public_url::is_loopback;

/// A redirect URI that passed the registration policy, kept byte for byte as the client wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri(String);

/// Reason for which a redirect URI is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Not an absolute URI, or written in a way that parsers disagree about.
    #[error("it is not an absolute URI without escapes")]
    Malformed,
    /// Longer than [`RedirectUri::MAX_BYTES`].
    #[error("it is longer than 2048 bytes")]
    TooLong,
    /// Has a fragment (RFC 6749 §3.1.2).
    #[error("it has a fragment")]
    Fragment,
    /// Has a user name or password.
    #[error("it has user information")]
    UserInfo,
    /// http to another machine (OAuth 2.1 §7.5.1).
    #[error("http is accepted for loopback IP addresses only")]
    InsecureHttp,
    /// A wildcard in the host or path.
    #[error("wildcards are not accepted")]
    Wildcard,
    /// A scheme that is neither https, loopback http, reverse-domain nor on the operator's list.
    #[error("the scheme {0:?} is not accepted")]
    Scheme(String),
}

/// Schemes that run or read something in the browser or on the machine: no list can allow them.
const NEVER: &[&str] = &[
    "javascript",
    "data",
    "file",
    "vbscript",
    "blob",
    "about",
    "ftp",
    "ftps",
    "ws",
    "wss",
    "mailto",
    "tel",
    "sms",
    "view-source",
    "filesystem",
    "jar",
    "intent",
];

impl RedirectUri {
    /// The longest that is accepted, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Applies the policy. `private_schemes` lists private-use schemes without a period that are
    /// accepted (`cursor`); those in reverse-domain form (`com.example.app`) always are (RFC 8252
    /// §7.1, OAuth 2.1 §2.3.1).
    pub fn register(text: &str, private_schemes: &[String]) -> Result<Self, RedirectUriError> {
        if text.len() > Self::MAX_BYTES {
            return Err(RedirectUriError::TooLong);
        }
        // Parsers differ in their treatment of backslashes, spaces, controls and non-ASCII
        // characters.
        if text.bytes().any(|byte| {
            byte <= b' '
                || byte >= 0x7f
                || matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}')
        }) {
            return Err(RedirectUriError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::Malformed)?;
        let scheme = url.scheme();
        if NEVER.contains(&scheme) {
            return Err(RedirectUriError::Scheme(scheme.to_owned()));
        }
        if text.contains('#') {
            return Err(RedirectUriError::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectUriError::UserInfo);
        }
        match scheme {
            "https" | "http" => {
                // The parser repairs "https:host" and "https:///host"; a registered value must not
                // need repair.
                if !text
                    .get(scheme.len()..)
                    .is_some_and(|rest| rest.starts_with("://") && !rest.starts_with(":///"))
                {
                    return Err(RedirectUriError::Malformed);
                }
                if url.host_str().is_none_or(|host| host.contains('*')) || url.path().contains('*')
                {
                    return Err(RedirectUriError::Wildcard);
                }
                if text
                    .get(scheme.len() + 3..)
                    .and_then(|rest| rest.split(['/', '?']).next())
                    .is_some_and(|authority| authority.contains('@'))
                {
                    return Err(RedirectUriError::UserInfo);
                }
                if scheme == "http" && !is_loopback(&url) {
                    return Err(RedirectUriError::InsecureHttp);
                }
            }
            private
                if private.contains('.')
                    || private_schemes.iter().any(|allowed| allowed == private) => {}
            other => return Err(RedirectUriError::Scheme(other.to_owned())),
        }
        Ok(Self(text.to_owned()))
    }
    /// A redirect URI as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
    /// The URI as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// True if a presented URI is this one: byte for byte, except that the port of a loopback http
    /// URI is free (RFC 8252 §7.3; clients use the name `localhost` the same way) and that an empty
    /// loopback path equals `/`.
    pub fn accepts(&self, presented: &str) -> bool {
        if self.0 == presented {
            return true;
        }
        let (Ok(registered), Ok(mut asked)) = (Url::parse(&self.0), Url::parse(presented)) else {
            return false;
        };
        if registered.scheme() != "http"
            || asked.scheme() != "http"
            || !is_loopback(&registered)
            || !is_loopback(&asked)
        {
            return false;
        }
        // A presented text that the parser had to repair is not a spelling of a loopback URL.
        let plain = |text: &str| {
            !text.contains(['#', '\\', '@'])
                && !text.bytes().any(|byte| byte <= b' ' || byte >= 0x7f)
        };
        let untouched = |text: &str, url: &Url| {
            let rest = text.strip_prefix("http://").unwrap_or_default();
            let tail = rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default();
            let path_and_query = &url[url::Position::BeforePath..];
            // Nor is another spelling of its host, such as 127.1.
            let port = url.host_str().and_then(|host| rest.strip_prefix(host)).unwrap_or("x");
            (port.is_empty() || port.starts_with([':', '/', '?']))
                && (tail == path_and_query || (tail.is_empty() && path_and_query == "/"))
        };
        plain(presented)
            && untouched(presented, &asked)
            && asked.set_port(registered.port()).is_ok()
            && asked == registered
    }
    /// The host for users to read: the domain in punycode, the scheme for app links.
    pub fn display_host(text: &str) -> String {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                url.host_str().unwrap_or_default().to_owned()
            }
            Ok(url) => format!("{}:", url.scheme()),
            Err(_) => String::new(),
        }
    }
    /// True if the redirect stays on the user's own machine: loopback http or an app's private
    /// scheme.
    pub fn is_native(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| {
            url.scheme() != "https" && (url.scheme() != "http" || is_loopback(&url))
        })
    }
    /// True if this is an http URL of the user's own machine.
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| url.scheme() == "http" && is_loopback(&url))
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(text: &str) -> Result<RedirectUri, RedirectUriError> {
        RedirectUri::register(text, &["cursor".to_owned()])
    }

    #[test]
    fn a18_n11_what_real_clients_register_is_accepted() {
        for text in [
            "https://claude.ai/api/mcp/auth_callback",
            "http://127.0.0.1/",
            "http://127.0.0.1:33418/",
            "http://[::1]:9/cb",
            "http://localhost:6274/oauth/callback",
            "https://app.example/cb?keep=1",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "com.example.app:/oauth",
        ] {
            assert!(register(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn i3_i5_hostile_redirects_are_refused() {
        for text in [
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://example.com/cb",
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/",
            "https://user@example.com/cb",
            "https://example.com@evil.example/",
            "https://example.com/#f",
            "https://example.com/#",
            "https://*.example.com/cb",
            "myapp:/cb",
            "vbscript:x",
            "//example.com/cb",
            "/cb",
            "",
            "https:example.com/cb",
            "https:///example.com",
            "https://exa mple.com/",
            "https://example.com\\@evil.example/",
            "http://0x7f.1/cb\u{0}",
            "https://ex\u{e4}mple.com/",
        ] {
            assert!(register(text).is_err(), "{text}");
        }
        assert!(register(&format!("https://example.com/{}", "a".repeat(2048))).is_err());
    }

    #[test]
    fn ax6_i3_i4_the_loopback_port_is_free_and_everything_else_is_exact() {
        let accepts = |registered: &str, presented: &str| {
            RedirectUri::from_stored(registered.into()).accepts(presented)
        };
        assert!(accepts("http://localhost/callback", "http://localhost:3118/callback"));
        assert!(accepts("http://127.0.0.1:33418", "http://127.0.0.1:33418/"));
        assert!(accepts("http://127.0.0.1:33418/", "http://127.0.0.1:5"));
        assert!(accepts("http://[::1]/cb", "http://[::1]:80/cb"));
        for (registered, presented) in [
            ("http://localhost/callback", "http://127.0.0.1/callback"),
            ("http://localhost/callback", "https://localhost/callback"),
            ("http://localhost/callback", "http://localhost/callback/"),
            ("http://localhost/callback", "http://localhost/callback?x=1"),
            ("http://localhost/callback", "http://localhost/callback#x"),
            ("http://localhost/callback", "http://evil@localhost/callback"),
            ("http://localhost/callback", "http://localhost/x/../callback"),
            ("http://localhost/callback", "http://localhost:1@evil.example/callback"),
            ("https://app.example/cb", "https://app.example:444/cb"),
            ("https://app.example/cb", "https://app.example/cb/"),
            ("https://app.example/cb", "https://APP.example/cb"),
            ("https://app.example", "https://app.example/"),
            ("cursor://a/cb", "cursor://a:1/cb"),
        ] {
            assert!(!accepts(registered, presented), "{registered} {presented}");
        }
    }
}
