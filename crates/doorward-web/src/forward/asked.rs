//! The request that a proxy asks about, as it forwards it.

use axum::http::{HeaderMap, Method, header, request::Parts};
use doorward_model::{Scope, routes};
use doorward_transport::Params;
use url::Url;

/// A request that a proxy asks about.
#[derive(Debug)]
pub(super) struct ForwardedRequest {
    /// Its URL.
    pub(super) url: Url,
    /// A browser opens a page, and can be redirected to sign in.
    pub(super) is_page: bool,
    /// The scopes that the proxy demands.
    pub(super) scopes: Vec<Scope>,
    /// The form in which the proxy accepts a redirect.
    pub(super) redirects: Redirects,
}

/// The way in which a proxy takes a redirect of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redirects {
    /// It passes every answer on.
    AsSent,
    /// It knows 401 and 403 only (nginx): the target is in a header of a 401.
    InHeader,
}

/// A reason for which the forwarded request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-Uri must each be sent once")]
    Missing,
    #[error("the forwarded URL cannot be read")]
    Url,
    #[error("the path contains dot segments or encoded separators, which servers read differently")]
    Path,
    #[error("scope or redirect in the query of this URL is not valid")]
    Setting,
}

/// A token as a request presents it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    None,
    Malformed,
    Token(&'a str),
}

/// The value of a header that is sent once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Unreadable> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unreadable::Url),
        _ => Err(Unreadable::Missing),
    }
}

/// The URL of parts that a proxy forwards. Each part must be what it claims to be: a host with a
/// slash, or a path with a second host, is none.
fn url(proto: &str, host: &str, path_and_query: &str) -> Result<Url, Unreadable> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if !matches!(proto, "http" | "https")
        || host.is_empty()
        || !host.bytes().all(plain)
        || !path_and_query.starts_with('/')
        // Reading a URL drops tabs, also between two dots.
        || !path_and_query.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(Unreadable::Url);
    }
    let path = path_and_query.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    let encoded = ["%2e", "%2f", "%5c", "\\"].iter().any(|part| path.contains(part));
    if dots || encoded {
        return Err(Unreadable::Path);
    }
    Url::parse(&format!("{proto}://{host}{path_and_query}")).map_err(|_| Unreadable::Url)
}

impl ForwardedRequest {
    /// Reads the request that a proxy asks about.
    pub(super) fn read(parts: &Parts) -> Result<Self, Unreadable> {
        let headers = &parts.headers;
        let proto = one(headers, "x-forwarded-proto")?.ok_or(Unreadable::Missing)?;
        let rest = parts.uri.path().split_once(routes::AUTH_CHECK).map_or("", |(_, rest)| rest);
        // Envoy appends the path and keeps host, method and query.
        let (host, uri, method) = if rest.is_empty() {
            let host = one(headers, "x-forwarded-host")?.ok_or(Unreadable::Missing)?;
            let uri = one(headers, "x-forwarded-uri")?.ok_or(Unreadable::Missing)?;
            let method = one(headers, "x-forwarded-method")?.unwrap_or("GET");
            (host, uri.to_owned(), method)
        } else {
            let host = match one(headers, "host")? {
                Some(host) => host,
                None => parts.uri.authority().ok_or(Unreadable::Missing)?.as_str(),
            };
            let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            (host, format!("{rest}{query}"), parts.method.as_str())
        };
        let url = url(proto, host, &uri)?;
        let settings = if rest.is_empty() { parts.uri.query() } else { None };
        let settings = Params::from_query(settings).map_err(|_| Unreadable::Setting)?;
        let redirects = match settings.get("redirect") {
            None => Redirects::AsSent,
            Some("header") => Redirects::InHeader,
            Some(_) => return Err(Unreadable::Setting),
        };
        let named = settings.get("scope").unwrap_or_default();
        let scopes = named.split(' ').filter(|name| !name.is_empty());
        let scopes = scopes.map(|name| Scope::parse(name).ok_or(Unreadable::Setting));
        Ok(Self {
            is_page: method == Method::GET.as_str() && opens_a_page(headers),
            scopes: scopes.collect::<Result<_, _>>()?,
            redirects,
            url,
        })
    }

    /// Reads the URL of the resource whose metadata document a proxy fetches.
    pub(super) fn read_metadata(parts: &Parts) -> Result<Url, Unreadable> {
        let proto = one(&parts.headers, "x-forwarded-proto")?.ok_or(Unreadable::Missing)?;
        let host = one(&parts.headers, "x-forwarded-host")?.ok_or(Unreadable::Missing)?;
        let rest = parts.uri.path().split_once(routes::AUTH_METADATA).map_or("", |(_, rest)| rest);
        url(proto, host, if rest.is_empty() { "/" } else { rest })
    }
}

