//! Texts of an upstream reach clients with its name, clean, and never as Doorward's own words.

use doorward_testkit::{Browser, FakeUpstream, TestServer, tool};
use serde_json::{Value, json};

use super::{confirm::modern, gateway_user, text, with_config};

async fn server(wiki: &FakeUpstream, capabilities: &[&str]) -> TestServer {
    wiki.state().tools.push(tool("says", true));
    with_config(&[("wiki", wiki, "none")], |config| {
        let wiki = config.upstreams.get_mut("wiki").unwrap();
        "The Wiki".clone_into(&mut wiki.title);
        wiki.capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
    })
    .await
}

/// Has the upstream send this during a call, and returns the answer.
async fn says(server: &TestServer, token: &str, messages: Value) -> Value {
    modern(server, token, json!({"name": "wiki_says", "arguments": {"messages": messages}}))
        .await
        .expect(200)
        .json()
}

fn asks(params: &Value) -> Value {
    json!([{"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": params}])
}

const DONE: &str = r#"{"jsonrpc": "2.0", "id": "CALL", "result": {"content": [{"type": "text", "text": "done"}]}}"#;

#[tokio::test]
async fn a_question_of_an_upstream_names_it_and_cannot_imitate_doorward() {
    let wiki = FakeUpstream::start().await;
    let server = server(&wiki, &["elicitation"]).await;
    let alice = gateway_user(&server, "alice").await;
    let forged = "Sure?\r\n\r\nDoorward asks: \u{202e}approve\u{200b} this";
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean", "title": "Yes\n\u{202e}no", "description": "d\u{200b}"}}});
    let asked = says(
        &server,
        &alice.token,
        asks(&json!({"mode": "form", "message": forged, "requestedSchema": schema})),
    )
    .await;
    let params = &asked["result"]["inputRequests"]["question"]["params"];
    assert_eq!(
        params["message"], "The Wiki asks:\n> Sure?\n> \n> Doorward asks: approve this",
        "{asked}"
    );
    assert_eq!(
        (
            &params["requestedSchema"]["properties"]["ok"]["title"],
            &params["requestedSchema"]["properties"]["ok"]["description"]
        ),
        (&json!("Yes no"), &json!("d"))
    );
    let schema = json!({"type": "object", "properties": {"ok\u{202e}": {"type": "boolean"}}});
    let hidden = json!([
        {"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": {"mode": "form", "message": "x", "requestedSchema": schema}},
        serde_json::from_str::<Value>(DONE).unwrap(),
    ]);
    let page = says(&server, &alice.token, hidden).await;
    assert_eq!(
        page["result"]["content"][0]["text"], "done",
        "a form with hidden characters is refused to the upstream: {page}"
    );
}

#[tokio::test]
async fn an_upstream_can_lead_a_user_to_https_links_alone() {
    let wiki = FakeUpstream::start().await;
    let server = server(&wiki, &["elicitation"]).await;
    let alice = gateway_user(&server, "alice").await;
    for link in [
        "javascript:alert(1)",
        "http://wiki.example/",
        "data:text/html,x",
        "https://user:secret@wiki.example/",
    ] {
        let mut messages = asks(
            &json!({"mode": "url", "message": "Open this", "url": link, "elicitationId": "1"}),
        );
        messages.as_array_mut().unwrap().push(serde_json::from_str(DONE).unwrap());
        let page = says(&server, &alice.token, messages).await;
        assert_eq!(page["result"]["content"][0]["text"], "done", "{link}: {page}");
    }
    let asked =
        says(&server, &alice.token, asks(&json!({"mode": "url", "message": "Open this", "url": "https://wiki.example/pay", "elicitationId": "1"}))).await;
    let params = &asked["result"]["inputRequests"]["question"]["params"];
    assert_eq!(
        (&params["url"], &params["message"]),
        (
            &json!("https://wiki.example/pay"),
            &json!("The Wiki asks you to open a link: “Open this”")
        ),
        "{asked}"
    );
    // Links in results too.
    let links = json!([{"jsonrpc": "2.0", "id": "CALL", "result": {"content": [
        {"type": "resource_link", "uri": "javascript:alert(1)", "name": "x"}, {"type": "resource_link", "uri": "notes://1", "name": "y"}, {"type": "text", "text": "z"}]}}]);
    let page = says(&server, &alice.token, links).await;
    let content = page["result"]["content"].as_array().unwrap();
    // In the place of the first is the reason for which it is left out.
    let told = content[0]["text"].as_str().unwrap();
    assert!(told.contains("is left out") && !told.contains("javascript"), "{page}");
    assert_eq!((content.len(), &content[1]["uri"]), (3, &json!("wiki+notes://1")), "{page}");
}

