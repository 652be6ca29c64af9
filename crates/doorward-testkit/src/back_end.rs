//! A back end that answers questions, as OpenAI describes it (`POST /v1/responses`, streams of
//! `response.…` events), with a script in place of a model. It calls the tools at the MCP server
//! that a request names, and it can misbehave.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Browser, MODEL_KEY, Page};

/// The text in a script that means the token of the request.
pub const ITS_TOKEN: &str = "{token}";

/// The conduct of the back end at a question.
#[derive(Clone, Debug)]
pub enum BackEndHabit {
    /// It makes these calls, and says what they returned.
    Calls(Vec<(&'static str, Value)>),
    /// It says this.
    Says(&'static str),
    /// It says this and cites a source.
    Cites(&'static str, &'static str),
    /// It says this in a response that is no stream.
    Whole(&'static str),
    /// It answers with a status, with the seconds of `Retry-After` if there are any.
    Status(u16, Option<u64>),
    /// It leads elsewhere.
    Redirect(String),
    /// It responds after an hour.
    Silent,
    /// It begins to respond, and goes on after an hour.
    Stalls,
    /// It sends events without end.
    Floods,
    /// It answers with a page.
    Page,
    /// It answers with more than any answer has.
    Oversized,
    /// It answers to another question.
    Mistaken,
    /// It reports a failure in the stream.
    Fails,
    /// Its stream ends before the answer.
    Cut,
}

type Script = dyn Fn(&str) -> BackEndHabit + Send + Sync;

struct Kept {
    script: Box<Script>,
    requests: Mutex<Vec<Value>>,
}

/// A back end on this machine.
#[derive(Clone)]
pub struct FakeBackEnd {
    /// The URL of the endpoint.
    pub url: String,
    kept: Arc<Kept>,
}

/// Calls a tool at the MCP server of a request.
async fn call(tool: &Value, name: &str, arguments: &Value) -> Page {
    let browser = Browser::new();
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    });
    let request = browser
        .raw(Method::POST, tool["server_url"].as_str().unwrap())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(tool["authorization"].as_str().unwrap())
        .json(&message);
    browser.send(request).await
}

fn response(request: &Value, output: &[Value]) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
        "error": null, "model": "fake", "metadata": request["metadata"], "output": output,
        "usage": {"input_tokens": 80, "output_tokens": 20, "total_tokens": 100},
    })
}

fn said(text: &str, annotations: &Value) -> Value {
    json!({
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": annotations}],
    })
}

/// The events of an answer: its text in two pieces, and all of it at the end.
fn answered(
    request: &Value,
    mut events: Vec<Value>,
    mut output: Vec<Value>,
    last: Value,
) -> Vec<Value> {
    let text = last["content"][0]["text"].as_str().unwrap().to_owned();
    let letters: Vec<char> = text.chars().collect();
    for piece in letters.chunks(letters.len().div_ceil(2).max(1)) {
        let delta: String = piece.iter().collect();
        events.push(
            json!({"type": "response.output_text.delta", "item_id": "msg_1", "delta": delta}),
        );
    }
    output.push(last);
    events.push(json!({"type": "response.completed", "response": response(request, &output)}));
    events
}

/// The events of a habit that answers.
async fn events(request: &Value, habit: BackEndHabit) -> Vec<Value> {
    let tool = &request["tools"][0];
    let token = tool["authorization"].as_str().unwrap();
    let begun = vec![json!({
        "type": "response.created",
        "response": {"id": "resp_1", "status": "in_progress", "metadata": request["metadata"]},
    })];
    match habit {
        BackEndHabit::Calls(calls) => {
            let (mut events, mut output, mut told) = (begun, Vec::new(), Vec::new());
            for (name, arguments) in calls {
                let mut item = json!({"type": "mcp_call", "id": "mcp_1", "server_label": "doorward", "name": name, "arguments": arguments.to_string(), "output": null, "error": null});
                events.push(json!({"type": "response.output_item.added", "item": item}));
                let page = call(tool, name, &arguments).await;
                let text = page.json()["result"]["content"][0]["text"].as_str().map(str::to_owned);
                let text = text.unwrap_or_else(|| format!("{} {}", page.status, page.body));
                item["output"] = text.as_str().into();
                events.push(json!({"type": "response.output_item.done", "item": item}));
                output.push(item);
                told.push(text);
            }
            let last = said(&told.join("\n"), &json!([]));
            answered(request, events, output, last)
        }
        BackEndHabit::Cites(text, url) => {
            let source = json!({"type": "url_citation", "start_index": 0, "end_index": 1, "title": "Its source", "url": url});
            answered(request, begun, Vec::new(), said(text, &json!([source])))
        }
        BackEndHabit::Says(text) => {
            let text = text.replace(ITS_TOKEN, token);
            answered(request, begun, Vec::new(), said(&text, &json!([])))
        }
        BackEndHabit::Mistaken => {
            let mut other = request.clone();
            other["metadata"]["transaction"] = "another".into();
            answered(&other, begun, Vec::new(), said("It is so.", &json!([])))
        }
        BackEndHabit::Fails => {
            let error = json!({"code": "server_error", "message": token});
            let failed = json!({"id": "resp_1", "status": "failed", "error": error, "metadata": request["metadata"]});
            vec![json!({"type": "response.failed", "response": failed})]
        }
        _ => begun,
    }
}

