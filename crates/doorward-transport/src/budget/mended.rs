//! JSON as servers write it that do not keep to RFC 8259: halves of surrogate pairs (a text that
//! was cut within an emoji), bytes that are not UTF-8, control characters within texts, and the
//! numbers that some languages write and JSON does not have.

use std::{fmt::Write, iter::Peekable, str::Chars};

/// Writes a text again so that such a fault costs the character or number that it is about. The
/// structure stays as it is.
pub(super) fn mended(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut mended = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut in_string = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                in_string = !in_string;
                mended.push(letter);
            }
            '\\' if in_string => escape(&mut letters, &mut mended),
            '\n' if in_string => mended.push_str("\\n"),
            '\r' if in_string => mended.push_str("\\r"),
            '\t' if in_string => mended.push_str("\\t"),
            '\0'..='\u{1f}' if in_string => mended.push('\u{fffd}'),
            letter if !in_string && (letter.is_ascii_alphanumeric() || letter == '-') => {
                word(letter, &mut letters, &mut mended);
            }
            letter => mended.push(letter),
        }
    }
    mended
}

/// The value of four hexadecimal digits, which are taken if they are there.
fn unit(letters: &mut Peekable<Chars<'_>>) -> Option<u16> {
    let digits: String = letters.clone().take(4).collect();
    let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4)?;
    letters.nth(3);
    Some(unit)
}

fn write_unit(unit: u16, mended: &mut String) {
    // Writing into a text does not fail.
    let _ = write!(mended, "\\u{unit:04x}");
}

/// Reads on behind a backslash within a text.
fn escape(letters: &mut Peekable<Chars<'_>>, mended: &mut String) {
    match letters.next() {
        Some('u') => {
            let Some(first) = unit(letters) else { return mended.push('\u{fffd}') };
            let mut behind = letters.clone();
            let pair = (0xD800..0xDC00).contains(&first)
                && behind.next() == Some('\\')
                && behind.next() == Some('u');
            let second = if pair { unit(&mut behind) } else { None };
            let second = second.filter(|second| (0xDC00..0xE000).contains(second));
            match second {
                Some(second) => {
                    *letters = behind;
                    write_unit(first, mended);
                    write_unit(second, mended);
                }
                None if (0xD800..0xE000).contains(&first) => mended.push('\u{fffd}'),
                None => write_unit(first, mended),
            }
        }
        Some(letter @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
            mended.push('\\');
            mended.push(letter);
        }
        // JSON has no such escape.
        Some('\'') => mended.push('\''),
        Some(letter) => {
            mended.push_str("\\\\");
            mended.push(letter);
        }
        None => mended.push('\\'),
    }
}

/// Reads a number or a name outside of texts.
fn word(first: char, letters: &mut Peekable<Chars<'_>>, mended: &mut String) {
    let mut word = String::from(first);
    while let Some(letter) = letters
        .next_if(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '+' | '.'))
    {
        word.push(letter);
    }
    let missing =
        matches!(word.trim_start_matches('-'), "NaN" | "nan" | "Infinity" | "inf" | "undefined");
    let digits = word.trim_start_matches('-').starts_with(|letter: char| letter.is_ascii_digit());
    let too_large = digits && word.parse::<f64>().is_ok_and(f64::is_infinite);
    mended.push_str(if missing || too_large { "null" } else { &word });
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &[u8]) -> Option<Value> {
        serde_json::from_str(&mended(text)).ok()
    }

    #[test]
    fn a_fault_costs_the_character_or_number_that_it_is_about() {
        for (text, value) in [
            (&br#"{"a":"x\ud83d","b":1}"#[..], json!({"a": "x\u{fffd}", "b": 1})),
            (
                br#"["\udc00y","\ud83d\ude00","\ud83dz\ud83d\n"]"#,
                json!(["\u{fffd}y", "\u{1f600}", "\u{fffd}z\u{fffd}\n"]),
            ),
            (b"{\"a\":\"caf\xe9\",\"b\":\"\xc3\xa9\"}", json!({"a": "caf\u{fffd}", "b": "\u{e9}"})),
            (b"{\"a\":\"one\ntwo\tthree\x01\"}", json!({"a": "one\ntwo\tthree\u{fffd}"})),
            (
                br#"{"a":NaN,"b":-Infinity,"c":[Infinity,undefined,1e999,-1e999]}"#,
                json!({"a": null, "b": null, "c": [null, null, null, null]}),
            ),
            (br#"{"a":"it\'s \x41 \u12"}"#, json!({"a": "it's \\x41 \u{fffd}12"})),
            (b"\xef\xbb\xbf{\"NaN\":\"NaN, -Infinity\"}", json!({"NaN": "NaN, -Infinity"})),
            // Correct values stay as they are.
            (
                br#"{"a":[true,false,null,-1.5e+3,"\\\"\/\u00e9\\"],"b":{}}"#,
                json!({"a": [true, false, null, -1500.0, "\\\"/\u{e9}\\"], "b": {}}),
            ),
        ] {
            assert_eq!(read(text), Some(value), "{}", String::from_utf8_lossy(text));
        }
        for text in ["", "{", "{\"a\":}", "{\"a\":foo}", "{'a':1}", "\"a\\", "<html>", "NaNa"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
