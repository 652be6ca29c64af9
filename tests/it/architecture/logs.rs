//! The log holds text and no types of the program.

use std::fs;

use super::{root, sources};

/// The macros of the log in a source, each with its number of line and its arguments.
fn logged(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for level in ["trace", "debug", "info", "warn", "error", "event", "span"] {
        for name in [format!("{level}!("), format!("{level}_span!(")] {
            for (at, _) in text.match_indices(&name) {
                // Part of another word, such as that of `compile_error!`.
                if text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
                    continue;
                }
                let rest = &text[at + name.len()..];
                let (mut depth, mut end, mut quoted, mut escaped) = (1, rest.len(), false, false);
                for (index, letter) in rest.char_indices() {
                    match letter {
                        _ if escaped => escaped = false,
                        '\\' if quoted => escaped = true,
                        '"' => quoted = !quoted,
                        '(' if !quoted => depth += 1,
                        ')' if !quoted => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        end = index;
                        break;
                    }
                }
                found.push((text[..at].lines().count().max(1), rest[..end].to_owned()));
            }
        }
    }
    found
}

/// Reports a field or a message that is written as the program's own types look
/// (`Some(String("…"))`).
fn shows_types(arguments: &str) -> bool {
    let dense: String = arguments.chars().filter(|letter| !letter.is_whitespace()).collect();
    dense.starts_with('?')
        || dense.contains(",?")
        || dense.contains("=?")
        || dense.contains(":?}")
        || dense.contains(":#?}")
        || dense.contains("field::debug(")
}

#[test]
fn fields_of_the_log_hold_text_and_no_types_of_the_program() {
    for (arguments, shows) in [
        ("?error, \"x\"", true),
        ("client = ?client, \"x\"", true),
        ("at,\n ?error, \"x\"", true),
        ("\"the client {client:?}\"", true),
        ("client = tracing::field::debug(client), \"x\"", true),
        ("%error, client = client.as_deref(), \"which? {name}\"", false),
        ("count = found()?, \"x\"", false),
    ] {
        assert_eq!(shows_types(arguments), shows, "{arguments}");
    }
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let mut macros = 0;
    for path in files {
        let shown = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        for (line, arguments) in logged(&fs::read_to_string(&path).unwrap()) {
            macros += 1;
            assert!(
                !shows_types(&arguments),
                "{shown}:{line}: a field of the log is written with Debug; give it as text (`%value`, `value.as_str()`)"
            );
        }
    }
    assert!(macros > 100, "only {macros} macros were found");
}
