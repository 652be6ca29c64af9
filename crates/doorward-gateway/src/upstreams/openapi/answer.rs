//! An API's answer as the result of a call: text, structured content, an image, a sound, or a
//! resource.

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_transport::{
    Budget,
    budget::{self, Lenient},
    oauth::{Pause, pause},
    outbound::Fetched,
};
use http::header;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;
use url::Url;

use super::media;

/// Maximum number of values of an answer that is passed on as structured content, and how deep they
/// are nested; a larger one is text alone.
const MOST_VALUES: usize = 250_000;
const MOST_DEPTH: usize = 100;
/// Answers of more bytes are read off the asynchronous threads.
const READ_APART: usize = 256 * 1024;
/// Maximum number of characters of an error that are passed on.
const MOST_ERROR: usize = 2000;
/// The bytes of a result around the data of one block.
const AROUND: usize = 256;

/// A response as a result. `at` is its URL, `most` the number of bytes that a result may have.
pub(super) async fn result(answer: Fetched, at: Url, most: usize) -> CallToolResult {
    if answer.body.len() < READ_APART {
        return read(&answer, &at, most);
    }
    budget::off_thread(move || read(&answer, &at, most))
        .await
        .unwrap_or_else(|error| failed(error.to_string()))
}

fn failed(text: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

fn read(answer: &Fetched, at: &Url, most: usize) -> CallToolResult {
    let named = |name: header::HeaderName| {
        answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let (status, kind) = (answer.status, named(header::CONTENT_TYPE));
    let essence = media::essence(kind);
    let text = if media::is_binary(&essence) { None } else { media::decode(&answer.body, kind) };
    if !(200..300).contains(&status) {
        let mut said = match &text {
            Some(text) => text.chars().take(MOST_ERROR).collect(),
            None => format!("{} bytes of {essence}", answer.body.len()),
        };
        let target = named(header::LOCATION);
        if (300..400).contains(&status) && !target.is_empty() {
            let target: String = target.chars().take(200).collect();
            said = format!("it redirects to {target}, which is not followed. {said}");
        }
        if let Some(Pause(Some(seconds))) = pause(status, &answer.headers, None) {
            said = format!("it asks to wait {seconds} seconds. {said}");
        }
        return failed(format!("HTTP {status} {said}").trim().to_owned());
    }
    if answer.body.is_empty() {
        return CallToolResult::success(vec![ContentBlock::text(format!(
            "Done (HTTP {status}). The response is empty."
        ))]);
    }
    let Some(text) = text else { return bytes(answer, &essence, at, most) };
    let text = text.into_owned();
    let structured = media::is_json(&essence)
        .then(|| Budget::new(text.len(), MOST_VALUES, MOST_DEPTH).lenient_json(text.as_bytes()));
    let structured = match structured {
        Some(Ok(Lenient { value: value @ Value::Object(_), .. })) => Some(value),
        _ => None,
    };
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = structured;
    result
}

/// An answer that is not text.
fn bytes(answer: &Fetched, essence: &str, at: &Url, most: usize) -> CallToolResult {
    let length = answer.body.len();
    // Base64 takes four characters for three bytes.
    if length.div_ceil(3).saturating_mul(4).saturating_add(AROUND) > most {
        return failed(format!(
            "The response has {length} bytes of {essence}, which is more than a result may have."
        ));
    }
    let data = STANDARD.encode(&answer.body);
    let kind = if essence.is_empty() { "application/octet-stream" } else { essence };
    let block = if kind.starts_with("image/") {
        ContentBlock::image(data, kind)
    } else if kind.starts_with("audio/") {
        ContentBlock::audio(data, kind)
    } else {
        // Without the query, which may hold confidential arguments.
        let mut uri = at.clone();
        uri.set_query(None);
        let contents = ResourceContents::blob(data, uri.as_str()).with_mime_type(kind);
        ContentBlock::resource(contents)
    };
    CallToolResult::success(vec![block])
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn shown(status: u16, kind: &str, body: &[u8]) -> Value {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        let answer = Fetched { status, headers, body: body.to_vec() };
        let at = Url::parse("https://api.example/files/7?token=x").unwrap();
        serde_json::to_value(read(&answer, &at, 1000)).unwrap()
    }

    #[test]
    fn responses_become_the_block_that_they_are() {
        let png = shown(200, "image/png", b"\x89PNG\xff");
        assert_eq!(
            (&png["content"][0]["type"], &png["content"][0]["mimeType"]),
            (&Value::from("image"), &Value::from("image/png"))
        );
        assert_eq!(png["content"][0]["data"], STANDARD.encode(b"\x89PNG\xff"));
        assert_eq!(shown(200, "audio/mpeg", b"\xff\xfb")["content"][0]["type"], "audio");
        for (kind, body, told) in [
            ("application/pdf", &b"%PDF-1.4"[..], "application/pdf"),
            ("application/octet-stream", b"\xff\x00", "application/octet-stream"),
            ("", b"\xff\x00", "application/octet-stream"),
            ("application/x-unknown", b"\xff", "application/x-unknown"),
        ] {
            let block = &shown(200, kind, body)["content"][0];
            assert_eq!(block["type"], "resource", "{kind}");
            assert_eq!(block["resource"]["mimeType"], told);
            assert_eq!(block["resource"]["uri"], "https://api.example/files/7");
            assert_eq!(block["resource"]["blob"], STANDARD.encode(body));
        }
        for (kind, body, text) in [
            ("text/csv; charset=ISO-8859-1", &b"caf\xe9"[..], "café"),
            ("application/octet-stream", b"plain", "plain"),
            ("image/svg+xml", b"<svg/>", "<svg/>"),
            ("Application/JSON", b"[1]", "[1]"),
        ] {
            assert_eq!(shown(200, kind, body)["content"][0]["text"], text, "{kind}");
        }
        let object = shown(
            200,
            "application/json; charset=utf-16le",
            &"{\"a\":\"é\"}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
        );
        assert_eq!(object["structuredContent"]["a"], "é");
    }

    #[test]
    fn empty_large_and_failed_responses_are_reported() {
        for status in [200, 201, 204, 205] {
            let result = shown(status, "application/json", b"");
            assert!(
                result["content"][0]["text"].as_str().unwrap().contains(&format!("HTTP {status}"))
            );
            assert_ne!(result["isError"], true);
        }
        let large = shown(200, "image/png", &[0xff; 751]);
        assert_eq!(large["isError"], true);
        assert!(large["content"][0]["text"].as_str().unwrap().contains("751 bytes of image/png"));
        let wrong = shown(404, "text/plain; charset=latin1", b"caf\xe9");
        assert_eq!(
            (&wrong["isError"], &wrong["content"][0]["text"]),
            (&Value::Bool(true), &Value::from("HTTP 404 café"))
        );
        assert_eq!(
            shown(500, "image/png", b"\xff")["content"][0]["text"],
            "HTTP 500 1 bytes of image/png"
        );
    }
}
