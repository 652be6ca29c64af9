//! Reads the text of a document into a tree, within a budget. The tree is the model of the
//! document: a typed one refuses the whole for one member that it does not expect.

use doorward_transport::{Budget, budget::ReadError};
use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use super::media;

/// The most bytes and values of a document, its YAML aliases written out, and how deep they are
/// nested.
pub(super) const MOST_BYTES: usize = super::api::MOST_DOCUMENT;
pub(super) const MOST_VALUES: usize = 1_000_000;
pub(super) const MOST_DEPTH: usize = 100;
/// The same of YAML, whose library needs 20 KiB of stack for each level in a debug build. A thread
/// has 2 MiB.
const MOST_DEPTH_OF_YAML: usize = 60;

/// Reads JSON or YAML.
pub(super) fn read(text: &[u8]) -> Result<Value, String> {
    let text = media::unicode(text).ok_or("it is not text in UTF-8 or UTF-16")?;
    if text.trim_start().starts_with('<') {
        return Err("it is a web page or XML; set document to the URL of the document itself, in JSON or YAML".to_owned());
    }
    if !text.trim_start().starts_with('{') {
        return yaml(&text);
    }
    match Budget::new(MOST_BYTES, MOST_VALUES, MOST_DEPTH).shallow_json(text.as_bytes()) {
        // A schema in whose place there is nothing accepts any value, and is named.
        Ok(read) => Ok(read.value),
        // YAML in its flow style begins in the same way.
        Err(ReadError::Malformed(error)) => yaml(&text).map_err(|_| error.to_string()),
        Err(ReadError::Exceeded(error)) => Err(error.to_string()),
    }
}

/// The first document of a stream: a line of three hyphens or dots ends it.
fn first_document(text: &str) -> &str {
    let (mut at, mut begun) = (0, false);
    for line in text.split_inclusive('\n') {
        let words = line.trim_end();
        let marks = |mark: &str| {
            words.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        if begun && (marks("---") || marks("...")) {
            return text.get(..at).unwrap_or(text);
        }
        let is_before = words.is_empty() || words.starts_with(['#', '%']) || words == "---";
        begun |= !is_before;
        at += line.len();
    }
    text
}

/// Reads YAML 1.2: `no`, `on` and `yes` are texts, and so are values that are numbers only in YAML
/// 1.1. Of two members with one name the last counts, as in JSON.
fn yaml(text: &str) -> Result<Value, String> {
    let text = first_document(text);
    let mut budget = Budget::new(MOST_BYTES, MOST_VALUES, MOST_DEPTH_OF_YAML);
    // The library has limits of its own; those here charge aliases with the bytes that they expand
    // to.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MOST_DEPTH_OF_YAML, max_nodes: MOST_VALUES, max_events: 3 * MOST_VALUES, max_total_scalar_bytes: MOST_BYTES, enforce_alias_anchor_ratio: false },
        with_snippet: false,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        ignore_binary_tag_for_string: true,
    };
    let read =
        serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
            budget.value(deserializer)
        });
    read.map_err(|error| error.to_string().chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_is_read_as_yaml_1_2() {
        let text = "
a: [NO, no, on, Off, yes, y, true, False]
b: [0o17, 017, 0x1F, 1_000, 1e3, .inf, ~, null, 12:30:45, 2026-11-26]
base: &base {x: 1, y: {z: 2}}
merged: {<<: *base, y: 3}
list: {<<: [*base, {w: 4}]}
again: 1
again: 2
404: {no: x, on: y}
~: {null: x, true: y}
tagged: [!!binary aGk=, !own x, !own {a: !!str 1}, !!float 1, !!int '2']
";
        assert_eq!(
            read(text.as_bytes()).unwrap(),
            json!({
                "a": ["NO", "no", "on", "Off", "yes", "y", true, false],
                "b": [15, "017", 31, "1_000", 1000.0, ".inf", null, null, "12:30:45", "2026-11-26"],
                "base": {"x": 1, "y": {"z": 2}},
                "merged": {"x": 1, "y": 3},
                "list": {"x": 1, "y": {"z": 2}, "w": 4},
                "again": 2,
                "404": {"no": "x", "on": "y"},
                "null": {"null": "x", "true": "y"},
                "tagged": ["aGk=", "x", {"a": "1"}, 1.0, 2],
            })
        );
    }

    #[test]
    fn byte_order_marks_and_flow_style_are_read() {
        let wanted = json!({"openapi": "3.0.3"});
        assert_eq!(read(b"\xef\xbb\xbf{\"openapi\": \"3.0.3\"}").unwrap(), wanted);
        assert_eq!(read(b"\xef\xbb\xbfopenapi: 3.0.3").unwrap(), wanted);
        let wide: Vec<u8> =
            "\u{feff}openapi: 3.0.3".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&wide).unwrap(), wanted);
        assert_eq!(read(b"{openapi: 3.0.3, }").unwrap(), wanted);
        let several = "# c\n%YAML 1.2\n---\nopenapi: 3.0.3\n---\nother: 1\n";
        assert_eq!(read(several.as_bytes()).unwrap(), wanted);
        assert_eq!(read(b"--- {openapi: 3.0.3}\n...\n---\nb: 1").unwrap(), wanted);
        let text = read(b"openapi: |\n  a\n  ---\n  b\n").unwrap();
        assert_eq!(text, json!({"openapi": "a\n---\nb\n"}));
        assert!(read(b"\n<!doctype html>").unwrap_err().contains("web page"));
        assert!(read(b"\xff\xfe\x00\xd8").is_err() && read(b"caf\xe9: 1").is_err());
    }
}
