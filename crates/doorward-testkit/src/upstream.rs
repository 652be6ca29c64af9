//! An upstream MCP server with an authorization server of its own, controlled by a test, for
//! correct and incorrect behaviour.

mod answers;
mod authorization;
mod calls;
mod habits;
mod places;
mod proofs;
mod protocol;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use answers::OddAnswer;
pub use habits::{AuthorizationHabit, Connects};
pub use places::Place;
pub use proofs::Bindings;

use authorization::{authorize, register, resource_metadata, revoke, server_metadata, token};
use protocol::mcp;

/// The memory and the behaviour of the upstream.
#[derive(Default)]
pub struct UpstreamState {
    /// Its tools, as `tools/list` answers them.
    pub tools: Vec<Value>,
    /// Its resources; it has none of that kind where this is empty.
    pub resources: Vec<Value>,
    /// The contents of its resources by URI, in place of the wages.
    pub contents: HashMap<String, Value>,
    /// Its prompts, in place of `letter`.
    pub prompts: Vec<Value>,
    /// The `Authorization` headers of all requests, unchanged.
    pub authorizations: Vec<String>,
    /// The number of tool calls that arrived.
    pub calls: usize,
    /// The number of connections that began with `initialize`.
    pub greetings: usize,
    /// The time that its lists of tools take.
    pub slow_lists: Option<Duration>,
    /// True if it offers a prompt `letter`, a resource `file:///wages`, a template
    /// `file:///{name}`, completions and a log.
    pub offers_all: bool,
    /// The methods and items of everything but lists that arrived, such as `resources/read
    /// file:///wages`.
    pub operations: Vec<String>,
    /// The bytes of its prompt and its resource, besides a few words.
    pub padding: usize,
    /// The result of every call, where the test sets one.
    pub result: Option<Value>,
    /// The parameters of its question during a call, where the test sets them.
    pub question: Option<Value>,
    /// The extensions that it announces.
    pub extensions: Option<Value>,
    /// True if it supports the stateless revision 2026-07-28 alone.
    pub modern: bool,
    /// The error that everything but lists is answered with.
    pub error: Option<Value>,
    asked: Option<tokio::sync::oneshot::Sender<Value>>,
    /// True if MCP requests need a token of its authorization server.
    pub protected: bool,
    /// The lifetime of an access token in seconds, as in the token response.
    pub expires_in: i64,
    /// The number of refreshes that arrived.
    pub refreshes: usize,
    /// The time that a refresh takes.
    pub refresh_delay: Duration,
    /// The delay of responses of the token endpoint and of registrations after their effect.
    pub answer_delay: Duration,
    /// The status of the next answer to a refresh, and members of it in place of the true ones. The
    /// tokens are replaced nevertheless.
    pub spoiled: Option<(u16, Value)>,
    /// The number of the next MCP requests with a valid token that are answered 503.
    pub failing: usize,
    /// The number of registrations that arrived.
    pub registrations: usize,
    /// The error that refreshes are answered with.
    pub refresh_error: Option<&'static str>,
    /// The `iss` that the authorization response names; empty for none, `None` for the right one.
    pub iss: Option<String>,
    /// Members of the metadata that replace the true ones.
    pub metadata: HashMap<&'static str, Value>,
    /// Answers at these paths in place of the true ones.
    pub places: HashMap<String, Place>,
    /// The challenges of a refused request, each a header, in place of the true one.
    pub challenges: Option<Vec<Vec<u8>>>,
    /// The form of the answer to a registration.
    pub registration: Option<OddAnswer>,
    /// The form of the answers of the token endpoint.
    pub token_answers: Option<OddAnswer>,
    /// The claims of the ID token in its answers to a code; none without.
    pub id_token: Option<Value>,
    /// The access tokens that count.
    pub valid: HashSet<String>,
    /// The parameters of authorization requests.
    pub authorizes: Vec<HashMap<String, String>>,
    /// The forms of token exchanges (RFC 8693) that arrived.
    pub exchanges: Vec<HashMap<String, String>>,
    /// The forms with an assertion about a user (RFC 7523) that arrived.
    pub assertions: Vec<HashMap<String, String>>,
    /// The forms for the client itself that arrived, and their header `Authorization` as a field.
    pub own: Vec<HashMap<String, String>>,
    /// The requests that its token endpoint answered.
    pub token_requests: usize,
    /// The tokens that it binds to keys, if it does.
    pub bindings: Option<Bindings>,
    /// The error that assertions are answered with.
    pub assertion_error: Option<&'static str>,
    /// The forms that redeemed a code.
    pub redeemed: Vec<HashMap<String, String>>,
    /// The forms of revocations (RFC 7009) that arrived.
    pub revoked: Vec<HashMap<String, String>>,
    /// The number of the next revocations that are answered 503.
    pub failing_revocations: usize,
    /// The kind of token for which revocation is answered with `unsupported_token_type`.
    pub irrevocable: Option<&'static str>,
    /// The scope that MCP requests with a token lack (403 `insufficient_scope`).
    pub lacks_scope: Option<&'static str>,
    /// The URL to post to that the stream of the old HTTP+SSE transport names, instead of
    /// the truth.
    pub post_to: Option<String>,
    streams: Vec<tokio::sync::mpsc::UnboundedSender<String>>,
    codes: HashMap<String, usize>,
    refresh_tokens: HashMap<String, usize>,
    accounts: usize,
    /// The number of times that it gave tokens for a code or a refresh token.
    pub issued: usize,
}

/// A running upstream.
pub struct FakeUpstream {
    /// Its origin.
    pub origin: String,
    /// Its MCP endpoint.
    pub url: String,
    shared: Shared,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    state: Arc<Mutex<UpstreamState>>,
    origin: String,
}

