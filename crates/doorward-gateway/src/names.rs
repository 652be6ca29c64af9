//! The names under which upstreams' tools and prompts are offered together: prefixed, at most 64 characters, of the letters that every
//! client takes, and the same after every restart.

use doorward_model::UpstreamName;
use sha2::{Digest, Sha256};

/// The longest name that all popular clients take.
const LONGEST: usize = 64;

/// The name of something of an upstream among those of all. A name that has to be altered ends with a part of its hash, so that no two
/// meet; one that is fine is only prefixed.
pub(crate) fn public(upstream: UpstreamName, own: &str) -> String {
    let plain: String = own.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' || letter == '-' { letter } else { '_' }).collect();
    let whole = format!("{upstream}_{plain}");
    if plain == own && whole.len() <= LONGEST && !own.is_empty() {
        return whole;
    }
    let digest = Sha256::digest(own.as_bytes());
    let mark = digest.iter().take(4).fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    });
    // Only ASCII is left, so cutting bytes cuts letters.
    let kept = whole.get(..whole.len().min(LONGEST - mark.len() - 1)).unwrap_or_default();
    format!("{kept}_{mark}")
}

/// The upstream that a public name may belong to.
pub(crate) fn upstream_of(public: &str) -> Option<UpstreamName> {
    public.split_once('_').and_then(|(name, _)| UpstreamName::parse(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_stable_and_never_meet() {
        let wiki = UpstreamName::parse("wiki").unwrap();
        assert_eq!(public(wiki, "get_page"), "wiki_get_page");
        let long = "a".repeat(100);
        let longer = format!("{long}b");
        for own in [long.as_str(), &longer, "a.b", "a/b", "a b", "ä", "", "käse.brot"] {
            let name = public(wiki, own);
            assert!(name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{name}");
            assert_eq!(name, public(wiki, own));
            assert_eq!(upstream_of(&name), Some(wiki));
        }
        assert_ne!(public(wiki, &long), public(wiki, &longer));
        assert_ne!(public(wiki, "a.b"), public(wiki, "a_b"));
        assert_ne!(public(wiki, "a.b"), public(wiki, "a/b"));
        // 20,000 names that have to be altered.
        let all: std::collections::HashSet<String> = (0..20_000).map(|number| public(wiki, &format!("{}.{number}", "x".repeat(70)))).collect();
        assert_eq!(all.len(), 20_000);
    }
}
