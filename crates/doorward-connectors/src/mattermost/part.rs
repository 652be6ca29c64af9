//! A post of an answer.

use serde_json::Value;

/// A post of an answer.
#[derive(Debug)]
pub(super) struct Part {
    /// The text.
    pub(super) text: String,
    /// A box below it, with buttons.
    pub(super) attachments: Option<Value>,
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self { text, attachments: None }
    }
}
