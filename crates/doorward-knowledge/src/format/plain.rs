//! Plain text and source code: one section.

use super::Content;

/// Reads a text.
pub(super) fn read(text: &str) -> Content {
    Content { text: text.to_owned(), ..Content::default() }
}
