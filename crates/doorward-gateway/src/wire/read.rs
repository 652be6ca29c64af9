//! Reading a message of an upstream, and finding the request that it answers.

use std::sync::Arc;

use bytes::Bytes;
use doorward_model::foreign;
use doorward_transport::{
    budget::{ReadError, Shallow},
    off_thread,
};
use rmcp::{
    ErrorData,
    model::{ErrorCode, JsonRpcMessage, RequestId, ServerRequest},
};
use serde_json::{Map, Value, json};

use super::{
    MOST_DEPTH, Message, Table, Wire, as_number, begins, ids, message_budget, notices, number,
    questions, refused::Refusal, results,
};
use crate::{
    left_out::{LeftOut, Why},
    link_error::{LinkError, WORDS},
};

/// The size in bytes from which a text is read off the asynchronous threads.
const LARGE: usize = 256 * 1024;

/// Maximum number of messages of one batch.
const MOST_BATCH: usize = 1000;

/// The ID of Doorward's check that a session still exists at an upstream. Its answer is not read.
pub(crate) const PING_ID: &str = "doorward-ping";

/// The outcome of a text of an upstream.
#[derive(Debug)]
pub(crate) enum ReadText {
    /// A message of the protocol.
    Message(Box<Message>),
    /// A response that does not answer the request on whose stream it came: the request has no
    /// answer, for this reason.
    NoAnswer(LinkError),
    /// Nothing that decides anything: no message, or a response that is waited for no longer.
    Nothing,
}

impl ReadText {
    /// The message, if it is one.
    pub(crate) fn into_message(self) -> Option<Message> {
        match self {
            Self::Message(message) => Some(*message),
            Self::NoAnswer(_) | Self::Nothing => None,
        }
    }
}

/// A result as it was told.
struct StatedError {
    result: Value,
    /// A part of it is nested too deep, and `null` is in its place.
    too_deep: bool,
}

/// The request that a response answers.
enum ResponseTarget {
    /// This one, by its ID or because there is no other that it can be about.
    Request(i64),
    /// None that is waited for any more.
    Late,
    /// None: the response has another ID than the request, or no ID.
    None,
}

impl Table {
    /// Finds the request that a response answers. `asked` is the request on whose HTTP response it
    /// came.
    fn answered(&self, id: Option<&Value>, asked: Option<i64>, is_error: bool) -> ResponseTarget {
        if asked.is_none() && id.and_then(Value::as_str) == Some(PING_ID) {
            return ResponseTarget::Late;
        }
        let id = id.and_then(as_number);
        match (id, asked) {
            (Some(id), Some(asked)) if id == asked => ResponseTarget::Request(asked),
            // An error on the response to a request is about that request, whatever its ID.
            (_, Some(asked)) if is_error => ResponseTarget::Request(asked),
            (_, Some(_)) => ResponseTarget::None,
            (Some(id), None) if self.sent.contains_key(&id) => ResponseTarget::Request(id),
            // An ID that was given to a request which is waited for no longer.
            (Some(id), None) if id >= 0 && id <= self.highest => ResponseTarget::Late,
            (_, None) => match (self.sent.keys().next(), self.sent.len()) {
                (Some(only), 1) => ResponseTarget::Request(*only),
                _ => ResponseTarget::Late,
            },
        }
    }
}

/// An error in any form that upstreams use.
fn error(told: &Value) -> ErrorData {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let Value::Object(members) = told else {
        return ErrorData::internal_error(text(told), None);
    };
    let code = members
        .get("code")
        .and_then(|code| as_number(code).and_then(|code| i32::try_from(code).ok()))
        .map_or(ErrorCode::INTERNAL_ERROR, ErrorCode);
    let message = members
        .get("message")
        .filter(|message| !message.is_null())
        .map_or_else(|| told.to_string(), text);
    ErrorData::new(code, message, members.get("data").filter(|data| !data.is_null()).cloned())
}

/// Reports an error without contents, as some languages write one that did not occur.
fn tells_nothing(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(members) => {
            members.get("code").is_none_or(tells_nothing)
                && members.get("message").is_none_or(tells_nothing)
                && members.get("data").is_none_or(tells_nothing)
                && members.keys().all(|name| matches!(name.as_str(), "code" | "message" | "data"))
        }
    }
}

/// Parses a body that may be a JSON-RPC message, for inspection.
fn looked_at(body: &[u8]) -> Value {
    message_budget().lenient_json(body).map(|read| read.value).unwrap_or_default()
}

