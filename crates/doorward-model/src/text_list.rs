//! A list of texts as one text, as variables, command lines, fields of forms and chats have it.
//!
//! The values stand between separators, without the white space around them; empty ones are left
//! out. A text that begins with `["`, or with `[]`, is a JSON array of strings, which has every
//! value: also one with a separator in it, an empty one, and one that begins or ends with white
//! space.

/// The separator between values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// A comma, in a text of one line.
    Comma,
    /// The end of a line.
    Line,
}

/// The text begins as a JSON array of strings and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("looks like a JSON array of strings and cannot be read as one")]
pub struct NotAnArray;

/// Reports a text that is read as JSON. The quotation mark keeps IPv6 addresses in brackets apart.
fn is_array(text: &str) -> bool {
    text.trim_start()
        .strip_prefix('[')
        .is_some_and(|rest| rest.trim_start().starts_with(['"', ']']))
}

/// Reads a list.
pub fn read(text: &str, separator: Separator) -> Result<Vec<String>, NotAnArray> {
    if is_array(text) {
        return serde_json::from_str(text).map_err(|_| NotAnArray);
    }
    let one = match separator {
        Separator::Comma => ',',
        Separator::Line => '\n',
    };
    let values = text.split(one).map(str::trim).filter(|value| !value.is_empty());
    Ok(values.map(ToOwned::to_owned).collect())
}

/// Writes a list so that [`read`] finds the same values: between separators where that is enough.
pub fn write(values: &[&str], separator: Separator) -> String {
    let joined = values.join(match separator {
        Separator::Comma => ", ",
        Separator::Line => "\n",
    });
    match read(&joined, separator) {
        Ok(found) if found == values => joined,
        Ok(_) | Err(NotAnArray) => serde_json::Value::from(values).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_between_separators_or_as_a_json_array() {
        use Separator::{Comma, Line};
        let lists: &[(&str, Separator, &[&str])] = &[
            ("", Comma, &[]),
            (" , ,", Comma, &[]),
            ("a", Comma, &["a"]),
            (" a ,b,, c d ", Comma, &["a", "b", "c d"]),
            ("a\nb", Comma, &["a\nb"]),
            ("a=b,c", Comma, &["a=b", "c"]),
            (r#"["a=b,c"]"#, Comma, &["a=b,c"]),
            (r#" [ "a=b,c" , "" , " x " ] "#, Comma, &["a=b,c", "", " x "]),
            ("[]", Comma, &[]),
            (" [ ] ", Line, &[]),
            ("[::1],localhost", Comma, &["[::1]", "localhost"]),
            ("[::1]", Line, &["[::1]"]),
            ("[a]", Comma, &["[a]"]),
            (r#""a,b""#, Comma, &[r#""a"#, r#"b""#]),
            ("a=b,c\r\n\r\n d \r\n", Line, &["a=b,c", "d"]),
            ("[\"a\\nb\",\r\n \"c\"]", Line, &["a\nb", "c"]),
            (r#"x["a"]"#, Line, &[r#"x["a"]"#]),
        ];
        for (text, separator, values) in lists {
            assert_eq!(read(text, *separator).unwrap(), *values, "{text:?}");
        }
        for text in [r#"["a""#, r#"["a", 1]"#, r#"["a"], b"#, "[]x", r#"["a",]"#, "[\""] {
            for separator in [Comma, Line] {
                assert_eq!(read(text, separator), Err(NotAnArray), "{text:?}");
            }
        }
    }

    #[test]
    fn every_list_that_is_written_is_read_again() {
        let values = [
            "",
            " ",
            "a",
            "a b",
            " a",
            "a ",
            ",",
            "a,b",
            "a=b,c",
            "\n",
            "a\nb",
            "a\r\nb",
            "\t",
            "[",
            "]",
            "[]",
            "[::1]",
            "[\"",
            "[\"a\"]",
            "\"",
            "\"a\"",
            "\\",
            "ä€😀",
            "\u{a0}a",
            "\u{2028}",
            "\0",
        ];
        for separator in [Separator::Comma, Separator::Line] {
            let again = |list: &[&str]| {
                let text = write(list, separator);
                assert_eq!(read(&text, separator).unwrap(), list, "{separator:?} {text:?}");
            };
            again(&[]);
            for one in values {
                again(&[one]);
                for other in values {
                    again(&[one, other]);
                }
            }
        }
        assert_eq!(write(&["a", "b"], Separator::Comma), "a, b");
        assert_eq!(write(&["a,b", "c"], Separator::Line), "a,b\nc");
        assert_eq!(write(&["a,b", "c"], Separator::Comma), r#"["a,b","c"]"#);
    }
}
