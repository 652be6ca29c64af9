//! The rules for an upstream's tools hold for all its other offers: prompts, resources, templates,
//! completions, subscriptions and its log, at every URL, over every transport and in both eras.

mod accounting;
mod addresses;
mod eras;
mod rules;
mod sets;
mod streams;

use std::time::Duration;

use doorward_testkit::{Browser, FakeUpstream, Page, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{GatewayUser, rpc_at, signed_in};
use crate::access_tokens;

/// An upstream that offers everything.
async fn payroll() -> FakeUpstream {
    let upstream = FakeUpstream::start().await;
    upstream.state().offers_all = true;
    upstream
}

/// Every operation but calls, with items named as at `/mcp` (`all`) or as at the upstream's own
/// URL.
fn operations(all: bool) -> Vec<(&'static str, Value)> {
    let (prompt, uri, template) = if all {
        ("payroll_letter", "payroll+file:///wages", "payroll+file:///{name}")
    } else {
        ("letter", "file:///wages", "file:///{name}")
    };
    let argument = json!({"name": "name", "value": "a"});
    vec![
        ("prompts/get", json!({"name": prompt})),
        ("resources/read", json!({"uri": uri})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": prompt}, "argument": argument}),
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": template}, "argument": argument}),
        ),
        ("resources/subscribe", json!({"uri": uri})),
        ("resources/unsubscribe", json!({"uri": uri})),
        ("logging/setLevel", json!({"level": "debug"})),
    ]
}

const LISTS: [&str; 4] =
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

async fn legacy(
    server: &TestServer,
    path: &str,
    token: &str,
    method: &str,
    params: &Value,
) -> Page {
    rpc_at(
        server,
        path,
        token,
        &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
    )
    .await
}

/// Posts a request as a client of 2026-07-28.
async fn modern(
    server: &TestServer,
    path: &str,
    token: &str,
    method: &str,
    params: &Value,
) -> Page {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}, "url": {}}},
    });
    let browser = Browser::new();
    let mut request = browser
        .raw(Method::POST, &server.at(path))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .bearer_auth(token)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
        request = request.header("mcp-name", name);
    }
    browser.send(request).await
}

/// Opens a stream of `subscriptions/listen`.
async fn listening(server: &TestServer, token: &str, notifications: Value) -> reqwest::Response {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"notifications": notifications, "_meta": meta});
    let request = Browser::new()
        .raw(Method::POST, &server.at("/mcp"))
        .header("accept", "application/json, text/event-stream");
    let request = request
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "subscriptions/listen")
        .bearer_auth(token);
    request
        .json(
            &json!({"jsonrpc": "2.0", "id": 9, "method": "subscriptions/listen", "params": params}),
        )
        .send()
        .await
        .unwrap()
}

/// A client of the deprecated HTTP+SSE transport.
struct Old {
    http: Browser,
    stream: reqwest::Response,
    endpoint: String,
    seen: String,
    token: String,
}

impl Old {
    async fn begin(server: &TestServer, token: &str) -> Self {
        let http = Browser::new();
        let request = http
            .raw(Method::GET, &server.at("/mcp/sse"))
            .header("accept", "text/event-stream")
            .bearer_auth(token);
        let stream = request.send().await.unwrap();
        assert_eq!(stream.status(), 200);
        let mut old = Self {
            http,
            stream,
            endpoint: String::new(),
            seen: String::new(),
            token: token.to_owned(),
        };
        let first = old.read_until("\n\n").await;
        old.endpoint =
            first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
        let begin = json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        old.say(&json!({"jsonrpc": "2.0", "id": 100, "method": "initialize", "params": begin}))
            .await
            .expect(202);
        old.read_until("\"id\":100").await;
        old.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await
            .expect(202);
        old
    }
    async fn read_until(&mut self, mark: &str) -> String {
        while !self.seen.contains(mark) {
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.stream.chunk())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            self.seen.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        self.seen.clone()
    }
    async fn say(&self, message: &Value) -> Page {
        self.http
            .send(
                self.http.raw(Method::POST, &self.endpoint).bearer_auth(&self.token).json(message),
            )
            .await
    }
    /// The complete response to a request: the status of its POST, and the messages on the stream
    /// if it was accepted.
    async fn ask(&mut self, id: u64, method: &str, params: &Value) -> String {
        let page = self
            .say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        if page.status != 202 {
            return page.body;
        }
        self.read_until(&format!("\"id\":{id},"))
            .await
            .lines()
            .rev()
            .find(|line| line.contains(&format!("\"id\":{id},")))
            .unwrap_or_default()
            .to_owned()
    }
}

/// A user with tokens for every URL.
struct Everywhere {
    all: String,
    alone: String,
    personal: String,
}

async fn everywhere(server: &TestServer, name: &str, role: &str, upstream: &str) -> Everywhere {
    server.user_with(name, &[role]).await;
    let gateway_user: GatewayUser = signed_in(server, name, "mcp:destructive").await;
    let alone =
        [("scope", "mcp:destructive"), ("resource", &*server.at(&format!("/mcp/{upstream}")))];
    let alone = gateway_user.client.tokens(&gateway_user.browser, &alone).await.access;
    let personal = access_tokens::made(
        server,
        &gateway_user.browser,
        "script",
        &[("scope-mcp:destructive", "1")],
    )
    .await;
    Everywhere { all: gateway_user.token, alone, personal }
}

impl Everywhere {
    /// Each URL with a token for it, and `true` if items have the names of all there.
    fn addresses<'a>(&'a self, upstream: &str) -> [(String, &'a str, bool); 4] {
        [
            ("/mcp".to_owned(), self.all.as_str(), true),
            (format!("/mcp/{upstream}"), self.alone.as_str(), false),
            ("/mcp-key".to_owned(), self.personal.as_str(), true),
            (format!("/mcp-key/{upstream}"), self.personal.as_str(), false),
        ]
    }
}
