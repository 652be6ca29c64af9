//! Confirmations by buttons: a call that its user must confirm is put to them in the chat, and the
//! button carries the call, sealed.
//!
//! The contents of a button are for one account, tool and set of arguments, count once and not for
//! long. Mattermost keeps it to itself and states the account that pressed the button.

use std::sync::Arc;

use doorward_language::{Message, text};
use doorward_model::{ChatPost, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Mattermost,
    answer::Answer,
    api::{ApiError, PostedText},
    incoming::Received,
    part::Part,
    place::{Place, PlacedCall},
};
use crate::{
    Acting, AnsweredCall, Question,
    text::{inline, posts},
};

/// The seconds for which a button may be pressed.
const LIFETIME: i64 = 600;
/// A call that waits for its user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    connector: String,
    account: String,
    /// Empty for a slash command.
    channel: String,
    root: String,
    tool: String,
    arguments: Map<String, Value>,
    /// The conversation of the agent that wants to make it, and goes on with its result.
    conversation: Option<String>,
    state: String,
    nonce: String,
    until: i64,
}

/// The contents of a button.
#[derive(Serialize, Deserialize)]
struct Button {
    call: Waiting,
    agrees: bool,
}

impl Waiting {
    /// The place of the call.
    fn place(&self) -> Place<'_> {
        if self.channel.is_empty() {
            Place::Command
        } else {
            Place::Thread { channel: &self.channel, root: &self.root }
        }
    }
}

fn told(text: &Message) -> Received {
    Received::Body(json!({ "ephemeral_text": text.to_string() }))
}

impl Mattermost {
    /// The question about a call, as a post with two buttons.
    pub(super) fn question(&self, of: PlacedCall<'_>, asked: Question) -> Part {
        let (channel, root) = match of.place {
            Place::Thread { channel, root } => (channel, root),
            Place::Command => ("", ""),
        };
        let call = Waiting {
            connector: self.name.clone(),
            account: of.account.to_owned(),
            channel: channel.to_owned(),
            root: root.to_owned(),
            tool: of.tool.to_owned(),
            arguments: of.arguments.clone(),
            conversation: of.conversation.map(str::to_owned),
            state: asked.state,
            nonce: self.office.nonce(),
            until: self.office.now().plus(LIFETIME).0,
        };
        let url = self.office.connector_url(&self.name);
        let action = |id: &str, name: Message, style: &str, agrees: bool| {
            let button = Button { call: call.clone(), agrees };
            let plain = serde_json::to_vec(&button).unwrap_or_default();
            let context = json!({ "press": self.office.seal(&plain) });
            json!({
                "id": id, "name": name.to_string(), "style": style, "type": "button",
                "integration": {"url": url, "context": context},
            })
        };
        let attachments = json!([{
            "text": posts(&asked.text).join("\n"),
            "fallback": text::bot_must_confirm().to_string(),
            "actions": [
                action("confirm", text::bot_do_it(), "danger", true),
                action("decline", text::bot_do_not(), "default", false),
            ],
        }]);
        let question = match of.conversation {
            Some(_) => text::bot_agent_question(),
            None => text::bot_question(),
        };
        Part { text: question.to_string(), attachments: Some(attachments) }
    }

    /// Takes the press of a button whose contents were opened: of the account that it is for, once.
    pub(crate) async fn pressed(self: &Arc<Self>, plain: &[u8], account: &str) -> Received {
        let Ok(Button { call, agrees }) = serde_json::from_slice::<Button>(plain) else {
            return Received::Malformed;
        };
        if call.connector != self.name {
            return Received::Malformed;
        }
        let language = self.language_of(account).await;
        language.speaking(self.decided(call, agrees, account)).await
    }

    async fn decided(self: &Arc<Self>, call: Waiting, agrees: bool, account: &str) -> Received {
        if call.account != account {
            return told(&text::bot_press_other());
        }
        if self.office.now() >= Timestamp(call.until) {
            return told(&text::bot_press_expired());
        }
        let Some(turn) = self.turns.take(account) else { return told(&text::bot_busy()) };
        let claim = ChatPost {
            connector: self.name.clone(),
            post: format!("press-{}", call.nonce),
            channel: String::new(),
            root: String::new(),
            claimed_at: self.office.now(),
        };
        match self.office.claim(&claim).await {
            Ok(true) => {}
            Ok(false) => return told(&text::bot_press_again()),
            Err(error) => {
                tracing::error!(connector = %self.name, %error, "an answer could not be noted");
                return told(&text::bot_unavailable());
            }
        }
        let tool = inline(&call.tool);
        let message = if agrees { text::bot_confirmed(tool) } else { text::bot_declined(tool) };
        let message = message.to_string();
        let this = Arc::clone(self);
        self.own(async move {
            if let Err(error) = this.carry_out(&call, agrees).await {
                tracing::warn!(connector = %this.name, %error, "the result of a call was not told");
            }
            if let Err(error) = this.office.answered(&this.name, &claim.post).await {
                tracing::warn!(connector = %this.name, %error, "an answer could not be noted");
            }
            drop(turn);
        });
        Received::Body(json!({"update": {"message": message, "props": {"attachments": []}}}))
    }

    /// Makes the call or notes that it was declined, and tells its result, or what the agent makes
    /// of it.
    async fn carry_out(&self, call: &Waiting, agrees: bool) -> Result<(), ApiError> {
        let answer = match self.standing(&call.account, "").await {
            Ok(acting) => self.answered(acting.as_ref(), call, agrees).await,
            Err(answer) => answer,
        };
        let me = self.me().await?;
        let (channel, root) = if call.channel.is_empty() || answer.personal {
            (self.api.direct(&me.id, &call.account).await?.id, "")
        } else {
            (call.channel.clone(), call.root.as_str())
        };
        for (number, part) in answer.parts.iter().enumerate() {
            let once = format!("{}:press-{}:{number}", me.id, call.nonce);
            let text = PostedText { message: &part.text, attachments: part.attachments.as_ref() };
            self.api.say_with(&channel, root, &once, text).await?;
        }
        Ok(())
    }

    /// The answer to a decision; empty where the user declined.
    async fn answered(&self, acting: &dyn Acting, call: &Waiting, agrees: bool) -> Answer {
        let made = AnsweredCall {
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
            state: call.state.clone(),
            conversation: call.conversation.clone(),
            agrees,
        };
        if call.conversation.is_none() {
            let outcome = acting.answer(made).await;
            let texts = if agrees { posts(&outcome.text) } else { Vec::new() };
            return Answer::of(texts, outcome.failed);
        }
        let place = call.place();
        let url = place.url(&self.server);
        match acting.go_on(self.agent_place(place, &url), made).await {
            Some(told) if agrees => self.of_agent(acting, (&call.account, place), told).await,
            Some(_) => Answer::of(Vec::new(), false),
            None => Answer::bad(&text::bot_agent_disabled()),
        }
    }
}