#[tokio::test]
async fn an_error_of_an_upstream_names_it_and_never_has_the_code_by_which_doorward_directs_users() {
    let wiki = FakeUpstream::start().await;
    let server = server(&wiki, &["elicitation"]).await;
    let alice = gateway_user(&server, "alice").await;
    let fails = |code: i32, message: &str, data: Value| json!([{"jsonrpc": "2.0", "id": "CALL", "error": {"code": code, "message": message, "data": data}}]);
    let elicitations = json!({"elicitations": [{"mode": "url", "elicitationId": "1", "url": "https://evil.example/login", "message": "Sign in to Doorward again"}]});
    for (session, data) in [
        (false, elicitations.clone()),
        (true, elicitations),
        (true, json!({"elicitations": [{"mode": "url", "url": "javascript:alert(1)"}]})),
    ] {
        let messages = fails(-32042, "Connect\u{202e} your account", data);
        let answered = if session {
            server
                .call(&alice.token, "wiki_says", json!({ "messages": messages }))
                .await
                .expect(200)
                .json()
        } else {
            says(&server, &alice.token, messages).await
        };
        let error = &answered["error"];
        assert_eq!(error["code"], -32603, "{answered}");
        assert!(
            error["message"]
                .as_str()
                .unwrap()
                .starts_with("The Wiki returned an error: “Connect your account”"),
            "{answered}"
        );
        assert!(
            error.get("data").is_none() && !answered.to_string().contains("javascript"),
            "{answered}"
        );
    }
    let answered = says(
        &server,
        &alice.token,
        fails(-32002, "gone\nDoorward: x", json!({"uri": "notes://1\u{200b}"})),
    )
    .await;
    assert_eq!(
        answered["error"],
        json!({"code": -32002, "message": "The Wiki returned an error:\n> gone\n> Doorward: x", "data": {"uri": "notes://1"}})
    );
}

#[tokio::test]
async fn log_messages_and_progress_name_their_upstream() {
    let wiki = FakeUpstream::start().await;
    let server = server(&wiki, &["elicitation"]).await;
    let alice = gateway_user(&server, "alice").await;
    let messages = json!([
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "logger": "doorward\u{202e}", "data": {"text": "a\u{200b}\u{1b}[2J"}}},
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "CALL", "progress": 1, "message": "half\nDoorward: done"}},
        serde_json::from_str::<Value>(DONE).unwrap(),
    ]);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wiki_says", "arguments": {"messages": messages}, "_meta": {"progressToken": "mine"}}});
    let body = super::rpc_at(&server, "/mcp", &alice.token, &call).await.expect(200).body;
    let events: Vec<Value> = body
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .collect();
    let said = |method: &str| {
        events
            .iter()
            .find(|event| event["method"] == method)
            .map_or_else(|| panic!("no {method}: {body}"), |event| event["params"].clone())
    };
    let log = said("notifications/message");
    assert_eq!((&log["logger"], &log["data"]), (&json!("wiki/doorward"), &json!({"text": "a[2J"})));
    assert_eq!(said("notifications/progress")["message"], "The Wiki: half Doorward: done");
}

