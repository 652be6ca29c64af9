//! The messages of a conversation, as the endpoint has them.

use doorward_model::Said;
use serde_json::{Value, json};

/// A call that the model wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WantedCall {
    /// The name, as the model wrote it.
    pub(crate) name: String,
    /// The arguments, as the model wrote them.
    pub(crate) arguments: String,
}

/// A message to the model.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// The instructions.
    System(String),
    /// The user's words.
    User(String),
    /// An answer of the model.
    Assistant(String),
    /// The calls that the model wanted, with the identifiers that they were given here.
    Calls(Vec<(String, WantedCall)>),
    /// The result of the call with this identifier.
    Result(String, String),
}

impl Message {
    /// The message in the format of the endpoint.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::System(text) => json!({"role": "system", "content": text}),
            Self::User(text) => json!({"role": "user", "content": text}),
            Self::Assistant(text) => json!({"role": "assistant", "content": text}),
            Self::Calls(calls) => {
                let call = |(id, call): &(String, WantedCall)| {
                    // Endpoints refuse a history with arguments that are no JSON.
                    let is_json = serde_json::from_str::<Value>(&call.arguments).is_ok();
                    let arguments = if is_json { call.arguments.as_str() } else { "{}" };
                    json!({
                        "id": id, "type": "function",
                        "function": {"name": call.name, "arguments": arguments},
                    })
                };
                let calls: Vec<Value> = calls.iter().map(call).collect();
                json!({"role": "assistant", "content": null, "tool_calls": calls})
            }
            Self::Result(id, text) => {
                json!({"role": "tool", "tool_call_id": id, "content": text})
            }
        }
    }

    /// About the number of bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        40 + match self {
            Self::System(text)
            | Self::User(text)
            | Self::Assistant(text)
            | Self::Result(_, text) => text.len(),
            Self::Calls(calls) => {
                calls.iter().map(|(_, call)| 80 + call.name.len() + call.arguments.len()).sum()
            }
        }
    }
}

/// The messages of earlier turns: the last so many, in so many bytes.
pub(crate) fn history(said: &[Said], most: usize, bytes: usize) -> Vec<Message> {
    let mut left = bytes;
    let fits = |one: &&Said| {
        let remaining = left.checked_sub(one.text.len());
        left = remaining.unwrap_or(0);
        remaining.is_some()
    };
    let mut kept: Vec<&Said> = said.iter().rev().take(most).take_while(fits).collect();
    kept.reverse();
    let message = |one: &Said| {
        if one.by_user {
            Message::User(one.text.clone())
        } else {
            Message::Assistant(one.text.clone())
        }
    };
    kept.into_iter().map(message).collect()
}

/// Shortens old results until all messages have at most so many bytes.
pub(crate) fn shorten(messages: &mut [Message], most: usize) {
    let mut total: usize = messages.iter().map(Message::bytes).sum();
    let last = messages.len().saturating_sub(1);
    for message in messages.iter_mut().take(last) {
        if total <= most {
            return;
        }
        if let Message::Result(_, text) = message {
            let stub = "(This result was left out, because the conversation is too long.)";
            if text.len() > stub.len() {
                total -= text.len() - stub.len();
                stub.clone_into(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_keeps_the_newest_within_its_limits() {
        let said = |text: &str| Said { by_user: true, text: text.to_owned() };
        let all = [said("aaaa"), said("bbbb"), said("cccc")];
        let texts = |most: usize, bytes: usize| -> Vec<String> {
            let kept = history(&all, most, bytes);
            kept.iter().map(|one| one.value()["content"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(texts(2, 100), ["bbbb", "cccc"]);
        assert_eq!(texts(9, 9), ["bbbb", "cccc"]);
        assert_eq!(texts(9, 3), Vec::<String>::new());
    }

    #[test]
    fn old_results_give_way_to_new_ones_and_no_call_loses_its_result() {
        let result = |id: &str| Message::Result(id.to_owned(), "x".repeat(1000));
        let mut messages = vec![Message::User("q".into()), result("1"), result("2"), result("3")];
        shorten(&mut messages, 2400);
        let lengths: Vec<usize> = messages.iter().map(Message::bytes).collect();
        assert!(lengths[1] < 200 && lengths[2] == 1040 && lengths[3] == 1040, "{lengths:?}");
        shorten(&mut messages, 10);
        assert_eq!(messages.len(), 4);
        assert_eq!(messages[3].bytes(), 1040, "the newest result stays");
    }

    #[test]
    fn arguments_that_are_no_json_do_not_go_back_to_the_endpoint() {
        let call = WantedCall { name: "a".into(), arguments: "{\"x\":".into() };
        let value = Message::Calls(vec![("1".into(), call)]).value();
        assert_eq!(value["tool_calls"][0]["function"]["arguments"], "{}");
    }
}