fn problem(status: u16, message: &str) -> Response {
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

fn streamed(body: Body) -> Response {
    let mut response = Response::new(body);
    let kind = "text/event-stream; charset=utf-8".parse().unwrap();
    response.headers_mut().insert("content-type", kind);
    response
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
}

async fn serve(State(kept): State<Arc<Kept>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bearer = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    if bearer != Some(format!("Bearer {MODEL_KEY}").as_str()) {
        return problem(401, "Incorrect API key provided.");
    }
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    kept.requests.lock().unwrap().push(request.clone());
    let question = request["input"].as_array().and_then(|all| all.last()).cloned();
    let question = question.unwrap_or_default()["content"].as_str().unwrap_or_default().to_owned();
    let habit = (kept.script)(&question);
    let hour = Duration::from_hours(1);
    match habit {
        BackEndHabit::Status(status, after) => {
            // It tells more than it should.
            let mut response = problem(status, &request["tools"][0].to_string());
            if let Some(seconds) = after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            response
        }
        BackEndHabit::Redirect(url) => {
            let mut response = problem(307, "elsewhere");
            response.headers_mut().insert("location", url.parse().unwrap());
            response
        }
        BackEndHabit::Silent => {
            tokio::time::sleep(hour).await;
            problem(500, "late")
        }
        BackEndHabit::Stalls => {
            let first = stream::iter([Ok::<_, std::io::Error>("data: {\"type\":\"x\"}\n\n")]);
            let rest = stream::once(async move {
                tokio::time::sleep(hour).await;
                Ok("")
            });
            streamed(Body::from_stream(first.chain(rest)))
        }
        BackEndHabit::Floods => {
            let delta = json!({"type": "response.output_text.delta", "delta": "x".repeat(60_000)});
            let one = event(&delta);
            let endless = stream::repeat_with(move || Ok::<_, std::io::Error>(one.clone()));
            streamed(Body::from_stream(endless))
        }
        BackEndHabit::Page => axum::response::Html("<h1>Welcome</h1>").into_response(),
        BackEndHabit::Oversized => {
            axum::Json(json!({"output": "x".repeat(9 << 20)})).into_response()
        }
        BackEndHabit::Whole(text) => {
            axum::Json(response(&request, &[said(text, &json!([]))])).into_response()
        }
        habit => {
            let all: String = events(&request, habit).await.iter().map(event).collect();
            streamed(Body::from(all))
        }
    }
}

impl FakeBackEnd {
    /// Starts one that behaves at each question as the script says.
    pub async fn start(script: impl Fn(&str) -> BackEndHabit + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/responses", listener.local_addr().unwrap());
        let kept = Arc::new(Kept { script: Box::new(script), requests: Mutex::default() });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&kept));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, kept }
    }

    /// The requests that came with the right key.
    pub fn requests(&self) -> Vec<Value> {
        self.kept.requests.lock().unwrap().clone()
    }

    /// The tokens that came with the requests, in their order.
    pub fn tokens(&self) -> Vec<String> {
        let token = |request: &Value| {
            request["tools"][0]["authorization"].as_str().unwrap_or_default().to_owned()
        };
        self.requests().iter().map(token).collect()
    }
}
