//! A chat endpoint, as OpenAI describes it (`POST /v1/chat/completions`, streams of
//! `chat.completion.chunk`), with a script in place of a model. It refuses histories that the real
//! one refuses, and it can misbehave.

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
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The key of the endpoint.
pub const MODEL_KEY: &str = "sk-fake-key-of-the-endpoint";

/// A reply of the endpoint.
#[derive(Clone, Debug)]
pub enum ModelReply {
    /// A text, streamed in pieces, with its usage.
    Text(String),
    /// Calls of tools by name and the text of their arguments, streamed in pieces.
    Calls(Vec<(String, String)>),
    /// A status, with the seconds of `Retry-After` if there are any.
    Status(u16, Option<u64>),
    /// A refusal with status 400 and this message.
    Complaint(String),
    /// A text whose stream ends in the middle, as a connection that breaks.
    Cut(String),
    /// These events, and nothing else.
    Events(Vec<String>),
    /// A response that is no stream.
    Whole(Value),
    /// A reply after some time.
    Later(Duration, Box<Self>),
}

impl ModelReply {
    /// One call.
    pub fn call(name: &str, arguments: &Value) -> Self {
        Self::Calls(vec![(name.to_owned(), arguments.to_string())])
    }
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

type Script = dyn Fn(&Value) -> ModelReply + Send + Sync;

struct Kept {
    script: Box<Script>,
    requests: Mutex<Vec<Value>>,
}

/// A chat endpoint on this machine.
#[derive(Clone)]
pub struct FakeModel {
    /// The URL of the endpoint.
    pub url: String,
    kept: Arc<Kept>,
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake",
        "system_fingerprint": null,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
    })
    .to_string()
}

/// Two halves of a text.
fn halves(text: &str) -> (String, String) {
    let letters: Vec<char> = text.chars().collect();
    let (first, second) = letters.split_at(letters.len() / 2);
    (first.iter().collect(), second.iter().collect())
}

fn events(reply: &ModelReply, wants_usage: bool) -> Vec<String> {
    let mut events = Vec::new();
    match reply {
        ModelReply::Text(text) => {
            let (first, second) = halves(text);
            events.push(chunk(&json!({"role": "assistant", "content": "", "refusal": null}), None));
            events.push(chunk(&json!({"content": first}), None));
            events.push(chunk(&json!({"content": second}), None));
            events.push(chunk(&json!({}), Some("stop")));
        }
        ModelReply::Calls(calls) => {
            let start = json!({"role": "assistant", "content": null});
            events.push(chunk(&start, None));
            for (index, (name, arguments)) in calls.iter().enumerate() {
                let (first, second) = halves(arguments);
                let call = json!({"index": index, "id": format!("call_{index}"), "type": "function", "function": {"name": name, "arguments": ""}});
                events.push(chunk(&json!({"tool_calls": [call]}), None));
                for piece in [first, second] {
                    let call = json!({"index": index, "function": {"arguments": piece}});
                    events.push(chunk(&json!({"tool_calls": [call]}), None));
                }
            }
            events.push(chunk(&json!({}), Some("tool_calls")));
        }
        ModelReply::Events(own) => return own.clone(),
        _ => {}
    }
    if wants_usage {
        let usage = json!({"prompt_tokens": 80, "completion_tokens": 20, "total_tokens": 100});
        events.push(json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": [], "usage": usage}).to_string());
    }
    events.push("[DONE]".to_owned());
    events
}

fn problem(status: u16, message: &str) -> Response {
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// The fault of a request, as the real endpoint finds it.
fn fault(request: &Value) -> Option<String> {
    let mut open: Vec<String> = Vec::new();
    for message in request["messages"].as_array()? {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let at = open.iter().position(|known| known == id);
            match at {
                Some(at) => drop(open.remove(at)),
                None => return Some(format!("no call has the id {id:?}")),
            }
            continue;
        }
        if !open.is_empty() {
            return Some("An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.".to_owned());
        }
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
            if serde_json::from_str::<Value>(arguments).is_err() {
                return Some("arguments are not JSON".to_owned());
            }
            open.push(call["id"].as_str().unwrap_or_default().to_owned());
        }
    }
    for tool in request["tools"].as_array().into_iter().flatten() {
        let name = tool["function"]["name"].as_str().unwrap_or_default();
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Some(format!("{name:?} does not match '^[a-zA-Z0-9_-]+$'"));
        }
    }
    (!open.is_empty()).then(|| "calls have no result".to_owned())
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
    if let Some(fault) = fault(&request) {
        return problem(400, &fault);
    }
    let mut reply = (kept.script)(&request);
    while let ModelReply::Later(time, then) = reply {
        tokio::time::sleep(time).await;
        reply = *then;
    }
    match &reply {
        ModelReply::Status(status, after) => {
            let mut response = problem(*status, "The server had an error.");
            if let Some(seconds) = after {
                response.headers_mut().insert("retry-after", (*seconds).into());
            }
            return response;
        }
        ModelReply::Complaint(message) => return problem(400, message),
        ModelReply::Whole(value) => return axum::Json(value).into_response(),
        _ => {}
    }
    let cut = match &reply {
        ModelReply::Cut(text) => Some(chunk(&json!({"content": text}), None)),
        _ => None,
    };
    let wants_usage = request["stream_options"]["include_usage"] == true;
    let all = cut.clone().map_or_else(|| events(&reply, wants_usage), |one| vec![one]);
    let mut pieces: Vec<Result<String, std::io::Error>> =
        all.into_iter().map(|event| Ok(format!("data: {event}\n\n"))).collect();
    if cut.is_some() {
        pieces.push(Err(std::io::Error::other("cut")));
    }
    let mut response = Response::new(Body::from_stream(stream::iter(pieces)));
    let kind = "text/event-stream; charset=utf-8".parse().unwrap();
    response.headers_mut().insert("content-type", kind);
    response
}

impl FakeModel {
    /// Starts one that replies to each request as the script says.
    pub async fn start(script: impl Fn(&Value) -> ModelReply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
        let kept = Arc::new(Kept { script: Box::new(script), requests: Mutex::default() });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&kept));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, kept }
    }

    /// Starts one that gives these replies in turn, and the last one again and again.
    pub async fn with(replies: Vec<ModelReply>) -> Self {
        let left = Mutex::new(replies);
        Self::start(move |_| {
            let mut left = left.lock().unwrap();
            if left.len() > 1 { left.remove(0) } else { left[0].clone() }
        })
        .await
    }

    /// The requests that came with the right key.
    pub fn requests(&self) -> Vec<Value> {
        self.kept.requests.lock().unwrap().clone()
    }
}

/// The results of tools in a request, in their order.
pub fn tool_results(request: &Value) -> Vec<String> {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let results = messages.iter().filter(|message| message["role"] == "tool");
    results.map(|message| message["content"].as_str().unwrap_or_default().to_owned()).collect()
}
