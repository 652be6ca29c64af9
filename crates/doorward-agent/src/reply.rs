//! The reply of the model, put together from the pieces of a stream or read as a whole.

use serde_json::Value;

use crate::{
    message::WantedCall,
    reader::{Reader, Sign, Unusable},
};

/// Maximum number of bytes of a text.
pub(crate) const MOST_TEXT: usize = 256 * 1024;
/// Maximum number of bytes of the arguments of one call.
const MOST_ARGUMENTS: usize = 256 * 1024;
/// Maximum number of calls of one reply.
const MOST_CALLS: usize = 16;
/// The highest number of tokens that is believed.
pub(crate) const MOST_TOKENS: i64 = 10_000_000;

/// A reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) calls: Vec<WantedCall>,
    /// The tokens that were used for it, as the endpoint counts them.
    pub(crate) tokens: Option<i64>,
    /// It reached the limit of its length.
    pub(crate) is_cut: bool,
}

/// The part of a reply that has arrived.
#[derive(Debug, Default)]
pub(crate) struct Arriving {
    reply: Reply,
    /// Number and identifier of each call, as the endpoint states them.
    named: Vec<(Option<u64>, Option<String>)>,
    finished: bool,
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The texts of a message or of a piece of one: its content, or the parts of its content that are
/// texts.
fn said(delta: &Value) -> Vec<&str> {
    match delta.get("content") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| text(part, "text")).collect(),
        _ => Vec::new(),
    }
}

/// An answer without the thoughts that some models write before it.
fn without_thoughts(told: String) -> String {
    let thoughts = told.trim_start().strip_prefix("<think>");
    match thoughts.and_then(|told| told.split_once("</think>")) {
        Some((_, answer)) => answer.trim_start().to_owned(),
        None => told,
    }
}

impl Reader for Arriving {
    type Reply = Reply;

    fn take(&mut self, piece: &Value) -> Result<Option<Sign>, Unusable> {
        if piece.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Unusable::Failure);
        }
        self.count(piece);
        // Only the first choice was asked for; the last piece, with the usage, has none.
        let Some(choice) = piece.pointer("/choices/0") else { return Ok(None) };
        let told = match choice.get("delta") {
            Some(delta) => self.add(delta)?,
            None => false,
        };
        self.finish(choice);
        Ok(told.then_some(Sign::Generating))
    }

    /// The usage follows the end of the text.
    fn is_complete(&self) -> bool {
        false
    }

    fn take_whole(&mut self, response: &Value) -> Result<Option<Sign>, Unusable> {
        if response.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Unusable::Failure);
        }
        self.count(response);
        let choice = response.pointer("/choices/0").ok_or(Unusable::Empty)?;
        let told = match choice.get("message") {
            Some(message) => self.add(message)?,
            None => false,
        };
        self.finish(choice);
        self.finished = true;
        Ok(told.then_some(Sign::Generating))
    }

    fn end(mut self) -> Result<Reply, Unusable> {
        if !self.finished {
            return Err(Unusable::Truncated);
        }
        self.reply.text = without_thoughts(self.reply.text);
        if self.reply.calls.is_empty() && self.reply.text.trim().is_empty() {
            return Err(Unusable::Empty);
        }
        Ok(self.reply)
    }
}

impl Arriving {
    fn finish(&mut self, choice: &Value) {
        if let Some(reason) = text(choice, "finish_reason") {
            self.finished = true;
            self.reply.is_cut |= reason == "length";
        }
    }

    fn count(&mut self, piece: &Value) {
        let Some(usage) = piece.get("usage").filter(|usage| usage.is_object()) else { return };
        let number = |name: &str| usage.get(name).and_then(Value::as_i64);
        let parts = || Some(number("prompt_tokens")?.saturating_add(number("completion_tokens")?));
        if let Some(total) = number("total_tokens").or_else(parts) {
            self.reply.tokens = Some(total.clamp(0, MOST_TOKENS));
        }
    }

    fn add(&mut self, delta: &Value) -> Result<bool, Unusable> {
        let before = self.reply.text.len();
        for said in said(delta) {
            if self.reply.text.len() + said.len() > MOST_TEXT {
                return Err(Unusable::TooLong);
            }
            self.reply.text.push_str(said);
        }
        let calls = delta.get("tool_calls").and_then(Value::as_array).map(Vec::as_slice);
        for call in calls.unwrap_or_default() {
            self.add_call(call)?;
        }
        Ok(self.reply.text.len() > before)
    }

