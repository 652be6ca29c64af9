use rmcp::model::{ClientRequest, ServerResult};

use super::*;

mod refusals;

/// A connection with pending requests of these methods, with the IDs 1, 2, ….
fn asked(methods: &[&str]) -> std::sync::Arc<Wire> {
    let wire = Wire::new(doorward_model::UpstreamName::parse("wiki").unwrap());
    for (id, method) in (1..).zip(methods) {
        let params = match *method {
            "tools/call" => json!({"name": "t"}),
            _ => json!({}),
        };
        let request: ClientRequest =
            serde_json::from_value(json!({"method": method, "params": params})).unwrap();
        wire.send(&JsonRpcMessage::request(request, RequestId::Number(id)));
    }
    wire
}

fn heard(wire: &Wire, text: &str, asked: Option<i64>) -> ReadText {
    let id = asked.map(RequestId::Number);
    let mut all = wire.read(text.as_bytes(), id.as_ref());
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn error_of(heard: ReadText) -> (i64, String) {
    match heard {
        ReadText::Message(message) => match *message {
            JsonRpcMessage::Error(error) => {
                (number(error.id.as_ref().unwrap()), error.error.message.to_string())
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_on_the_response_to_a_request_ends_that_request_whatever_its_id() {
    for id in ["null", "\"server-error\"", "77", "\"\"", "1"] {
        let wire = asked(&["tools/call", "tools/call"]);
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":"No valid session"}}}}"#
        );
        assert_eq!(error_of(heard(&wire, &text, Some(1))), (1, "No valid session".to_owned()));
    }
    for (told, words) in [
        (r#""just words""#, "just words"),
        (r#"{"message":"no code"}"#, "no code"),
        (r#"{"code":"-32000","message":"a text as code"}"#, "a text as code"),
        (r#"{"code":-32000}"#, r#"{"code":-32000}"#),
        (r#"{"code":1,"message":{"de":"nein"}}"#, r#"{"de":"nein"}"#),
    ] {
        let wire = asked(&["tools/call"]);
        let text = format!(r#"{{"error":{told},"result":null}}"#);
        assert_eq!(error_of(heard(&wire, &text, Some(1))).1, words);
    }
}

#[test]
fn a_report_of_progress_arrives_although_members_of_it_are_odd() {
    let wire = asked(&["tools/call"]);
    for params in [
        r#"{"progressToken":"0","progress":1,"message":{"a":1}}"#,
        r#"{"progressToken":0,"progress":"1","total":"many","_meta":"x"}"#,
    ] {
        let text =
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#);
        let ReadText::Message(message) = heard(&wire, &text, Some(1)) else { panic!("{params}") };
        let told = serde_json::to_value(&message).unwrap();
        assert_eq!(told["params"]["progressToken"], 0, "{told}");
        assert_eq!(told["params"]["progress"].as_f64(), Some(1.0), "{told}");
    }
}

#[test]
fn a_value_that_is_nested_too_deep_costs_its_element_or_the_result() {
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    let wire = asked(&["tools/list", "tools/call"]);
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"a","inputSchema":{{"type":"object","x":{deep}}}}},{{"name":"b","inputSchema":{{"type":"object"}}}}]}}}}"#
    );
    let ReadText::Message(message) = heard(&wire, &text, Some(1)) else { panic!("a list") };
    let told = serde_json::to_value(&message).unwrap();
    assert_eq!(told["result"]["tools"].as_array().map(Vec::len), Some(2), "{told}");
    assert!(wire.left_out(&RequestId::Number(1)).to_string().contains("nested deeper than 100"));
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":2,"result":{{"content":[],"structuredContent":{{"a":{deep}}}}}}}"#
    );
    let (id, told) = error_of(heard(&wire, &text, Some(2)));
    assert!(id == 2 && told.contains("nested deeper than 100"), "{told}");
}

#[test]
fn a_result_without_the_id_of_its_request_is_no_answer() {
    for id in [r#""id":null,"#, "", r#""id":2,"#, r#""id":"x","#, r#""id":1.5,"#] {
        let wire = asked(&["tools/call", "tools/call"]);
        let text = format!(r#"{{"jsonrpc":"2.0",{id}"result":{{"content":[]}}}}"#);
        assert!(matches!(heard(&wire, &text, Some(1)), ReadText::NoAnswer(_)), "{id}");
    }
    for id in ["1", "\"1\"", "1.0"] {
        let wire = asked(&["tools/call"]);
        let text = format!(r#"{{"id":{id},"result":{{"content":[]}},"error":null}}"#);
        assert!(
            matches!(heard(&wire, &text, Some(1)), ReadText::Message(message) if matches!(*message, JsonRpcMessage::Response(_))),
            "{id}"
        );
    }
}

#[test]
fn a_response_without_an_id_is_about_the_only_request_that_waits() {
    let without_id =
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#;
    assert_eq!(
        error_of(heard(&asked(&["tools/call"]), without_id, None)),
        (1, "Parse error".to_owned())
    );
    assert!(matches!(
        heard(&asked(&["tools/call", "tools/call"]), without_id, None),
        ReadText::Nothing
    ));
    assert!(matches!(heard(&asked(&[]), without_id, None), ReadText::Nothing));
    // One that was answered, or that was cancelled, is not taken for another.
    let wire = asked(&["tools/call", "tools/call"]);
    wire.forget(&RequestId::Number(1));
    let late = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"late"}}"#;
    assert!(matches!(heard(&wire, late, None), ReadText::Nothing));
    assert_eq!(error_of(heard(&wire, without_id, None)).0, 2);
    // A result without an ID ends the request, and is not its answer.
    let wire = asked(&["tools/call"]);
    assert!(
        error_of(heard(&wire, r#"{"result":{"content":[]}}"#, None)).1.contains("without an id")
    );
}

#[test]
fn an_invalid_message_decides_nothing() {
    for text in [
        "{}",
        r#"{"type":"heartbeat"}"#,
        "ping",
        "",
        "[]",
        "null",
        "3",
        r#""text""#,
        r#"{"id":1}"#,
        r#"{"jsonrpc":"2.0","id":2}"#,
        r#"{"method":7}"#,
        "{\"jsonrpc\": \"2.0\", ",
    ] {
        let wire = asked(&["tools/call"]);
        assert!(
            wire.read(text.as_bytes(), Some(&RequestId::Number(1)))
                .iter()
                .all(|heard| matches!(heard, ReadText::Nothing)),
            "{text}"
        );
        let after = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
        assert!(matches!(heard(&wire, after, Some(1)), ReadText::Message(_)), "{text}");
    }
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    assert!(matches!(heard(&asked(&[]), &deep, None), ReadText::Nothing));
}

#[tokio::test]
async fn a_batch_is_read_one_by_one() {
    let wire = asked(&["tools/call"]);
    let text = r#"[{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}},{"jsonrpc":"2.0","id":1,"result":{"content":[]}}]"#;
    let read = wire.read_answer(Bytes::from(text), &RequestId::Number(1)).await;
    assert!(matches!(read, ReadText::Message(_)));
}

/// The result of a method as it is read, and its omissions.
fn result(method: &str, value: Value) -> Result<(Value, String), String> {
    results::read(method, value)
        .map(|(result, left_out)| (serde_json::to_value(result).unwrap(), left_out.to_string()))
}

#[test]
fn one_unreadable_tool_costs_itself_and_is_named() {
    let good = json!({"name": "good", "inputSchema": {"type": "object"}});
    let offered = |bad: Value| {
        let (read, left_out) = result("tools/list", json!({"tools": [bad, good.clone()]})).unwrap();
        let names: Vec<String> = read["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        assert!(names.contains(&"good".to_owned()));
        (names.len() == 2, read["tools"][0].clone(), left_out)
    };
    for bad in [
        json!(null),
        json!("bare"),
        json!({}),
        json!({"name": 7, "inputSchema": {"type": "object"}}),
        json!({"name": "", "inputSchema": {"type": "object"}}),
        json!({"inputSchema": {"type": "object"}}),
    ] {
        let (kept, _, left_out) = offered(bad.clone());
        assert!(!kept && left_out.contains("#1 (it has no name or URI)"), "{bad}: {left_out}");
    }
    for schema in [json!(null), json!([]), json!("object"), json!(true), json!(7)] {
        let (kept, tool, left_out) = offered(json!({"name": "bare", "inputSchema": schema}));
        assert!(kept && tool["inputSchema"] == json!({"type": "object"}), "{schema}");
        assert!(left_out.contains("bare: inputSchema"), "{left_out}");
    }
    let (kept, tool, left_out) = offered(json!({"name": "bare"}));
    assert!(
        kept && tool["inputSchema"] == json!({"type": "object"})
            && left_out.contains("bare: inputSchema")
    );
    let (_, tool, left_out) = offered(json!({"name": "t", "inputSchema": {"properties": []}}));
    assert_eq!(tool["inputSchema"], json!({"type": "object"}));
    assert!(left_out.contains("inputSchema.type") && left_out.contains("inputSchema.properties"));
    for (member, value) in [
        ("title", json!(7)),
        ("description", json!({"en": "x"})),
        ("icons", json!("https://a.example/i.png")),
        ("icons", json!([{"url": "x"}, {"src": "https://a.example/i.png", "sizes": "48x48"}])),
        ("annotations", json!("read only")),
        ("annotations", json!({"readOnlyHint": "yes"})),
        ("annotations", json!({"readOnlyHint": true, "destructiveHint": "no"})),
        ("annotations", json!({"title": 7, "readOnlyHint": true})),
        ("outputSchema", json!("string")),
        ("_meta", json!("x")),
    ] {
        let mut bad = json!({"name": "odd", "inputSchema": {"type": "object"}});
        bad[member] = value.clone();
        let (kept, tool, left_out) = offered(bad);
        assert!(
            kept && left_out.contains(&format!("odd: {member}")),
            "{member} {value}: {left_out}"
        );
        if member == "annotations" && value["title"] != 7 {
            assert!(tool["annotations"].is_null(), "hints count all or none: {tool}");
        }
    }
    // An empty list counts as an empty object without a note.
    let (_, _, left_out) = offered(
        json!({"name": "php", "inputSchema": {"type": "object"}, "annotations": [], "_meta": []}),
    );
    assert_eq!(left_out, "0 left out");
    for whole in [json!({}), json!([]), json!({"tools": "x"}), json!("x"), json!(null)] {
        assert!(result("tools/list", whole.clone()).is_err(), "{whole}");
    }
    assert_eq!(result("tools/list", json!({"tools": null})).unwrap().0["tools"], json!([]));
    let (paged, _) =
        result("tools/list", json!({"tools": [], "nextCursor": 7, "ttlMs": "x"})).unwrap();
    assert_eq!(paged["nextCursor"], "7");
}

#[test]
fn prompts_resources_and_templates_are_read_by_the_same_rule() {
    for (method, list, good, bad, odd, name) in [
        (
            "prompts/list",
            "prompts",
            json!({"name": "g"}),
            json!({"title": "x"}),
            json!({"name": "o", "arguments": [{"name": "a", "required": "yes"}, 7]}),
            "prompt o: arguments",
        ),
        (
            "resources/list",
            "resources",
            json!({"uri": "file:///g", "name": "g"}),
            json!({"name": "x"}),
            json!({"uri": "file:///o", "name": "o", "size": "big", "annotations": {"priority": "high"}}),
            "resource file:///o: size",
        ),
        (
            "resources/templates/list",
            "resourceTemplates",
            json!({"uriTemplate": "file:///{g}", "name": "g"}),
            json!({"uri": "x"}),
            json!({"uriTemplate": "file:///{o}", "mimeType": 7}),
            "resource template file:///{o}: mimeType",
        ),
    ] {
        let (read, left_out) = result(method, json!({list: [good, bad, odd]})).unwrap();
        assert_eq!(read[list].as_array().unwrap().len(), 2, "{method}: {left_out}");
        assert!(
            left_out.contains("#2 (it has no name or URI)") && left_out.contains(name),
            "{left_out}"
        );
    }
}

#[test]
fn an_unknown_block_of_a_result_becomes_a_text_that_states_so() {
    let good = json!({"type": "text", "text": "good"});
    for (block, told) in [
        (
            json!({"type": "video", "data": "x"}),
            "the type \"video\" is left out: the protocol does not define this type",
        ),
        (
            json!({"type": "image", "data": "x"}),
            "the type \"image\" is left out: it does not conform",
        ),
        (json!({"kind": "text"}), "left out"),
        (json!(7), "left out"),
        (json!("words"), "words"),
        (json!({"type": "text", "text": {"a": 1}}), "{\"a\":1}"),
    ] {
        let (read, _) = result("tools/call", json!({"content": [block, good.clone()]})).unwrap();
        assert!(read["content"][0]["text"].as_str().unwrap().contains(told), "{block}: {read}");
        assert_eq!(read["content"][1], good);
        let asked = json!({"messages": [{"role": "user", "content": block}, {"role": "system", "content": good}]});
        let (read, _) = result("prompts/get", asked).unwrap();
        assert!(
            read["messages"][0]["content"]["text"].as_str().unwrap().contains(told),
            "{block}: {read}"
        );
        assert_eq!(read["messages"][1]["content"], good);
    }
    let (read, _) = result("tools/call", json!({"content": {"type": "text", "text": "x", "annotations": {"priority": "high"}}, "isError": "true"})).unwrap();
    assert_eq!(
        (read["content"][0]["text"].as_str(), read["isError"].as_bool()),
        (Some("x"), Some(true))
    );
    assert_eq!(result("tools/call", json!({})).unwrap().0["content"], json!([]));
    for wrong in [json!({"tools": []}), json!(null), json!("x"), json!([])] {
        assert!(result("tools/call", wrong.clone()).is_err(), "{wrong}");
    }
    let (read, left_out) = result("resources/read", json!({"contents": [{"uri": "file:///a", "text": "x", "mimeType": 7}, {"uri": "file:///b"}]})).unwrap();
    assert_eq!(read["contents"], json!([{"uri": "file:///a", "text": "x"}]));
    assert!(left_out.contains("contents #2"), "{left_out}");
    let (read, _) =
        result("completion/complete", json!({"completion": {"values": ["a", 7], "total": -1}}))
            .unwrap();
    assert_eq!(read["completion"], json!({"values": ["a"]}));
}

#[test]
fn the_description_of_an_upstream_is_read_without_what_is_not_of_the_protocol() {
    for odd in [
        json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": true}, "serverInfo": {"name": "x"}}),
        json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": [], "logging": null}, "serverInfo": {"name": "x", "version": 1.5}, "instructions": 7}),
        json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": "yes"}, "x": 1, "experimental": []}, "serverInfo": null}),
        json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}),
    ] {
        let (read, _) = results::read("initialize", odd.clone()).unwrap();
        let ServerResult::InitializeResult(read) = read else { panic!("{odd}: {read:?}") };
        assert!(read.capabilities.tools.is_some(), "{odd}");
    }
    assert!(results::read("initialize", json!({"capabilities": {}})).is_err());
    let (read, _) = results::read(
        "server/discover",
        json!({"supportedVersions": ["2026-07-28", 7], "capabilities": {"tools": []}, "ttlMs": -1}),
    )
    .unwrap();
    assert!(
        matches!(read, ServerResult::DiscoverResult(read) if read.capabilities.tools.is_some())
    );
}

#[tokio::test]
async fn an_object_with_very_many_members_is_read_in_the_time_that_its_size_takes() {
    use std::fmt::Write as _;
    let mut many = String::new();
    for number in 0..200_000 {
        write!(many, ",\"x{number}\":0").unwrap();
    }
    let begun = std::time::Instant::now();
    let id = RequestId::Number(1);
    // The title, or the mark of an error, has a form that is not of the protocol.
    for (method, text) in [
        (
            "tools/list",
            format!(
                r#"{{"tools":[{{"name":"odd","title":7,"inputSchema":{{"type":"object"}}{many}}}]}}"#
            ),
        ),
        (
            "tools/list",
            format!(r#"{{"tools":[{{"name":"odd","inputSchema":{{}}}}],"ttlMs":"x"{many}}}"#),
        ),
        (
            "tools/call",
            format!(r#"{{"content":[{{"type":"text","text":"good"}}],"isError":"x"{many}}}"#),
        ),
        (
            "tools/call",
            format!(r#"{{"content":[{{"type":"text","text":"x","annotations":7{many}}}]}}"#),
        ),
        (
            "initialize",
            format!(
                r#"{{"protocolVersion":"2025-06-18","instructions":7,"capabilities":{{"tools":{{}},"x":7{many}}}{many}}}"#
            ),
        ),
    ] {
        let wire = asked(&[method]);
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{text}}}"#);
        let heard = wire.read_answer(text.into(), &id).await;
        assert!(
            matches!(heard, ReadText::Message(message) if matches!(*message, JsonRpcMessage::Response(_))),
            "{method}"
        );
    }
    assert!(begun.elapsed() < std::time::Duration::from_mins(2), "{:?}", begun.elapsed());
    let mut odd = json!({"name": "odd", "title": 7, "description": "kept", "inputSchema": {"type": "object"}});
    for number in 0..100 {
        odd[format!("x{number}")] = json!(0);
    }
    let (read, left_out) = result("tools/list", json!({"tools": [odd.clone()]})).unwrap();
    assert_eq!(read["tools"][0], json!({"name": "odd", "inputSchema": {"type": "object"}}));
    assert!(left_out.contains("odd: 102 other members"), "{left_out}");
    // Up to that count each member costs itself, however large the needed ones are.
    odd.as_object_mut().unwrap().retain(|name, _| !name.starts_with("x5"));
    odd.as_object_mut().unwrap().retain(|name, _| !name.starts_with('x') || name.len() == 2);
    odd["inputSchema"] = json!({"type": "object", "description": "x".repeat(1_000_000)});
    let (read, left_out) = result("tools/list", json!({"tools": [odd]})).unwrap();
    assert_eq!(read["tools"][0]["description"], "kept");
    assert!(left_out.contains("odd: title") && !left_out.contains("other members"), "{left_out}");
}

#[test]
fn the_answer_to_the_question_for_the_session_ends_no_request() {
    let wire = asked(&["tools/call"]);
    for answer in [r#""result":{}"#, r#""error":{"code":-32601,"message":"no"}"#] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":"{PING_ID}",{answer}}}"#);
        assert!(matches!(heard(&wire, &text, None), ReadText::Nothing), "{answer}");
    }
}

#[tokio::test]
async fn a_batch_of_very_many_messages_is_no_message() {
    let all = |count: usize| {
        let mut all =
            vec![json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}); count];
        all.push(json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}));
        Value::Array(all).to_string()
    };
    let id = RequestId::Number(1);
    let read = asked(&["tools/call"]).read_answer(all(999).into(), &id).await;
    assert!(matches!(read, ReadText::Message(_)));
    let read = asked(&["tools/call"]).read_answer(all(1000).into(), &id).await;
    assert!(matches!(read, ReadText::Nothing));
}

