//! The MCP endpoint.

use doorward_testkit::{Browser, OAuthClient, Page, TestServer, Tokens};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

async fn stage() -> (TestServer, OAuthClient, Browser, Tokens) {
    let server = TestServer::start().await;
    server.person("alice").await;
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

#[tokio::test]
async fn r3_r9_l5_i16_n1_without_a_token_every_method_is_challenged_first() {
    let server = TestServer::start().await;
    let expected = format!(
        "Bearer resource_metadata=\"{}\", scope=\"mcp:read\"",
        server.at("/.well-known/oauth-protected-resource/mcp")
    );
    let browser = Browser::new();
    for path in ["/mcp", "/mcp/", "/mcp/sse", "/mcp/messages"] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT, Method::PATCH] {
            let page = browser
                .send(browser.raw(method.clone(), &server.at(path)).body("not json at all"))
                .await;
            if page.status == 405 {
                // These two addresses have one method each, and the router knows no other.
                assert!(path.starts_with("/mcp/"), "{method} {path}");
                continue;
            }
            assert_eq!(page.status, 401, "{method} {path}");
            assert_eq!(page.header("www-authenticate"), expected, "{method} {path}");
            assert_eq!(page.header("cache-control"), "no-store");
            assert!(page.header("link").contains("oauth-protected-resource"));
        }
    }
}

#[tokio::test]
async fn r6_r10_tokens_elsewhere_or_of_the_wrong_kind_do_not_count() {
    let (server, client, _, tokens) = stage().await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let raw = |url: String| {
        Browser::new()
            .raw(Method::POST, &url)
            .header("accept", "application/json, text/event-stream")
            .json(&body)
    };
    send(raw(format!("{}?access_token={}", server.at("/mcp"), tokens.access))).await.expect(401);
    send(
        raw(format!("{}?access_token={}", server.at("/mcp"), tokens.access))
            .bearer_auth(&tokens.access),
    )
    .await
    .expect(400);
    send(
        raw(server.at("/mcp"))
            .header("authorization", format!("Bearer {}", tokens.access))
            .header("authorization", "Bearer x"),
    )
    .await
    .expect(400);
    for value in ["Basic YTpi", "Bearer", "Bearer ", "bearer a b", "Token x"] {
        send(raw(server.at("/mcp")).header("authorization", value)).await.expect(401);
    }
    for token in
        [tokens.refresh.as_str(), "x.y.z", &tokens.access[..tokens.access.len() - 2], &client.id]
    {
        let page = send(raw(server.at("/mcp")).bearer_auth(token)).await.expect(401);
        assert!(
            page.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""),
            "{token}"
        );
        assert!(!page.body.contains(token));
    }
    send(raw(server.at("/mcp")).header("authorization", format!("bEaReR {}", tokens.access)))
        .await
        .expect(200);
}

#[tokio::test]
async fn r7_r8_a_token_of_another_server_is_refused() {
    let (server, _, _, _) = stage().await;
    let (_other, _, _, foreign) = stage().await;
    assert!(!server.calls(&foreign.access).await);
}

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
async fn r11_r12_r13_mcp_22_a_write_asks_for_a_step_up_and_then_works() {
    let (server, client, browser, reader) = stage().await;
    let victim = OAuthClient::register(&server).await;
    let withdrawn = victim.tokens(&browser, &[]).await;
    let arguments = json!({"client_id": victim.id});
    let legacy =
        server.call(&reader.access, "revoke_connected_app", arguments.clone()).await.expect(403);
    let params = json!({"name": "revoke_connected_app", "arguments": arguments});
    let modern =
        send(modern(&server, &reader.access, "tools/call", Some("revoke_connected_app"), &params))
            .await
            .expect(403);
    for (page, id) in [(legacy, 1), (modern, 7)] {
        let challenge = page.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer error=\"insufficient_scope\"")
                && challenge.contains("scope=\"mcp:write\"")
                && challenge.contains("resource_metadata="),
            "{challenge}"
        );
        assert_eq!(page.json()["id"], id);
        assert_eq!(page.json()["error"]["data"]["scope"], "mcp:write");
    }
    assert!(server.calls(&withdrawn.access).await);
    let writer = client.tokens(&browser, &[("scope", "mcp:write")]).await;
    assert!(server.calls(&writer.access).await, "mcp:write includes mcp:read");
    let done =
        server.call(&writer.access, "revoke_connected_app", arguments).await.expect(200).json();
    assert_eq!(done["result"]["structuredContent"]["revoked_grants"], 1);
    assert!(!server.calls(&withdrawn.access).await);
    let again = server
        .call(&writer.access, "revoke_connected_app", json!({"client_id": victim.id}))
        .await
        .expect(200)
        .json();
    assert_eq!(again["result"]["isError"], true, "CA5: an error is an error");
}

