//! The tools of the upstream, by their names.

use std::time::Duration;

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Shared, answer, lock};

/// A step of progress and a log message of a call that wants progress.
fn step(number: u64, params: &Value) -> String {
    let token = &params["_meta"]["progressToken"];
    if token.is_null() {
        return String::new();
    }
    [
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": number}}),
        json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": number}}),
    ]
    .map(|event| format!("data: {event}\n\n"))
    .concat()
}

/// The question of a call for a name: to the user, or with `sample` to the client's model.
fn question(tool: &str) -> (&'static str, Value) {
    if tool == "sample" {
        let message = json!({"role": "user", "content": {"type": "text", "text": "Your name?"}});
        ("sampling/createMessage", json!({"messages": [message], "maxTokens": 10}))
    } else {
        let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        ("elicitation/create", json!({"message": "Your name?", "requestedSchema": schema}))
    }
}

/// The name in the answer to a question of either kind.
fn named(answer: &Value) -> Value {
    let content = &answer["content"];
    let name = if content["name"].is_null() { &content["text"] } else { &content["name"] };
    name.clone()
}

/// A call that asks for a name before it answers; where it is to tell its progress, in one piece
/// with the question, and again in one piece with the answer.
pub(super) fn ask(shared: &Shared, id: &Value, params: &Value) -> Response {
    let (method, asked) = question(params["name"].as_str().unwrap_or_default());
    let asked = lock(shared).question.clone().unwrap_or(asked);
    let hello = |id: &Value, name: &Value| json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", "content": [{"type": "text", "text": format!("hello {name}")}]}});
    if lock(shared).modern {
        let given = &params["inputResponses"]["name"];
        let body = if given.is_null() {
            let required = json!({"resultType": "input_required", "requestState": "s", "inputRequests": {"name": {"method": method, "params": asked}}});
            let required = json!({"jsonrpc": "2.0", "id": id, "result": required});
            format!("{}data: {required}\n\n", step(1, params))
        } else {
            format!("{}data: {}\n\n", step(2, params), hello(id, &named(given)))
        };
        return ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response();
    }
    let (sender, answered) = tokio::sync::oneshot::channel();
    lock(shared).asked = Some(sender);
    let question = json!({"jsonrpc": "2.0", "id": "q1", "method": method, "params": asked});
    let id = id.clone();
    let first = format!("{}data: {question}\n\n", step(1, params));
    let first = futures_util::stream::iter([first]);
    let again = step(2, params);
    let last = futures_util::stream::once(async move {
        let told = answered.await.map(|message| named(&message["result"])).unwrap_or_default();
        format!("{again}data: {}\n\n", hello(&id, &told))
    });
    let events = futures_util::StreamExt::map(
        futures_util::StreamExt::chain(first, last),
        Ok::<_, std::io::Error>,
    );
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// The result of a call, by the tool's name.
pub(super) async fn call(id: &Value, token: &str, params: &Value) -> Response {
    let arguments = &params["arguments"];
    let text = |words: &str| {
        answer(
            &json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": words}]}}),
        )
    };
    match params["name"].as_str().unwrap_or_default() {
        "hang" => std::future::pending().await,
        "slow" => {
            tokio::time::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap_or(1000)))
                .await;
            text("late")
        }
        // The result that the arguments hold.
        "gives" => answer(&json!({"jsonrpc": "2.0", "id": id, "result": arguments["result"]})),
        "large" => text(&"y".repeat(9 * 1024 * 1024)),
        "lie" => answer(
            &json!({"jsonrpc": "2.0", "id": id, "result": {"tools": "not a result of a call"}}),
        ),
        "garbage" => ([(header::CONTENT_TYPE, "application/json")], "{\"jsonrpc\": \"2.0\", ")
            .into_response(),
        name => streamed(id, name, params).unwrap_or_else(|| {
            text(&format!("{} for {token}", arguments["text"].as_str().unwrap_or_default()))
        }),
    }
}

/// The result of a call that is answered by a stream, by the tool's name.
fn streamed(id: &Value, name: &str, params: &Value) -> Option<Response> {
    let arguments = &params["arguments"];
    Some(match name {
        "huge" => {
            let chunk = axum::body::Bytes::from(vec![b'x'; 1024 * 1024]);
            let begin = format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\""
            );
            let chunks = std::iter::once(axum::body::Bytes::from(begin))
                .chain(std::iter::repeat_n(chunk, 100));
            let stream = futures_util::stream::iter(chunks.map(Ok::<_, std::io::Error>));
            ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(stream))
                .into_response()
        }
        "update" => {
            let updated = json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "file:///wages"}});
            let last = json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": "told"}]}});
            (
                [(header::CONTENT_TYPE, "text/event-stream")],
                format!("data: {updated}\n\ndata: {last}\n\n"),
            )
                .into_response()
        }
        // Progress, log messages and the answer in one piece.
        "burst" => {
            let steps = arguments["steps"].as_u64().unwrap_or(3);
            let mut events: Vec<Value> = Vec::new();
            for step in 1..=steps {
                events.push(json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": params["_meta"]["progressToken"], "progress": step}}));
                events.push(json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": step}}));
            }
            events.push(json!({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", "content": [{"type": "text", "text": "done"}]}}));
            let events: Vec<_> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            let body = events.concat();
            ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
        }
        "flood" => {
            let noise = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": params["_meta"]["progressToken"], "progress": 1}});
            let event = axum::body::Bytes::from(format!("data: {noise}\n\n"));
            let last = json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": "flooded"}]}});
            let events = std::iter::repeat_n(event, 100_000)
                .chain(std::iter::once(axum::body::Bytes::from(format!("data: {last}\n\n"))));
            let stream = futures_util::stream::iter(events.map(Ok::<_, std::io::Error>));
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream))
                .into_response()
        }
        // Sends these messages as they are, on the stream of the call; without a last answer among
        // them the stream stays open.
        "says" => {
            let events: Vec<String> = arguments["messages"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|message| {
                    let mut message = message.clone();
                    if message["id"] == "CALL" {
                        message["id"] = id.clone();
                    }
                    if message["params"]["progressToken"] == "CALL" {
                        message["params"]["progressToken"] =
                            params["_meta"]["progressToken"].clone();
                    }
                    format!("data: {message}\n\n")
                })
                .collect();
            let stream = futures_util::StreamExt::chain(
                futures_util::stream::iter(events),
                futures_util::stream::pending(),
            );
            let stream = futures_util::StreamExt::map(stream, Ok::<_, std::io::Error>);
            ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream))
                .into_response()
        }
        _ => return None,
    })
}
