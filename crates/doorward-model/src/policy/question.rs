//! The facts of a use, of which rules decide.

use crate::{User, id::Program, upstream::ToolClass};

/// A kind of item that rules can distinguish with `kind=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A tool.
    Tool,
    /// A prompt, with the completion of its arguments.
    Prompt,
    /// A resource or a resource template, with the subscription to it.
    Resource,
}

impl ItemKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Tool, Self::Prompt, Self::Resource];

    /// The name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }
    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The facts that rules examine.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The user that the call is for.
    pub user: &'a User,
    /// The program that calls. Its name does not enter a decision: a client chooses it itself.
    pub program: Program<'a>,
    /// The item.
    pub item: QuestionedItem<'a>,
}

/// The facts about an item that rules and selections examine.
#[derive(Clone, Copy, Debug)]
pub struct QuestionedItem<'a> {
    /// The upstream; empty for a built-in tool.
    pub upstream: &'a str,
    /// The kind of the item.
    pub kind: ItemKind,
    /// The item's name at the upstream; the URI of a resource.
    pub tool: &'a str,
    /// The item's name among those of all upstreams, at every URL.
    pub listed_as: &'a str,
    /// Its effect on the world.
    pub class: ToolClass,
    /// True if it reaches beyond its server.
    pub open_world: bool,
    /// True if calling it again changes nothing more.
    pub idempotent: bool,
}
