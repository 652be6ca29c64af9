//! An external back end (`POST /responses` of OpenAI, as others offer it too): it gets the question
//! with the URL of this server's tools and a token for the user, and calls them itself.

use std::time::Duration;

use doorward_model::foreign;
use doorward_transport::{Outbound, OutboundConfig};
use serde_json::{Value, json};

use crate::{
    AgentConfig, Citation, Listener, Pass, SettingError,
    message::Message,
    reader::{Reader, Sign, Unusable},
    reply::{MOST_TEXT, MOST_TOKENS},
    spending::Spending,
    wire::{Asking, Fault, Wire},
};

/// The name of this server among the tools of the back end.
const LABEL: &str = "doorward";
/// Maximum number of sources of an answer.
const MOST_SOURCES: usize = 99;
/// Maximum number of characters of a title or a location.
const LONGEST: usize = 300;
/// Maximum number of bytes of results in which pages of this server are looked for.
const MOST_RESULTS: usize = 512 * 1024;

/// The back end.
pub(crate) struct BackEnd {
    wire: Wire,
    model: String,
    answer_tokens: u32,
}

/// A question for the back end.
pub(crate) struct Question<'a> {
    pub(crate) instructions: &'a str,
    pub(crate) messages: &'a [Message],
    pub(crate) pass: &'a Pass,
    /// The longest silence of the back end.
    pub(crate) patience: Duration,
}

/// The answer of the back end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BackEndReply {
    pub(crate) text: String,
    pub(crate) citations: Vec<Citation>,
    /// The results of its calls, as it states them.
    pub(crate) results: String,
    /// The tokens that were used for it, as it counts them.
    pub(crate) tokens: Option<i64>,
    /// It reached the limit of its length.
    pub(crate) is_cut: bool,
}

impl BackEnd {
    pub(crate) fn new(
        settings: &AgentConfig,
        outbound: &Outbound,
        general: &OutboundConfig,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            wire: Wire::new(settings, outbound, general)?,
            model: settings.model.clone(),
            answer_tokens: settings.answer_tokens,
        })
    }

    /// Asks the back end.
    pub(crate) async fn ask(
        &self,
        question: &Question<'_>,
        listener: &dyn Listener,
        spending: &Spending<'_>,
    ) -> Result<BackEndReply, Fault> {
        self.wire.ask(&AskedBackEnd { back_end: self, question }, listener, spending).await
    }
}

/// A question to this back end.
struct AskedBackEnd<'a> {
    back_end: &'a BackEnd,
    question: &'a Question<'a>,
}

impl Asking for AskedBackEnd<'_> {
    type Reader = Arriving;

    fn body(&self) -> Value {
        let Question { instructions, messages, pass, .. } = self.question;
        let input: Vec<Value> = messages.iter().map(Message::value).collect();
        let mut body = json!({
            "stream": true, "store": false, "instructions": instructions, "input": input,
            "max_output_tokens": self.back_end.answer_tokens,
            "metadata": {"transaction": pass.transaction},
            "tools": [{
                "type": "mcp", "server_label": LABEL, "server_url": pass.url,
                "authorization": pass.token.reveal(), "require_approval": "never",
            }],
        });
        if let Value::Object(members) = &mut body
            && !self.back_end.model.trim().is_empty()
        {
            members.insert("model".to_owned(), self.back_end.model.as_str().into());
        }
        body
    }

    fn reader(&self) -> Arriving {
        Arriving {
            transaction: self.question.pass.transaction.clone(),
            secret: self.question.pass.token.reveal().to_owned(),
            reply: None,
        }
    }

    fn adapts(&self, _: &str) -> bool {
        false
    }

    fn was_taken(&self) {}

    /// A back end that failed may have made calls.
    fn may_repeat(&self) -> bool {
        !self.question.pass.may_change
    }

    fn hide(&self, text: String) -> String {
        hidden(&text, self.question.pass.token.reveal())
    }

    fn patience(&self) -> Duration {
        self.question.patience
    }
}

