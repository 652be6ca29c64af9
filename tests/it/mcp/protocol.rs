//! The revisions of the protocol.

use doorward_testkit::Browser;
use reqwest::Method;
use serde_json::{Value, json};

use super::{modern, post, send, stage};

#[tokio::test]
async fn l1_l2_a_legacy_client_initializes_lists_and_calls() {
    let (server, _, _, tokens) = stage().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
        let answer = send(post(&server, &tokens.access, &initialize)).await.expect(200).json();
        let negotiated = answer["result"]["protocolVersion"].as_str().unwrap();
        assert!(
            negotiated <= "2025-11-25" && (version > "2025-11-25" || negotiated == version),
            "{version}: {answer}"
        );
        assert_eq!(answer["result"]["serverInfo"]["name"], "doorward");
    }
    send(post(
        &server,
        &tokens.access,
        &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    ))
    .await
    .expect(202);
    let list = server
        .rpc(&tokens.access, &json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}))
        .await
        .expect(200)
        .json();
    let names: Vec<_> = list["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["list_connected_apps", "revoke_connected_app", "server_info", "wait", "whoami"]
    );
    for tool in list["result"]["tools"].as_array().unwrap() {
        assert_eq!(tool["inputSchema"]["type"], "object");
        assert_eq!(tool["outputSchema"]["type"], "object");
        assert!(tool["annotations"]["readOnlyHint"].is_boolean() && tool["title"].is_string());
    }
    let me = server.call(&tokens.access, "whoami", json!({})).await.expect(200).json();
    assert_eq!(me["result"]["structuredContent"]["name"], "alice");
    assert_eq!(me["result"]["structuredContent"]["scopes"], json!(["mcp:read"]));
    send(
        post(&server, &tokens.access, &json!({"jsonrpc": "2.0", "id": 3, "method": "ping"}))
            .header("mcp-protocol-version", "1999-01-01"),
    )
    .await
    .expect(400);
}

#[tokio::test]
async fn t10_t17_t18_t19_r18_a_modern_client_discovers_lists_and_calls() {
    let (server, _, _, tokens) = stage().await;
    let discovered = send(modern(&server, &tokens.access, "server/discover", None, &json!({})))
        .await
        .expect(200)
        .json();
    assert!(
        discovered["result"]["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("2026-07-28"))
    );
    assert_eq!(discovered["result"]["cacheScope"], "private");
    let list = send(modern(&server, &tokens.access, "tools/list", None, &json!({})))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&list["result"]["cacheScope"], &list["result"]["resultType"]),
        (&json!("private"), &json!("complete"))
    );
    assert!(list["result"]["ttlMs"].is_number());
    let me = send(modern(
        &server,
        &tokens.access,
        "tools/call",
        Some("whoami"),
        &json!({"name": "whoami", "arguments": {}}),
    ))
    .await
    .expect(200);
    assert!(me.header("mcp-session-id").is_empty());
    assert_eq!(me.json()["result"]["structuredContent"]["name"], "alice");
    // Header against body (T10, T15), unknown method (T12), unknown version (T11), missing metadata
    // (T13).
    let mismatch = send(modern(
        &server,
        &tokens.access,
        "tools/call",
        Some("server_info"),
        &json!({"name": "whoami", "arguments": {}}),
    ))
    .await
    .expect(400);
    assert_eq!(mismatch.json()["error"]["code"], -32020);
    assert_eq!(
        send(modern(&server, &tokens.access, "no/such", None, &json!({}))).await.expect(404).json()
            ["error"]["code"],
        -32601
    );
    let bare = post(
        &server,
        &tokens.access,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}),
    )
    .header("mcp-protocol-version", "2026-07-28")
    .header("mcp-method", "tools/list");
    send(bare).await.expect(400);
    let future = post(
        &server,
        &tokens.access,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01", "io.modelcontextprotocol/clientCapabilities": {}}}}),
    )
    .header("mcp-protocol-version", "2099-01-01")
    .header("mcp-method", "tools/list");
    assert_eq!(send(future).await.expect(400).json()["error"]["code"], -32022);
    send(
        Browser::new()
            .raw(Method::GET, &server.at("/mcp"))
            .bearer_auth(&tokens.access)
            .header("accept", "text/event-stream"),
    )
    .await
    .expect(405);
    send(Browser::new().raw(Method::DELETE, &server.at("/mcp")).bearer_auth(&tokens.access))
        .await
        .expect(405);
}

#[tokio::test]
async fn ca7_progress_flows_with_a_token_and_only_then() {
    let (server, _, _, tokens) = stage().await;
    let wait = |meta: Value| json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wait", "arguments": {"seconds": 1}, "_meta": meta}});
    let streamed =
        server.rpc(&tokens.access, &wait(json!({"progressToken": "p1"}))).await.expect(200);
    assert!(streamed.header("content-type").starts_with("text/event-stream"));
    assert_eq!(streamed.header("x-accel-buffering"), "no");
    assert_eq!(streamed.body.matches("notifications/progress").count(), 2);
    assert!(
        streamed.body.find("notifications/progress").unwrap()
            < streamed.body.find("waited_seconds").unwrap()
    );
    let plain = server.rpc(&tokens.access, &wait(json!({}))).await.expect(200);
    assert_eq!(plain.json()["result"]["structuredContent"], json!({"waited_seconds": 1}));
}

#[tokio::test]
async fn wrong_messages_get_clean_errors() {
    let (server, _, _, tokens) = stage().await;
    let unknown = server.call(&tokens.access, "no_such_tool", json!({})).await.json();
    assert_eq!(unknown["error"]["code"], -32602);
    let bad =
        server.call(&tokens.access, "wait", json!({"seconds": "many"})).await.expect(200).json();
    assert_eq!(bad["result"]["isError"], true);
    let extra =
        server.call(&tokens.access, "whoami", json!({"as": "root"})).await.expect(200).json();
    assert_eq!(extra["result"]["isError"], true);
    let raw = |media_type: &'static str, body: String| {
        let request = Browser::new()
            .raw(Method::POST, &server.at("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", media_type)
            .bearer_auth(&tokens.access);
        send(request.body(body))
    };
    assert!((400..500).contains(&raw("application/json", "{".into()).await.status));
    raw("text/plain", "{}".into()).await.expect(415);
    raw("application/json", format!("{{\"x\":\"{}\"}}", "y".repeat(5 * 1024 * 1024)))
        .await
        .expect(413);
}
