//! Requests of an upstream that are refused to it, and responses without anything.

use super::*;

/// A request of the upstream as it is read: its method, and the ID with which an answer goes back.
fn request(heard: ReadText) -> Option<(String, Value, Value)> {
    let ReadText::Message(message) = heard else { return None };
    let JsonRpcMessage::Request(request) = *message else { return None };
    let error = rmcp::ErrorData::invalid_params("no", None);
    let sent = ids::written(&JsonRpcMessage::error(error, Some(request.id))).unwrap();
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    let request = serde_json::to_value(&request.request).unwrap();
    let method = request["method"].as_str().unwrap().to_owned();
    Some((method, sent["id"].clone(), request["params"].clone()))
}

#[test]
fn a_request_that_cannot_be_read_is_refused_under_its_own_id() {
    let form = |field: &str| format!(r#"{{"message":"?","requestedSchema":{field}}}"#);
    let object = form(r#"{"required":["a"],"properties":{"a":{"type":"object"}}}"#);
    let list = form(r#"{"required":["a"],"properties":{"a":{"type":"array","items":{}}}}"#);
    let deep = format!(r#"{{"message":"?","x":{}1{}}}"#, "[".repeat(150), "]".repeat(150));
    for (method, params, code, words) in [
        ("\"elicitation/create\"", r#""x""#, -32602, "do not conform"),
        ("\"elicitation/create\"", "[1]", -32602, "do not conform"),
        ("\"elicitation/create\"", "7", -32602, "do not conform"),
        ("\"elicitation/create\"", "null", -32602, "do not conform"),
        ("\"elicitation/create\"", &object, -32602, "required fields: a"),
        ("\"elicitation/create\"", &list, -32602, "required fields: a"),
        ("\"elicitation/create\"", r#"{"mode":"url","message":"?"}"#, -32602, "do not conform"),
        ("\"elicitation/create\"", &deep, -32602, "nested too deep"),
        ("\"sampling/createMessage\"", "{}", -32602, "do not conform"),
        ("\"sampling/createMessage\"", r#"{"messages":7,"maxTokens":1}"#, -32602, "conform"),
        ("\"experimental/ask\"", "{}", -32601, "no method experimental/ask"),
        ("\"experimental/ask\"", "[1]", -32601, "no method experimental/ask"),
        ("\"tools/list\"", "{}", -32601, "no method tools/list"),
        ("\"\"", "{}", -32601, "no method"),
        ("\"doorward/refused\"", r#"{"code":1,"message":"x"}"#, -32601, "no method"),
        ("7", "{}", -32600, "not a text"),
        ("{}", "{}", -32600, "not a text"),
    ] {
        for id in [r#""q1""#, "0", "-7", "1.5", "2.0", "1e20", r#""""#, "true", r#"{"a":1}"#] {
            let wire = asked(&["tools/call"]);
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#);
            let (_, own, refusal) = request(heard(&wire, &text, None)).expect(&text);
            assert_eq!(own.to_string(), serde_json::from_str::<Value>(id).unwrap().to_string());
            assert_eq!(refusal["code"], code, "{text}: {refusal}");
            assert!(refusal["message"].as_str().unwrap().contains(words), "{text}: {refusal}");
            assert!(!wire.noted.all().is_empty(), "{text}");
        }
    }
}

#[test]
fn a_request_with_an_odd_id_that_can_be_read_is_asked_and_answered_under_it() {
    for (method, params) in [
        ("ping", "null"),
        ("ping", "[]"),
        ("roots/list", "{}"),
        ("roots/list", r#""x""#),
        ("elicitation/create", r#"{"message":"?"}"#),
    ] {
        for id in ["7", r#""7""#, "7.0", "7.5", "18446744073709551615", "null", "false", "[1]"] {
            let wire = asked(&["tools/call"]);
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
            let (asked, own, _) = request(heard(&wire, &text, None)).expect(&text);
            assert_eq!((asked.as_str(), own.to_string().as_str()), (method, id), "{text}");
            assert!(wire.noted.all().is_empty(), "{text}");
        }
    }
    // A notification has no answer.
    for text in [
        r#"{"jsonrpc":"2.0","method":"elicitation/create","params":"x"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"notifications/progress","params":[]}"#,
    ] {
        assert!(request(heard(&asked(&["tools/call"]), text, None)).is_none(), "{text}");
    }
}

#[test]
fn a_response_with_nothing_in_it_ends_its_request() {
    for members in ["", r#","result":null"#, r#","error":null"#, r#","method":null"#] {
        for asked_id in [None, Some(1)] {
            let wire = asked(&["tools/call", "tools/call"]);
            let text = format!(r#"{{"jsonrpc":"2.0","id":1{members}}}"#);
            match heard(&wire, &text, asked_id) {
                ReadText::NoAnswer(_) => assert!(asked_id.is_some(), "{text}"),
                read => assert_eq!(error_of(read).0, 1, "{text}"),
            }
        }
    }
}

#[test]
fn a_question_of_a_newer_upstream_that_cannot_be_asked_ends_its_request() {
    for (question, words) in [
        (json!("x"), "does not conform"),
        (json!({"method": "ping"}), "does not conform"),
        (json!({"method": "elicitation/create", "params": "x"}), "does not conform"),
        (json!({"method": "sampling/createMessage", "params": {}}), "does not conform"),
        (
            json!({"method": "elicitation/create", "params": {"message": "?", "requestedSchema": {
                "required": ["a"], "properties": {"a": {"type": "object"}},
            }}}),
            "required fields: a",
        ),
    ] {
        let wire = asked(&["tools/call"]);
        let result = json!({"resultType": "input_required", "inputRequests": {"q": question}});
        let text = json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
        let (id, told) = error_of(heard(&wire, &text, Some(1)));
        assert!(id == 1 && told.contains(words), "{question}: {told}");
        assert!(!wire.noted.all().is_empty(), "{question}");
    }
}
