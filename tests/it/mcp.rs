//! The MCP endpoint.

mod plain;
mod protocol;
mod streams;
mod tokens;

use doorward_testkit::{Browser, OAuthClient, Page, TestServer, Tokens};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

async fn stage() -> (TestServer, OAuthClient, Browser, Tokens) {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[]).await;
    (server, client, browser, tokens)
}

fn post(server: &TestServer, token: &str, body: &Value) -> RequestBuilder {
    Browser::new()
        .raw(Method::POST, &server.at("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .bearer_auth(token)
        .json(body)
}

fn modern(
    server: &TestServer,
    token: &str,
    method: &str,
    name: Option<&str>,
    params: &Value,
) -> RequestBuilder {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"}, "io.modelcontextprotocol/clientCapabilities": {}
    });
    let request = post(
        server,
        token,
        &json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}),
    );
    let request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", method);
    if let Some(name) = name { request.header("mcp-name", name) } else { request }
}

async fn send(request: RequestBuilder) -> Page {
    Browser::new().send(request).await
}
