//! Parts of a kept result: a URI names a place in the JSON value, a range of characters, or both.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// The characters of a JSON pointer that stay as they are.
const POINTER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');
/// Maximum number of characters of a part whose end is not given.
const MOST_CHARACTERS: usize = 20_000;

/// The part that a URI names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pointer: Option<String>,
    from: Option<usize>,
    to: Option<usize>,
}

/// A part, as it is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) text: String,
    pub(super) is_json: bool,
    /// The characters of the whole value at this place.
    pub(super) characters: usize,
    /// The query of the part that follows.
    pub(super) next: Option<String>,
}

/// The value at a place of a result.
struct Place {
    text: String,
    is_json: bool,
}

impl Part {
    /// The part that the query of a URI names.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut part = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number = || {
                value
                    .parse()
                    .map(Some)
                    .map_err(|_| format!("{name} must be a number of characters, like {name}=5000"))
            };
            match name {
                "pointer" => {
                    let decoded = percent_decode_str(value).decode_utf8();
                    part.pointer = Some(
                        decoded.map_err(|_| "the pointer is not UTF-8".to_owned())?.into_owned(),
                    );
                }
                "from" => part.from = number()?,
                "to" => part.to = number()?,
                _ => return Err(format!("{name:?} is not known; use pointer, from and to")),
            }
        }
        let pointer = part.pointer.as_deref().unwrap_or_default();
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err("a JSON pointer begins with /, like /items/0".to_owned());
        }
        if part.to.is_some_and(|to| to < part.from.unwrap_or_default()) {
            return Err("to must not be less than from".to_owned());
        }
        Ok(part)
    }

    /// The query that names this part with another range.
    fn query(&self, from: usize, to: usize) -> String {
        let pointer = self
            .pointer
            .as_deref()
            .map(|pointer| format!("pointer={}&", utf8_percent_encode(pointer, POINTER)));
        format!("{}from={from}&to={to}", pointer.unwrap_or_default())
    }

    /// The value at the place of the pointer.
    fn place(&self, whole: &str) -> Result<Place, String> {
        let Some(pointer) = self.pointer.as_ref().filter(|pointer| !pointer.is_empty()) else {
            let is_json =
                matches!(serde_json::from_str(whole), Ok(Value::Object(_) | Value::Array(_)));
            return Ok(Place { text: whole.to_owned(), is_json });
        };
        let value: Value = serde_json::from_str(whole)
            .map_err(|_| "this result is no JSON; read it by from and to".to_owned())?;
        match value.pointer(pointer) {
            Some(Value::String(text)) => Ok(Place { text: text.clone(), is_json: false }),
            Some(value) => Ok(Place { text: value.to_string(), is_json: true }),
            None => Err(format!("the result has nothing at {pointer:?}")),
        }
    }

    /// Reads the part of a result.
    pub(super) fn read(&self, whole: &str) -> Result<Read, String> {
        let Place { text, is_json } = self.place(whole)?;
        let characters = text.chars().count();
        if self.from.is_none() && self.to.is_none() {
            return Ok(Read { text, is_json, characters, next: None });
        }
        let from = self.from.unwrap_or_default();
        let to = self.to.unwrap_or_else(|| from.saturating_add(MOST_CHARACTERS));
        if from > characters {
            return Err(format!("there are only {characters} characters"));
        }
        let following = (to < characters).then(|| self.query(to, to + (to - from).max(1)));
        Ok(Read {
            text: text.chars().skip(from).take(to - from).collect(),
            // A range of a value is none.
            is_json: is_json && from == 0 && to >= characters,
            characters,
            next: following,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(whole: &str, query: &str) -> Result<(String, bool, Option<String>), String> {
        let read = Part::parse(query)?.read(whole)?;
        Ok((read.text, read.is_json, read.next))
    }

    #[test]
    fn a_result_is_read_by_pointer_by_range_and_by_both() {
        let whole = r#"{"items":[{"id":1},{"id":2}],"a/b":"größer"}"#;
        for (query, text, is_json, next) in [
            ("", whole, true, None),
            ("pointer=", whole, true, None),
            ("pointer=/items/1", r#"{"id":2}"#, true, None),
            ("pointer=%2Fitems%2F1/id", "2", true, None),
            ("pointer=/a~1b", "größer", false, None),
            ("pointer=/a~1b&from=2&to=4", "öß", false, Some("pointer=/a%7E1b&from=4&to=6")),
            ("from=0&to=8", r#"{"items""#, false, Some("from=8&to=16")),
            ("from=9", &whole[9..], false, None),
            ("to=44", whole, true, None),
        ] {
            let expected = (text.to_owned(), is_json, next.map(str::to_owned));
            assert_eq!(read(whole, query), Ok(expected), "{query}");
        }
        assert_eq!(read("plain text", "from=6&to=99"), Ok(("text".to_owned(), false, None)));
    }

    #[test]
    fn wrong_parts_are_answered_with_the_reason() {
        for (query, reason) in [
            ("pointer=items", "begins with /"),
            ("pointer=/nothing", "nothing at"),
            ("from=x", "number of characters"),
            ("from=-1", "number of characters"),
            ("from=5&to=2", "not be less"),
            ("from=1000", "only"),
            ("offset=1", "not known"),
            ("pointer=/%ff", "UTF-8"),
        ] {
            let told = read(r#"{"a":1}"#, query).unwrap_err();
            assert!(told.contains(reason), "{query}: {told}");
        }
        assert!(read("plain", "pointer=/a").unwrap_err().contains("no JSON"));
    }
}
