//! Arguments as one text: the same for equal arguments, and with nothing hidden from the user.

use std::fmt::Write as _;

use doorward_model::foreign;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The same arguments have the same digest, in any order.
pub(crate) fn digest(item: &str, arguments: &Map<String, Value>) -> String {
    let mut sorted = String::new();
    write_sorted(&Value::Object(arguments.clone()), &mut sorted);
    hex(&Sha256::digest(format!("{}:{item}{sorted}", item.len()).as_bytes()))
}

/// Writes JSON with the members of every object in order and no space, so that equal values have
/// equal texts.
pub fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            out.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_sorted(members.get(name).unwrap_or(&Value::Null), out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Arguments for a user to read. Invisible characters, and those that reverse the direction of
/// text, are written as JSON escapes, so that two different calls never look the same.
pub(crate) fn shown(arguments: &Map<String, Value>) -> String {
    let plain = serde_json::to_string_pretty(arguments).unwrap_or_default();
    let mut text = String::with_capacity(plain.len());
    for letter in plain.chars() {
        // Line breaks between members are the only ones that are not escaped already.
        if letter != '\n' && foreign::is_hidden(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn arguments_are_the_same_in_any_order_and_no_other() {
        let one = digest("t", &arguments(r#"{"a":1,"b":{"x":[1,2],"y":null}}"#));
        assert_eq!(one, digest("t", &arguments(r#"{"b":{"y":null,"x":[1,2]},"a":1}"#)));
        assert_ne!(one, digest("t", &arguments(r#"{"b":{"y":null,"x":[2,1]},"a":1}"#)));
        assert_ne!(one, digest("u", &arguments(r#"{"b":{"y":null,"x":[1,2]},"a":1}"#)));
        assert_ne!(
            digest("a", &arguments(r#"{"b":"c"}"#)),
            digest("a{", &arguments(r#"{"b":"c"}"#))
        );
    }

    #[test]
    fn arguments_are_shown_with_nothing_hidden() {
        let hidden = Map::from_iter([("to".to_owned(), Value::from("a\u{202e}b\n\u{e0041}"))]);
        let text = shown(&hidden);
        assert_eq!(text, "{\n  \"to\": \"a\\u202eb\\n\\udb40\\udc41\"\n}");
        assert_eq!(arguments(&text), hidden, "it is the same JSON");
    }
}
