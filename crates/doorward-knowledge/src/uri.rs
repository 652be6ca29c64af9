//! URIs of documents as resources: `document:///PATH`, with the path escaped.

use std::fmt::Write as _;

/// The beginning of the URIs.
const SCHEME: &str = "document:///";
/// The template of the URIs (RFC 6570).
pub const TEMPLATE: &str = "document:///{+path}";

/// A path as a part of a URL (RFC 3986): parts keep their slashes.
pub(crate) fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The URI of a document.
pub fn of(path: &str) -> String {
    format!("{SCHEME}{}", escaped(path))
}

/// The path within a URI; `None` if it is none of a document.
pub fn path_of(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix(SCHEME)?;
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.bytes();
    while let Some(byte) = left.next() {
        if byte == b'%' {
            let digits = [left.next()?, left.next()?];
            let text = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(text, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_returns_from_its_uri() {
        for path in ["docs/a.md", "docs/ä b#?.md", "docs/100%.txt", "docs/a+b&c"] {
            let uri = of(path);
            assert_eq!(path_of(&uri).as_deref(), Some(path), "{uri}");
            assert!(uri.is_ascii());
        }
        for other in ["file:///etc/passwd", "document:///%", "document:///%zz", "document:///%ff"] {
            assert_eq!(path_of(other), None, "{other}");
        }
    }
}
