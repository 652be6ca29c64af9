//! Schemes of URIs (RFC 3986 §3.1), which are the same in capitals and in small letters, and URLs
//! of requests.

use std::borrow::Cow;

/// The scheme of a URI. `None` if it has none: a reference that is relative to something.
pub fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let begins = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    (begins && scheme.bytes().all(plain)).then_some(scheme)
}

/// The URI with its scheme in small letters: two URIs that differ in nothing else name the same.
pub fn with_small_scheme(uri: &str) -> Cow<'_, str> {
    match scheme(uri) {
        Some(scheme) if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            let rest = uri.get(scheme.len()..).unwrap_or_default();
            Cow::Owned(format!("{}{rest}", scheme.to_ascii_lowercase()))
        }
        Some(_) | None => Cow::Borrowed(uri),
    }
}

/// The part of a URI behind this scheme and its colon.
pub fn after_scheme<'u>(uri: &'u str, wanted: &str) -> Option<&'u str> {
    let found = scheme(uri).filter(|found| found.eq_ignore_ascii_case(wanted))?;
    uri.get(found.len() + 1..)
}

/// The URL of a request without query and fragment, in its normal spelling (RFC 9449 §4.3); `None`
/// for a text that is no URL of the web.
pub fn of_request(text: &str) -> Option<String> {
    let mut url = url::Url::parse(text).ok()?;
    if !matches!(url.scheme(), "https" | "http") {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_the_same_in_every_spelling() {
        for (uri, small) in [
            ("UI://Chart", "ui://Chart"),
            ("Wiki+FILE:///A", "wiki+file:///A"),
            ("URN:ISBN:1", "urn:ISBN:1"),
            ("ui://Chart", "ui://Chart"),
            ("Chart", "Chart"),
            ("A/b:c", "A/b:c"),
            ("", ""),
        ] {
            assert_eq!(with_small_scheme(uri), small);
        }
        assert_eq!(after_scheme("DATA:x", "data"), Some("x"));
        assert_eq!((after_scheme("data", "data"), after_scheme("xdata:x", "data")), (None, None));
        for none in ["notes", "notes/1", "/a:b", "1a:b", ":a", "{x}:y", "a b:c", "ä:b", "?a:b"] {
            assert_eq!(scheme(none), None, "{none}");
        }
        assert_eq!(scheme("a+b-c.1:"), Some("a+b-c.1"));
    }
}
