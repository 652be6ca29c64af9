//! Streams and data of one user.

use doorward_testkit::{Browser, OAuthClient};
use reqwest::Method;
use serde_json::{Value, json};

use super::{send, stage};

#[tokio::test]
async fn ca3_cs8_ca24_ca25_the_deprecated_sse_transport_is_bound_to_user_and_client() {
    let (server, client, _, tokens) = stage().await;
    server.user("bob").await;
    let bobs = client.tokens(&server.signed_in("bob").await, &[]).await;
    let http = Browser::new();
    let mut stream = http
        .raw(Method::GET, &server.at("/mcp/sse"))
        .header("accept", "text/event-stream")
        .bearer_auth(&tokens.access)
        .send()
        .await
        .unwrap();
    assert_eq!(stream.status(), 200);
    let mut seen = String::new();
    let mut read_until = async |mark: &str| {
        while !seen.contains(mark) {
            let chunk = tokio::time::timeout(std::time::Duration::from_secs(5), stream.chunk())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            seen.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        seen.clone()
    };
    let first = read_until("\n\n").await;
    let endpoint = first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
    assert!(
        first.starts_with("event: endpoint\n")
            && endpoint.starts_with(&server.at("/mcp/messages?session_id=")),
        "{first}"
    );
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let say = |token: &str, body: &Value| {
        let request = http.raw(Method::POST, &endpoint).json(body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        send(request)
    };
    say("", &initialize).await.expect(401);
    say(&bobs.access, &initialize).await.expect(404);
    say(&tokens.access, &initialize).await.expect(202);
    assert!(read_until("\"id\":1").await.contains("\"protocolVersion\":\"2024-11-05\""));
    say(&tokens.access, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        .await
        .expect(202);
    say(&tokens.access, &json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}})).await.expect(202);
    assert!(read_until("\"id\":2").await.contains("alice"));
    say(
        &tokens.access,
        &json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "revoke_connected_app", "arguments": {"client_id": "x"}}}),
    )
    .await
    .expect(403);
    send(
        http.raw(Method::POST, &server.at("/mcp/messages?session_id=s_guess"))
            .bearer_auth(&tokens.access)
            .json(&initialize),
    )
    .await
    .expect(404);
    send(
        http.raw(Method::POST, &server.at("/mcp/messages"))
            .bearer_auth(&tokens.access)
            .json(&initialize),
    )
    .await
    .expect(400);
    let alice = server.app.accounts.find("alice").await.unwrap();
    server.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    say(&tokens.access, &initialize).await.expect(401);
}

#[tokio::test]
async fn mcp_23_a_stream_is_closed_when_its_access_ends() {
    let (server, _, _, tokens) = stage().await;
    let mut stream = Browser::new()
        .raw(Method::GET, &server.at("/mcp/sse"))
        .header("accept", "text/event-stream")
        .bearer_auth(&tokens.access)
        .send()
        .await
        .unwrap();
    stream.chunk().await.unwrap().unwrap();
    let alice = server.app.accounts.find("alice").await.unwrap();
    server.app.issuer.revoke_access(&alice.id, None).await.unwrap();
    let ended = async { while stream.chunk().await.ok().flatten().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), ended)
        .await
        .expect("the stream is still open");
}

#[tokio::test]
async fn ca4_connected_apps_are_listed_in_pages_for_their_user_only() {
    let (server, _, browser, tokens) = stage().await;
    server.user("bob").await;
    OAuthClient::register(&server).await.tokens(&server.signed_in("bob").await, &[]).await;
    for name in ["Beta", "Alpha"] {
        OAuthClient::register_with(
            &server,
            json!({"client_name": name, "token_endpoint_auth_method": "none"}),
        )
        .await
        .tokens(&browser, &[])
        .await;
    }
    let list = async |arguments: Value| {
        server.call(&tokens.access, "list_connected_apps", arguments).await.expect(200).json()["result"]["structuredContent"].clone()
    };
    let all = list(json!({})).await;
    let names: Vec<_> =
        all["apps"].as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap()).collect();
    assert_eq!((names, &all["total"]), (vec!["Alpha", "Beta", "Test client"], &json!(3)));
    assert_eq!(all["apps"][2]["this_app"], true);
    assert_eq!(list(json!({"limit": 1, "offset": 1})).await["apps"][0]["name"], "Beta");
    assert_eq!(list(json!({"name_contains": "ALPH"})).await["total"], 1);
    let wrong = server
        .call(&tokens.access, "list_connected_apps", json!({"limit": 201}))
        .await
        .expect(200)
        .json();
    assert_eq!(wrong["result"]["isError"], true);
}