/// A tool of an upstream.
pub fn tool(name: &str, read_only: bool) -> Value {
    json!({
        "name": name, "description": format!("The tool {name}."),
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}, "ms": {"type": "integer"}}},
        "annotations": {"readOnlyHint": read_only, "destructiveHint": !read_only},
    })
}

impl FakeUpstream {
    /// Starts one with the tools `echo` (reads) and `wipe` (destroys), open to all.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = UpstreamState {
            tools: vec![tool("echo", true), tool("wipe", false)],
            expires_in: 3600,
            ..UpstreamState::default()
        };
        let shared = Shared { state: Arc::new(Mutex::new(state)), origin: origin.clone() };
        let router = Router::new()
            .route("/mcp", post(mcp).get(|| async { StatusCode::METHOD_NOT_ALLOWED }))
            .route("/sse", get(old_stream).post(old_refusal))
            .route("/messages", post(old_message))
            .route("/.well-known/oauth-protected-resource/mcp", get(resource_metadata))
            .route("/.well-known/oauth-authorization-server", get(server_metadata))
            .route("/register", post(register))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .route("/openapi.json", get(document))
            .route("/api/holder", get(holder))
            .layer(axum::middleware::from_fn_with_state(shared.clone(), places::place))
            .with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url: format!("{origin}/mcp"), origin, shared, task }
    }

    /// Starts one that requires tokens of its authorization server.
    pub async fn protected() -> Self {
        let upstream = Self::start().await;
        upstream.state().protected = true;
        upstream
    }

    /// Its memory and its behaviour.
    pub fn state(&self) -> MutexGuard<'_, UpstreamState> {
        self.shared.state.lock().unwrap()
    }

    /// The configuration for it: reachable although it is on this machine.
    pub fn config(&self, auth: &str) -> doorward_gateway::UpstreamConfig {
        doorward_gateway::UpstreamConfig {
            kind: "http".to_owned(),
            url: self.url.clone(),
            auth: auth.to_owned(),
            networks: vec!["127.0.0.0/8".to_owned()],
            http_on_loopback: true,
            list_wait_ms: 2000,
            ..doorward_gateway::UpstreamConfig::default()
        }
    }

    /// The configuration for its REST API, with a tool `holder` that returns the token of the call.
    pub fn api_config(&self, auth: &str) -> doorward_gateway::UpstreamConfig {
        doorward_gateway::UpstreamConfig {
            kind: "openapi".to_owned(),
            document: format!("{}/openapi.json", self.origin),
            url: format!("{}/api", self.origin),
            issuer: self.origin.clone(),
            ..self.config(auth)
        }
    }

    /// Stops listening and drops every connection.
    pub fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, UpstreamState> {
    shared.state.lock().unwrap()
}

fn answer(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn document(State(_): State<Shared>) -> Response {
    let holder = json!({"operationId": "holder", "responses": {"200": {"description": "ok"}}});
    answer(
        &json!({"openapi": "3.1.0", "info": {"title": "API", "version": "1"}, "paths": {"/holder": {"get": holder}}}),
    )
}

async fn holder(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if let Some(refusal) = proofs::of_resource(&shared, &headers, "GET", "/api/holder") {
        return refusal;
    }
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = sent.map(protocol::token_of).unwrap_or_default();
    if lock(&shared).valid.contains(token) {
        answer(&json!({ "holder": token }))
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

/// Waits between an effect and its response.
async fn delay(shared: &Shared) {
    let delay = lock(shared).answer_delay;
    tokio::time::sleep(delay).await;
}

/// The stream of the old HTTP+SSE transport: it names the URL for POST requests, and carries all
/// answers.
async fn old_stream(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if let Some(challenge) = protocol::challenge(&shared, token) {
        return challenge;
    }
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<String>();
    let first = {
        let mut state = lock(&shared);
        state.streams.push(sender);
        let number = state.streams.len() - 1;
        state.post_to.clone().unwrap_or_else(|| format!("/messages?stream={number}"))
    };
    let first = futures_util::stream::iter([format!("event: endpoint\ndata: {first}\n\n")]);
    let rest = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|event| (event, receiver))
    });
    let events = futures_util::StreamExt::map(
        futures_util::StreamExt::chain(first, rest),
        Ok::<_, std::io::Error>,
    );
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// The answer to a message that is posted to the URL of the stream.
async fn old_refusal(State(shared): State<Shared>) -> Response {
    let challenge = protocol::challenge(&shared, "");
    challenge.unwrap_or_else(|| StatusCode::METHOD_NOT_ALLOWED.into_response())
}

async fn old_message(
    State(shared): State<Shared>,
    Query(params): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let number: usize = params["stream"].parse().unwrap();
    let answer = mcp(State(shared.clone()), headers, body).await;
    if !answer.status().is_success() {
        return answer;
    }
    let streams =
        answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if streams {
        // As they come: a question in between is answered by another message.
        let mut events = answer.into_body().into_data_stream();
        tokio::spawn(async move {
            while let Some(Ok(piece)) = futures_util::StreamExt::next(&mut events).await {
                let piece = String::from_utf8_lossy(&piece).into_owned();
                if lock(&shared).streams[number].send(piece).is_err() {
                    return;
                }
            }
        });
        return StatusCode::ACCEPTED.into_response();
    }
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    if !body.is_empty() {
        let sent = lock(&shared).streams[number]
            .send(format!("event: message\ndata: {}\n\n", String::from_utf8_lossy(&body)));
        assert!(sent.is_ok(), "the stream is open");
    }
    StatusCode::ACCEPTED.into_response()
}
