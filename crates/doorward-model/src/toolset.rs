//! Toolsets: named selections of tools, prompts and resources of several upstreams, each at an MCP
//! URL of its own.

use std::fmt;

use crate::{
    Change, PublicUrl, Resource, Role, Timestamp, UnitOfWork, User, foreign, id,
    policy::{Selection, SelectionError},
    text_name::TextName,
};

/// The name of a toolset in its URL: 1 to 40 lower-case letters, digits or `-`, a letter first. It
/// is as cheap to copy as a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolsetName(TextName<{ ToolsetName::MAX }>);

/// A text that cannot name a toolset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a toolset has 1 to 40 lower-case letters, digits or '-', a letter first")]
pub struct ToolsetNameError;

impl ToolsetName {
    /// The longest name, in bytes.
    pub const MAX: usize = 40;

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, ToolsetNameError> {
        TextName::parse(text).map(Self).ok_or(ToolsetNameError)
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ToolsetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ToolsetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A toolset. It narrows: what roles and rules refuse stays refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolset {
    /// The name, which never changes: clients are configured with its URL.
    pub name: ToolsetName,
    /// The name for users.
    pub title: String,
    /// Its purpose, for users and for the models of clients.
    pub description: String,
    /// The items that it has.
    pub selection: Selection,
    /// The roles of which a user must have one; none means all users.
    pub roles: Vec<Role>,
    /// The time at which it was added.
    pub created_at: Timestamp,
}

/// A value of a toolset that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolsetError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] ToolsetNameError),
    /// The display name is empty, too long, or has hidden characters.
    #[error("a display name is one line of 1 to {0} visible characters")]
    Title(usize),
    /// The description is too long or has hidden characters.
    #[error("a description has at most {0} visible characters")]
    Description(usize),
    /// The selection cannot be read.
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

impl Toolset {
    /// The longest display name, in characters.
    pub const LONGEST_TITLE: usize = 80;
    /// The longest description, in characters.
    pub const LONGEST_DESCRIPTION: usize = 500;

    /// Reads a display name.
    pub fn title(text: &str) -> Result<String, ToolsetError> {
        let text = text.trim();
        let long = text.chars().count() > Self::LONGEST_TITLE;
        if text.is_empty() || long || foreign::has_hidden(text) || text.contains('\n') {
            return Err(ToolsetError::Title(Self::LONGEST_TITLE));
        }
        Ok(text.to_owned())
    }

    /// Reads a description.
    pub fn description(text: &str) -> Result<String, ToolsetError> {
        let text = text.trim();
        let long = text.chars().count() > Self::LONGEST_DESCRIPTION;
        if long || foreign::has_hidden(text) || text.contains('\n') {
            return Err(ToolsetError::Description(Self::LONGEST_DESCRIPTION));
        }
        Ok(text.to_owned())
    }

    /// Its URL, as a resource.
    pub fn resource(&self, public_url: &PublicUrl) -> Resource {
        Resource::of_toolset(public_url, self.name)
    }

    /// True if the user may use it.
    pub fn admits(&self, user: &User) -> bool {
        self.roles.is_empty() || user.has_any(&self.roles)
    }

    /// Identifies the state that an administrator saw.
    pub fn etag(&self) -> String {
        let lines: Vec<_> = self.selection.texts().collect();
        let roles: Vec<_> = self.roles.iter().map(Role::as_str).collect();
        id::etag(&[
            self.name.as_str(),
            &self.title,
            &self.description,
            &lines.join("\n"),
            &roles.join(" "),
            &self.created_at.to_string(),
        ])
    }
}

/// A change to toolsets.
#[derive(Clone, Debug)]
pub enum ToolsetChange {
    /// Adds one. Conditional: its name is free.
    Insert(Box<Toolset>),
    /// Replaces all but the name and the time. Conditional: it exists.
    Update(Box<Toolset>),
    /// Demands that one is as it was read. Conditional: it has this entity tag.
    Expect {
        /// The toolset.
        name: ToolsetName,
        /// Its entity tag, by [`Toolset::etag`].
        etag: String,
    },
    /// Deletes one, with the grants and the pending codes for it. Conditional: it exists.
    Delete {
        /// The toolset.
        name: ToolsetName,
        /// Its URL.
        url: Resource,
        /// The present moment.
        at: Timestamp,
    },
}

impl From<ToolsetChange> for Change {
    fn from(change: ToolsetChange) -> Self {
        Self::Toolset(change)
    }
}

impl From<ToolsetChange> for UnitOfWork {
    fn from(change: ToolsetChange) -> Self {
        Change::from(change).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_part_of_a_url_that_no_server_reads_in_another_way() {
        let longest = format!("a{}", "b".repeat(39));
        for good in ["support", "a", "team-2", "search", longest.as_str()] {
            assert_eq!(ToolsetName::parse(good).unwrap().as_str(), good);
        }
        let long = format!("{longest}c");
        for bad in ["", "2a", "-a", "a-", "A", "a_b", "a/b", "a.b", "a%2f", "ä", long.as_str()] {
            assert_eq!(ToolsetName::parse(bad), Err(ToolsetNameError), "{bad}");
        }
    }

    #[test]
    fn texts_of_a_toolset_are_short_and_have_nothing_hidden() {
        assert_eq!(Toolset::title("  Support ").unwrap(), "Support");
        for bad in ["", "  ", "a\nb", "a\u{202e}b", "x".repeat(81).as_str()] {
            assert_eq!(Toolset::title(bad), Err(ToolsetError::Title(80)), "{bad:?}");
        }
        assert_eq!(Toolset::description("").unwrap(), "");
        for bad in ["a\nb", "a\u{200b}\u{202e}b", "x".repeat(501).as_str()] {
            assert_eq!(Toolset::description(bad), Err(ToolsetError::Description(500)), "{bad:?}");
        }
    }
}
