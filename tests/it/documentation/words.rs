//! One word for each concept: the pages use the terms of docs/glossary.md.

use super::{files, is_generated, prose, read};

/// Words that the pages do not use, with their replacements.
const AVOIDED: &[(&str, &str)] = &[
    ("somebody", "a user, or a term"),
    ("someone", "a user, or a term"),
    ("nobody", "no user, or a term"),
    ("anybody", "any user, or a term"),
    ("everybody", "all users, or a term"),
    ("whoever", "a term"),
    ("whomever", "a term"),
    ("person", "user"),
    ("persons", "users"),
    ("people", "users"),
    ("figures", "metrics"),
    ("room", "crate"),
    ("rooms", "crates"),
];

/// The words that must precede "address".
const KINDS_OF_ADDRESS: &[&str] = &["ip", "ips", "e-mail", "loopback", "special-use"];

/// The pages that are checked. The glossary and CONTRIBUTING quote the others, programs write some
/// pages of the reference, and the changelog describes older versions.
fn pages() -> Vec<String> {
    let mut pages = files("docs", &[".md"]);
    pages.retain(|page| page != "docs/glossary.md" && !is_generated(page));
    for name in ["README.md", "SECURITY.md", "ARCHITECTURE.md", "CODE_OF_CONDUCT.md"] {
        pages.push(name.to_owned());
    }
    pages
}

/// The words of a page in lower case, with their lines, without code, targets of links and names of
/// elements of pages (which are in italics).
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (at, line) in prose(text) {
        let line = line.replace("**", "").split('*').step_by(2).collect::<Vec<_>>().join(" ");
        let mut shown = String::new();
        for (number, part) in line.split("](").enumerate() {
            shown +=
                if number == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) };
            shown.push(' ');
        }
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '-';
        for word in shown.split(|letter: char| !is_part(letter)).filter(|word| !word.is_empty()) {
            words.push((at, word.to_lowercase()));
        }
    }
    words
}

#[test]
fn pages_use_the_terms_of_the_glossary() {
    for page in pages() {
        let mut before = String::new();
        for (line, word) in words(&read(&page)) {
            if let Some((_, instead)) = AVOIDED.iter().find(|(avoided, _)| *avoided == word) {
                panic!("{page}:{line}: \"{word}\": write {instead} (docs/glossary.md)");
            }
            let is_address = word == "address" || word == "addresses";
            assert!(
                !is_address || KINDS_OF_ADDRESS.contains(&before.as_str()),
                "{page}:{line}: \"{before} {word}\": write URL, IP address, e-mail address or path"
            );
            before = word;
        }
    }
}

#[test]
fn words_in_code_targets_of_links_and_names_of_elements_do_not_count() {
    let text = "A `person` in [a\nlist](people.md), **an** IP\naddress. *People*\n```\nroom\n```\nTwo-person";
    let found: Vec<_> = words(text).into_iter().map(|(_, word)| word).collect();
    assert_eq!(found, ["a", "in", "a", "list", "an", "ip", "address", "two-person"]);
}
