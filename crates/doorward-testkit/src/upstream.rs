//! An upstream MCP server with an authorization server of its own, which does what a test wants:
//! also what no honest one does.

mod authorization;
mod places;

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

pub use places::Place;

use authorization::{authorize, register, resource_metadata, revoke, server_metadata, token};

/// The memory and the behaviour of the upstream.
#[derive(Default)]
pub struct UpstreamState {
    /// Its tools, as `tools/list` answers them.
    pub tools: Vec<Value>,
    /// Its resources; it has none of that kind where this is empty.
    pub resources: Vec<Value>,
    /// The `Authorization` headers of all requests, as they came.
    pub authorizations: Vec<String>,
    /// How many tool calls arrived.
    pub calls: usize,
    /// True if it offers a prompt `letter`, a resource `file:///wages`, a template
    /// `file:///{name}`, completions and a log.
    pub offers_all: bool,
    /// The methods and items of everything but lists that arrived, such as `resources/read
    /// file:///wages`.
    pub operations: Vec<String>,
    /// How many bytes its prompt and its resource have, besides a few words.
    pub padding: usize,
    /// The extensions that it announces.
    pub extensions: Option<Value>,
    /// Whether it speaks the stateless revision 2026-07-28 alone.
    pub modern: bool,
    /// The error that everything but lists is answered with.
    pub error: Option<Value>,
    asked: Option<tokio::sync::oneshot::Sender<Value>>,
    /// True if MCP requests need a token of its authorization server.
    pub protected: bool,
    /// For how many seconds an access token is good, as the token answer says.
    pub expires_in: i64,
    /// How many refreshes arrived.
    pub refreshes: usize,
    /// How long a refresh takes.
    pub refresh_delay: Duration,
    /// How long the answers of the token endpoint and of registrations take after what they tell
    /// was done.
    pub answer_delay: Duration,
    /// The status of the next answer to a refresh, and members of it in place of the true ones. The
    /// tokens are replaced nevertheless.
    pub spoiled: Option<(u16, Value)>,
    /// How many of the next MCP requests with a token that counts are answered 503.
    pub failing: usize,
    /// How many registrations arrived.
    pub registrations: usize,
    /// The error that refreshes are answered with.
    pub refresh_error: Option<&'static str>,
    /// The `iss` that the authorization response names; empty for none, `None` for the right one.
    pub iss: Option<String>,
    /// Members of the metadata that replace the true ones.
    pub metadata: HashMap<&'static str, Value>,
    /// Answers at these paths in place of the true ones.
    pub places: HashMap<String, Place>,
    /// The claims of the ID token in its answers to a code; none without.
    pub id_token: Option<Value>,
    /// The access tokens that count.
    pub valid: HashSet<String>,
    /// The parameters of authorization requests.
    pub authorizes: Vec<HashMap<String, String>>,
    /// The forms of token exchanges (RFC 8693) that arrived.
    pub exchanges: Vec<HashMap<String, String>>,
    /// The forms that redeemed a code.
    pub redeemed: Vec<HashMap<String, String>>,
    /// The forms of revocations (RFC 7009) that arrived.
    pub revoked: Vec<HashMap<String, String>>,
    /// How many of the next revocations are answered 503.
    pub failing_revocations: usize,
    /// The scope that MCP requests with a token are told to lack (403 `insufficient_scope`).
    pub lacks_scope: Option<&'static str>,
    /// The URL to post to that the stream of the old HTTP+SSE transport names, instead of
    /// the truth.
    pub post_to: Option<String>,
    streams: Vec<tokio::sync::mpsc::UnboundedSender<String>>,
    codes: HashMap<String, usize>,
    refresh_tokens: HashMap<String, usize>,
    accounts: usize,
    /// How many times it gave tokens for a code or a refresh token.
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
    /// Starts one with the tools `echo` (reads) and `wipe` (destroys), open to everybody.
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
            .route("/sse", get(old_stream))
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

    /// Starts one that wants tokens of its authorization server.
    pub async fn protected() -> Self {
        let upstream = Self::start().await;
        upstream.state().protected = true;
        upstream
    }

