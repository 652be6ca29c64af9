//! Plain requests are answered in place; others by the protocol library's transport. Clients see no
//! difference.

use doorward_testkit::{Page, TestServer};
use serde_json::{Value, json};

use super::{post, send, stage};

/// A message of one revision, with headers that belong to it or with others.
struct Message {
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Message {
    fn legacy(method: &str, params: &Value) -> Self {
        Self {
            body: json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}),
            headers: vec![("mcp-protocol-version", "2025-11-25".to_owned())],
        }
    }

    fn modern(method: &str, name: Option<&str>, params: &Value) -> Self {
        let mut params = params.clone();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut message = Self::legacy(method, &params);
        message.headers = vec![("mcp-protocol-version", "2026-07-28".to_owned())];
        message.headers.push(("mcp-method", method.to_owned()));
        message.headers.extend(name.map(|name| ("mcp-name", name.to_owned())));
        message
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    async fn sent(&self, server: &TestServer, token: &str, body: &Value) -> Page {
        let mut request = post(server, token, body);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        send(request).await
    }
}

fn messages() -> Vec<Message> {
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let whoami = || call("whoami", json!({}));
    let mut all = Vec::new();
    for (name, arguments) in [
        ("whoami", json!({})),
        ("whoami", json!({"unknown": 1})),
        ("list_connected_apps", json!({})),
        ("nothing", json!({})),
        ("revoke_connected_app", json!({"client_id": "c"})),
        ("search_tools", json!({"query": "who"})),
        ("call_tool", json!({"name": "whoami", "arguments": {}})),
        ("na\u{ef}ve", json!({})),
    ] {
        all.push(Message::legacy("tools/call", &call(name, arguments.clone())));
        if name.is_ascii() {
            all.push(Message::modern("tools/call", Some(name), &call(name, arguments)));
        }
    }
    for params in [json!({}), json!({"cursor": "nowhere"})] {
        all.push(Message::legacy("tools/list", &params));
        all.push(Message::modern("tools/list", None, &params));
    }
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "1999-01-01", ""] {
        all.push(Message::legacy("tools/call", &whoami()).with("mcp-protocol-version", version));
    }
    all.push(Message::legacy("tools/call", &whoami()).without("mcp-protocol-version"));
    // Members or headers that do not fit together.
    let modern = || Message::modern("tools/call", Some("whoami"), &whoami());
    all.push(modern().with("mcp-protocol-version", "2025-11-25"));
    all.push(modern().without("mcp-protocol-version"));
    all.push(modern().with("mcp-method", "tools/list"));
    all.push(modern().without("mcp-method"));
    all.push(modern().with("mcp-name", "wait"));
    all.push(modern().with("mcp-name", "=?base64?d2hvYW1p?="));
    all.push(modern().without("mcp-name"));
    let mut twice = modern();
    twice.headers.push(("mcp-name", "whoami".to_owned()));
    all.push(twice);
    let mut bare = modern();
    bare.body["params"]["_meta"] = json!({});
    all.push(bare);
    let mut torn = modern();
    torn.body["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    all.push(torn);
    let mut later = modern().with("mcp-protocol-version", "2027-01-01");
    later.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2027-01-01".into();
    all.push(later);
    for id in [json!("text"), json!(1.5), json!(null), json!({})] {
        let mut message = Message::legacy("tools/call", &whoami());
        message.body["id"] = id;
        all.push(message);
    }
    let mut old = Message::legacy("tools/call", &whoami());
    old.body["jsonrpc"] = "1.0".into();
    all.push(old);
    let mut shapeless = Message::legacy("tools/call", &whoami());
    shapeless.body["params"] = json!([1]);
    all.push(shapeless);
    all
}

#[tokio::test]
async fn a_request_is_answered_alike_in_place_and_by_the_transport_of_the_library() {
    let (server, _, _, tokens) = stage().await;
    let mut seen = std::collections::BTreeSet::new();
    for message in messages() {
        let plain = message.sent(&server, &tokens.access, &message.body).await;
        // A member that no message has keeps it from being plain.
        let mut marked = message.body.clone();
        marked["extra"] = true.into();
        let other = message.sent(&server, &tokens.access, &marked).await;
        let told = format!("{} with {:?}", message.body, message.headers);
        assert_eq!(plain.status, other.status, "{told}: {} / {}", plain.body, other.body);
        assert_eq!(plain.header("content-type"), other.header("content-type"), "{told}");
        assert_eq!(plain.body, other.body, "{told}");
        seen.insert(plain.status);
    }
    assert!([200, 400, 403].iter().all(|status| seen.contains(status)), "{seen:?}");
}

/// The least tasks that are alive while a call of `wait` is; those of others come and go.
async fn alive_during(server: &TestServer, token: &str, extra: bool) -> usize {
    let params = json!({"name": "wait", "arguments": {"seconds": 2}});
    let mut message = Message::legacy("tools/call", &params);
    if extra {
        message.body["extra"] = true.into();
    }
    let metrics = tokio::runtime::Handle::current().metrics();
    let looking = async {
        // The call is under way, and is for a while.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let mut least = usize::MAX;
        for _ in 0..30 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            least = least.min(metrics.num_alive_tasks());
        }
        least
    };
    let (page, least) = tokio::join!(message.sent(server, token, &message.body), looking);
    page.expect(200);
    least
}

#[tokio::test]
async fn a_plain_request_is_answered_without_tasks_of_its_own() {
    let (server, _, _, tokens) = stage().await;
    server.call(&tokens.access, "whoami", json!({})).await.expect(200);
    let (mut in_place, mut by_library) = (usize::MAX, usize::MAX);
    for _ in 0..2 {
        in_place = in_place.min(alive_during(&server, &tokens.access, false).await);
        by_library = by_library.min(alive_during(&server, &tokens.access, true).await);
    }
    assert!(by_library >= in_place + 2, "{in_place} in place, {by_library} by the library");
}
