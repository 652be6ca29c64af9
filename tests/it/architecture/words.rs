//! The words of libraries stay in the program: what callers and users give is read by
//! `doorward_model::Members`, and what servers send by `doorward_transport::Budget`.

use std::fs;

use super::all_sources;

/// The readers whose errors are written for programmers.
const READERS: [&str; 3] = ["serde_json::from_", "T::deserialize(", "serde_urlencoded::"];

/// The statements of a source outside of its tests.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    program.split_inclusive([';', '}'])
}

/// Reports a statement that reads by a library and tells the library's error in its own words.
fn tells(statement: &str) -> bool {
    let Some(at) = READERS.iter().filter_map(|reader| statement.find(reader)).min() else {
        return false;
    };
    let rest = &statement[at..];
    rest.match_indices("map_err(|").any(|(at, found)| {
        let closure = &rest[at + found.len()..];
        let Some((name, told)) = closure.split_once('|') else { return false };
        let name = name.split(':').next().unwrap_or_default().trim();
        !name.starts_with('_')
            && [format!("{name}.to_string()"), format!("{{{name}}}"), format!("{{{name}:")]
                .iter()
                .any(|words| told.contains(words))
    }) || rest.contains(".body_text()")
}

#[test]
fn what_is_given_is_refused_in_words_and_not_in_those_of_a_library() {
    for (statement, wrong) in [
        ("serde_json::from_value(x).map_err(|error| error.to_string())?;", true),
        (
            "serde_json::from_str::<X>(x)\n    .map_err(|why| Refusal(format!(\"no: {why}\")))?;",
            true,
        ),
        ("T::deserialize(x).map_err(|error: E| format!(\"{error:#}\"))", true),
        ("serde_json::from_slice(x).map_err(|_| Refusal)?;", false),
        ("serde_json::from_str(x).map_err(|fault| (fault.line(), fault.column()))?;", false),
        ("Members::Body.read_json(x).map_err(|fault| Refused(fault.to_string()))?;", false),
    ] {
        assert_eq!(tells(statement), wrong, "{statement}");
    }
    let mut read = 0;
    for (shown, path) in all_sources() {
        let is_program = shown.starts_with("crates/")
            && !shown.starts_with("crates/doorward-testkit/")
            && !shown.contains("/tests");
        if !is_program {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for statement in statements(&text) {
            read += usize::from(READERS.iter().any(|reader| statement.contains(reader)));
            assert!(
                !tells(statement),
                "{shown}: `{}` tells the words of a library; read by `Members` or `Budget`",
                statement.trim()
            );
        }
    }
    assert!(read > 50, "only {read} readers were found");
}
