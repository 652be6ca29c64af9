//! An API as it is read from its document.

use std::fmt::Write;

use url::Url;

use crate::{
    definition::Shown,
    left_out::{LeftOut, counted},
    upstream::Origins,
};

/// Maximum number of bytes of a document.
pub(super) const MOST_DOCUMENT: usize = 32 * 1024 * 1024;
/// Maximum number of base URLs that are named.
const MOST_BASES: usize = 3;

/// An API, read from its document.
pub(super) struct Api {
    pub(super) title: String,
    /// The base URLs of its operations.
    pub(super) bases: Vec<Url>,
    /// Its operations as tools.
    pub(super) tools: Vec<Shown>,
    /// The operations that are not offered, and the omissions from the others.
    pub(super) left_out: LeftOut,
}

impl Api {
    /// A description in one line.
    pub(super) fn summary(&self) -> String {
        let title = doorward_model::foreign::line(&self.title, 100);
        let mut bases: Vec<String> =
            self.bases.iter().take(MOST_BASES).map(ToString::to_string).collect();
        if self.bases.len() > MOST_BASES {
            bases.push(format!("{} more", self.bases.len() - MOST_BASES));
        }
        format!("{title}: {} at {}", counted(self.tools.len(), "operation"), bases.join(", "))
    }
}

/// The operator's settings about a document, and the facts about it.
pub(super) struct DocumentSettings<'a> {
    /// The configured base URL, which counts more than the document's.
    pub(super) configured: Option<Url>,
    /// The URL of the document; `None` for a file.
    pub(super) at: Option<Url>,
    /// The origins to which calls may go.
    pub(super) origins: &'a Origins,
    /// True if a tool of this name is offered; others are not read.
    pub(super) offers: &'a dyn Fn(&str) -> bool,
    /// Method and path of the operation that was pinned under a name.
    pub(super) pinned: &'a dyn Fn(&str) -> Option<String>,
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
