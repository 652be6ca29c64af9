//! The cells of lists.

use doorward_language::Message;

/// A state as it is shown.
pub(super) struct Badge {
    pub(super) text: Message,
    pub(super) good: bool,
}

impl Badge {
    pub(super) fn new(text: Message, good: bool) -> Self {
        Self { text, good }
    }
}

/// The contents of a cell.
pub(super) enum Cell {
    /// The name of the row, which leads to its page, with a line below.
    Link { path: String, label: String, below: String },
    /// A text.
    Text(String),
    /// A text that is shown whole, over as many lines as it needs.
    Long(String),
    /// An identifier, shown with its middle left out.
    Id(String),
    /// A moment, or a text instead of one.
    Time(String),
    /// States.
    Badges(Vec<Badge>),
}

impl Cell {
    /// Reports a text that is shown whole.
    pub(super) fn is_long(&self) -> bool {
        matches!(self, Self::Long(_))
    }

    /// The cell in a file.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Link { label: text, .. }
            | Self::Text(text)
            | Self::Long(text)
            | Self::Id(text)
            | Self::Time(text) => text.clone(),
            Self::Badges(states) => {
                states.iter().map(|badge| badge.text.to_string()).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// The page that a row leads to, and the line below its name.
pub(super) struct Target {
    pub(super) path: String,
    pub(super) below: String,
}

impl Target {
    /// A page, without a line below the name.
    pub(super) fn page(path: String) -> Self {
        Self { path, below: String::new() }
    }
}
