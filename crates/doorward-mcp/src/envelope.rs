//! The facts about a message that are needed before it is passed on: its operation and item, the
//! question that it answers, the session that it begins, or the request that it cancels.

use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    item::Kind,
    operation::{ItemName, Verb},
};

/// A JSON-RPC message, as far as the guard needs it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Envelope {
    #[serde(default)]
    pub(crate) id: Value,
    #[serde(default)]
    pub(crate) method: String,
    #[serde(default)]
    params: Option<Params>,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    uri: Value,
    #[serde(default, rename = "ref")]
    reference: Option<Box<Reference>>,
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
    #[serde(default, rename = "requestId")]
    request_id: Value,
}

/// The object of a completion.
#[derive(Debug, Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    uri: Value,
}

/// The operation of a request, and its item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestedOperation {
    pub(crate) verb: Verb,
    kind: Kind,
    pub(crate) name: String,
}

impl RequestedOperation {
    pub(crate) fn item_name(&self) -> Option<ItemName<'_>> {
        ItemName::of(self.kind, &self.name)
    }
}

/// The type of a body.
#[derive(Debug)]
pub(crate) enum MessageKind {
    /// One request or notification.
    Message(Envelope),
    /// An answer to a question of this server.
    Answer(Map<String, Value>),
    /// A JSON-RPC batch, which revisions since 2025-06-18 do not have.
    Batch,
    /// Not a message; the protocol library answers it.
    Other,
}

impl Envelope {
    /// The operation and its item. The tool of a call is named by its own name or through
    /// `call_tool`.
    pub(crate) fn requested(&self) -> Option<RequestedOperation> {
        let requested = |verb: Verb, kind: Kind, name: &Value| {
            Some(RequestedOperation { verb, kind, name: name.as_str()?.to_owned() })
        };
        let params = self.params.as_ref()?;
        match self.method.as_str() {
            "tools/call" => {
                if params.name != crate::surface::CALL {
                    return requested(Verb::Call, Kind::Tool, &params.name);
                }
                let arguments: Value =
                    serde_json::from_str(params.arguments.as_ref()?.get()).ok()?;
                crate::surface::inner_name(&arguments).map(|name| RequestedOperation {
                    verb: Verb::Call,
                    kind: Kind::Tool,
                    name: name.to_owned(),
                })
            }
            "prompts/get" => requested(Verb::GetPrompt, Kind::Prompt, &params.name),
            "resources/read" => requested(Verb::Read, Kind::Resource, &params.uri),
            "resources/subscribe" => requested(Verb::Watch, Kind::Resource, &params.uri),
            "completion/complete" => {
                let reference = params.reference.as_ref()?;
                match reference.kind.as_str() {
                    "ref/prompt" => requested(Verb::Complete, Kind::Prompt, &reference.name),
                    "ref/resource" => requested(Verb::Complete, Kind::Template, &reference.uri),
                    _ => None,
                }
            }
            _ => None,
        }
    }
    /// The request that is cancelled.
    pub(crate) fn cancels(&self) -> Option<&Value> {
        if self.method == "notifications/cancelled" {
            self.params.as_ref().map(|params| &params.request_id)
        } else {
            None
        }
    }
}

pub(crate) fn peek(body: &[u8]) -> MessageKind {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return MessageKind::Batch;
    }
    match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) if envelope.method.is_empty() => {
            match serde_json::from_slice::<Map<String, Value>>(body) {
                Ok(members) if members.contains_key("result") || members.contains_key("error") => {
                    MessageKind::Answer(members)
                }
                _ => MessageKind::Other,
            }
        }
        Ok(envelope) => MessageKind::Message(envelope),
        Err(_) => MessageKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_item_once() {
        let requested = |body: &str| match peek(body.as_bytes()) {
            MessageKind::Message(envelope) => envelope.requested(),
            _ => None,
        };
        let tool = |body: &str| {
            requested(body)
                .filter(|requested| requested.kind == Kind::Tool)
                .map(|requested| requested.name)
        };
        assert_eq!(tool(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait","arguments":{}}}"#).as_deref(), Some("wait"));
        assert_eq!(
            tool(r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"wait"}}"#),
            None
        );
        assert_eq!(
            tool(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#),
            None
        );
        // A duplicate member is no message at all: which of the two would the next reader take?
        assert_eq!(
            tool(
                r#"{"method":"tools/call","params":{"name":"whoami"},"params":{"name":"revoke"}}"#
            ),
            None
        );
        for (method, params, kind, name) in [
            ("prompts/get", r#"{"name":"p"}"#, Kind::Prompt, "p"),
            ("resources/read", r#"{"uri":"wiki+x:1"}"#, Kind::Resource, "wiki+x:1"),
            ("resources/subscribe", r#"{"uri":"x:1"}"#, Kind::Resource, "x:1"),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/prompt","name":"p"},"argument":{}}"#,
                Kind::Prompt,
                "p",
            ),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/resource","uri":"x:{id}"}}"#,
                Kind::Template,
                "x:{id}",
            ),
        ] {
            let found = requested(&format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#
            ))
            .unwrap();
            assert_eq!((found.kind, found.name.as_str()), (kind, name), "{method}");
        }
        assert!(matches!(peek(b" \n[{}]"), MessageKind::Batch));
        assert!(matches!(peek(b"nonsense"), MessageKind::Other));
    }

    #[test]
    fn cw13_a_call_through_call_tool_is_the_call_of_that_tool() {
        for arguments in [
            r#"{"name":"wipe"}"#,
            r#"{"toolName":"wipe"}"#,
            r#"{"tool_name":"wipe"}"#,
            r#"{"tool":"wipe"}"#,
        ] {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"call_tool","arguments":{arguments}}}}}"#
            );
            let MessageKind::Message(envelope) = peek(body.as_bytes()) else { panic!("{body}") };
            assert_eq!(envelope.requested().unwrap().name, "wipe");
        }
    }

    #[test]
    fn answers_and_cancellations_are_recognised() {
        assert!(matches!(
            peek(br#"{"jsonrpc":"2.0","id":"dw-1","result":{}}"#),
            MessageKind::Answer(_)
        ));
        assert!(matches!(
            peek(br#"{"jsonrpc":"2.0","id":"dw-1","error":{"code":1}}"#),
            MessageKind::Answer(_)
        ));
        let MessageKind::Message(envelope) = peek(
            br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
        ) else {
            panic!()
        };
        assert_eq!(envelope.cancels(), Some(&Value::from(7)));
    }
}
