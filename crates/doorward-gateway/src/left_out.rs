//! Tools that an upstream lists and that are not offered: named in the log, by `doorward upstream
//! test` and on the administrators' page.

use doorward_model::foreign;

/// The most tools that are named one by one.
const MOST_NAMED: usize = 20;
/// The most characters of a name that are shown.
const MOST_NAME: usize = 80;

/// Why a tool is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its name cannot be one.
    Name,
    /// Its definition cannot be passed on.
    Definition,
    /// Another tool of the same listing has the name.
    Twice,
    /// The upstream has more tools than are kept.
    TooMany,
    /// The definitions of the upstream have more bytes than are kept.
    TooLong,
    /// Reading its part of the document takes more than is allowed for the whole.
    Unreadable,
}

impl Why {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::Name, Self::Definition, Self::Twice, Self::TooMany, Self::TooLong, Self::Unreadable];

    /// The reason as a part of a sentence, in English.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "its name is empty, too long or holds hidden characters",
            Self::Definition => "its definition is too long, or its input is not an object",
            Self::Twice => "another tool has the same name",
            Self::TooMany => "there are more tools than list_tools allows",
            Self::TooLong => "the definitions are longer than list_bytes allows",
            Self::Unreadable => "its description is too large to be written out",
        }
    }
}

/// The tools of one listing that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    named: Vec<(String, Why)>,
    count: usize,
}

impl LeftOut {
    /// Adds a tool.
    pub(crate) fn add(&mut self, name: &str, why: Why) {
        self.count += 1;
        if self.named.len() < MOST_NAMED {
            let mut shown: String = name.chars().take(MOST_NAME).collect();
            if shown.len() < name.len() {
                shown.push('…');
            }
            self.named.push((foreign::escaped(&shown).into_owned(), why));
        }
    }
    /// Adds the tools of another part of the same listing.
    pub(crate) fn join(&mut self, other: Self) {
        self.count += other.count;
        self.named.extend(other.named);
        self.named.truncate(MOST_NAMED);
    }
    /// Adds tools that nothing more is known of.
    pub(crate) fn add_rest(&mut self, count: usize) {
        self.count += count;
    }
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }
    /// The first of them, by their escaped names, each with the reason.
    pub fn named(&self) -> &[(String, Why)] {
        &self.named
    }
    /// Returns `true` if no tool was left out.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} left out", self.count)?;
        for (index, (name, why)) in self.named.iter().enumerate() {
            write!(f, "{} {name} ({})", if index == 0 { ":" } else { ";" }, why.as_str())?;
        }
        if self.count > self.named.len() {
            write!(f, "; and {} more", self.count - self.named.len())?;
        }
        Ok(())
    }
}
