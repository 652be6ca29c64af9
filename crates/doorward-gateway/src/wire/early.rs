//! Requests of an upstream before the first request to it is answered. Some do not answer that one
//! before: they are answered here, since the protocol library passes most of them over.

use rmcp::{
    RoleClient,
    model::{ClientResult, JsonRpcMessage, ListRootsResult, RequestId, ServerRequest},
    service::TxJsonRpcMessage,
};

use super::refused;

/// Maximum number of such requests of one connection that are answered.
pub(crate) const MOST: usize = 64;

/// The answer to such a request: there is no call, and so no user who could be asked.
pub(crate) fn answer(request: ServerRequest, id: RequestId) -> TxJsonRpcMessage<RoleClient> {
    let error = match request {
        ServerRequest::PingRequest(_) => {
            return JsonRpcMessage::response(ClientResult::empty(()), id);
        }
        ServerRequest::ListRootsRequest(_) => {
            let none = ClientResult::ListRootsResult(ListRootsResult::default());
            return JsonRpcMessage::response(none, id);
        }
        ServerRequest::CustomRequest(request) => refused::error_of(request),
        _ => refused::unasked(),
    };
    JsonRpcMessage::error(error, Some(id))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::Message;

    #[test]
    fn a_ping_is_answered_and_a_question_is_refused() {
        let answered = |method: &str, params: Value| {
            let request = json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params});
            let Message::Request(request) = serde_json::from_value(request).unwrap() else {
                panic!("{method}")
            };
            serde_json::to_value(answer(request.request, request.id)).unwrap()
        };
        assert_eq!(answered("ping", json!({}))["result"], json!({}));
        assert_eq!(answered("roots/list", json!({}))["result"], json!({"roots": []}));
        let form = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
        let refused = answered("elicitation/create", form);
        assert!(refused["error"]["message"].as_str().unwrap().contains("no call in progress"));
        assert_eq!(answered("tasks/odd", json!({}))["error"]["code"], -32601);
    }
}
