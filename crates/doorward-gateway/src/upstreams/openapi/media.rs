//! Media types and character sets.

use std::borrow::Cow;

pub(super) use doorward_transport::media_type::essence;
use doorward_transport::media_type::parameter;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Reports JSON and media types based on it.
pub(super) fn is_json(essence: &str) -> bool {
    matches!(essence, "application/json" | "text/json" | "application/x-json")
        || essence.ends_with("+json")
}

/// Reports XML and media types based on it.
fn is_xml(essence: &str) -> bool {
    matches!(essence, "application/xml" | "text/xml") || essence.ends_with("+xml")
}

/// Reports text media types.
pub(super) fn is_text(essence: &str) -> bool {
    essence.starts_with("text/")
        || is_json(essence)
        || is_xml(essence)
        || essence.ends_with("+yaml")
        || matches!(
            essence,
            "application/yaml"
                | "application/x-yaml"
                | "application/graphql"
                | "application/sql"
                | "application/javascript"
                | "application/ecmascript"
                | "application/x-ndjson"
                | "application/jsonl"
                | "application/json-seq"
                | "application/x-www-form-urlencoded"
                | "application/toml"
                | "application/csv"
                | "application/n-triples"
                | "application/sparql-query"
                | "application/x-pem-file"
        )
}

/// Reports media types that are never text, whatever their bytes.
pub(super) fn is_binary(essence: &str) -> bool {
    !is_text(essence)
        && (["image/", "audio/", "video/", "font/", "model/"]
            .iter()
            .any(|kind| essence.starts_with(kind))
            || ["+zip", "+gzip", "+cbor"].iter().any(|end| essence.ends_with(end))
            || essence.starts_with("application/vnd.openxmlformats")
            || essence.starts_with("application/vnd.ms-")
            || matches!(
                essence,
                "application/pdf"
                    | "application/zip"
                    | "application/gzip"
                    | "application/x-gzip"
                    | "application/x-tar"
                    | "application/x-bzip2"
                    | "application/x-7z-compressed"
                    | "application/zstd"
                    | "application/msword"
                    | "application/cbor"
                    | "application/msgpack"
                    | "application/x-protobuf"
                    | "application/protobuf"
                    | "application/wasm"
                    | "application/x-sqlite3"
                    | "application/java-archive"
            ))
}

/// Reports media types that write down values in bytes, as JSON does in text: with the schema of
/// an object, they cannot be written from arguments.
pub(super) fn is_encoding_of_values(essence: &str) -> bool {
    ["+cbor", "+protobuf", "+avro", "+thrift"].iter().any(|end| essence.ends_with(end))
        || [
            "cbor",
            "msgpack",
            "x-msgpack",
            "vnd.msgpack",
            "protobuf",
            "x-protobuf",
            "vnd.google.protobuf",
            "avro",
            "bson",
            "grpc",
        ]
        .iter()
        .any(|sub| essence.strip_prefix("application/") == Some(sub))
}

/// Reports a media type that may be written into a header.
pub(super) fn is_sound(text: &str) -> bool {
    let essence = essence(text);
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    essence.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Decodes UTF-8, or UTF-16 with its byte order mark, without the mark.
pub(super) fn unicode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((UTF_8, 0));
    encoding.decode_without_bom_handling_and_without_replacement(bytes.get(mark..)?)
}

/// The character set that a text in XML names in its first line.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..bytes.len().min(200))?;
    let line = head.strip_prefix(b"<?xml")?;
    let line = String::from_utf8_lossy(line.split(|byte| *byte == b'>').next()?).into_owned();
    let (_, rest) = line.split_once("encoding")?;
    let quoted = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = quoted.chars().next().filter(|letter| ['"', '\''].contains(letter))?;
    Encoding::for_label(quoted.get(1..)?.split(quote).next()?.as_bytes())
}

/// Decodes a text in the character set that its media type names, or else in Unicode. A text that
/// names none and is not Unicode is in windows-1252, as everywhere on the web; bytes of other types
/// are then no text: `None`.
pub(super) fn decode<'b>(bytes: &'b [u8], media_type: &str) -> Option<Cow<'b, str>> {
    let essence = essence(media_type);
    let named = parameter(media_type, "charset")
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .or_else(|| is_xml(&essence).then(|| declared(bytes)).flatten());
    if let Some(named) = named
        && named != UTF_8
        && Encoding::for_bom(bytes).is_none()
    {
        let (text, _) = named.decode_without_bom_handling(bytes);
        return Some(text);
    }
    unicode(bytes)
        .or_else(|| is_text(&essence).then(|| WINDOWS_1252.decode_without_bom_handling(bytes).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_as_they_say() {
        for (bytes, kind, text) in [
            (&b"caf\xe9"[..], "text/plain; charset=ISO-8859-1", Some("café")),
            (b"caf\xe9", "text/csv", Some("café")),
            (b"\x80", "text/plain;Charset=\"windows-1252\"", Some("€")),
            (b"\xa4", "text/plain; charset=iso-8859-15", Some("€")),
            ("café".as_bytes(), "text/plain", Some("café")),
            ("café".as_bytes(), "text/plain; charset=nonsense", Some("café")),
            (b"\xef\xbb\xbfa", "text/plain; charset=latin1", Some("a")),
            (b"\xff\xfea\0", "application/json", Some("a")),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>",
                "application/xml",
                Some("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>"),
            ),
            (b"\x93\xfa", "text/html; charset=Shift_JIS", Some("日")),
            (b"\xff\xd8\xff", "application/octet-stream", None),
            (b"\xff\xd8\xff", "", None),
        ] {
            assert_eq!(decode(bytes, kind).as_deref(), text, "{kind}");
        }
    }

    #[test]
    fn media_types_are_compared_as_media_types() {
        assert!(is_json(&essence("Application/Problem+JSON; charset=utf-8")));
        assert!(is_binary("application/pdf") && is_binary("image/png"));
        for kind in ["application/cbor", "application/problem+cbor", "application/x-protobuf"] {
            assert!(is_encoding_of_values(kind), "{kind}");
        }
        for kind in ["application/pdf", "image/png", "application/json", "text/cbor"] {
            assert!(!is_encoding_of_values(kind), "{kind}");
        }
        assert!(!is_binary("image/svg+xml") && !is_binary("application/octet-stream"));
        assert!(
            is_sound("text/csv; header=present") && !is_sound("text") && !is_sound("a/b\r\nX: y")
        );
    }
}
