//! Chats: accounts at a chat server that act for users of this one, and posts that are answered
//! once.

use crate::{
    Change, Timestamp, UnitOfWork,
    id::{ChatLinkId, GrantId, UserId},
};

/// The client as which the connector of Mattermost acts, in policies and the audit.
pub const MATTERMOST_CLIENT: &str = "mattermost";

/// The link of an account at a chat server with a user. It counts as long as its grant is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLink {
    /// Its handle.
    pub id: ChatLinkId,
    /// The chat server, by its URL.
    pub server: String,
    /// The account there, by its identifier.
    pub account: String,
    /// The name of the account when it was linked: shown as text, never compared.
    pub name: String,
    /// The user for whom the account acts.
    pub user_id: UserId,
    /// The grant with which it acts.
    pub grant_id: GrantId,
    /// The time of the user's confirmation.
    pub created_at: Timestamp,
}

/// A post that this server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatPost {
    /// The name of the connector.
    pub connector: String,
    /// The post, by its identifier at the chat server.
    pub post: String,
    /// The channel; empty if the answer goes elsewhere.
    pub channel: String,
    /// The first post of its thread; empty if the post is the first.
    pub root: String,
    /// The time at which a process took it on.
    pub claimed_at: Timestamp,
}

impl From<ChatChange> for Change {
    fn from(change: ChatChange) -> Self {
        Self::Chat(change)
    }
}

impl From<ChatChange> for UnitOfWork {
    fn from(change: ChatChange) -> Self {
        Change::from(change).into()
    }
}

/// A change to chats.
#[derive(Clone, Debug)]
pub enum ChatChange {
    /// Links an account. Conditional: it has no link in force.
    Link {
        /// The link.
        link: Box<ChatLink>,
        /// The present moment.
        now: Timestamp,
    },
    /// Ends a link. Conditional: it exists and is this user's.
    Unlink {
        /// The link.
        id: ChatLinkId,
        /// The user.
        user_id: UserId,
    },
    /// Takes a post on. Conditional: no process took it on before.
    Claim(ChatPost),
    /// Takes a post on that another process left unanswered. Conditional: nothing happened to it
    /// since it was read.
    TakeOver {
        /// The post, as it was read.
        post: ChatPost,
        /// The present moment.
        now: Timestamp,
    },
    /// Notes that a post was answered.
    Answered {
        /// The name of the connector.
        connector: String,
        /// The post.
        post: String,
        /// The time.
        at: Timestamp,
    },
}
