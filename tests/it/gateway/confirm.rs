//! The user is asked before a call, which cannot be bypassed (CW13, MCP-20).

mod calls;
mod codes;
mod questions;

use doorward_testkit::{Browser, FakeUpstream, Page, TestServer, form_value};
use serde_json::{Value, json};

use super::{GatewayUser, text, with_config};

async fn asking(wiki: &FakeUpstream) -> TestServer {
    with_config(&[("wiki", wiki, "none")], |config| {
        config.policy.rules = vec!["confirm class=write,destructive".to_owned()];
    })
    .await
}

/// Calls a tool as a client of 2026-07-28 that supports forms and URLs.
pub(super) async fn modern(server: &TestServer, token: &str, mut params: Value) -> Page {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}, "url": {}}},
    });
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &server.at("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", params["name"].as_str().unwrap())
        .bearer_auth(token)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
    browser.send(request).await
}

const YES: &str = r#"{"doorward_confirm": {"action": "accept", "content": {"confirm": true}}}"#;

async fn link_of(page: &Page) -> String {
    let said = text(page);
    let at = said.find("http").unwrap();
    said[at..].split(' ').next().unwrap().to_owned()
}

pub(super) async fn code(alice: &GatewayUser, link: &str) -> String {
    let page = alice.browser.get(link).await.expect(200);
    let path = url::Url::parse(link).unwrap().path().to_owned();
    let csrf =
        form_value(&page.body[page.body.find(&format!("action=\"{path}\"")).unwrap()..], "csrf")
            .unwrap();
    let page = alice.browser.post(link, &[("csrf", &csrf)]).await.expect(200);
    let at = page.body.find("<code class=\"big\">").unwrap() + 18;
    page.body[at..].split('<').next().unwrap().to_owned()
}
