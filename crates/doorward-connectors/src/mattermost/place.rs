//! The place of a message, to which its answer goes, and the calls that are put to users there.

use serde_json::{Map, Value};

/// Maximum number of bytes of arguments that are put to a user in a chat. Longer ones are shown on
/// the page.
const MOST_ARGUMENTS: usize = 4000;

/// The place of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// A thread of a channel.
    Thread {
        /// The channel.
        channel: &'a str,
        /// The first post of the thread.
        root: &'a str,
    },
    /// A slash command, which may be given where the bot is no member.
    Command,
}

impl<'a> Place<'a> {
    /// The first post of the thread.
    pub(super) fn thread(self) -> Option<&'a str> {
        match self {
            Self::Thread { root, .. } => Some(root),
            Self::Command => None,
        }
    }

    /// The URL of the thread at this chat server; empty where there is none.
    pub(super) fn url(self, server: &str) -> String {
        self.thread().map(|root| format!("{server}/_redirect/pl/{root}")).unwrap_or_default()
    }
}

/// A call of an account in a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedCall<'a> {
    /// The account.
    pub(super) account: &'a str,
    /// The place.
    pub(super) place: Place<'a>,
    /// The tool.
    pub(super) tool: &'a str,
    /// Its arguments.
    pub(super) arguments: &'a Map<String, Value>,
    /// The conversation of the agent that wants to make it.
    pub(super) conversation: Option<&'a str>,
}

impl PlacedCall<'_> {
    /// Reports a call whose arguments fit into a question in the chat.
    pub(super) fn fits(&self) -> bool {
        serde_json::to_vec(self.arguments).is_ok_and(|text| text.len() <= MOST_ARGUMENTS)
    }
}