#[test]
fn capabilities_that_are_no_object_are_named() {
    for (odd, named) in [
        (json!("all"), true),
        (json!(null), true),
        (json!(["tools"]), true),
        (json!([]), false),
        (json!({}), false),
    ] {
        let told = json!({"protocolVersion": "2025-06-18", "capabilities": odd, "serverInfo": {"name": "x", "version": "1"}});
        let (_, left_out) = results::read("initialize", told).unwrap();
        assert_eq!(left_out.to_string().contains("capabilities"), named, "{odd}: {left_out}");
    }
}

#[test]
fn an_error_about_the_revision_ends_the_use_of_the_connection() {
    for (method, code, lost) in [
        ("tools/call", -32022, true),
        ("tools/list", -32022, true),
        ("tools/call", -32602, false),
        ("server/discover", -32022, false),
        ("initialize", -32022, false),
    ] {
        let wire = asked(&[method]);
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"no"}}}}"#);
        heard(&wire, &text, Some(1));
        assert_eq!(wire.is_lost(), lost, "{method} {code}");
    }
}

#[test]
fn a_line_that_cannot_be_read_ends_the_only_request_that_waits() {
    let why = || LinkError::Answer("wrote too much".to_owned());
    assert!(asked(&[]).only_unanswered(why()).is_none());
    assert!(asked(&["tools/call", "tools/list"]).only_unanswered(why()).is_none());
    let ended = asked(&["tools/call"]).only_unanswered(why()).unwrap();
    assert!(
        matches!(ended, JsonRpcMessage::Error(error) if error.id == Some(RequestId::Number(1)))
    );
}
