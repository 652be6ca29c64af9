//! The parts of a signed token in compact form, before its signature is verified.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::Budget;

/// Reads the header or the payload of a token: base64 for URLs, also with padding, of JSON, in
/// which a member that no rule looks at may hold what JSON does not have. Values that are nested
/// too deep are read as `null`.
pub fn part_of_token(part: &str) -> Result<Value, &'static str> {
    let bytes =
        URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| "is not base64url")?;
    let read = Budget::of_record(bytes.len()).shallow_json(&bytes);
    read.map(|read| read.value).map_err(|_| "is not a JSON object")
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_is_read_with_padding_and_with_what_json_does_not_have() {
        for text in ["{\"a\":1,\"b\":null}", "{\"a\":1,\"b\":NaN}", " {\"a\":1}"] {
            for part in [URL_SAFE.encode(text), URL_SAFE_NO_PAD.encode(text)] {
                assert_eq!(part_of_token(&part).unwrap()["a"], json!(1), "{text}");
            }
        }
        // What is nested deep costs itself.
        let deep = format!("{{\"a\":1,\"b\":{}7{}}}", "[".repeat(500), "]".repeat(500));
        assert_eq!(part_of_token(&URL_SAFE.encode(deep)).unwrap()["a"], json!(1));
        assert_eq!(part_of_token("!"), Err("is not base64url"));
        assert_eq!(part_of_token(&URL_SAFE.encode("{")), Err("is not a JSON object"));
    }
}
