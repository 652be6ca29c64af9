//! Confirmations by buttons: a call that its user must confirm is put to them in the chat, and the
//! button carries the call, sealed.
//!
//! The contents of a button are for one account, tool and set of arguments, count once and not for
//! long. Mattermost keeps it to itself and states the account that pressed the button.

use std::sync::Arc;

use doorward_model::{ChatPost, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Mattermost,
    answer::Answer,
    api::ApiError,
    incoming::Received,
    place::{Place, PlacedCall},
};
use crate::{
    Acting, Outcome, Question,
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

fn told(text: &str) -> Received {
    Received::Body(json!({ "ephemeral_text": text }))
}

impl Mattermost {
    /// The question about a call, as the attachment of a message with its two buttons.
    pub(super) fn question(&self, of: PlacedCall<'_>, Question { text, state }: Question) -> Value {
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
            state,
            nonce: self.office.nonce(),
            until: self.office.now().plus(LIFETIME).0,
        };
        let url = self.office.connector_url(&self.name);
        let action = |id: &str, name: &str, style: &str, agrees: bool| {
            let button = Button { call: call.clone(), agrees };
            let plain = serde_json::to_vec(&button).unwrap_or_default();
            let context = json!({ "press": self.office.seal(&plain) });
            json!({
                "id": id, "name": name, "style": style, "type": "button",
                "integration": {"url": url, "context": context},
            })
        };
        json!([{
            "text": posts(&text).join("\n"),
            "fallback": "This call must be confirmed.",
            "actions": [
                action("confirm", "Do it", "danger", true),
                action("decline", "Do not", "default", false),
            ],
        }])
    }

    /// Takes the press of a button whose contents were opened: of the account that it is for, once.
    pub(crate) async fn pressed(self: &Arc<Self>, plain: &[u8], account: &str) -> Received {
        let Ok(Button { call, agrees }) = serde_json::from_slice::<Button>(plain) else {
            return Received::Malformed;
        };
        if call.connector != self.name {
            return Received::Malformed;
        }
        if call.account != account {
            return told("Only the user who made this call can answer.");
        }
        if self.office.now() >= Timestamp(call.until) {
            return told("This question has expired. Make the call again.");
        }
        let Some(turn) = self.turns.take(account) else {
            return told("Too many of your messages are under way. Wait for the answers.");
        };
        let claim = ChatPost {
            connector: self.name.clone(),
            post: format!("press-{}", call.nonce),
            channel: String::new(),
            root: String::new(),
            claimed_at: self.office.now(),
        };
        match self.office.claim(&claim).await {
            Ok(true) => {}
            Ok(false) => return told("This question was answered already."),
            Err(error) => {
                tracing::error!(connector = %self.name, %error, "an answer could not be noted");
                return told(&Answer::unavailable().text());
            }
        }
        let tool = inline(&call.tool);
        let message = if agrees {
            format!("{tool} was confirmed.")
        } else {
            format!("{tool} was declined and not called.")
        };
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

    /// Makes the call or notes that it was declined, and tells its result.
    async fn carry_out(&self, call: &Waiting, agrees: bool) -> Result<(), ApiError> {
        let parts = match self.standing(&call.account, "").await {
            Ok(acting) => {
                let outcome = decided(acting.as_ref(), call, agrees).await;
                if agrees { posts(&outcome.text) } else { Vec::new() }
            }
            Err(answer) => answer.parts,
        };
        let me = self.me().await?;
        let channel = if call.channel.is_empty() {
            self.api.direct(&me.id, &call.account).await?.id
        } else {
            call.channel.clone()
        };
        for (number, part) in parts.iter().enumerate() {
            let once = format!("{}:press-{}:{number}", me.id, call.nonce);
            self.api.say(&channel, &call.root, &once, part).await?;
        }
        Ok(())
    }
}

async fn decided(acting: &dyn Acting, call: &Waiting, agrees: bool) -> Outcome {
    acting.answer(&call.tool, call.arguments.clone(), call.state.clone(), agrees).await
}
