//! The words of a response that is no answer, as a message quotes them.

use doorward_model::foreign;
use doorward_transport::Budget;
use http::StatusCode;
use serde_json::Value;

use crate::link_error::WORDS;

/// A status with its name, such as `HTTP 502 (Bad Gateway)`.
pub(crate) fn status(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("HTTP {} ({reason})", status.as_u16()),
        None => format!("HTTP {}", status.as_u16()),
    }
}

/// The words of a body, cleaned and quoted, with a colon before them; empty if it contains none.
pub(crate) fn of_body(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let told = match Budget::of_record(text.len()).lenient_json(text.as_bytes()) {
        Ok(read) => of_json(&read.value).unwrap_or_else(|| text.to_owned()),
        Err(_) => title(text).unwrap_or_else(|| text.to_owned()),
    };
    let told = foreign::quoted(&told, WORDS);
    if told == "“”" { String::new() } else { format!(": {told}") }
}

/// The words within a JSON answer: of a JSON-RPC error, or of the error formats of web frameworks.
fn of_json(value: &Value) -> Option<String> {
    let members = match value {
        Value::String(text) => return Some(text.clone()),
        Value::Object(members) => members,
        _ => return None,
    };
    for name in ["message", "error_description", "detail", "error", "title", "reason"] {
        match members.get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => return Some(text.clone()),
            Some(inner @ Value::Object(_)) => {
                if let Some(text) = of_json(inner) {
                    return Some(text);
                }
            }
            _ => {}
        }
    }
    None
}

/// The title of a web page.
fn title(text: &str) -> Option<String> {
    if !text.starts_with('<') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower.get(begin..)?.find('>')? + 1;
    let end = begin + lower.get(begin..)?.find("</title")?;
    let title = text.get(begin..end)?.trim();
    (!title.is_empty()).then(|| format!("{title} (a web page)"))
}

/// The form of a body that is no JSON-RPC message.
pub(crate) fn form(body: &[u8]) -> &'static str {
    let body = body.trim_ascii();
    if body.is_empty() {
        "an empty body"
    } else if body.starts_with(b"<") {
        "a web page"
    } else if Budget::of_record(body.len()).lenient_json(body).is_ok() {
        "JSON that is not a response"
    } else {
        "text that is not JSON"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_quoted_by_what_it_says_to_a_reader() {
        for (body, told) in [
            (
                r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"No valid session"},"id":null}"#,
                "No valid session",
            ),
            (r#"{"error":"slow down"}"#, "slow down"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#""just a text""#, "just a text"),
            (
                "<!DOCTYPE html><html><head><TITLE>502 Bad Gateway</TITLE></head></html>",
                "502 Bad Gateway (a web page)",
            ),
            ("plain\nwords\u{202e} here", "plain words here"),
        ] {
            assert_eq!(of_body(body.as_bytes()), format!(": “{told}”"), "{body}");
        }
        assert_eq!(of_body(b" \n"), "");
        assert!(of_body(&b"x".repeat(5000)).chars().count() < WORDS + 10);
        assert_eq!(form(b"<html>"), "a web page");
        assert_eq!(form(b"[]"), "JSON that is not a response");
        assert_eq!(form(b"ok"), "text that is not JSON");
        assert_eq!(form(b""), "an empty body");
        assert_eq!(status(StatusCode::BAD_GATEWAY), "HTTP 502 (Bad Gateway)");
    }
}
