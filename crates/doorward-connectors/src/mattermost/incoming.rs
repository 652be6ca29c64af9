//! Requests of the Mattermost server: slash commands and outgoing webhooks. They are answered
//! within a second; the work goes on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use doorward_language::{Language, text};
use doorward_model::ChatPost;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    Mattermost,
    answer::{Answer, Said},
    api::is_id,
    part::Part,
    place::Place,
};

/// For how long a slash command waits for its answer.
const AT_ONCE: Duration = Duration::from_millis(500);
/// The most later answers to a slash command that Mattermost takes.
const MOST_LATER: usize = 5;

/// The members of a request.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) members: BTreeMap<String, String>,
    /// The contents of the button, where one was pressed.
    pub(crate) press: Option<String>,
}

/// The answer to a request.
pub(crate) enum Received {
    /// It is worked on, or was answered.
    Body(Value),
    /// It is not as Mattermost sends it.
    Malformed,
}

impl Incoming {
    /// A member; empty if it is missing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.members.get(name).map(String::as_str).unwrap_or_default()
    }
    /// Reports a slash command, which an outgoing webhook is not.
    pub(crate) fn is_command(&self) -> bool {
        self.members.contains_key("command")
    }
}

/// Messages that only the author of a command sees. Where they are too many for Mattermost, the end
/// of the text is left out, and no question.
fn messages(answer: Answer) -> Vec<Value> {
    let mut parts = answer.parts;
    while parts.len() > MOST_LATER
        && let Some(last) = parts.iter().rposition(|part| part.attachments.is_none())
    {
        parts.remove(last);
    }
    let message = |part: Part| {
        let mut message = json!({"response_type": "ephemeral", "text": part.text});
        if let (Some(attachments), Value::Object(members)) = (part.attachments, &mut message) {
            members.insert("attachments".to_owned(), attachments);
        }
        message
    };
    parts.into_iter().map(message).collect()
}

/// The messages as the response to a command.
fn body(messages: Vec<Value>) -> Value {
    let mut messages = messages.into_iter();
    let mut first = messages.next().unwrap_or_else(|| json!({}));
    let more: Vec<Value> = messages.collect();
    if !more.is_empty()
        && let Value::Object(members) = &mut first
    {
        members.insert("extra_responses".to_owned(), more.into());
    }
    first
}

/// The part of a `response_url` that names the command. Its host is not used: answers go to the
/// configured server.
fn hook(response_url: &str) -> Option<String> {
    let (_, hook) = response_url.rsplit_once("/hooks/commands/")?;
    is_id(hook).then(|| hook.to_owned())
}

impl Mattermost {
    /// Takes a request with the right token.
    pub(crate) async fn receive(self: &Arc<Self>, incoming: Incoming) -> Received {
        if incoming.is_command() {
            let language = self.language_of(incoming.get("user_id")).await;
            return language.speaking(self.command(&incoming)).await;
        }
        let (post, author) = (incoming.get("post_id"), incoming.get("user_id"));
        let channel = incoming.get("channel_id");
        if ![post, author, channel].into_iter().all(is_id) {
            return Received::Malformed;
        }
        let (this, trigger) = (Arc::clone(self), incoming.get("trigger_word").to_owned());
        let told = (post.to_owned(), author.to_owned(), channel.to_owned());
        // The text of the request is not used: the post is read at the server.
        self.own(async move { this.look_up(told, &trigger).await });
        Received::Body(json!({}))
    }

    /// Work that goes on after the request, in a task that the end of the program waits for.
    pub(super) fn own(&self, work: impl Future<Output = ()> + Send + 'static) {
        let work = Language::current().speaking(work);
        self.tasks.spawn(self.office.serving(&self.name, Box::pin(work)));
    }

    /// Reads the post of a webhook and answers it.
    async fn look_up(self: Arc<Self>, told: (String, String, String), trigger: &str) {
        let (id, author, channel) = told;
        let post = match self.api.post(&id).await {
            Ok(post) => post,
            Err(error) => {
                tracing::warn!(connector = %self.name, %error, "the post of a webhook could not be read");
                return;
            }
        };
        if post.id != id || post.user_id != author || post.channel_id != channel {
            tracing::warn!(connector = %self.name, post = %id, "a webhook was refused: the post has another author or channel than it states");
            return;
        }
        let trimmed = post.message.trim_start();
        let said = trimmed.strip_prefix(trigger).unwrap_or(trimmed).to_owned();
        let said = self.without_mention(&said).await.unwrap_or(said);
        self.answer_post(post, &said).await;
    }

    /// Answers a slash command: at once if that is possible, else later.
    async fn command(self: &Arc<Self>, incoming: &Incoming) -> Received {
        let account = incoming.get("user_id");
        let Some(hook) = hook(incoming.get("response_url")).filter(|_| is_id(account)) else {
            return Received::Malformed;
        };
        let Some(turn) = self.turns.take(account) else {
            return Received::Body(body(messages(Answer::bad(&text::bot_busy()))));
        };
        let post = ChatPost {
            connector: self.name.clone(),
            post: format!("command-{hook}"),
            channel: String::new(),
            root: String::new(),
            claimed_at: self.office.now(),
        };
        match self.office.claim(&post).await {
            Ok(true) => {}
            // The same command, sent again.
            Ok(false) => return Received::Body(json!({})),
            Err(error) => {
                tracing::error!(connector = %self.name, %error, "a command could not be noted");
                return Received::Body(body(messages(Answer::unavailable())));
            }
        }
        let (this, account) = (Arc::clone(self), account.to_owned());
        let (name, said) = (incoming.get("user_name").to_owned(), incoming.get("text").to_owned());
        let (tell, mut told) = oneshot::channel::<Vec<Value>>();
        self.own(async move {
            let said = Said { text: &said, place: Place::Command };
            let answer = this.respond((&account, &name), &said).await;
            if let Err(late) = tell.send(messages(answer)) {
                // The request was answered meanwhile.
                for message in late {
                    if let Err(error) = this.api.respond(&hook, &message).await {
                        tracing::warn!(connector = %this.name, %error, "a command was not answered");
                        break;
                    }
                }
            }
            if let Err(error) = this.office.answered(&this.name, &post.post).await {
                tracing::warn!(connector = %this.name, %error, "an answer could not be noted");
            }
            drop(turn);
        });
        let said = match tokio::time::timeout(AT_ONCE, &mut told).await {
            Ok(Ok(said)) => said,
            Ok(Err(_)) => messages(Answer::unavailable()),
            Err(_) => {
                // From here on the answer goes to the response_url, unless it came just now.
                told.close();
                told.try_recv()
                    .unwrap_or_else(|_| messages(Answer::good(text::bot_working().to_string())))
            }
        };
        Received::Body(body(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_identifier_of_a_response_url_is_used() {
        let id = "abcdefghijklmnopqrstuvwxy1";
        assert_eq!(hook(&format!("http://evil.example/hooks/commands/{id}")).as_deref(), Some(id));
        assert_eq!(hook("https://chat.example/hooks/commands/../../api/v4/users"), None);
        assert_eq!(hook("https://chat.example/"), None);
    }
}
