//! The filters of lists.

use doorward_language::Message;

/// A filter of a list.
pub struct Filter {
    /// Its parameter.
    pub name: &'static str,
    /// Its label.
    pub label: Message,
    /// Its input.
    pub input: FilterInput,
    /// The beginnings of values that end with a full stop are values as well.
    families: bool,
}

/// The input of a filter.
pub enum FilterInput {
    /// One of some values, each with its text.
    Choice(Vec<(&'static str, Message)>),
    /// A text.
    Text,
    /// A day.
    Day,
}

impl Filter {
    /// A filter with some values.
    pub fn choice(
        name: &'static str,
        label: Message,
        choices: Vec<(&'static str, Message)>,
    ) -> Self {
        Self { name, label, input: FilterInput::Choice(choices), families: false }
    }

    /// A filter with a text.
    pub fn text(name: &'static str, label: Message) -> Self {
        Self { name, label, input: FilterInput::Text, families: false }
    }

    /// A filter with a day.
    pub fn day(name: &'static str, label: Message) -> Self {
        Self { name, label, input: FilterInput::Day, families: false }
    }

    /// Allows the beginnings of values that end with a full stop.
    pub fn with_families(self) -> Self {
        Self { families: true, ..self }
    }

    /// Reports a value that is one of the choices.
    fn is_choice(&self, value: &str) -> bool {
        match &self.input {
            FilterInput::Choice(choices) => choices.iter().any(|(known, _)| *known == value),
            FilterInput::Text | FilterInput::Day => true,
        }
    }

    /// Reports a value that the filter can have.
    pub fn allows(&self, value: &str) -> bool {
        let family = match &self.input {
            FilterInput::Choice(choices) if self.families && value.ends_with('.') => {
                choices.iter().any(|(known, _)| known.starts_with(value))
            }
            FilterInput::Choice(_) | FilterInput::Text | FilterInput::Day => false,
        };
        family || self.is_choice(value)
    }

    /// The text of a value that is set.
    pub fn chip(&self, value: &str) -> String {
        match &self.input {
            FilterInput::Choice(choices) => {
                let choice = choices.iter().find(|(known, _)| *known == value);
                choice.map_or_else(|| value.to_owned(), |(_, text)| text.to_string())
            }
            FilterInput::Text | FilterInput::Day => format!("{}: {value}", self.label),
        }
    }

    /// The filter with this value.
    pub fn shown(self, value: &str) -> FilterView {
        let other = !value.is_empty() && !self.is_choice(value);
        let Self { name, label, input, families: _ } = self;
        FilterView { name, label, value: value.to_owned(), input, other }
    }
}

/// A filter as it is shown.
pub struct FilterView {
    /// Its parameter.
    pub name: &'static str,
    /// Its label.
    pub label: Message,
    /// Its value; empty if it is not set.
    pub value: String,
    /// Its input.
    pub input: FilterInput,
    /// The value is none of the choices.
    pub other: bool,
}