    /// Its memory and its behaviour.
    pub fn state(&self) -> MutexGuard<'_, UpstreamState> {
        self.shared.state.lock().unwrap()
    }

    /// How to configure it: reachable although it is on this machine.
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

    /// How to configure its REST API, whose tool `holder` answers the token of the call.
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
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default();
    if lock(&shared).valid.contains(token) {
        answer(&json!({ "holder": token }))
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

/// Waits between what was done and its answer.
async fn delay(shared: &Shared) {
    let delay = lock(shared).answer_delay;
    tokio::time::sleep(delay).await;
}

/// The stream of the old HTTP+SSE transport: it says where to post, and carries all answers.
async fn old_stream(State(shared): State<Shared>) -> Response {
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
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    if streams {
        let events = String::from_utf8_lossy(&body).into_owned();
        assert!(lock(&shared).streams[number].send(events).is_ok(), "the stream is open");
    } else if !body.is_empty() {
        let sent = lock(&shared).streams[number]
            .send(format!("event: message\ndata: {}\n\n", String::from_utf8_lossy(&body)));
        assert!(sent.is_ok(), "the stream is open");
    }
    StatusCode::ACCEPTED.into_response()
}

#[expect(clippy::too_many_lines, reason = "one arm for each method")]
async fn mcp(State(shared): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let message: Value = serde_json::from_str(&body).unwrap_or_default();
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let token = authorization.strip_prefix("Bearer ").unwrap_or_default().to_owned();
    {
        let mut state = lock(&shared);
        state.authorizations.push(authorization);
        if state.protected && !state.valid.contains(&token) {
            let challenge = format!(
                "Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"",
                shared.origin
            );
            return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)])
                .into_response();
        }
        if let Some(scope) = state.lacks_scope {
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
            return (StatusCode::FORBIDDEN, [(header::WWW_AUTHENTICATE, challenge)])
                .into_response();
        }
        if state.failing > 0 {
            state.failing -= 1;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    }
    let id = message["id"].clone();
    if message["method"].is_null() && !id.is_null() {
        let asked = lock(&shared).asked.take();
        asked.map(|asked| asked.send(message));
        return StatusCode::ACCEPTED.into_response();
    }
    if id.is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    let result = |result: Value| answer(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    let method = message["method"].as_str().unwrap_or_default();
    let (offers_all, padding, error) = {
        let state = lock(&shared);
        (state.offers_all, "z".repeat(state.padding), state.error.clone())
    };
    if offers_all
        && !method.ends_with("/list")
        && !["initialize", "server/discover"].contains(&method)
    {
        let params = &message["params"];
        let item = ["name", "uri", "level"]
            .iter()
            .find_map(|key| params[key].as_str())
            .or_else(|| params["ref"]["name"].as_str().or(params["ref"]["uri"].as_str()));
        lock(&shared).operations.push(format!("{method} {}", item.unwrap_or_default()));
        if let Some(error) = error {
            return answer(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
        }
    }
    match method {
        "server/discover" if lock(&shared).modern => result(json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
            "capabilities": capabilities(&lock(&shared)), "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "fake", "version": "1"}},
        })),
        "initialize" => {
            let capabilities = capabilities(&lock(&shared));
            result(
                json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": {"name": "fake", "version": "1"}}),
            )
        }
        "prompts/list" => {
            result(json!({"prompts": [{"name": "letter", "arguments": [{"name": "to"}]}]}))
        }
        "resources/list" => {
            let mut resources = lock(&shared).resources.clone();
            if resources.is_empty() {
                resources.push(json!({"uri": "file:///wages", "name": "wages"}));
            }
            result(
                json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "resources": resources}),
            )
        }
        "resources/templates/list" => result(
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "resourceTemplates": [{"uriTemplate": "file:///{name}", "name": "any"}]}),
        ),
        "prompts/get" => result(
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": format!("the secret letter {padding}")}}]}),
        ),
        "resources/read" => result(
            json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "contents": [{"uri": message["params"]["uri"], "text": format!("the secret wages {padding}")}]}),
        ),
        "completion/complete" => result(json!({"completion": {"values": ["the secret name"]}})),
        "resources/subscribe" | "resources/unsubscribe" | "logging/setLevel" => result(json!({})),
        "tools/list" => {
            let tools = lock(&shared).tools.clone();
            result(
                json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": tools}),
            )
        }
        "tools/call" => {
            lock(&shared).calls += 1;
            if message["params"]["name"] == "ask" {
                ask(&shared, &id)
            } else {
                call(&id, &token, &message["params"]).await
            }
        }
        _ => answer(
            &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "not known"}}),
        ),
    }
}

/// What the upstream says that it can do.
fn capabilities(state: &UpstreamState) -> Value {
    let mut capabilities = if state.offers_all {
        json!({"tools": {}, "prompts": {}, "resources": {"subscribe": true}, "completions": {}, "logging": {}})
    } else if state.resources.is_empty() {
        json!({"tools": {}, "logging": {}})
    } else {
        json!({"tools": {}, "logging": {}, "resources": {}})
    };
    if let Some(extensions) = &state.extensions {
        capabilities["extensions"] = extensions.clone();
    }
    capabilities
}

/// A call that asks the user for a name before it answers.
fn ask(shared: &Shared, id: &Value) -> Response {
    let (sender, answered) = tokio::sync::oneshot::channel();
    lock(shared).asked = Some(sender);
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let question = json!({"jsonrpc": "2.0", "id": "q1", "method": "elicitation/create", "params": {"message": "Your name?", "requestedSchema": schema}});
    let id = id.clone();
    let first = futures_util::stream::iter([format!("data: {question}\n\n")]);
    let last = futures_util::stream::once(async move {
        let told = answered
            .await
            .map(|message| message["result"]["content"]["name"].clone())
            .unwrap_or_default();
        format!(
            "data: {}\n\n",
            json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": format!("hello {told}")}]}})
        )
    });
    let events = futures_util::StreamExt::map(
        futures_util::StreamExt::chain(first, last),
        Ok::<_, std::io::Error>,
    );
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// The result of a call, by the tool's name.
async fn call(id: &Value, token: &str, params: &Value) -> Response {
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
        "large" => text(&"y".repeat(9 * 1024 * 1024)),
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
        "lie" => answer(
            &json!({"jsonrpc": "2.0", "id": id, "result": {"tools": "not a result of a call"}}),
        ),
        "garbage" => ([(header::CONTENT_TYPE, "application/json")], "{\"jsonrpc\": \"2.0\", ")
            .into_response(),
        _ => text(&format!("{} for {token}", arguments["text"].as_str().unwrap_or_default())),
    }
}
