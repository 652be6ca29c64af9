//! Upstream MCP servers as they really are: one server for all transports, with a switch for each
//! misbehaviour.

mod answers;
mod events;
mod expected;
mod groups;
mod habit;
mod more;
mod serve;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use doorward_gateway::UpstreamConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use habit::{Expected, OddHabit};

/// A kind of upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddKind {
    /// Streamable HTTP.
    Http,
    /// The old HTTP+SSE.
    Sse,
    /// A local process.
    Stdio,
    /// A REST API with an OpenAPI document and one operation. It has no misbehaviours but those of
    /// [`OddUpstream::answer_calls`].
    Api,
}

/// An answer to calls, byte by byte. `ID` is replaced by the id of the request.
#[derive(Clone, Debug)]
pub enum RawAnswer {
    /// The whole HTTP response, after which the connection is closed.
    Closes(Vec<u8>),
    /// The whole HTTP response, after which the connection stays open and silent.
    Stays(Vec<u8>),
    /// A message over the stream of the old transport, or a line of a process.
    Line(String),
    /// The process ends.
    Ends,
    /// The process writes this, and ends.
    LineThenEnds(String),
    /// A result, or an error, of a message of the protocol.
    Told(Value),
    /// A question of the server. The answer to it is the text of the result, as JSON.
    Asks(String),
}

impl RawAnswer {
    /// The bytes for a request.
    fn bytes(bytes: &[u8], id: &Value) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.replace("ID", &id.to_string()).into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    }
}

impl OddKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Http, Self::Sse, Self::Stdio];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sse => "sse",
            Self::Stdio => "stdio",
            Self::Api => "openapi",
        }
    }
}

/// The requests that arrived at an upstream.
#[derive(Default)]
pub struct OddState {
    /// The methods, in order.
    pub methods: Vec<String>,
    /// The session that counts.
    session: usize,
    /// The misbehaviour that happens once has happened.
    done: bool,
    /// The streams of the old transport.
    streams: Vec<tokio::sync::mpsc::UnboundedSender<String>>,
    /// The answers to requests of these methods.
    raw: HashMap<&'static str, RawAnswer>,
    /// The call that waits for the answer to a question.
    asking: Option<tokio::sync::oneshot::Sender<Value>>,
}

impl OddState {
    /// The number of requests of a method.
    pub fn count(&self, method: &str) -> usize {
        self.methods.iter().filter(|one| *one == method).count()
    }
}

/// A running upstream with one misbehaviour.
pub struct OddUpstream {
    kind: OddKind,
    port: u16,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    /// True if it supports the revision 2026-07-28 alone.
    modern: bool,
    habit: Option<OddHabit>,
    port: u16,
    state: Mutex<OddState>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, OddState> {
        self.state.lock().unwrap()
    }
    fn has(&self, habit: OddHabit) -> bool {
        self.habit == Some(habit)
    }
}

/// A process that connects its pipes to a port of this one.
const BRIDGE: &str = "exec 3<>/dev/tcp/127.0.0.1/$0 4<&0; cat <&4 >&3 & cat <&3; exit 3";

impl OddUpstream {
    /// Starts one. The server is of one revision alone: 2026-07-28, or those before it.
    pub async fn start(kind: OddKind, modern: bool, habit: Option<OddHabit>) -> Self {
        Self::start_at(kind, modern, habit, 0).await
    }

    /// The same at a port that may have been another's.
    pub async fn start_at(kind: OddKind, modern: bool, habit: Option<OddHabit>, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Inner { modern, habit, port, state: Mutex::default() });
        let task = match kind {
            OddKind::Http | OddKind::Sse | OddKind::Api => {
                tokio::spawn(serve::http(listener, Arc::clone(&inner)))
            }
            OddKind::Stdio => tokio::spawn(serve::pipes(listener, Arc::clone(&inner))),
        };
        Self { kind, port, inner, task }
    }

    /// The requests that arrived at it.
    pub fn state(&self) -> MutexGuard<'_, OddState> {
        self.inner.lock()
    }

    /// Answers calls with this from now on; `None`: as its misbehaviour has it.
    pub fn answer_calls(&self, raw: Option<RawAnswer>) {
        self.answer("tools/call", raw);
    }

    /// Answers requests of a method with this from now on; `None`: as its misbehaviour has it.
    pub fn answer(&self, method: &'static str, raw: Option<RawAnswer>) {
        let mut state = self.inner.lock();
        match raw {
            Some(raw) => drop(state.raw.insert(method, raw)),
            None => drop(state.raw.remove(method)),
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The configuration for it.
    pub fn config(&self) -> UpstreamConfig {
        let path = match self.kind {
            OddKind::Http => "mcp",
            OddKind::Sse => "sse",
            OddKind::Stdio | OddKind::Api => "",
        };
        let api = self.kind == OddKind::Api;
        let command = ["bash", "-c", BRIDGE, &self.port.to_string()].map(str::to_owned);
        let process = self.kind == OddKind::Stdio;
        UpstreamConfig {
            kind: self.kind.name().to_owned(),
            document: if api {
                format!("http://127.0.0.1:{}/openapi", self.port)
            } else {
                String::new()
            },
            url: if process || api {
                String::new()
            } else {
                format!("http://127.0.0.1:{}/{path}", self.port)
            },
            command: if process { command.to_vec() } else { Vec::new() },
            networks: if process { Vec::new() } else { vec!["127.0.0.0/8".to_owned()] },
            http_on_loopback: !process,
            list_wait_ms: 4000,
            ..UpstreamConfig::default()
        }
    }
}

impl Drop for OddUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The result of a call that asked a question.
fn answered(inner: &Inner, answer: &Value) -> Value {
    let content = json!({"content": [{"type": "text", "text": answer.to_string()}]});
    json!({"result": complete(content, inner.modern)})
}

/// The members that a result has in the revision 2026-07-28.
fn complete(mut result: Value, modern: bool) -> Value {
    if modern {
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(0);
        result["cacheScope"] = json!("private");
    }
    result
}

fn good() -> Value {
    json!({"name": "good", "description": "says echo", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}})
}

/// The result, or error, with which a well-behaved server answers.
fn plain(inner: &Inner, method: &str, params: &Value) -> Value {
    let modern = inner.modern;
    let capabilities = json!({"tools": {}, "prompts": {}, "resources": {}});
    let result = match method {
        "server/discover" if modern => json!({
            "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "odd", "version": "1"}},
        }),
        "initialize" if !modern => json!({
            "protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": {"name": "odd", "version": "1"},
        }),
        "tools/list" => json!({"tools": [good()]}),
        "prompts/list" => json!({"prompts": [{"name": "letter"}]}),
        "resources/list" => json!({"resources": [{"uri": "file:///good", "name": "good"}]}),
        "resources/templates/list" => {
            json!({"resourceTemplates": [{"uriTemplate": "file:///{good}", "name": "good"}]})
        }
        "tools/call" => json!({"content": [{"type": "text", "text": "echo"}]}),
        "ping" if !modern => json!({}),
        _ => {
            return json!({"error": {"code": -32601, "message": format!("Method not found: {method}"), "data": params["none"]}});
        }
    };
    json!({"result": complete(result, modern)})
}
