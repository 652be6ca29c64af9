//! A REST API that a test describes, and the requests that it received.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::net::TcpListener;

/// The memory and the answers of the API.
#[derive(Default)]
pub struct ApiState {
    /// Its OpenAPI document, as `/openapi` answers it: JSON or YAML.
    pub document: String,
    /// The answer at every other path.
    pub answer: String,
    /// Status, media type and bytes of that answer, where it is no JSON with status 200.
    pub reply: Option<(u16, &'static str, Vec<u8>)>,
    /// A further header of that answer.
    pub header: Option<(&'static str, &'static str)>,
    /// Status and target with which it redirects requests that are not below `/moved`: those for
    /// the document if the target ends as its path does, or else all others.
    pub redirect: Option<(u16, String)>,
    /// Method and path of all calls, and the header `x-key` of each.
    pub calls: Vec<(String, String)>,
    /// Headers and body of the last call.
    pub last: (HeaderMap, Vec<u8>),
}

/// A running API.
pub struct FakeApi {
    /// Its origin.
    pub origin: String,
    state: Arc<Mutex<ApiState>>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeApi {
    /// Starts one that answers `{"ok":true}`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(ApiState {
            answer: r#"{"ok":true}"#.to_owned(),
            ..ApiState::default()
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { origin, state, task }
    }

    /// Its memory and its answers.
    pub fn state(&self) -> MutexGuard<'_, ApiState> {
        self.state.lock().unwrap()
    }

    /// Sets its document.
    pub fn describe(&self, document: &Value) {
        self.state().document = document.to_string();
    }

    /// The configuration for it: its document is fetched from it, calls carry `X-Key: secret`, and
    /// changes are seen at once.
    pub fn config(&self) -> doorward_gateway::UpstreamConfig {
        doorward_gateway::UpstreamConfig {
            kind: "openapi".to_owned(),
            document: format!("{}/openapi", self.origin),
            auth: "header".to_owned(),
            header: "X-Key: secret".into(),
            networks: vec!["127.0.0.0/8".to_owned()],
            http_on_loopback: true,
            list_seconds: 0,
            list_wait_ms: 5000,
            ..doorward_gateway::UpstreamConfig::default()
        }
    }
}

impl Drop for FakeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(state): State<Arc<Mutex<ApiState>>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let mut state = state.lock().unwrap();
    let is_document = |path: &str| path.ends_with("/openapi");
    let redirect = state.redirect.clone().filter(|(_, target)| {
        let path = head.uri.path();
        !path.starts_with("/moved") && is_document(path) == is_document(target)
    });
    if let Some((status, target)) = redirect {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, [(header::LOCATION, target)], "moved").into_response();
    }
    if is_document(head.uri.path()) {
        return state.document.clone().into_response();
    }
    let key = head.headers.get("x-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let call = (format!("{} {}", head.method, head.uri), key.to_owned());
    state.calls.push(call);
    state.last = (head.headers, body);
    match state.reply.clone() {
        Some((status, kind, bytes)) => {
            let status = StatusCode::from_u16(status).unwrap();
            let mut made = (status, [(header::CONTENT_TYPE, kind)], bytes).into_response();
            if let Some((name, value)) = state.header {
                made.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            made
        }
        None => {
            ([(header::CONTENT_TYPE, "application/json")], state.answer.clone()).into_response()
        }
    }
}
