//! The gateway: upstreams' tools as Doorward's own, with the caller's own access.

mod access;
pub(crate) mod agent;
mod answers;
mod api;
mod apps;
mod asserted;
pub(crate) mod back_end;
mod by_hand;
mod confirm;
mod connect;
mod database;
mod elements;
mod eras;
mod foreign;
mod given_back;
mod habits;
mod hostile;
mod indexes;
mod isolation;
pub(crate) mod knowledge;
mod links;
mod named;
mod names;
mod odd;
mod offers;
mod order;
mod own;
mod pinned;
mod places;
mod policy;
mod possession;
mod processes;
mod questions;
mod refreshes;
mod refusals;
mod rest;
pub(crate) mod services;
mod shared;
mod sources;
mod spellings;
mod starting;
mod surface;
mod tools;
mod trust;
mod unused;
mod uploads;
mod vectors;

use doorward::config::Config;
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, Page, TestServer, form_value};
use serde_json::{Value, json};

/// A server with these upstreams.
pub(crate) async fn with(upstreams: &[(&str, &FakeUpstream, &str)]) -> TestServer {
    with_config(upstreams, |_| {}).await
}

/// A server with these upstreams, and a configuration changed by `change`.
pub(crate) async fn with_config(
    upstreams: &[(&str, &FakeUpstream, &str)],
    change: impl FnOnce(&mut Config),
) -> TestServer {
    TestServer::start_with(|config| {
        for (name, upstream, auth) in upstreams {
            config.upstreams.insert((*name).to_owned(), upstream.config(auth));
        }
        change(config);
    })
    .await
}

/// A user who is signed in, with a token that reaches everything.
struct GatewayUser {
    browser: Browser,
    token: String,
    client: OAuthClient,
}

async fn gateway_user(server: &TestServer, name: &str) -> GatewayUser {
    gateway_user_with(server, name, "mcp:destructive").await
}

async fn gateway_user_with(server: &TestServer, name: &str, scope: &str) -> GatewayUser {
    server.user(name).await;
    signed_in(server, name, scope).await
}

async fn signed_in(server: &TestServer, name: &str, scope: &str) -> GatewayUser {
    let browser = server.signed_in(name).await;
    let client = OAuthClient::register(server).await;
    let token = client.tokens(&browser, &[("scope", scope)]).await.access;
    GatewayUser { browser, token, client }
}

impl GatewayUser {
    /// The token for a URL: of one upstream alone, or the one for all.
    async fn token_at(&self, server: &TestServer, path: &str) -> String {
        if path == "/mcp" {
            return self.token.clone();
        }
        let resource = server.at(path);
        let wanted = [("resource", resource.as_str()), ("scope", "mcp:destructive")];
        self.client.tokens(&self.browser, &wanted).await.access
    }
}

/// The names of the tools that a token shows, on all pages, one by one.
pub(crate) async fn tools(server: &TestServer, token: &str) -> Vec<String> {
    list(server, token).await.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

async fn list(server: &TestServer, token: &str) -> Vec<Value> {
    let page = rpc_at(
        server,
        "/mcp?surface=direct",
        token,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}),
    )
    .await;
    page.expect(200).json()["result"]["tools"].as_array().unwrap().clone()
}

/// Posts a message to any MCP URL as a client of 2025-11-25.
async fn rpc_at(server: &TestServer, path: &str, token: &str, message: &Value) -> Page {
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &server.at(path))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(message);
    browser.send(request).await
}

/// The text of a call's result.
fn text(page: &Page) -> String {
    page.json()["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("no text: {}", page.body))
        .to_owned()
}

/// Goes through the pages that connect an upstream, as a browser does, up to where the upstream's
/// authorization server sends it back.
async fn go(server: &TestServer, browser: &Browser, upstream: &str) -> String {
    go_at(&server.url, browser, upstream).await
}

/// The same at a server that may be a process.
async fn go_at(base: &str, browser: &Browser, upstream: &str) -> String {
    let address = format!("{base}/connect/{upstream}");
    let page = browser.get(&address).await.expect(200);
    let csrf = form_value(
        &page.body[page.body.find(&format!("/connect/{upstream}\"")).unwrap()..],
        "csrf",
    )
    .unwrap();
    let away = browser.post(&address, &[("csrf", &csrf)]).await.expect(303).location();
    Browser::new().get(&away).await.expect(302).location()
}

/// Connects an upstream.
async fn connect(server: &TestServer, browser: &Browser, upstream: &str) {
    let back = go(server, browser, upstream).await;
    let done = browser.get(&back).await.expect(303).location();
    assert!(browser.get(&done).await.expect(200).body.contains("is connected"));
}
