//! IDs of an upstream's own requests: JSON-RPC has texts and numbers, the protocol library whole
//! numbers and texts. An ID in any other form travels as a text, and goes back as it came.

use rmcp::{
    RoleClient,
    model::{JsonRpcMessage, RequestId},
    service::TxJsonRpcMessage,
};
use serde_json::Value;

use crate::link_error::LinkError;

/// The beginning of a text that holds an ID of another form, as JSON.
const WRAPPED: &str = "doorward-id:";

/// The form of an ID in which it travels. A text that looks like a wrapped one is wrapped too, so
/// that each goes back as it came.
pub(super) fn wrapped(id: Value) -> Value {
    match &id {
        Value::Number(number) if number.is_i64() => id,
        Value::String(text) if !text.starts_with(WRAPPED) => id,
        _ => Value::String(format!("{WRAPPED}{id}")),
    }
}

/// The ID that was wrapped; `None` for one that travels as it is.
fn unwrapped(id: &RequestId) -> Option<Value> {
    match id {
        RequestId::String(text) => serde_json::from_str(text.strip_prefix(WRAPPED)?).ok(),
        RequestId::Number(_) => None,
    }
}

/// A message in the bytes that are sent to an upstream: an answer has the ID of its question.
pub(crate) fn written(message: &TxJsonRpcMessage<RoleClient>) -> Result<Vec<u8>, LinkError> {
    let failed =
        |error: serde_json::Error| LinkError::Failed(format!("a message cannot be sent: {error}"));
    let id = match message {
        JsonRpcMessage::Response(answer) => Some(&answer.id),
        JsonRpcMessage::Error(answer) => answer.id.as_ref(),
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
    };
    let Some(own) = id.and_then(unwrapped) else {
        return serde_json::to_vec(message).map_err(failed);
    };
    let mut value = serde_json::to_value(message).map_err(failed)?;
    if let Some(id) = value.get_mut("id") {
        *id = own;
    }
    serde_json::to_vec(&value).map_err(failed)
}

#[cfg(test)]
mod tests {
    use rmcp::ErrorData;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_the_id_of_its_question_in_every_form() {
        for id in [
            json!(7),
            json!(0),
            json!(-1),
            json!(1.0),
            json!(1.5),
            json!(1e20),
            json!(u64::MAX),
            json!("7"),
            json!(""),
            json!("doorward-id:7"),
            json!("doorward-id:\"x\""),
            json!(true),
            json!(null),
            json!({"a": [1]}),
            json!([]),
        ] {
            let travels: RequestId = serde_json::from_value(wrapped(id.clone())).unwrap();
            let error = ErrorData::invalid_params("no", None);
            let sent = written(&JsonRpcMessage::error(error, Some(travels))).unwrap();
            let sent: Value = serde_json::from_slice(&sent).unwrap();
            assert_eq!(sent["id"], id);
            assert_eq!(sent["id"].to_string(), id.to_string());
            assert_eq!(sent["error"]["code"], -32602, "{id}");
        }
    }
}
