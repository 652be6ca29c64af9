//! The one configured address under which people and clients reach this server.

use std::fmt;

use url::{Host, Url};

/// The public URL: scheme, host and optional port and path, in canonical spelling. It is the issuer
/// identifier (RFC 8414 §2) and the base of every address that we hand out. Nothing is ever derived
/// from a request's `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    url: Url,
}

/// Why a text cannot be the public URL. The messages name the accepted spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// Not a URL at all.
    #[error("{0:?} is not a URL; write it like https://mcp.example.com")]
    NotAUrl(String),
    /// A scheme other than http or https.
    #[error("the scheme must be https (or http on a loopback address), not {0:?}")]
    Scheme(String),
    /// http to something that is not this machine.
    #[error("http is accepted on a loopback address only; use https for {0:?}")]
    Insecure(String),
    /// User info, query or fragment present.
    #[error("the public URL has no user name, query or fragment")]
    Extras,
    /// Not the canonical spelling. Clients compare issuers byte for byte (RFC 8414 §3.3).
    #[error("write it in its canonical form: {0}")]
    NotCanonical(String),
}

impl PublicUrl {
    /// Parses and insists on the canonical spelling: lower-case scheme and host, no default port,
    /// no trailing slash.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let url = Url::parse(text).map_err(|_| PublicUrlError::NotAUrl(text.to_owned()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(PublicUrlError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(PublicUrlError::Extras);
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(PublicUrlError::Insecure(url.host_str().unwrap_or_default().to_owned()));
        }
        let canonical = url.as_str().trim_end_matches('/').to_owned();
        if canonical != text {
            return Err(PublicUrlError::NotCanonical(canonical));
        }
        Ok(Self { text: canonical, url })
    }
    /// The URL without a trailing slash: the issuer, exactly as every document and token carries
    /// it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// The address of `path`, which starts with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
    /// True if browsers reach us by https, so that cookies can carry `Secure` and the `__Host-`
    /// prefix.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
    /// The path below which everything is served: empty, or with a leading and no trailing slash.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }
    /// `scheme://host[:port]`, as browsers send it in `Origin`.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
    /// `host[:port]`, as clients send it in `Host`.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
    /// True if the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// True if a URL's host is a loopback address or the name `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w5_i15_only_the_canonical_spelling_is_accepted() {
        for good in [
            "https://mcp.example.com",
            "https://example.com/team",
            "http://127.0.0.1:8400",
            "http://localhost:1",
            "http://[::1]:2",
        ] {
            assert_eq!(PublicUrl::parse(good).unwrap().as_str(), good);
        }
        for (bad, canonical) in [
            ("https://EXAMPLE.com", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("https://example.com/a/../b", "https://example.com/b"),
        ] {
            assert_eq!(PublicUrl::parse(bad), Err(PublicUrlError::NotCanonical(canonical.into())));
        }
        assert!(matches!(PublicUrl::parse("http://example.com"), Err(PublicUrlError::Insecure(_))));
        assert!(matches!(PublicUrl::parse("ftp://example.com"), Err(PublicUrlError::Scheme(_))));
        assert!(matches!(PublicUrl::parse("https://a@example.com"), Err(PublicUrlError::Extras)));
        assert!(matches!(PublicUrl::parse("example.com"), Err(PublicUrlError::NotAUrl(_))));
    }
}
