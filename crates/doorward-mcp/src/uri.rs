//! The URIs of upstreams' resources as clients are given them.
//!
//! Among those of all upstreams, `https://…` of the upstream `wiki` is `wiki+https://…`. The scheme
//! `ui` stays, since clients recognise it (MCP Apps): `ui://chart/view.html` is
//! `ui://wiki/chart/view.html`. A URI without a scheme is none, and strict clients refuse the whole
//! list for it: it is given one, at `/mcp` and at the upstream's own URL.

use std::borrow::Cow;

use doorward_model::{
    UpstreamName,
    uri::{after_scheme, scheme},
};

use crate::Target;

/// The scheme of user interfaces, and the text behind its colon.
const UI: &str = "ui";
const HIERARCHY: &str = "//";
/// The scheme of a URI that has none at its upstream.
const MISSING: &str = "doorward-relative";

/// The scheme of a user interface as it is written, and what follows `://`.
fn split_ui(uri: &str) -> Option<(&str, &str)> {
    let rest = after_scheme(uri, UI)?.strip_prefix(HIERARCHY)?;
    Some((uri.get(..UI.len())?, rest))
}

/// The URI at the upstream's own URL.
pub fn usable_uri(own: &str) -> Cow<'_, str> {
    if scheme(own).is_some() && after_scheme(own, MISSING).is_none() {
        Cow::Borrowed(own)
    } else {
        Cow::Owned(format!("{MISSING}:{own}"))
    }
}

/// The URI at the upstream, of one at the upstream's own URL.
pub fn of_usable_uri(usable: &str) -> &str {
    after_scheme(usable, MISSING).unwrap_or(usable)
}

/// The URI among those of all upstreams.
pub fn public_uri(upstream: UpstreamName, own: &str) -> String {
    match split_ui(own) {
        Some((scheme, rest)) => format!("{scheme}:{HIERARCHY}{upstream}/{rest}"),
        None => format!("{upstream}+{}", usable_uri(own)),
    }
}

/// The URI at the URL that was called.
pub fn shown_uri(target: Target, upstream: UpstreamName, own: &str) -> String {
    match target {
        Target::All | Target::Set(_) => public_uri(upstream, own),
        Target::One(_) => usable_uri(own).into_owned(),
    }
}

/// A URI at the upstream that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnUri {
    /// The upstream.
    pub upstream: UpstreamName,
    /// The URI there.
    pub uri: String,
}

/// The meaning of a URI among those of all upstreams.
pub fn own_uri(public: &str) -> Option<OwnUri> {
    if let Some((scheme, rest)) = split_ui(public) {
        let (name, rest) = rest.split_once('/')?;
        let upstream = UpstreamName::parse(&name.to_ascii_lowercase()).ok()?;
        return Some(OwnUri { upstream, uri: format!("{scheme}:{HIERARCHY}{rest}") });
    }
    let (name, own) = public.split_once('+')?;
    let upstream = UpstreamName::parse(&name.to_ascii_lowercase()).ok()?;
    Some(OwnUri { upstream, uri: of_usable_uri(own).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_comes_back_as_it_was_and_names_one_upstream() {
        let wiki = UpstreamName::parse("wiki").unwrap();
        for (own, public) in [
            ("https://a.example/x+y", "wiki+https://a.example/x+y"),
            ("HTTPS://a.example/", "wiki+HTTPS://a.example/"),
            ("file:///a", "wiki+file:///a"),
            ("ui://chart/view.html", "ui://wiki/chart/view.html"),
            ("UI://Chart/View.html", "UI://wiki/Chart/View.html"),
            ("ui://view", "ui://wiki/view"),
            ("ui://{name}/view?a=+", "ui://wiki/{name}/view?a=+"),
            ("ui:///x", "ui://wiki//x"),
            ("ui:x", "wiki+ui:x"),
            ("uix://a", "wiki+uix://a"),
            ("notes", "wiki+doorward-relative:notes"),
            ("notes/{id}", "wiki+doorward-relative:notes/{id}"),
            ("/a:b", "wiki+doorward-relative:/a:b"),
            ("my notes", "wiki+doorward-relative:my notes"),
            ("doorward-relative:x", "wiki+doorward-relative:doorward-relative:x"),
            ("", "wiki+doorward-relative:"),
        ] {
            assert_eq!(public_uri(wiki, own), public);
            let expected = OwnUri { upstream: wiki, uri: own.to_owned() };
            assert_eq!(own_uri(public), Some(expected), "{public}");
            assert_eq!(of_usable_uri(&usable_uri(own)), own);
            assert!(scheme(&usable_uri(own)).is_some() && scheme(public).is_some(), "{public}");
        }
        // Clients write schemes, and hosts, in small letters.
        let expected = OwnUri { upstream: wiki, uri: "https://x".to_owned() };
        assert_eq!(own_uri("Wiki+https://x"), Some(expected));
        for foreign in ["ui://wiki", "ui://", "https://a.example/", "+x", "ui:///x", "ui://a b/x"] {
            assert_eq!(own_uri(foreign), None, "{foreign}");
        }
    }
}
