//! The cells of lists.

use doorward_language::Message;

/// A state as it is shown.
pub struct Badge {
    /// The name of the state.
    pub text: Message,
    /// The state needs no attention.
    pub good: bool,
}

impl Badge {
    /// A state with this name.
    pub fn new(text: Message, good: bool) -> Self {
        Self { text, good }
    }
}

/// The contents of a cell.
pub enum Cell {
    /// The name of the row, which leads to its page, with a line below.
    Link {
        /// The path of the page.
        path: String,
        /// The name.
        label: String,
        /// The text below the name.
        below: String,
    },
    /// The name of a row that has no page, with a line below.
    Name {
        /// The name.
        label: String,
        /// The text below the name.
        below: String,
    },
    /// A sentence about the row, which leads to its page.
    Sentence {
        /// The path of the page.
        path: String,
        /// The sentence.
        label: String,
    },
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
    /// The actions on the row.
    Actions(Vec<RowAction>),
}

impl Cell {
    /// Reports a text that is shown whole.
    pub fn is_long(&self) -> bool {
        matches!(self, Self::Long(_) | Self::Sentence { .. })
    }

    /// Reports the actions on a row.
    pub fn is_actions(&self) -> bool {
        matches!(self, Self::Actions(_))
    }

    /// The cell in a file.
    pub fn plain(&self) -> String {
        match self {
            Self::Link { label: text, .. }
            | Self::Name { label: text, .. }
            | Self::Sentence { label: text, .. }
            | Self::Text(text)
            | Self::Long(text)
            | Self::Id(text)
            | Self::Time(text) => text.clone(),
            Self::Actions(_) => String::new(),
            Self::Badges(states) => {
                states.iter().map(|badge| badge.text.to_string()).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// An action on one row.
pub struct RowAction {
    /// The label.
    pub label: Message,
    /// The label with the name of the row, for those who do not see the row.
    pub named: Message,
    /// The path of the page or form; a whole URL if the action leads to another server.
    pub path: String,
    /// The effect of the action.
    pub way: ActionWay,
}

/// The effect of an action on a row.
pub enum ActionWay {
    /// It leads to a page of this server.
    Page,
    /// It leads to a page of another server.
    Elsewhere,
    /// It sends a form with these fields, which end something.
    Form(Vec<(&'static str, String)>),
}

impl RowAction {
    /// A link to a page of this server.
    pub fn page(label: Message, named: Message, path: String) -> Self {
        Self { label, named, path, way: ActionWay::Page }
    }

    /// A link to a page of another server.
    pub fn elsewhere(label: Message, named: Message, url: String) -> Self {
        Self { label, named, path: url, way: ActionWay::Elsewhere }
    }

    /// A form that is sent to this path.
    pub fn form(
        label: Message,
        named: Message,
        path: &str,
        fields: Vec<(&'static str, String)>,
    ) -> Self {
        Self { label, named, path: path.to_owned(), way: ActionWay::Form(fields) }
    }
}

/// The page that a row leads to, and the line below its name.
pub struct Target {
    /// The path of the page.
    pub path: String,
    /// The text below the name.
    pub below: String,
}

impl Target {
    /// A page, without a line below the name.
    pub fn page(path: String) -> Self {
        Self { path, below: String::new() }
    }
}
