//! The URIs of upstreams' resources among those of all upstreams.
//!
//! `https://…` of the upstream `wiki` is `wiki+https://…`. The scheme `ui` stays, since clients
//! recognise it (MCP Apps): `ui://chart/view.html` is `ui://wiki/chart/view.html`.

use doorward_model::UpstreamName;

/// The beginning of the URIs of user interfaces.
const UI: &str = "ui://";

/// Reports a URI of a user interface.
pub(crate) fn is_ui(uri: &str) -> bool {
    after_ui(uri).is_some()
}

fn after_ui(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_at_checked(UI.len())?;
    scheme.eq_ignore_ascii_case(UI).then_some(rest)
}

/// The URI among those of all upstreams.
pub fn public_uri(upstream: UpstreamName, own: &str) -> String {
    match after_ui(own) {
        Some(rest) => format!("{UI}{upstream}/{rest}"),
        None => format!("{upstream}+{own}"),
    }
}

/// The upstream of a URI among those of all upstreams, and the URI at that upstream.
pub fn own_uri(public: &str) -> Option<(UpstreamName, String)> {
    let (name, own) = if let Some(rest) = after_ui(public) {
        let (name, rest) = rest.split_once('/')?;
        (name, format!("{UI}{rest}"))
    } else {
        let (name, own) = public.split_once('+')?;
        (name, own.to_owned())
    };
    Some((UpstreamName::parse(name).ok()?, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_comes_back_as_it_was_and_names_one_upstream() {
        let wiki = UpstreamName::parse("wiki").unwrap();
        for (own, public) in [
            ("https://a.example/x+y", "wiki+https://a.example/x+y"),
            ("file:///a", "wiki+file:///a"),
            ("ui://chart/view.html", "ui://wiki/chart/view.html"),
            ("ui://view", "ui://wiki/view"),
            ("ui://{name}/view?a=+", "ui://wiki/{name}/view?a=+"),
            ("ui:///x", "ui://wiki//x"),
            ("uix://a", "wiki+uix://a"),
            ("", "wiki+"),
        ] {
            assert_eq!(public_uri(wiki, own), public);
            assert_eq!(own_uri(public), Some((wiki, own.to_owned())), "{public}");
        }
        assert_eq!(public_uri(wiki, "UI://Chart"), "ui://wiki/Chart");
        for foreign in ["ui://wiki", "ui://", "https://a.example/", "Wiki+x", "+x", "ui:///x"] {
            assert_eq!(own_uri(foreign), None, "{foreign}");
        }
    }
}
