//! The fields of the form of an object.

use doorward_admin::{Field, Shape};
use doorward_language::{Markup, Message};

/// The explanation below a field.
pub(super) enum Hint {
    None,
    Plain(Message),
    Tagged(Markup),
}

/// The texts and the rule of a field.
pub(super) struct Label {
    pub(super) text: Message,
    pub(super) hint: Hint,
    pub(super) required: bool,
    /// The regular expression of its values; empty for every text.
    pub(super) pattern: &'static str,
}

impl Label {
    pub(super) fn new(text: Message, hint: Hint) -> Self {
        Self { text, hint, required: false, pattern: "" }
    }

    pub(super) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) fn with_pattern(self, pattern: &'static str) -> Self {
        Self { pattern, ..self.required() }
    }
}

/// A field of a form.
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) label: Message,
    pub(super) hint: Hint,
    pub(super) required: bool,
    pub(super) pattern: &'static str,
    pub(super) longest: usize,
    shape: Shape,
    pub(super) value: String,
}

impl Input {
    pub(super) fn new(field: &Field, label: Label, value: String) -> Self {
        let Label { text, hint, required, pattern } = label;
        let &Field { name, shape, longest, .. } = field;
        Self { name, label: text, hint, required, pattern, longest, shape, value }
    }

    pub(super) fn has_hint(&self) -> bool {
        !matches!(self.hint, Hint::None)
    }

    pub(super) fn is_lines(&self) -> bool {
        self.shape == Shape::Lines
    }

    pub(super) fn is_url(&self) -> bool {
        self.shape == Shape::Url
    }
}