#[tokio::test]
async fn the_scope_check_cannot_be_slipped_past() {
    let (server, _, _, reader) = stage().await;
    let call = |body: String, headers: &[(&str, &str)]| {
        let mut request = Browser::new()
            .raw(Method::POST, &server.at("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .bearer_auth(&reader.access);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request.body(body))
    };
    let write = r#"{"name":"revoke_connected_app","arguments":{"client_id":"x"}}"#;
    // A batch, a duplicate member, an escaped name, a header that names another tool: none reaches
    // the tool.
    call(format!(r#"[{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{write}}}]"#), &[])
        .await
        .expect(400);
    call(
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}}"#,
            write.replace("revoke", "\\u0072evoke")
        ),
        &[],
    )
    .await
    .expect(403);
    let duplicate = call(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"whoami"}},"params":{write}}}"#), &[]).await;
    assert!(
        duplicate.status >= 400
            || duplicate.json()["error"].is_object()
            || duplicate.json()["result"]["structuredContent"]["name"] == "alice",
        "{}",
        duplicate.body
    );
    assert!(
        !duplicate.body.contains("no connected app"),
        "the tool was reached: {}",
        duplicate.body
    );
    let named = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "whoami"),
    ];
    call(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{write}}}"#), &named)
        .await
        .expect(403);
}

#[tokio::test]
async fn t2_cs20_foreign_origins_and_hosts_are_refused_even_with_a_token() {
    let (server, _, _, tokens) = stage().await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    send(post(&server, &tokens.access, &ping).header("origin", "https://evil.example"))
        .await
        .expect(403);
    send(post(&server, &tokens.access, &ping).header("origin", "null")).await.expect(403);
    send(post(&server, &tokens.access, &ping).header("host", "evil.example")).await.expect(403);
    send(post(&server, &tokens.access, &ping).header("origin", "http://localhost:6274"))
        .await
        .expect(200);
    let public = TestServer::start_with(|config| {
        config.server.public_url = "https://mcp.example.com".into();
        config.mcp.allowed_origins = vec!["https://inspector.example".into()];
    })
    .await;
    let ask = |host: &'static str, origin: &'static str| {
        send(
            Browser::new()
                .raw(Method::POST, &public.at("/mcp"))
                .header("host", host)
                .header("origin", origin),
        )
    };
    ask("mcp.example.com", "https://inspector.example").await.expect(401);
    ask("mcp.example.com", "https://mcp.example.com").await.expect(401);
    ask("mcp.example.com", "http://localhost:6274").await.expect(403);
    ask("127.0.0.1", "https://mcp.example.com").await.expect(403);
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

#[tokio::test]
async fn ca3_cs8_ca24_ca25_the_deprecated_sse_transport_is_bound_to_person_and_client() {
    let (server, client, _, tokens) = stage().await;
    server.person("bob").await;
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
    server.app.issuer.withdraw(&alice.id, None).await.unwrap();
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
    server.app.issuer.withdraw(&alice.id, None).await.unwrap();
    let ended = async { while stream.chunk().await.ok().flatten().is_some() {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), ended)
        .await
        .expect("the stream is still open");
}

#[tokio::test]
async fn ca4_connected_apps_are_listed_in_pages_and_only_ones_own() {
    let (server, _, browser, tokens) = stage().await;
    server.person("bob").await;
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
