//! The agent of this server: its conversations with users, and the tokens of the model that it uses
//! for them.

use serde::{Deserialize, Serialize};

use crate::{
    Change, Timestamp, UnitOfWork,
    id::{ConversationId, UserId},
    secret::Sealed,
};

/// The client as which the agent of this server acts, in policies and the audit.
pub const AGENT_CLIENT: &str = "agent";

/// A conversation of a user with the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its identifier.
    pub id: ConversationId,
    /// The only user who may read and continue it.
    pub user_id: UserId,
    /// The program through which the user began it, and through which alone they continue it: the
    /// identifier of a [`Program`](crate::Program).
    pub program: String,
    /// The URL of the place where it is held; empty where it has none.
    pub origin: String,
    /// The questions and answers, sealed.
    pub body: Sealed,
    /// The time of the last answer.
    pub updated_at: Timestamp,
    /// The time from which it is forgotten.
    pub expires_at: Timestamp,
}

/// A question or an answer of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The user said it; else the agent.
    pub by_user: bool,
    /// The text.
    pub text: String,
}

impl From<AgentChange> for Change {
    fn from(change: AgentChange) -> Self {
        Self::Agent(change)
    }
}

impl From<AgentChange> for UnitOfWork {
    fn from(change: AgentChange) -> Self {
        Change::from(change).into()
    }
}

/// A change to what the agent keeps.
#[derive(Clone, Debug)]
pub enum AgentChange {
    /// Takes tokens from what a user may use on a day. Conditional: fewer than `most` are used.
    Reserve {
        /// The user.
        user_id: UserId,
        /// The day, in days since 1970.
        day: i64,
        /// The number of tokens.
        tokens: i64,
        /// The number that a user may use on a day.
        most: i64,
    },
    /// Corrects a reservation by what was really used.
    Settle {
        /// The user.
        user_id: UserId,
        /// The day of the reservation.
        day: i64,
        /// The tokens that were used beyond the reservation; negative if it was too high.
        difference: i64,
    },
    /// Keeps a conversation that begins. Conditional: none of another user has its identifier.
    Keep {
        /// The conversation.
        conversation: Box<Conversation>,
        /// The number of conversations of the user that are kept; older ones are deleted.
        most: u64,
    },
    /// Keeps a conversation that goes on. Conditional: its user did not delete it meanwhile.
    GoOn(Box<Conversation>),
    /// Deletes a conversation. Conditional: this user has it.
    Forget {
        /// The user.
        user_id: UserId,
        /// The conversation.
        id: ConversationId,
    },
    /// Deletes all conversations of a user.
    ForgetAll(UserId),
}
