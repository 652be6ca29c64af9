//! Public keys of others, in the forms that servers and clients write them: the one place that
//! brings them into the form of RFC 7517, for providers' key sets and clients' alike.

use serde_json::{Map, Value};

/// A key without members that are null, empty or of another type than the specification demands:
/// those do not limit its use. A name that is a number is a text, and the numbers of the key are in
/// the alphabet of base64 for URLs, without padding.
pub fn readable_key(members: Map<String, Value>) -> Map<String, Value> {
    let mut members: Map<String, Value> = members
        .into_iter()
        .filter(|(_, value)| !value.is_null() && value.as_str() != Some(""))
        .collect();
    // The name of RFC 9864 for EdDSA with its only curve that is accepted.
    if members.get("alg").and_then(Value::as_str) == Some("Ed25519") {
        members.insert("alg".to_owned(), "EdDSA".into());
    }
    if let Some(Value::Number(number)) = members.get("kid") {
        let text = number.to_string();
        members.insert("kid".to_owned(), text.into());
    }
    for name in ["n", "e", "x", "y"] {
        if let Some(Value::String(text)) = members.get_mut(name) {
            *text = plain_base64(text);
        }
    }
    for name in ["use", "alg", "kid"] {
        if members.get(name).is_some_and(|value| !value.is_string()) {
            members.remove(name);
        }
    }
    members
}

/// base64 in the alphabet of URLs and without padding.
pub fn plain_base64(text: &str) -> String {
    text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_read_in_the_forms_in_which_it_is_written() {
        for (written, read) in [
            (
                json!({"kty": "EC", "kid": 7, "x": "a+b/", "y": "cd=="}),
                json!({"kty": "EC", "kid": "7", "x": "a-b_", "y": "cd"}),
            ),
            (
                json!({"kty": "RSA", "kid": "", "use": ["sig"], "alg": null, "n": " AQ== ", "e": "AQAB"}),
                json!({"kty": "RSA", "n": "AQ", "e": "AQAB"}),
            ),
            (
                json!({"kty": "OKP", "alg": "Ed25519", "crv": "Ed25519", "x5c": []}),
                json!({"kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "x5c": []}),
            ),
        ] {
            let Value::Object(members) = written.clone() else { unreachable!() };
            assert_eq!(Value::Object(readable_key(members)), read, "{written}");
        }
    }
}
