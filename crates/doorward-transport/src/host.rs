//! Accepted `Host` and `Origin` values of the MCP endpoint: protection against DNS rebinding (T2,
//! CS20).

use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};
use doorward_model::PublicUrl;
use url::Url;

/// The policy for one public URL.
#[derive(Clone, Debug)]
pub struct HostPolicy {
    hosts: Vec<String>,
    origins: Vec<String>,
    loopback: bool,
}

/// The loopback IP address under which a client reached a server with the host `localhost` in its
/// public URL. Handlers find it among the request's extensions. It is chosen from
/// [`PublicUrl::numbers`], never taken from the request.
#[derive(Clone, Debug)]
pub struct ReachedAs(pub Arc<PublicUrl>);

/// The public URL with each IP address of its host.
#[derive(Clone, Debug)]
pub struct Numbers(Arc<[(String, ReachedAs)]>);

impl Numbers {
    /// The IP addresses for this public URL; none unless its host is `localhost`.
    pub fn new(public_url: &PublicUrl) -> Self {
        let each = public_url.numbers().into_iter();
        Self(each.map(|url| (url.authority(), ReachedAs(Arc::new(url)))).collect())
    }

    /// The number that a request names as its host.
    pub fn of(&self, uri: &Uri, headers: &HeaderMap) -> Option<ReachedAs> {
        if self.0.is_empty() {
            return None;
        }
        let host = named(uri, headers)?;
        self.0.iter().find(|(authority, _)| *authority == host).map(|(_, reached)| reached.clone())
    }
}

/// The host that a request names, in lower case.
fn named(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut named = headers.get_all(header::HOST).iter();
    match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok().map(str::to_ascii_lowercase),
        (None, _) => uri.authority().map(|authority| authority.as_str().to_ascii_lowercase()),
        _ => None,
    }
}

fn is_loopback_authority(authority: &str) -> bool {
    Url::parse(&format!("http://{authority}/"))
        .is_ok_and(|url| url.username().is_empty() && doorward_model::public_url::is_loopback(&url))
}

impl HostPolicy {
    /// Accepts the public URL's own host and origin and those listed. While the host of the public
    /// URL is a loopback one, other names of this machine count too, with any port: the machine is
    /// the user's own.
    pub fn new(public_url: &PublicUrl, hosts: &[String], origins: &[String]) -> Self {
        let lower = |texts: &[String], own: String| {
            std::iter::once(own).chain(texts.iter().map(|text| text.to_ascii_lowercase())).collect()
        };
        Self {
            hosts: lower(hosts, public_url.authority()),
            origins: lower(origins, public_url.origin()),
            loopback: public_url.is_loopback(),
        }
    }

    /// True if the request's `Host` (or HTTP/2 `:authority`) is one of this server. It must be
    /// present.
    pub fn accepts_host(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        named(uri, headers).is_some_and(|host| {
            self.hosts.contains(&host) || (self.loopback && is_loopback_authority(&host))
        })
    }

    /// True if the request's `Origin`, if it has one, may call this server.
    pub fn accepts_origin(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => origin.to_str().is_ok_and(|origin| {
                let origin = origin.to_ascii_lowercase();
                let loopback = || {
                    Url::parse(&origin).is_ok_and(|url| {
                        matches!(url.scheme(), "http" | "https")
                            && doorward_model::public_url::is_loopback(&url)
                    })
                };
                self.origins.contains(&origin) || (self.loopback && loopback())
            }),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(policy: &HostPolicy, host: &str, origin: Option<&str>) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        (policy.accepts_host(&Uri::from_static("/mcp"), &headers), policy.accepts_origin(&headers))
    }

    #[test]
    fn t2_cs20_foreign_hosts_and_origins_are_refused() {
        let public = HostPolicy::new(
            &PublicUrl::parse("https://mcp.example.com").unwrap(),
            &["internal:8400".into()],
            &["https://inspector.example".into()],
        );
        assert_eq!(ask(&public, "mcp.example.com", None), (true, true));
        assert_eq!(ask(&public, "internal:8400", Some("https://inspector.example")), (true, true));
        assert_eq!(ask(&public, "localhost", Some("http://localhost:6274")), (false, false));
        assert_eq!(ask(&public, "evil.example", Some("null")), (false, false));
        let local = HostPolicy::new(&PublicUrl::parse("http://127.0.0.1:8400").unwrap(), &[], &[]);
        assert_eq!(ask(&local, "localhost:8400", Some("http://localhost:6274")), (true, true));
        assert_eq!(ask(&local, "evil.example:8400", Some("http://evil.example")), (false, false));
        assert_eq!(
            ask(&local, "127.0.0.1.evil.example", Some("http://127.0.0.1.evil.example")),
            (false, false)
        );
        assert!(!local.accepts_host(&Uri::from_static("/mcp"), &HeaderMap::new()));
    }
}
