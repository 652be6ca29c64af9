//! Buttons of messages: the server keeps what they carry, and sends it with the account that
//! pressed one.

use serde_json::{Value, json};

use super::{FakeMattermost, identifier};
use crate::{Browser, Page};

/// The button of this name below a message, of a post or of the answer to a command: the URL to
/// which its press goes, and what it carries.
pub fn button(attachments: &Value, name: &str) -> (String, Value) {
    let actions = attachments[0]["actions"].as_array().unwrap_or_else(|| panic!("{attachments}"));
    let action = actions.iter().find(|action| action["name"] == name).unwrap();
    let integration = &action["integration"];
    (integration["url"].as_str().unwrap().to_owned(), integration["context"].clone())
}

impl FakeMattermost {
    /// The attachments of the last post of the bot in a channel.
    pub fn attachments(&self, channel: &str) -> Value {
        let kept = self.kept();
        let own = kept.posts.iter().rev().find(|post| {
            post.channel == channel
                && post.author == self.bot
                && post.props["attachments"].is_array()
        });
        own.map_or(Value::Null, |post| post.props["attachments"].clone())
    }

    /// Sends the press of a button by an account, as the server does.
    pub async fn press(&self, (url, context): &(String, Value), account: &str) -> Page {
        let body = json!({
            "user_id": account, "user_name": "ally-there", "channel_id": identifier("chan", 99),
            "channel_name": "town-square", "team_id": identifier("team", 1), "team_domain": "team",
            "post_id": identifier("post", 1), "trigger_id": "t", "type": "button", "data_source": "",
            "context": context,
        });
        Browser::new().post_json(url, &body).await
    }

    /// A new name of a slash command's `response_url`.
    pub fn hook(&self) -> String {
        self.kept().next("hook")
    }
}
