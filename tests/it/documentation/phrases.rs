//! Words and phrases that no source, page, message or test contains: indefinite pronouns,
//! metaphors, and second words for a concept of docs/glossary.md.

use std::collections::HashMap;

use super::{files, read};

/// Words and phrases in lower case, with their replacements.
const FORBIDDEN: &[(&str, &str)] = &[
    ("somebody", "a user, or a term"),
    ("nobody", "no user, or a term"),
    ("everybody", "all users, or a term"),
    ("anybody", "any user, or a term"),
    ("someone", "a user, or a term"),
    ("no one", "no user, or a term"),
    ("upstream provider", "identity provider"),
    ("upstream providers", "identity providers"),
    ("whoever", "a term"),
    ("whomever", "a term"),
    ("people", "users"),
    ("person", "user"),
    ("persons", "users"),
    ("withdraw", "revoke"),
    ("withdraws", "revokes"),
    ("withdrawn", "revoked"),
    ("withdrew", "revoked"),
    ("anew", "again"),
    ("look again", "check again"),
    ("is gone", "was deleted"),
    ("are gone", "were deleted"),
    ("stands for", "means"),
    ("what stands", "a term"),
    ("may come in", "may sign in"),
    ("users come in", "users are admitted"),
    ("how to come in", "how to sign in"),
    ("letter by letter", "character for character"),
    ("put up with", "allowed"),
    ("in clear", "unencrypted"),
    ("live token", "active token"),
    ("bare address", "IP address"),
    ("this address", "this URL"),
    ("an address that tells", "userinfo endpoint"),
    ("tells who", "identifies"),
    ("whose it is", "its owner"),
    ("may be asked anything", "prompt=none"),
    ("over a limit waits", "calls over the limit are queued"),
    ("may not come in", "Access denied"),
    ("prove one", "Verify now"),
    ("name for people", "Display name"),
    ("one signs", "active key"),
    ("look and change", "Manage"),
];

/// The end of a file's path, a forbidden phrase, and the reason for which the file contains it.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("docs/glossary.md", "person", "the column of avoided words"),
    ("docs/glossary.md", "withdraw", "the column of avoided words"),
    ("CONTRIBUTING.md", "somebody", "the rule quotes it"),
    ("tests/it/architecture.rs", "somebody", "an opening that comments do not have"),
    ("tests/it/architecture.rs", "whoever", "an opening that comments do not have"),
    ("doorward-gateway/src/config.rs", "person", "the former name of a setting"),
    ("doorward-model/src/audit/kind.rs", "person", "the former kinds of entries"),
    ("doorward-model/src/audit/mod.rs", "person", "the former kinds of entries"),
    ("doorward-store/src/audit/verify.rs", "person", "the former kinds of entries"),
    ("doorward-store/src/store/schema.rs", "person", "a row of a former version"),
    ("mcp/src/surface/vocabulary.rs", "somebody", "a word of questions"),
    ("mcp/src/surface/vocabulary.rs", "someone", "a word of questions"),
    ("mcp/src/surface/question.rs", "someone", "a word of questions"),
    ("mcp/src/surface/tests.rs", "someone", "a question"),
    ("mcp/src/surface/vocabulary.rs", "people", "a word of questions"),
    ("mcp/src/surface/vocabulary.rs", "person", "a word of questions"),
    ("mcp/src/surface/vocabulary.rs", "withdraw", "a word of questions"),
    ("languages/en/admin.ftl", "withdraw", "the key of a text"),
    ("languages/de/admin.ftl", "withdraw", "the key of a text"),
    ("languages/fr/admin.ftl", "withdraw", "the key of a text"),
    ("templates/admin_client.html", "withdraw", "the key of a text"),
];

/// The searched files. The lists of words themselves are left out, and so are the changelog and the
/// migrations, which describe older versions.
fn searched() -> Vec<String> {
    let endings = [
        ".rs", ".md", ".ftl", ".html", ".js", ".mjs", ".py", ".toml", ".yml", ".example",
        ".service",
    ];
    let mut all = Vec::new();
    for folder in ["crates", "docs", "tests", "deploy", "fuzz"] {
        all.extend(files(folder, &endings));
    }
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"] {
        all.push(page.to_owned());
    }
    all.retain(|file| {
        !file.ends_with("documentation/phrases.rs") && !file.ends_with("documentation/words.rs")
    });
    all
}

/// The words of a text in lower case, with their lines. An underscore separates words, so that
/// names in code are searched too; a sign that ends a part of a sentence is an empty word, so that
/// a phrase does not span it.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut word = String::new();
        for letter in line.chars().chain([' ']) {
            if letter.is_alphanumeric() || letter == '-' {
                word.extend(letter.to_lowercase());
                continue;
            }
            if !word.is_empty() {
                words.push((number + 1, std::mem::take(&mut word)));
            }
            if ".,;:!?(){}[]\"|=<>".contains(letter) {
                words.push((number + 1, String::new()));
            }
        }
    }
    words
}

/// The forbidden phrases in a text, with their lines.
fn found(text: &str) -> Vec<(usize, &'static str)> {
    let mut phrases: HashMap<&str, Vec<(Vec<&str>, &'static str)>> = HashMap::new();
    for (phrase, _) in FORBIDDEN {
        let parts: Vec<_> = phrase.split(' ').collect();
        phrases.entry(parts[0]).or_default().push((parts, *phrase));
    }
    let words = words(text);
    let mut found = Vec::new();
    for (at, (line, word)) in words.iter().enumerate() {
        for (parts, phrase) in phrases.get(word.as_str()).into_iter().flatten() {
            let here = words[at..].iter().map(|(_, word)| word.as_str());
            if here.take(parts.len()).eq(parts.iter().copied()) {
                found.push((*line, *phrase));
            }
        }
    }
    found
}

#[test]
fn no_file_contains_a_forbidden_phrase() {
    let searched = searched();
    assert!(searched.len() > 800, "the files were not found: {}", searched.len());
    let mut faults = Vec::new();
    let mut used = vec![false; EXCEPTIONS.len()];
    for file in searched {
        for (line, phrase) in found(&read(&file)) {
            let exception = EXCEPTIONS
                .iter()
                .position(|(end, allowed, _)| file.ends_with(end) && *allowed == phrase);
            if let Some(exception) = exception {
                used[exception] = true;
                continue;
            }
            let instead = FORBIDDEN.iter().find(|(known, _)| *known == phrase).unwrap().1;
            faults.push(format!("{file}:{line}: \"{phrase}\": write {instead}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for ((file, phrase, reason), used) in EXCEPTIONS.iter().zip(used) {
        assert!(used, "{file} no longer contains \"{phrase}\" ({reason}): delete the exception");
    }
}

#[test]
fn phrases_are_found_in_comments_over_lines_and_in_names() {
    let text = "/// The file is\n/// gone.\nfn a_test_of_somebody_else() { \"is\"; gone }";
    assert_eq!(found(text), [(1, "is gone"), (3, "somebody")]);
}
