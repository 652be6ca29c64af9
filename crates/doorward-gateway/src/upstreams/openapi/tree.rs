//! Reads the text of a document into a tree, within a budget. The tree is the model of the
//! document: a typed one refuses the whole for one member that it does not expect.

use doorward_transport::{Budget, budget::ReadError};

use super::{
    media, repeated,
    yaml::{self, Document},
};

/// Maximum number of bytes and values of a document, its YAML aliases written out, and how deep
/// they are nested.
pub(super) const MOST_BYTES: usize = super::api::MOST_DOCUMENT;
pub(super) const MOST_VALUES: usize = 1_000_000;
pub(super) const MOST_DEPTH: usize = 100;

/// Reads JSON, or YAML 1.2.
pub(super) fn read(text: &[u8]) -> Result<Document, String> {
    let text = media::unicode(text).ok_or("it is not text in UTF-8 or UTF-16")?;
    if text.trim_start().starts_with('<') {
        return Err("it is a web page or XML; set document to the URL of the document itself, in JSON or YAML".to_owned());
    }
    let mut budget = Budget::new(MOST_BYTES, MOST_VALUES, MOST_DEPTH);
    if !text.trim_start().starts_with('{') {
        return yaml::read(&text, budget);
    }
    match budget.shallow_json(text.as_bytes()) {
        // A schema in whose place there is nothing accepts any value, and is named.
        Ok(read) => Ok(Document {
            value: read.value,
            left_out: Vec::new(),
            repeated: repeated::places(&text),
            too_deep: read.too_deep,
        }),
        // YAML in its flow style begins in the same way.
        Err(ReadError::Malformed(error)) => {
            let place = format!(
                "it is neither valid JSON (line {}, column {}) nor YAML",
                error.line(),
                error.column()
            );
            yaml::read(&text, Budget::new(MOST_BYTES, MOST_VALUES, MOST_DEPTH)).map_err(|_| place)
        }
        Err(ReadError::Exceeded(error)) => Err(error.to_string()),
    }
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
            read(text.as_bytes()).unwrap().value,
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
        assert_eq!(read(b"\xef\xbb\xbf{\"openapi\": \"3.0.3\"}").unwrap().value, wanted);
        assert_eq!(read(b"\xef\xbb\xbfopenapi: 3.0.3").unwrap().value, wanted);
        let wide: Vec<u8> =
            "\u{feff}openapi: 3.0.3".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&wide).unwrap().value, wanted);
        assert_eq!(read(b"{openapi: 3.0.3, }").unwrap().value, wanted);
        let several = "# c\n%YAML 1.2\n---\nopenapi: 3.0.3\n---\nother: 1\n";
        assert_eq!(read(several.as_bytes()).unwrap().value, wanted);
        assert_eq!(read(b"--- {openapi: 3.0.3}\n...\n---\nb: 1").unwrap().value, wanted);
        let text = read(b"openapi: |\n  a\n  ---\n  b\n").unwrap().value;
        assert_eq!(text, json!({"openapi": "a\n---\nb\n"}));
        assert!(read(b"\n<!doctype html>").unwrap_err().contains("web page"));
        assert!(read(b"\xff\xfe\x00\xd8").is_err() && read(b"caf\xe9: 1").is_err());
    }
}
