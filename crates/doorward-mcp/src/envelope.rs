//! The little that must be known of a message before it is handed on: whether it is a call, and of which tool.

use serde::Deserialize;
use serde_json::Value;

/// A JSON-RPC message, as far as the scope check needs it.
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
}

/// What a body is.
#[derive(Debug)]
pub(crate) enum Peeked {
    /// One message.
    Message(Envelope),
    /// A JSON-RPC batch, which revisions since 2025-06-18 do not have.
    Batch,
    /// Not a message; the protocol library answers it.
    Other,
}

impl Envelope {
    /// The name of the tool that is called.
    pub(crate) fn tool(&self) -> Option<&str> {
        if self.method == "tools/call" { self.params.as_ref()?.name.as_str() } else { None }
    }
}

pub(crate) fn peek(body: &[u8]) -> Peeked {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Peeked::Batch;
    }
    serde_json::from_slice(body).map_or(Peeked::Other, Peeked::Message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_have_a_tool() {
        let tool = |body: &str| match peek(body.as_bytes()) {
            Peeked::Message(envelope) => envelope.tool().map(str::to_owned),
            _ => None,
        };
        assert_eq!(tool(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait","arguments":{}}}"#).as_deref(), Some("wait"));
        assert_eq!(tool(r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"wait"}}"#), None);
        assert_eq!(tool(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#), None);
        // A duplicate member is no message at all: which of the two would the next reader take?
        assert_eq!(tool(r#"{"method":"tools/call","params":{"name":"whoami"},"params":{"name":"revoke"}}"#), None);
        assert!(matches!(peek(b" \n[{}]"), Peeked::Batch));
        assert!(matches!(peek(b"nonsense"), Peeked::Other));
    }
}