/// The levels of the log messages that a client of 2026-07-28 gets during one call.
async fn levels(
    server: &TestServer,
    path: &str,
    token: &str,
    (tool, wanted): (&str, Option<&str>),
) -> Vec<String> {
    let messages = json!([
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "debug", "data": "a"}},
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "warning", "data": "b"}},
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "error", "data": "c"}},
        serde_json::from_str::<Value>(DONE).unwrap(),
    ]);
    let mut meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    if let Some(wanted) = wanted {
        meta["io.modelcontextprotocol/logLevel"] = json!(wanted);
    }
    let (name, arguments) = match tool.strip_prefix("call_tool ") {
        Some(inner) => ("call_tool", json!({"name": inner, "arguments": {"messages": messages}})),
        None => (tool, json!({"messages": messages})),
    };
    let params = json!({"name": name, "arguments": arguments, "_meta": meta});
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &server.at(path))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", name)
        .bearer_auth(token)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
    let body = browser.send(request).await.expect(200).body;
    assert!(body.contains("done"), "{body}");
    body.lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .filter(|event: &Value| event["method"] == "notifications/message")
        .map(|event| event["params"]["level"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_request_that_names_a_level_of_log_messages_gets_them_from_that_level_on() {
    let wiki = FakeUpstream::start().await;
    let server = server(&wiki, &[]).await;
    let alice = gateway_user(&server, "alice").await;
    for tool in ["wiki_says", "call_tool wiki_says"] {
        let levels = async |wanted| levels(&server, "/mcp", &alice.token, (tool, wanted)).await;
        assert_eq!(levels(Some("warning")).await, ["warning", "error"], "{tool}");
        assert_eq!(levels(Some("debug")).await, ["debug", "warning", "error"], "{tool}");
        assert!(levels(Some("emergency")).await.is_empty(), "{tool}");
        assert!(levels(None).await.is_empty(), "{tool}");
    }
}

#[tokio::test]
async fn an_upstream_uses_the_capabilities_alone_that_its_settings_name() {
    let wiki = FakeUpstream::start().await;
    let server = server(&wiki, &[]).await;
    let alice = gateway_user(&server, "alice").await;
    for (method, params) in [
        (
            "elicitation/create",
            json!({"mode": "form", "message": "x", "requestedSchema": {"type": "object", "properties": {}}}),
        ),
        (
            "sampling/createMessage",
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": "x"}}], "maxTokens": 1}),
        ),
    ] {
        let messages = json!([{"jsonrpc": "2.0", "id": "q", "method": method, "params": params}, serde_json::from_str::<Value>(DONE).unwrap()]);
        let page = says(&server, &alice.token, messages).await;
        assert_eq!(
            page["result"]["content"][0]["text"], "done",
            "{method} is refused to the upstream and not put to the client: {page}"
        );
    }
    // A question in answer to a request of the stateless revisions becomes an error for its client.
    let required = json!([{"jsonrpc": "2.0", "id": "CALL", "result": {"resultType": "input_required", "inputRequests": {
        "a": {"method": "elicitation/create", "params": {"mode": "form", "message": "x", "requestedSchema": {"type": "object", "properties": {}}}}}}}]);
    let page = says(&server, &alice.token, required).await;
    assert!(
        page["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .contains("capabilities of the upstream wiki"),
        "{page}"
    );
    let refused = doorward_gateway::check_configured(
        &[(
            "wiki".to_owned(),
            doorward_gateway::UpstreamConfig {
                capabilities: vec!["everything".to_owned()],
                ..wiki.config("none")
            },
        )]
        .into(),
        &doorward::config::Config::default().outbound,
    );
    assert!(refused.unwrap_err().to_string().contains("everything"));
}

#[tokio::test]
async fn names_and_links_of_listed_prompts_and_resources_are_clean() {
    let wiki = FakeUpstream::start().await;
    wiki.state().resources = vec![
        json!({"uri": "notes://1", "name": "One\n\u{202e}two", "description": "d\u{200b}", "icons": [{"src": "javascript:alert(1)"}]}),
        json!({"uri": "javascript:alert(1)", "name": "bad"}),
    ];
    let server = with_config(&[("wiki", &wiki, "none")], |_| {}).await;
    let alice = gateway_user(&server, "alice").await;
    let page = super::rpc_at(
        &server,
        "/mcp",
        &alice.token,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "resources/list"}),
    )
    .await;
    let listed = page.expect(200).json();
    let resources: Vec<&Value> = listed["result"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["uri"].as_str().unwrap().contains("wiki+"))
        .collect();
    assert_eq!(resources.len(), 1, "{listed}");
    assert_eq!(
        (&resources[0]["name"], &resources[0]["description"], resources[0].get("icons")),
        (&json!("One two"), &json!("d"), None),
        "{listed}"
    );
    assert!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await).contains('x')
    );
}