/// Reports a body that declares itself a JSON-RPC message.
pub(crate) fn is_message(body: &[u8]) -> bool {
    looked_at(body).get("jsonrpc").is_some()
}

impl Wire {
    /// Reads a text. `asked` is the request on whose HTTP response it came; a text from elsewhere
    /// may concern any request.
    pub(crate) fn read(&self, text: &[u8], asked: Option<&RequestId>) -> Vec<ReadText> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
        let (value, too_deep) = match message_budget().shallow_json(text) {
            Ok(Shallow { value, mended, too_deep }) => {
                if mended && self.may_log() {
                    tracing::info!(upstream = %self.upstream, "a message of an upstream contains characters or numbers that JSON does not allow; it is read without them");
                }
                (value, too_deep)
            }
            Err(why) => {
                let heard = self.no_message(text, &why.to_string());
                // It may be the answer to the only request that waits.
                let ended = match why {
                    ReadError::Exceeded(_) if asked.is_none() => {
                        self.only_unanswered(LinkError::Answer(format!(
                            "responded with a message that is not read: {why}"
                        )))
                    }
                    ReadError::Exceeded(_) | ReadError::Malformed(_) => None,
                };
                return vec![ended.map_or(heard, |ended| ReadText::Message(Box::new(ended)))];
            }
        };
        match value {
            Value::Array(all) if all.len() > MOST_BATCH => {
                vec![self.no_message(text, "it is a batch of more messages than the limit")]
            }
            // The revision 2025-03-26 has batches.
            Value::Array(all) if !all.is_empty() => {
                all.into_iter().map(|one| self.one(one, too_deep, asked)).collect()
            }
            one => vec![self.one(one, too_deep, asked)],
        }
    }

    /// Reads a text like [`Self::read`], a large one off the asynchronous threads.
    pub(crate) async fn read_apart(
        self: Arc<Self>,
        text: Bytes,
        asked: Option<RequestId>,
    ) -> Vec<ReadText> {
        if text.len() < LARGE {
            return self.read(&text, asked.as_ref());
        }
        let ended = |why: doorward_transport::budget::Ended| {
            vec![ReadText::NoAnswer(LinkError::Failed(format!("its response: {why}")))]
        };
        off_thread(move || self.read(&text, asked.as_ref())).await.unwrap_or_else(ended)
    }

    /// Reads a text as the answer to a request: the only message of a JSON response. `Nothing` if
    /// it is no response.
    pub(crate) async fn read_answer(self: &Arc<Self>, text: Bytes, asked: &RequestId) -> ReadText {
        let mut passed_over = ReadText::Nothing;
        for heard in Arc::clone(self).read_apart(text, Some(asked.clone())).await {
            match heard {
                ReadText::Message(message)
                    if matches!(
                        *message,
                        JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)
                    ) =>
                {
                    return ReadText::Message(message);
                }
                ReadText::NoAnswer(why) => passed_over = ReadText::NoAnswer(why),
                ReadText::Message(_) | ReadText::Nothing => {}
            }
        }
        passed_over
    }

    fn one(&self, value: Value, too_deep: bool, asked: Option<&RequestId>) -> ReadText {
        let Value::Object(mut members) = value else {
            return self.no_message(value.to_string().as_bytes(), "it is not an object");
        };
        if members.get("method").is_some_and(Value::is_string) {
            return self.call(members, too_deep, asked);
        }
        // Some servers send both members, one of them null or without contents.
        let result = members.remove("result");
        let has_result = result.as_ref().is_some_and(|result| !result.is_null());
        let told = members
            .remove("error")
            .filter(|error| !error.is_null())
            .filter(|error| !has_result || !tells_nothing(error));
        match (told, result) {
            (Some(told), _) => self.error(&told, members.get("id"), asked),
            (None, Some(result)) => {
                self.result(StatedError { result, too_deep }, members.get("id"), asked)
            }
            (None, None) => self.incomplete(members, asked),
        }
    }

    /// Reads a message that has no method, result or error.
    fn incomplete(&self, members: Map<String, Value>, asked: Option<&RequestId>) -> ReadText {
        let id = members.get("id").filter(|id| !id.is_null() && members.contains_key("jsonrpc"));
        let method = members.get("method").filter(|method| !method.is_null());
        if let (Some(id), Some(method)) = (id, method) {
            return self.refuse(&method.to_string(), id.clone(), Refusal::Method);
        }
        // Some servers write the result of a function that returns nothing like this.
        let answered = id.and_then(as_number).filter(|id| match asked {
            Some(asked) => *id == number(asked),
            None => self.lock().sent.contains_key(id),
        });
        if let Some(answered) = answered {
            let why = LinkError::Answer("responded without a result or an error".to_owned());
            return match asked {
                Some(_) => ReadText::NoAnswer(why),
                None => {
                    ReadText::Message(Box::new(self.unanswered(&RequestId::Number(answered), why)))
                }
            };
        }
        let text = Value::Object(members).to_string();
        self.no_message(text.as_bytes(), "it has no method, result or error")
    }

    /// Reads a request or notification of the upstream. `asked` is the request on whose HTTP
    /// response it came.
    fn call(
        &self,
        mut members: Map<String, Value>,
        too_deep: bool,
        asked: Option<&RequestId>,
    ) -> ReadText {
        let method = members.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
        // The notifications of some servers have an ID that is null. A request that has one waits
        // for its answer.
        let is_notice = method.starts_with("notifications/");
        let id = members.remove("id").filter(|id| !(is_notice && id.is_null()));
        let mut clean = Map::new();
        clean.insert("jsonrpc".to_owned(), json!("2.0"));
        clean.insert("method".to_owned(), json!(method));
        if let Some(id) = &id {
            clean.insert("id".to_owned(), ids::wrapped(id.clone()));
        }
        // These have no parameters; some languages write an empty list for an empty object.
        let takes_none = matches!(method.as_str(), "ping" | "roots/list");
        let params = members.remove("params");
        let params =
            params.filter(|params| params.is_object() || !(takes_none || params.is_null()));
        if let Some(mut params) = params {
            notices::mend(&method, &mut params);
            let fields = questions::mend(&method, &mut params);
            if let Some(id) = id.as_ref().filter(|_| !fields.unfillable.is_empty()) {
                return self.refuse(&method, id.clone(), Refusal::Unfillable(fields.unfillable));
            }
            self.note_fields(&fields.left_out);
            notices::note_origin(&method, &mut params, asked.map(number));
            clean.insert("params".to_owned(), params);
        }
        let read: Option<Message> = serde_json::from_value(Value::Object(clean)).ok();
        match (read, id) {
            // The part of a question that is not there would change its meaning.
            (_, Some(id)) if too_deep => self.refuse(&method, id, Refusal::Deep),
            (Some(message), Some(id)) if is_unread(&message) => {
                self.refuse(&method, id, Refusal::Unread)
            }
            (None, Some(id)) => self.refuse(&method, id, Refusal::Unread),
            (Some(message), _) => ReadText::Message(Box::new(message)),
            (None, None) => {
                self.no_message(method.as_bytes(), "its members do not conform to the protocol")
            }
        }
    }

    /// Refuses a request of the upstream to it. The operator finds it in the log and on the page of
    /// the upstream.
    fn refuse(&self, method: &str, id: Value, refusal: Refusal) -> ReadText {
        let left_out = refusal.left_out(method);
        if self.may_log() {
            tracing::info!(upstream = %self.upstream, %left_out, "a request of an upstream to its client is refused");
        }
        self.noted.add(left_out);
        match serde_json::from_value(ids::wrapped(id)) {
            Ok(id) => ReadText::Message(Box::new(refusal.into_message(method, id))),
            Err(_) => ReadText::Nothing,
        }
    }

    /// Notes the fields of forms that were left out.
    fn note_fields(&self, fields: &[String]) {
        if fields.is_empty() {
            return;
        }
        let mut left_out = LeftOut::default();
        for field in fields {
            left_out.add_part("question", field, Why::Unread);
        }
        if self.may_log() {
            tracing::info!(upstream = %self.upstream, %left_out, "a question of an upstream is read without fields that the protocol does not have");
        }
        self.noted.add(left_out);
    }

    fn error(&self, told: &Value, id: Option<&Value>, asked: Option<&RequestId>) -> ReadText {
        let mut table = self.lock();
        match table.answered(id, asked.map(number), true) {
            ResponseTarget::Request(id) => {
                let sent = table.sent.remove(&id);
                let told = error(told);
                // Another server took its place: the next call connects again. While a revision is
                // agreed on, the refusal of one is a part of that.
                table.lost |= told.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
                    && sent.is_some_and(|sent| !begins(&sent.method));
                ReadText::Message(Box::new(JsonRpcMessage::error(
                    told,
                    Some(RequestId::Number(id)),
                )))
            }
            ResponseTarget::Late | ResponseTarget::None => {
                drop(table);
                self.late(&foreign::line(&error(told).message, WORDS))
            }
        }
    }

    fn result(
        &self,
        result: StatedError,
        id: Option<&Value>,
        asked: Option<&RequestId>,
    ) -> ReadText {
        let found = self.lock().answered(id, asked.map(number), false);
        match found {
            ResponseTarget::Request(answered) if id.and_then(as_number) == Some(answered) => {
                self.answer(answered, result)
            }
            // A result without the ID of its request may be that of another.
            ResponseTarget::Request(answered) => {
                let why = wrong_id(id, answered);
                if asked.is_some() {
                    return ReadText::NoAnswer(why);
                }
                ReadText::Message(Box::new(self.unanswered(&RequestId::Number(answered), why)))
            }
            ResponseTarget::None => ReadText::NoAnswer(wrong_id(id, asked.map_or(-1, number))),
            ResponseTarget::Late => self.late("a result"),
        }
    }

    /// Reads a result as one of its request's method.
    fn answer(&self, id: i64, StatedError { result, too_deep }: StatedError) -> ReadText {
        let method = {
            let table = self.lock();
            table.sent.get(&id).map(|sent| sent.method.clone()).unwrap_or_default()
        };
        // An element of a list costs itself. A part of any other result would change its meaning.
        let is_list = method.ends_with("/list");
        let read = if too_deep && !is_list {
            Err(format!("values that are nested deeper than {MOST_DEPTH}"))
        } else {
            results::read(&method, result)
        };
        match read {
            Ok((result, mut left_out)) => {
                if too_deep {
                    left_out.add_part("list", "elements", Why::Deep);
                }
                let mut table = self.lock();
                table.sent.remove(&id);
                if !left_out.is_empty() {
                    self.may_log().then(|| {
                        tracing::info!(upstream = %self.upstream, method, left_out = %left_out, "a response of an upstream is read without what is not of the protocol");
                    });
                    if begins(&method) {
                        table.of_itself = left_out;
                    } else if is_list {
                        table.left_out.insert(id, left_out);
                    } else {
                        self.noted.add(left_out);
                    }
                }
                ReadText::Message(Box::new(JsonRpcMessage::response(result, RequestId::Number(id))))
            }
            Err(why) => {
                if !is_list && !begins(&method) {
                    self.note_unread(&method, &why);
                }
                let why = LinkError::Answer(format!("responded to {method} with {why}"));
                ReadText::Message(Box::new(self.unanswered(&RequestId::Number(id), why)))
            }
        }
    }

    /// Notes a result that cannot be read: its request ends.
    fn note_unread(&self, method: &str, why: &str) {
        if self.may_log() {
            tracing::info!(upstream = %self.upstream, method, why = %foreign::line(why, WORDS), "a response of an upstream cannot be read; its request ends");
        }
        let mut left_out = LeftOut::default();
        left_out.add_part("result", method, Why::Unread);
        self.noted.add(left_out);
    }

    fn no_message(&self, text: &[u8], why: &str) -> ReadText {
        if !self.may_log() {
            return ReadText::Nothing;
        }
        tracing::info!(upstream = %self.upstream, why, text = %foreign::quoted(&String::from_utf8_lossy(text.get(..2000).unwrap_or(text)), 200), "a message of an upstream is not a message of the protocol; it is ignored");
        ReadText::Nothing
    }

    fn late(&self, what: &str) -> ReadText {
        if !self.may_log() {
            return ReadText::Nothing;
        }
        tracing::info!(upstream = %self.upstream, what = %foreign::quoted(what, 200), "a response of an upstream answers no pending request");
        ReadText::Nothing
    }
}

/// Reports a request that the protocol library reads as one of no method that it knows: the method
/// is another one, or the parameters are not those of the method.
fn is_unread(message: &Message) -> bool {
    matches!(
        message,
        JsonRpcMessage::Request(request)
            if matches!(request.request, ServerRequest::CustomRequest(_))
    )
}

fn wrong_id(id: Option<&Value>, asked: i64) -> LinkError {
    match id {
        None | Some(Value::Null) => {
            LinkError::Answer(format!("responded without an id to the request with the id {asked}"))
        }
        Some(id) => LinkError::Answer(format!(
            "responded with the id {} to the request with the id {asked}",
            foreign::quoted(&id.to_string(), 60)
        )),
    }
}

#[cfg(test)]
mod tests;