/// Reports the request of a browser that opens a page (Fetch Metadata, `Sec-Fetch-Mode`). Older
/// ones state only that they take HTML.
fn opens_a_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => text("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}

/// The token of a request. A browser's request has none; one in another place is none.
pub(super) fn bearer(headers: &HeaderMap) -> Bearer<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Bearer::None,
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => return Bearer::Malformed,
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let token = token.trim();
    let is_token = !token.is_empty()
        && token.len() <= 8192
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if scheme.eq_ignore_ascii_case("bearer") && is_token {
        Bearer::Token(token)
    } else {
        Bearer::Malformed
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn read(uri: &str, headers: &[(&str, &str)]) -> Result<ForwardedRequest, Unreadable> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ForwardedRequest::read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_url_is_put_together_from_parts_that_are_what_they_claim_to_be() {
        let of = |proto, host, uri| {
            let headers = [
                ("x-forwarded-proto", proto),
                ("x-forwarded-host", host),
                ("x-forwarded-uri", uri),
            ];
            read("/auth/check", &headers).map(|asked| asked.url.to_string())
        };
        assert_eq!(
            of("https", "notes.example:8443", "/mcp?a=..%2F").as_deref(),
            Ok("https://notes.example:8443/mcp?a=..%2F")
        );
        for (proto, host, uri, error) in [
            ("ftp", "a.example", "/", Unreadable::Url),
            ("https", "", "/", Unreadable::Url),
            ("https", "a.example/b", "/", Unreadable::Url),
            ("https", "u@a.example", "/", Unreadable::Url),
            ("https", "a.example, b.example", "/", Unreadable::Url),
            ("https", "a.example", "x", Unreadable::Url),
            ("https", "a.example", "@evil.example/", Unreadable::Url),
            ("https", "a.example", "/a/.\t./b", Unreadable::Url),
            ("https", "a.example", "/a b", Unreadable::Url),
            ("https", "a.example", "/a/../b", Unreadable::Path),
            ("https", "a.example", "/a/%2E%2e/b", Unreadable::Path),
            ("https", "a.example", "/a%2fb", Unreadable::Path),
            ("https", "a.example", "/a\\b", Unreadable::Path),
        ] {
            assert_eq!(of(proto, host, uri), Err(error), "{proto} {host} {uri}");
        }
        let twice = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "a.example"),
            ("x-forwarded-host", "b.example"),
            ("x-forwarded-uri", "/"),
        ];
        assert_eq!(read("/auth/check", &twice).err(), Some(Unreadable::Missing));
        assert_eq!(read("/auth/check", &twice[..2]).err(), Some(Unreadable::Missing));
    }

    #[test]
    fn envoy_appends_the_path_and_keeps_the_host() {
        let headers = [("x-forwarded-proto", "https"), ("host", "notes.example")];
        let asked = read("/auth/check/mcp/x?redirect=no&scope=%00", &headers).unwrap();
        assert_eq!(asked.url.as_str(), "https://notes.example/mcp/x?redirect=no&scope=%00");
        assert_eq!((asked.redirects, asked.scopes.len()), (Redirects::AsSent, 0));
        assert_eq!(read("/auth/check/a/%2e%2e/b", &headers).err(), Some(Unreadable::Path));
    }

    #[test]
    fn the_proxy_s_settings_are_in_the_query() {
        let forwarded = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "a.example"),
            ("x-forwarded-uri", "/?scope=x"),
        ];
        let asked = read("/auth/check?redirect=header&scope=notes:read%20mcp:read", &forwarded);
        let asked = asked.unwrap();
        assert_eq!((asked.redirects, asked.scopes.len()), (Redirects::InHeader, 2));
        for wrong in ["redirect=yes", "scope=%22", "scope=a&scope=b"] {
            let asked = read(&format!("/auth/check?{wrong}"), &forwarded);
            assert_eq!(asked.err(), Some(Unreadable::Setting), "{wrong}");
        }
    }

    #[test]
    fn a_page_is_what_a_browser_opens() {
        let page = |headers: &[(&str, &str)]| {
            let forwarded = [
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "a.example"),
                ("x-forwarded-uri", "/"),
            ];
            read("/auth/check", &[forwarded.as_slice(), headers].concat()).unwrap().is_page
        };
        assert!(page(&[("accept", "text/html,*/*")]));
        assert!(page(&[("sec-fetch-mode", "navigate")]));
        assert!(!page(&[("sec-fetch-mode", "cors"), ("accept", "text/html")]));
        assert!(!page(&[("accept", "application/json, text/event-stream")]));
        assert!(!page(&[("accept", "text/html"), ("x-forwarded-method", "POST")]));
        assert!(!page(&[]));
    }

    #[test]
    fn a_token_is_presented_once_and_in_the_header() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("authorization", value.parse().unwrap());
            }
            match bearer(&headers) {
                Bearer::None => "none".to_owned(),
                Bearer::Malformed => "malformed".to_owned(),
                Bearer::Token(token) => token.to_owned(),
            }
        };
        assert_eq!(of(&["Bearer a.b.c"]), "a.b.c");
        assert_eq!(of(&["bearer  a"]), "a");
        assert_eq!(of(&[]), "none");
        for wrong in [&["Bearer"][..], &["Basic YTpi"], &["Bearer a b"], &["Bearer a", "Bearer b"]]
        {
            assert_eq!(of(wrong), "malformed", "{wrong:?}");
        }
    }
}
