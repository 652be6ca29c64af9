//! The names under which upstreams' tools and prompts are offered together: prefixed, at most 64
//! characters, of the characters that every client accepts, and the same after every restart.

use doorward_mcp::{Target, apps::map_references, uri::shown_uri};
use doorward_model::{UpstreamName, foreign};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use sha2::{Digest, Sha256};

/// The longest name that all popular clients take.
const LONGEST: usize = 64;

/// Maximum number of bytes of a tool's own name.
const LONGEST_OWN: usize = 256;

/// Reports a text that can be the own name of a tool: not empty, at most 256 bytes, without line
/// breaks and other hidden characters, and without blanks at its ends. Names appear in logs,
/// tables, pages and policies, where one with invisible differences would be mistaken for another.
pub(crate) fn is_tool_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_OWN
        && name.trim() == name
        && !name.chars().any(foreign::is_hidden)
}

/// The name of an item of an upstream among those of all upstreams. A name that has to be altered
/// ends with a part of its hash, so that no two meet; one that is fine is only prefixed.
pub(crate) fn public(upstream: UpstreamName, own: &str) -> String {
    shortened(&format!("{upstream}_{own}"), own)
}

/// A name of plain characters. One that has to be altered ends with a part of the hash of `own`.
fn shortened(name: &str, own: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let whole: String =
        name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    if whole == name && whole.len() <= LONGEST && !own.is_empty() {
        return whole;
    }
    let digest = Sha256::digest(own.as_bytes());
    let mark = digest.iter().take(4).fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    });
    // Only ASCII is left, so a cut between bytes is a cut between characters.
    let kept = whole.get(..whole.len().min(LONGEST - mark.len() - 1)).unwrap_or_default();
    format!("{kept}_{mark}")
}

/// The name at the upstream's own URL: its own, where every client accepts that. The APIs of models
/// refuse a whole request for one name of other characters or of more than 64.
pub(crate) fn usable(own: &str) -> String {
    shortened(own, own)
}

/// The upstream that a public name may belong to.
pub(crate) fn upstream_of(public: &str) -> Option<UpstreamName> {
    public.split_once('_').and_then(|(name, _)| UpstreamName::parse(name).ok())
}

/// Rewrites the URIs of resources in a result to those that they have at the URL that was called.
pub(crate) fn in_result(target: Target, upstream: UpstreamName, result: &mut CallToolResult) {
    result.content.iter_mut().for_each(|block| in_block(target, upstream, block));
    if let Some(meta) = &mut result.meta {
        map_references(meta, |uri| Some(shown_uri(target, upstream, uri)));
    }
}

/// The same for one block of a result or a prompt.
pub(crate) fn in_block(target: Target, upstream: UpstreamName, block: &mut ContentBlock) {
    match block {
        ContentBlock::ResourceLink(link) => link.uri = shown_uri(target, upstream, &link.uri),
        ContentBlock::Resource(embedded) => in_contents(target, upstream, &mut embedded.resource),
        _ => {}
    }
}

/// The same for the contents of a resource.
pub(crate) fn in_contents(target: Target, upstream: UpstreamName, contents: &mut ResourceContents) {
    match contents {
        ResourceContents::TextResourceContents { uri, .. }
        | ResourceContents::BlobResourceContents { uri, .. } => {
            *uri = shown_uri(target, upstream, uri);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_differently_than_they_are_are_no_names_of_tools() {
        for name in ["get_page", "a.name/that needs care", "käse.brot", "日本語", "a:b|c"] {
            assert!(is_tool_name(name), "{name:?}");
        }
        let long = "x".repeat(257);
        for name in [
            "",
            " ",
            "a ",
            "a\nb",
            "a\rb",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{200d}b",
            "a\u{fe0f}",
            "\u{1b}[31m",
            "a\u{e0041}",
            &long,
        ] {
            assert!(!is_tool_name(name), "{name:?}");
        }
    }

    #[test]
    fn names_are_short_plain_stable_and_never_meet() {
        let wiki = UpstreamName::parse("wiki").unwrap();
        assert_eq!(public(wiki, "get_page"), "wiki_get_page");
        for own in ["get_page", "get-page", "A1", "_", &"a".repeat(64)] {
            assert_eq!(usable(own), own);
        }
        assert_ne!(usable("a.b"), usable("a/b"));
        let long = "a".repeat(100);
        let longer = format!("{long}b");
        for own in [long.as_str(), &longer, "a.b", "a/b", "a b", "ä", "", "käse.brot"] {
            let name = public(wiki, own);
            assert!(
                name.len() <= 64
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
                "{name}"
            );
            assert_eq!(name, public(wiki, own));
            let at_own_url = usable(own);
            assert!(at_own_url.len() <= 64 && at_own_url != own, "{at_own_url}");
            assert_eq!(usable(&at_own_url), at_own_url);
            assert_eq!(upstream_of(&name), Some(wiki));
        }
        assert_ne!(public(wiki, &long), public(wiki, &longer));
        assert_ne!(public(wiki, "a.b"), public(wiki, "a_b"));
        assert_ne!(public(wiki, "a.b"), public(wiki, "a/b"));
        // 20,000 names that have to be altered.
        let all: std::collections::HashSet<String> = (0..20_000)
            .map(|number| public(wiki, &format!("{}.{number}", "x".repeat(70))))
            .collect();
        assert_eq!(all.len(), 20_000);
    }
}
