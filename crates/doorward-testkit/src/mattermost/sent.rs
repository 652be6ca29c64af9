//! Slash commands and outgoing webhooks, as the server sends them.

use serde_json::json;

use super::{FakeMattermost, identifier};
use crate::{Browser, Page};

impl FakeMattermost {
    /// Sends a slash command, as the server does; `hook` names its `response_url`.
    pub async fn command(
        &self,
        connector: &str,
        token: &str,
        (account, hook): (&str, &str),
        text: &str,
    ) -> Page {
        let response_url = format!("{}/hooks/commands/{hook}", self.url);
        let fields = [
            ("channel_id", identifier("chan", 99)),
            ("channel_name", "town-square".to_owned()),
            ("command", "/doorward".to_owned()),
            ("response_url", response_url),
            ("team_domain", "team".to_owned()),
            ("team_id", identifier("team", 1)),
            ("text", text.to_owned()),
            ("token", token.to_owned()),
            ("trigger_id", "t".to_owned()),
            ("user_id", account.to_owned()),
            ("user_name", "ally-there".to_owned()),
        ];
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Browser::new().post(connector, &fields).await
    }

    /// Sends the outgoing webhook of a post, as the server does.
    pub async fn webhook(&self, connector: &str, token: &str, post: &str, author: &str) -> Page {
        let channel = {
            let kept = self.kept();
            kept.posts.iter().find(|known| known.id == post).unwrap().channel.clone()
        };
        let body = json!({
            "token": token, "team_id": identifier("team", 1), "team_domain": "team", "channel_id": channel,
            "channel_name": "town-square", "timestamp": 1, "user_id": author, "user_name": "ally-there",
            "post_id": post, "text": "what the webhook states is not used", "trigger_word": "doorward", "file_ids": "",
        });
        Browser::new().post_json(connector, &body).await
    }
}
