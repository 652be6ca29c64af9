//! The answer to a post: who wrote it, what is shown while the work lasts, and where it goes.

use std::{sync::Arc, time::Duration};

use doorward_language::text;
use doorward_model::ChatPost;

use super::{
    Author, Mattermost,
    answer::{Answer, Said},
    api::{ApiError, Post, PostedText},
    place::Place,
};

/// The interval between signs that the bot is typing.
const TYPING: Duration = Duration::from_secs(4);
/// The reactions to a post.
const SEEN: &str = "eyes";
const DONE: &str = "white_check_mark";
const FAILED: &str = "x";

impl Mattermost {
    /// Answers a post that may address the bot, unless a process does so already.
    pub(super) async fn answer_post(self: &Arc<Self>, post: Post, said: &str) {
        let author = match self.named_author(&post).await {
            Ok(Some(author)) => author,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(connector = %self.name, %error, "the author of a post could not be read");
                return;
            }
        };
        let claim = ChatPost {
            connector: self.name.clone(),
            post: post.id.clone(),
            channel: post.channel_id.clone(),
            root: post.root_id.clone(),
            claimed_at: self.office.now(),
        };
        match self.office.claim(&claim).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(connector = %self.name, %error, "a post could not be noted");
                return;
            }
        }
        let answer = async {
            if let Some(_turn) = self.turns.take(&post.user_id) {
                self.work_on(&post, &author.name, said).await
            } else {
                self.reply(&post, Answer::bad(&text::bot_busy())).await
            }
        };
        let done = author.language.speaking(answer).await;
        self.close(&post.id, done).await;
    }

    /// Notes the end of the work on a post. Where the chat server was not there for the answer, the
    /// post stays open and is answered later.
    pub(super) async fn close(&self, post: &str, done: Result<(), ApiError>) {
        match done {
            Ok(()) => {}
            Err(ApiError::Refused(status)) => {
                tracing::info!(connector = %self.name, post, status, "the chat server took no answer");
            }
            Err(error) => {
                tracing::warn!(connector = %self.name, post, %error, "a post is not answered yet");
                return;
            }
        }
        if let Err(error) = self.office.answered(&self.name, post).await {
            tracing::warn!(connector = %self.name, %error, "an answer could not be noted");
        }
    }

    /// The name of the author, if it is a user of the chat.
    async fn named_author(&self, post: &Post) -> Result<Option<Author>, ApiError> {
        if !post.is_by_user() || post.user_id == self.me().await?.id {
            return Ok(None);
        }
        let author = self.author(&post.user_id).await?;
        Ok(Some(author).filter(|author| !author.is_bot))
    }

    /// Answers a post, with its reactions and the sign that the bot is typing.
    async fn work_on(&self, post: &Post, name: &str, said: &str) -> Result<(), ApiError> {
        let me = self.me().await?;
        if let Err(error) = self.api.react(&me.id, &post.id, SEEN).await {
            tracing::debug!(connector = %self.name, %error, "a reaction was not taken");
        }
        let place = Place::Thread { channel: &post.channel_id, root: post.thread() };
        let said = Said { text: said, place };
        let typing = async {
            loop {
                self.api.typing(&me.id, &post.channel_id, post.thread()).await;
                tokio::time::sleep(TYPING).await;
            }
        };
        let answer = tokio::select! {
            answer = self.respond((&post.user_id, name), &said) => answer,
            () = typing => Answer::unavailable(),
        };
        self.reply(post, answer).await
    }

    /// Sends an answer: into the thread, or to its author alone.
    pub(super) async fn reply(&self, post: &Post, answer: Answer) -> Result<(), ApiError> {
        let me = self.me().await?;
        let once = |part: usize| format!("{}:{}:{part}", me.id, post.id);
        let failed = answer.failed;
        let mut parts = answer.parts;
        let personal = answer.personal && parts.iter().all(|part| part.attachments.is_none());
        if personal && self.api.channel(&post.channel_id).await?.kind != "D" {
            let direct = self.api.direct(&me.id, &post.user_id).await?;
            for (number, part) in parts.iter().enumerate() {
                self.api.say(&direct.id, "", &once(100 + number), &part.text).await?;
            }
            parts = vec![text::bot_answered_directly().to_string().into()];
        }
        for (number, part) in parts.iter().enumerate() {
            let text = PostedText { message: &part.text, attachments: part.attachments.as_ref() };
            self.api.say_with(&post.channel_id, post.thread(), &once(number), text).await?;
        }
        let _ = self.api.unreact(&me.id, &post.id, SEEN).await;
        let _ = self.api.react(&me.id, &post.id, if failed { FAILED } else { DONE }).await;
        Ok(())
    }
}
