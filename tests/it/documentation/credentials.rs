//! The repository holds no credential: what services issue is known by its form.

use super::{files, root};

/// The beginnings of credentials, each with the least number of letters that follow.
const FORMS: [(&str, usize); 14] = [
    ("AKIA", 16),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghs_", 36),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AIza", 35),
    ("sk_live_", 20),
    ("sk-ant-", 20),
    ("npm_", 36),
    ("dop_v1_", 40),
    ("hf_", 34),
];

/// The first credential in a text, without what would make it usable.
fn found(text: &str) -> Option<&'static str> {
    let is_part = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let has = |(start, least): &&(&str, usize)| {
        text.match_indices(start).any(|(at, _)| {
            // A word that ends with the same letters is none.
            let before = text[..at].chars().next_back();
            before.is_none_or(|letter| !is_part(&letter))
                && text[at + start.len()..].chars().take_while(is_part).count() >= *least
        })
    };
    let key = ["-----BEGIN ", "PRIVATE KEY-----\nMI"].concat();
    FORMS
        .iter()
        .find(has)
        .map(|(start, _)| *start)
        .or_else(|| text.contains(key.as_str()).then_some("PEM"))
}

#[test]
fn cs25_no_file_of_the_repository_holds_a_credential() {
    let key = ["-----BEGIN ", "PRIVATE KEY-----\nMIGH"].concat();
    for credential in [format!("token = \"ghp_{}\"", "a1".repeat(18)), key] {
        assert!(found(&credential).is_some(), "{credential}");
    }
    assert_eq!(found("ghp_short and a_ghp_ and xAKIA0123456789ABCDEF"), None);
    let mut read = 0;
    for path in files(".", &[""]) {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        assert_eq!(found(&text), None, "{path}");
        read += 1;
    }
    assert!(read > 1000, "{read} files were read");
}
