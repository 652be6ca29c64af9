//! Conversations of users with the agent, as the database holds them.

use doorward_model::{ConversationId, Said, Sealed};

use crate::MasterKey;

fn place(id: &ConversationId) -> String {
    format!("conversation/{id}")
}

impl MasterKey {
    /// Seals the questions and answers of a conversation.
    pub fn seal_conversation(&self, id: &ConversationId, said: &[Said]) -> Sealed {
        self.seal(&place(id), &serde_json::to_vec(said).unwrap_or_default())
    }

    /// Opens the questions and answers of a conversation; `None` if they are of another one or of
    /// another master key.
    pub fn open_conversation(&self, id: &ConversationId, body: &Sealed) -> Option<Vec<Said>> {
        let plain = self.open(&place(id), body).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}
