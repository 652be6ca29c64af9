//! Names of types, and arguments that are structs.

use std::fs;

use super::all_sources;

/// Names that do not describe a type: pronouns, verbs and parts of sentences.
const VAGUE: &[&str] = &[
    "Anything",
    "As",
    "Asked",
    "Everything",
    "InARow",
    "It",
    "Lately",
    "Look",
    "Me",
    "Nothing",
    "Say",
    "Something",
    "That",
    "This",
    "ToTry",
    "Told",
    "Visit",
    "What",
    "Which",
    "Who",
    "Whom",
    "Whose",
];

/// The sources of the program.
fn programs() -> impl Iterator<Item = (String, String)> {
    let of_program =
        |path: &str| path.starts_with("crates/") && !path.starts_with("crates/doorward-testkit/");
    let files = all_sources().into_iter().filter(move |(shown, _)| of_program(shown));
    files.map(|(shown, path)| (shown, fs::read_to_string(path).unwrap()))
}

/// The name of the type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.split_once(") ").filter(|_| line.starts_with("pub(")).map_or(line, |it| it.1);
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let rest =
        ["struct ", "enum ", "trait ", "type "].iter().find_map(|of| line.strip_prefix(of))?;
    rest.split(|letter: char| !letter.is_alphanumeric()).next()
}

/// Reports an argument that is taken apart as a tuple: `(name, other): (…)` alone on its line, as
/// rustfmt writes the arguments of a long signature.
fn is_tuple_argument(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('(')
        && line.ends_with(',')
        && line.split_once("): ").is_some_and(|(names, of)| {
            let of = of.trim_start_matches('&');
            of.starts_with('(') && !names.contains(['{', '|', '"', '='])
        })
}

#[test]
fn names_of_types_are_nouns() {
    let mut declarations = 0;
    for (shown, text) in programs() {
        for (number, line) in text.lines().enumerate() {
            let Some(name) = declared(line) else { continue };
            declarations += 1;
            assert!(!VAGUE.contains(&name), "{shown}:{}: name the type by a noun", number + 1);
        }
    }
    assert!(declarations > 1000, "the declarations were not found: {declarations}");
}

#[test]
fn no_function_takes_a_tuple_apart_instead_of_a_struct_or_two_arguments() {
    let mut faults = Vec::new();
    for (shown, text) in programs() {
        let lines = text.lines().enumerate();
        let tuples = lines.filter(|(_, line)| is_tuple_argument(line));
        // The extractors of a handler are of one type only together.
        let tuples = tuples.filter(|(_, line)| !line.contains("PathValue("));
        faults.extend(tuples.map(|(number, line)| format!("{shown}:{}: {line}", number + 1)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn declarations_and_arguments_are_recognised() {
    assert_eq!(declared("pub(crate) struct Asked<'a> {"), Some("Asked"));
    assert_eq!(declared("    pub type Which = u8;"), Some("Which"));
    assert_eq!(declared("enum What {"), Some("What"));
    assert_eq!(declared("let struct_of = 1;"), None);
    assert!(is_tuple_argument("        (name, other): (&str, u8),"));
    assert!(is_tuple_argument("    (id, upstream): &(String, String),"));
    assert!(!is_tuple_argument("            (\"name\", 1): (&str, u8),"));
    assert!(!is_tuple_argument("    Some((a, b)): Option<(u8, u8)>,"));
    assert!(!is_tuple_argument("        (a, b),"));
}
