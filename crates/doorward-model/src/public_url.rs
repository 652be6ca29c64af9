//! The one configured URL under which users and clients reach this server.

use std::fmt;

use url::{Host, Url};

/// The public URL: scheme, host and optional port and path, in canonical spelling. It is the issuer
/// identifier (RFC 8414 §2) and the base of every URL that this server issues. Nothing is ever
/// derived from a request's `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    url: Url,
}

/// Reason for which a text cannot be the public URL. The messages name the accepted spelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// Not a URL at all.
    #[error("{0:?} is not a URL; write it like https://mcp.example.com")]
    NotAUrl(String),
    /// A scheme other than http or https.
    #[error("the scheme must be https (or http for localhost), not {0:?}")]
    Scheme(String),
    /// http to another machine, with the alternatives.
    #[error("{}", insecure(.0))]
    Insecure(String),
    /// User info, query or fragment present.
    #[error("the public URL has no user name, query or fragment")]
    Extras,
    /// Not the canonical spelling. Clients compare issuers byte for byte (RFC 8414 §3.3).
    #[error("write it in its canonical form: {0}")]
    NotCanonical(String),
}

/// The three ways to https, for messages that refuse http.
pub const WAYS_TO_HTTPS: &str = "1. a certificate of yours: set server.tls_certificate and server.tls_key; 2. on a local network, a certificate that this server makes: doorward serve --tls self-signed; 3. a reverse proxy that speaks https, in front of server.listen = \"localhost:8400\"";

fn insecure(rest: &str) -> String {
    format!(
        "http is accepted for localhost only, because passwords and tokens would cross the network \
         unencrypted; make it https://{rest}, in one of three ways: {WAYS_TO_HTTPS}"
    )
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
            // With its port and path.
            let rest = &url[url::Position::BeforeHost..];
            return Err(PublicUrlError::Insecure(rest.trim_end_matches('/').to_owned()));
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
    /// The URL of `path`, which starts with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
    /// True if browsers reach this server by https, so that cookies can carry `Secure` and the
    /// `__Host-` prefix.
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
    /// The host, without a port.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
    /// `host[:port]`, as clients send it in `Host`.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
    /// The same URL with the IP addresses of its host `localhost`; none for another host. Clients
    /// that were configured with one of them reach this server too.
    pub fn numbers(&self) -> Vec<Self> {
        if self.url.host_str() != Some(LOCALHOST) {
            return Vec::new();
        }
        let with = |host: &str| {
            let mut url = self.url.clone();
            url.set_host(Some(host)).ok()?;
            Some(Self { text: url.as_str().trim_end_matches('/').to_owned(), url })
        };
        NUMBERS.iter().filter_map(|host| with(host)).collect()
    }
    /// Reports a URL of this server: the public URL or one below it, by name or by number.
    pub fn contains(&self, url: &str) -> bool {
        std::iter::once(self.clone()).chain(self.numbers()).any(|own| {
            url.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
    /// True if the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }
}

/// The name of this machine.
const LOCALHOST: &str = "localhost";
/// The IP addresses of this machine, as URLs spell them.
const NUMBERS: [&str; 2] = ["127.0.0.1", "[::1]"];

/// A URL with `localhost` instead of its IP address; `None` for another host.
pub fn by_name(url: &Url) -> Option<Url> {
    let mut named = url.clone();
    NUMBERS.contains(&url.host_str()?).then(|| named.set_host(Some(LOCALHOST)).ok()).flatten()?;
    Some(named)
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// True if a URL's host is a loopback IP address or the name `localhost`.
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
        let refused = PublicUrl::parse("http://nas.lan:8400").unwrap_err();
        assert!(matches!(refused, PublicUrlError::Insecure(_)));
        let told = PublicUrl::parse("http://192.168.1.1:8500/d/").unwrap_err().to_string();
        assert!(told.contains("make it https://192.168.1.1:8500/d, in"), "{told}");
        for way in ["server.tls_certificate", "serve --tls self-signed", "reverse proxy"] {
            assert!(refused.to_string().contains(way), "{refused}");
        }
        assert!(matches!(PublicUrl::parse("ftp://example.com"), Err(PublicUrlError::Scheme(_))));
        assert!(matches!(PublicUrl::parse("https://a@example.com"), Err(PublicUrlError::Extras)));
        assert!(matches!(PublicUrl::parse("example.com"), Err(PublicUrlError::NotAUrl(_))));
    }

    #[test]
    fn localhost_has_ip_addresses_as_alternatives_and_no_other_host_does() {
        let numbers = |text: &str| -> Vec<String> {
            let url = PublicUrl::parse(text).unwrap();
            url.numbers().iter().map(|url| url.as_str().to_owned()).collect()
        };
        assert_eq!(
            numbers("http://localhost:8400/team"),
            ["http://127.0.0.1:8400/team", "http://[::1]:8400/team"]
        );
        assert_eq!(numbers("https://localhost"), ["https://127.0.0.1", "https://[::1]"]);
        // A number that an operator chose is not widened: another process may hold the other one.
        for other in ["http://127.0.0.1:8400", "http://[::1]:8400", "https://mcp.example.com"] {
            assert!(numbers(other).is_empty(), "{other}");
        }
        let named = |text: &str| by_name(&Url::parse(text).unwrap()).map(|url| url.to_string());
        assert_eq!(named("http://[::1]:1/mcp").as_deref(), Some("http://localhost:1/mcp"));
        assert_eq!(named("http://127.0.0.2:1/mcp"), None);
        assert_eq!(named("http://localhost:1/mcp"), None);
    }
}
