//! `docs/requirements.md` against the numbers in test names and comments.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, read};

/// A prefix in upper case and a number: `CIMD-05` and `cimd_05` are `("CIMD", 5)`.
type Number = (String, u32);

const PAGE: &str = "docs/requirements.md";

/// The numbers of the page. Each row is `| CIMD-05 | One sentence. | source |`.
fn listed() -> BTreeSet<Number> {
    let mut numbers = BTreeSet::new();
    for row in read(PAGE).lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, number, meaning, _, _] = cells[..] else { panic!("{row}: three columns") };
        if number == "Number" {
            continue;
        }
        let parsed = parse(&number.replace('-', ""), true);
        let parsed = parsed.unwrap_or_else(|| panic!("{row}: {number} is no number"));
        assert!(
            meaning.ends_with('.') && meaning.len() > 20,
            "{row}: the meaning is a sentence that ends with a full stop"
        );
        assert!(numbers.insert(parsed), "{number} has two rows");
    }
    assert!(numbers.len() > 200, "{PAGE} was not read");
    numbers
}

/// `CA13` (or `ca13`) as prefix and number.
fn parse(word: &str, upper: bool) -> Option<Number> {
    let digits = word.find(|letter: char| letter.is_ascii_digit())?;
    let (prefix, number) = word.split_at(digits);
    let letters = |letter: char| {
        if upper { letter.is_ascii_uppercase() } else { letter.is_ascii_lowercase() }
    };
    let is_number = (1..=2).contains(&number.len()) && number.parse::<u32>().is_ok();
    (!prefix.is_empty() && prefix.chars().all(letters) && is_number)
        .then(|| (prefix.to_uppercase(), number.parse().unwrap()))
}

/// The numbers with which a function's name begins: `a8_cimd_05_07_bad_documents` has A8,
/// CIMD-05 and CIMD-07.
fn in_name(name: &str, prefixes: &BTreeSet<String>) -> Vec<Number> {
    let mut numbers: Vec<Number> = Vec::new();
    let mut words = name.split('_').peekable();
    while let Some(word) = words.next() {
        let alone = |word: &str| (1..=2).contains(&word.len()) && word.parse::<u32>().is_ok();
        if let Some(number) = parse(word, false).filter(|(prefix, _)| prefixes.contains(prefix)) {
            numbers.push(number);
        } else if prefixes.contains(&word.to_uppercase())
            && let Some(next) = words.next_if(|next| alone(next))
        {
            numbers.push((word.to_uppercase(), next.parse().unwrap()));
        } else if let (Some((prefix, _)), true) = (numbers.last(), alone(word)) {
            numbers.push((prefix.clone(), word.parse().unwrap()));
        } else {
            break;
        }
    }
    numbers
}

/// The numbers in a comment. `G2–G6` has five.
fn in_comment(comment: &str, prefixes: &BTreeSet<String>) -> Vec<Number> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let mut numbers = Vec::new();
    let mut after_dash: Option<Number> = None;
    let mut rest = comment;
    while let Some(start) = rest.find(is_part) {
        let before = rest[..start].chars().last();
        let word = &rest[start..];
        let word = &word[..word.find(|letter| !is_part(letter)).unwrap_or(word.len())];
        rest = &rest[start + word.len()..];
        let joined = before.is_some_and(|letter| "_/.:".contains(letter))
            || rest.starts_with(['_', '/'])
            || (rest.starts_with('.') && rest[1..].starts_with(|next: char| next.is_ascii_digit()));
        let first = after_dash.take();
        let number = parse(&word.replacen('-', "", 1), true)
            .filter(|(prefix, _)| !joined && prefixes.contains(prefix));
        if let Some((prefix, number)) = number {
            let from = match first {
                Some((known, from)) if known == prefix && before == Some('–') => from + 1,
                _ => number,
            };
            numbers.extend((from..=number).map(|number| (prefix.clone(), number)));
            after_dash = Some((prefix, number));
        }
    }
    numbers
}

