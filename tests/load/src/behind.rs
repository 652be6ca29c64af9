//! The servers that the measured one asks: an MCP server behind its gateway, and an identity
//! provider, of which it fetches the keys.

use axum::{
    Json, Router,
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{http::Outcome, keys::Key};

/// Running servers. They end with the process.
pub(crate) struct Behind {
    /// The URL of the MCP server.
    pub(crate) upstream: String,
    /// The issuer of the identity provider.
    pub(crate) provider: String,
    /// Its key.
    pub(crate) key: Key,
}

impl Behind {
    pub(crate) fn start() -> Outcome<Self> {
        let key = Key::new()?;
        let jwks = key.jwks();
        let (told, heard) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let bound = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let Ok(listener) = bound else { return };
                let Ok(address) = listener.local_addr() else { return };
                if told.send(format!("http://{address}")).is_err() {
                    return;
                }
                let router = Router::new()
                    .route("/mcp", post(answer))
                    .route("/keys", get(async move || Json(jwks.clone())));
                if let Err(error) = axum::serve(listener, router).await {
                    eprintln!("the upstream ended: {error}");
                }
            });
        });
        let provider = heard.recv().map_err(|error| error.to_string())?;
        Ok(Self { upstream: format!("{provider}/mcp"), provider, key })
    }
}

/// Answers as a minimal MCP server.
async fn answer(body: axum::body::Bytes) -> axum::response::Response {
    use axum::{http::StatusCode, response::IntoResponse};
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(id) = message.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => {
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "stub", "version": "1"}})
        }
        "tools/list" => {
            json!({"tools": [{"name": "echo", "description": "Echo.", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}}]})
        }
        "tools/call" => json!({"content": [{"type": "text", "text": "hello"}]}),
        "ping" => json!({}),
        _ => {
            let error = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}});
            return Json(error).into_response();
        }
    };
    Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
}