fn hidden(text: &str, secret: &str) -> String {
    text.replace(secret, "…")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn all<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A response, as it arrives. Its text is read once, from the whole response at the end.
pub(crate) struct Arriving {
    transaction: String,
    secret: String,
    reply: Option<BackEndReply>,
}

impl Arriving {
    /// The call of a tool that an event is about.
    fn called(event: &Value) -> Option<String> {
        let item = event.get("item").filter(|item| text(item, "type") == "mcp_call")?;
        Some(foreign::line(text(item, "name"), foreign::LINE).into_owned())
    }

    /// Takes the whole response.
    fn response(&mut self, response: &Value) -> Result<(), Unusable> {
        let transaction = response.pointer("/metadata/transaction").and_then(Value::as_str);
        if transaction != Some(self.transaction.as_str()) {
            return Err(Unusable::Mismatch);
        }
        let mut reply = BackEndReply {
            is_cut: match text(response, "status") {
                "completed" => false,
                "incomplete" => true,
                "failed" | "cancelled" => return Err(Unusable::Failure),
                _ => return Err(Unusable::Truncated),
            },
            tokens: counted(response),
            ..BackEndReply::default()
        };
        for item in all(response, "output") {
            match text(item, "type") {
                "message" => self.add_message(&mut reply, item)?,
                "mcp_call" => add_result(&mut reply, item),
                _ => {}
            }
        }
        if reply.text.trim().is_empty() {
            return Err(Unusable::Empty);
        }
        self.reply = Some(reply);
        Ok(())
    }

    fn add_message(&self, reply: &mut BackEndReply, message: &Value) -> Result<(), Unusable> {
        for part in all(message, "content").filter(|part| text(part, "type") == "output_text") {
            let said = hidden(text(part, "text"), &self.secret);
            if reply.text.len() + said.len() > MOST_TEXT {
                return Err(Unusable::TooLong);
            }
            if !reply.text.is_empty() {
                reply.text.push_str("\n\n");
            }
            reply.text.push_str(&said);
            let sources =
                all(part, "annotations").filter(|one| text(one, "type") == "url_citation");
            for source in sources {
                let line = |name: &str| {
                    foreign::line(&hidden(text(source, name), &self.secret), LONGEST).into_owned()
                };
                let (title, location) = (line("title"), line("url"));
                let known = reply.citations.iter().any(|one| one.location == location);
                if location.is_empty() || known || reply.citations.len() == MOST_SOURCES {
                    continue;
                }
                let number = reply.citations.len() + 1;
                let title = if title.is_empty() { location.clone() } else { title };
                reply.citations.push(Citation { number, title, location, id: None });
            }
        }
        Ok(())
    }
}

fn add_result(reply: &mut BackEndReply, call: &Value) {
    for result in [text(call, "output"), text(call, "error")] {
        if reply.results.len() + result.len() <= MOST_RESULTS {
            reply.results.push_str(result);
            reply.results.push('\n');
        }
    }
}

fn counted(response: &Value) -> Option<i64> {
    let usage = response.get("usage")?;
    let number = |name: &str| usage.get(name).and_then(Value::as_i64);
    let parts = || Some(number("input_tokens")?.saturating_add(number("output_tokens")?));
    number("total_tokens").or_else(parts).map(|tokens| tokens.clamp(0, MOST_TOKENS))
}

impl Reader for Arriving {
    type Reply = BackEndReply;

    fn take(&mut self, event: &Value) -> Result<Option<Sign>, Unusable> {
        Ok(match text(event, "type") {
            "response.output_item.added" => Self::called(event).map(Sign::Calling),
            "response.output_item.done" => Self::called(event).map(Sign::GotResult),
            "response.output_text.delta" => Some(Sign::Generating),
            "response.completed" | "response.incomplete" => {
                self.response(event.get("response").unwrap_or(&Value::Null))?;
                None
            }
            "response.failed" | "error" => return Err(Unusable::Failure),
            _ => None,
        })
    }

    fn is_complete(&self) -> bool {
        self.reply.is_some()
    }

    fn take_whole(&mut self, response: &Value) -> Result<Option<Sign>, Unusable> {
        self.response(response)?;
        Ok(Some(Sign::Generating))
    }

    fn end(self) -> Result<BackEndReply, Unusable> {
        self.reply.ok_or(Unusable::Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arriving() -> Arriving {
        Arriving { transaction: "t1".into(), secret: "dw_ag_secret".into(), reply: None }
    }

    fn whole(response: &Value) -> Result<BackEndReply, Unusable> {
        let mut arriving = arriving();
        arriving.take_whole(response)?;
        arriving.end()
    }

    fn response(status: &str, output: &Value) -> Value {
        json!({"status": status, "metadata": {"transaction": "t1"}, "output": output})
    }

    #[test]
    fn cf5_cf17_an_answer_is_read_once_belongs_to_its_question_and_repeats_no_token() {
        let source = json!({"type": "url_citation", "title": "Guide", "url": "https://a.example/"});
        let output = json!([
            {"type": "reasoning", "summary": []},
            {"type": "mcp_call", "name": "find", "output": "found", "error": null},
            {"type": "message", "content": [
                {"type": "output_text", "text": "So, dw_ag_secret.", "annotations": [source, source]},
                {"type": "refusal", "refusal": "no"},
                {"type": "output_text", "text": "Really.", "annotations": []},
            ]},
        ]);
        let mut good = response("completed", &output);
        good["usage"] = json!({"input_tokens": 3, "output_tokens": 4});
        let reply = whole(&good).unwrap();
        assert_eq!((reply.text.as_str(), reply.tokens), ("So, ….\n\nReally.", Some(7)));
        assert_eq!((reply.citations.len(), reply.results.trim()), (1, "found"));
        let mut stream = arriving();
        let delta = json!({"type": "response.output_text.delta", "delta": "So"});
        assert_eq!(stream.take(&delta), Ok(Some(Sign::Generating)));
        let added = json!({"type": "response.output_item.added", "item": {"type": "mcp_call", "name": "find"}});
        assert_eq!(stream.take(&added), Ok(Some(Sign::Calling("find".into()))));
        assert!(!stream.is_complete());
        stream.take(&json!({"type": "response.completed", "response": good})).unwrap();
        assert!(stream.is_complete());
        assert_eq!(stream.end(), Ok(reply));
        let mut other = good.clone();
        other["metadata"]["transaction"] = "t2".into();
        assert_eq!(whole(&other), Err(Unusable::Mismatch));
        other["metadata"] = Value::Null;
        assert_eq!(whole(&other), Err(Unusable::Mismatch));
    }

    #[test]
    fn answers_that_are_cut_empty_failed_or_endless_are_told_apart() {
        let said = |text: &str| json!([{"type": "message", "content": [{"type": "output_text", "text": text}]}]);
        assert!(whole(&response("incomplete", &said("It"))).unwrap().is_cut);
        assert_eq!(whole(&response("completed", &said(" "))), Err(Unusable::Empty));
        assert_eq!(whole(&response("failed", &said("It"))), Err(Unusable::Failure));
        assert_eq!(whole(&response("in_progress", &said("It"))), Err(Unusable::Truncated));
        let long = "x".repeat(MOST_TEXT + 1);
        assert_eq!(whole(&response("completed", &said(&long))), Err(Unusable::TooLong));
        assert_eq!(arriving().end(), Err(Unusable::Truncated));
        assert_eq!(arriving().take(&json!({"type": "error"})), Err(Unusable::Failure));
    }
}