/// Every number in a name of a function or in a comment, with a place where it is used.
fn used(prefixes: &BTreeSet<String>) -> BTreeMap<Number, String> {
    let mut numbers = BTreeMap::new();
    for (folder, ending, mark) in [
        ("crates", ".rs", "//"),
        ("migrations", ".rs", "//"),
        ("tests/it", ".rs", "//"),
        ("tests/clients", ".mjs", "//"),
        ("tests/clients", ".py", "#"),
    ] {
        for path in files(folder, &[ending]) {
            // This file explains the forms with examples.
            let explains = path.ends_with("documentation/requirements.rs");
            for (at, line) in read(&path).lines().enumerate().filter(|_| !explains) {
                let comment = line
                    .split_once(mark)
                    .map_or("", |(code, comment)| if code.ends_with(':') { "" } else { comment });
                let name = line.split_once("fn ").map_or("", |(_, rest)| rest);
                let name =
                    name.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                let name = name.into_iter().next().unwrap_or_default();
                for number in
                    in_name(name, prefixes).into_iter().chain(in_comment(comment, prefixes))
                {
                    numbers.entry(number).or_insert_with(|| format!("{path}:{}", at + 1));
                }
            }
        }
    }
    numbers
}

fn prefixes(listed: &BTreeSet<Number>) -> BTreeSet<String> {
    listed.iter().map(|(prefix, _)| prefix.clone()).collect()
}

#[test]
fn every_number_in_a_test_name_or_comment_is_explained() {
    let listed = listed();
    let unknown: Vec<_> = used(&prefixes(&listed))
        .into_iter()
        .filter(|(number, _)| !listed.contains(number))
        .map(|((prefix, number), place)| format!("{prefix}{number} ({place})"))
        .collect();
    assert!(unknown.is_empty(), "not in {PAGE}: {unknown:?}; add a line there");
}

#[test]
fn every_explained_number_is_used() {
    let listed = listed();
    let used = used(&prefixes(&listed));
    let unused: Vec<_> = listed.iter().filter(|number| !used.contains_key(number)).collect();
    assert!(unused.is_empty(), "{PAGE} explains numbers that no test uses: {unused:?}");
}

#[test]
fn every_test_that_begins_with_a_number_begins_with_a_known_one() {
    let prefixes = prefixes(&listed());
    for path in files("crates", &[".rs"]).into_iter().chain(files("tests/it", &[".rs"])) {
        let text = read(&path);
        for (_, name) in text.match_indices("fn ").map(|(at, _)| text[at..].split_at(3)) {
            let word = name.split(['_', '(', '<']).next().unwrap_or_default();
            if let Some((prefix, _)) = parse(word, false).filter(|(prefix, _)| prefix.len() <= 2) {
                assert!(prefixes.contains(&prefix), "{path}: {word} is explained nowhere");
            }
        }
    }
}

#[test]
fn numbers_are_read_in_every_form() {
    let prefixes: BTreeSet<_> = ["A", "CIMD", "JWT", "G"].map(str::to_owned).into();
    let name = |name: &str| {
        in_name(name, &prefixes).into_iter().map(|(prefix, at)| format!("{prefix}{at}")).collect()
    };
    let comment = |text: &str| {
        in_comment(text, &prefixes)
            .into_iter()
            .map(|(prefix, at)| format!("{prefix}{at}"))
            .collect()
    };
    let none: Vec<String> = Vec::new();
    let some = |numbers: &[&str]| numbers.iter().map(|&at| at.to_owned()).collect::<Vec<_>>();
    let given: Vec<String> = name("a8_a10_cimd_05_07_bad_documents_get_a_page");
    assert_eq!(given, some(&["A8", "A10", "CIMD5", "CIMD7"]));
    let given: Vec<String> = name("jwt_12_13_a_wrong_token");
    assert_eq!(given, some(&["JWT12", "JWT13"]));
    for plain in ["a_code_is_spent_once", "es256_signs", "eight_parallel_a5", "jwt_is_read", "g"] {
        let given: Vec<String> = name(plain);
        assert_eq!(given, none, "{plain}");
    }
    let given: Vec<String> = comment("(G2–G4, CIMD-05) and A5.");
    assert_eq!(given, some(&["G2", "G3", "G4", "CIMD5", "A5"]));
    for plain in ["A-Z", "A256", "a5", "B5", "https://example.com/A5", "A5_x", "G2.5", "XA5"] {
        let given: Vec<String> = comment(plain);
        assert_eq!(given, none, "{plain}");
    }
}