    /// Adds a call or a piece of one: its number tells to which it belongs, else its identifier,
    /// else it continues the last one.
    fn add_call(&mut self, piece: &Value) -> Result<(), Unusable> {
        let number = piece.get("index").and_then(Value::as_u64);
        let id = text(piece, "id").map(str::to_owned);
        let position = match (number, &id) {
            (Some(_), _) => self.named.iter().position(|(known, _)| *known == number),
            (None, Some(_)) => None,
            (None, None) => self.named.len().checked_sub(1),
        };
        let position = match position {
            Some(position) => position,
            None if self.named.len() == MOST_CALLS => return Err(Unusable::TooLong),
            None => {
                self.named.push((number, id));
                self.reply.calls.push(WantedCall::default());
                self.named.len() - 1
            }
        };
        let function = piece.get("function").unwrap_or(&Value::Null);
        let Some(call) = self.reply.calls.get_mut(position) else { return Ok(()) };
        if let Some(name) = text(function, "name")
            && call.name.is_empty()
        {
            call.name = name.chars().take(200).collect();
        }
        match function.get("arguments") {
            Some(Value::String(more)) => call.arguments.push_str(more),
            // Some endpoints state an object instead of its text.
            Some(object @ Value::Object(_)) => call.arguments.push_str(&object.to_string()),
            _ => {}
        }
        if call.arguments.len() > MOST_ARGUMENTS { Err(Unusable::TooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(pieces: &[Value]) -> Result<Reply, Unusable> {
        let mut arriving = Arriving::default();
        for piece in pieces {
            arriving.take(piece)?;
        }
        arriving.end()
    }

    fn delta(delta: &Value, finish: Option<&str>) -> Value {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    }

    #[test]
    fn ca8_a_text_in_pieces_is_whole_and_never_repeated() {
        let reply = read(&[
            delta(&json!({"role": "assistant", "content": ""}), None),
            delta(&json!({"content": "It is "}), None),
            delta(&json!({"content": "so."}), None),
            // Some endpoints repeat the whole message with the end.
            json!({"choices": [{"delta": {}, "message": {"content": "It is so."}, "finish_reason": "stop"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
        ]);
        let reply = reply.unwrap();
        assert_eq!(
            (reply.text.as_str(), reply.tokens, reply.is_cut),
            ("It is so.", Some(7), false)
        );
    }

    #[test]
    fn ca8_thoughts_and_other_parts_of_a_content_are_not_in_the_answer() {
        let parts = json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "It is"},
        ]);
        let parts = [
            delta(&json!({"content": parts}), None),
            delta(&json!({"content": " so."}), Some("stop")),
        ];
        assert_eq!(read(&parts).unwrap().text, "It is so.");
        for (told, answer) in [
            ("<think>\nHm.\n</think>\n\nIt is so.", "It is so."),
            ("The tag <think> and its end </think>.", "The tag <think> and its end </think>."),
            ("<think> without an end", "<think> without an end"),
        ] {
            let reply = read(&[delta(&json!({"content": told}), Some("stop"))]).unwrap();
            assert_eq!(reply.text, answer);
        }
        let nothing = delta(&json!({"content": "<think>Hm.</think>"}), Some("stop"));
        assert_eq!(read(&[nothing]), Err(Unusable::Empty));
    }

    #[test]
    fn calls_in_pieces_are_told_apart_by_number_or_identifier() {
        let piece = |call: Value| delta(&json!({"tool_calls": [call]}), None);
        let reply = read(&[
            piece(json!({"index": 0, "id": "a", "function": {"name": "find", "arguments": ""}})),
            piece(json!({"index": 0, "function": {"arguments": "{\"q\":"}})),
            piece(json!({"index": 1, "id": "a", "function": {"name": "read", "arguments": "{}"}})),
            piece(json!({"index": 0, "function": {"arguments": "1}"}})),
            delta(&json!({}), Some("tool_calls")),
        ]);
        let calls = reply.unwrap().calls;
        assert_eq!(calls.len(), 2, "a repeated identifier joins nothing");
        assert_eq!((calls[0].name.as_str(), calls[0].arguments.as_str()), ("find", "{\"q\":1}"));
        let without_numbers = read(&[
            piece(json!({"id": "a", "function": {"name": "find", "arguments": "{"}})),
            piece(json!({"function": {"arguments": "}"}})),
            piece(json!({"id": "b", "function": {"name": "read", "arguments": {"x": 1}}})),
            delta(&json!({}), Some("tool_calls")),
        ]);
        let calls = without_numbers.unwrap().calls;
        assert_eq!((calls[0].arguments.as_str(), calls[1].arguments.as_str()), ("{}", "{\"x\":1}"));
    }

    #[test]
    fn replies_that_are_cut_empty_failed_or_endless_are_told_apart() {
        assert_eq!(read(&[delta(&json!({"content": "It"}), None)]), Err(Unusable::Truncated));
        assert_eq!(read(&[delta(&json!({"content": " "}), Some("stop"))]), Err(Unusable::Empty));
        assert_eq!(read(&[json!({"error": {"message": "overloaded"}})]), Err(Unusable::Failure));
        let long = delta(&json!({"content": "x".repeat(MOST_TEXT + 1)}), None);
        assert_eq!(read(&[long]), Err(Unusable::TooLong));
        let calls: Vec<Value> = (0..99).map(|number| json!({"index": number})).collect();
        let many = delta(&json!({"tool_calls": calls}), None);
        assert_eq!(read(&[many]), Err(Unusable::TooLong));
        let whole = |response: &Value| {
            let mut arriving = Arriving::default();
            arriving.take_whole(response)?;
            arriving.end()
        };
        assert_eq!(whole(&json!({"choices": []})), Err(Unusable::Empty));
        let cut = json!({"choices": [{"message": {"content": "It"}, "finish_reason": "length"}], "usage": {"total_tokens": -5}});
        let cut = whole(&cut).unwrap();
        assert_eq!((cut.is_cut, cut.tokens), (true, Some(0)));
    }
}
