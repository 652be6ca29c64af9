//! Tokens, scopes and origins before anything else.

use doorward_testkit::{Browser, OAuthClient, TestServer};
use reqwest::Method;
use serde_json::json;

use super::{modern, post, send, stage};

#[tokio::test]
async fn r3_r9_l5_i16_n1_cs4_without_a_token_every_method_is_challenged_first() {
    let server = TestServer::start().await;
    let metadata = server.at("/.well-known/oauth-protected-resource/mcp");
    let expected = format!("Bearer resource_metadata=\"{metadata}\", scope=\"mcp:read\"");
    let browser = Browser::new();
    for path in ["/mcp", "/mcp/", "/mcp/sse", "/mcp/messages"] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT, Method::PATCH] {
            let page = browser
                .send(browser.raw(method.clone(), &server.at(path)).body("not json at all"))
                .await;
            if page.status == 405 {
                // These two paths have one method each, and the router has no other.
                assert!(path.starts_with("/mcp/"), "{method} {path}");
                continue;
            }
            assert_eq!(page.status, 401, "{method} {path}");
            assert_eq!(page.header("www-authenticate"), expected, "{method} {path}");
            assert_eq!(page.header("cache-control"), "no-store");
            let link = format!("<{metadata}>; rel=\"oauth-protected-resource\"");
            assert_eq!(page.header("link"), link);
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
async fn r7_r8_cs7_a_token_of_another_server_is_refused() {
    let (server, _, _, own) = stage().await;
    let (_other, _, _, foreign) = stage().await;
    assert!(!server.calls(&foreign.access).await);
    // Nor does a tool run for one that is present and forged.
    let (signed, _) = own.access.rsplit_once('.').unwrap();
    let (_, signature) = foreign.access.rsplit_once('.').unwrap();
    let claims = signed.split('.').nth(1).unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    for forged in [format!("{signed}.{signature}"), format!("{none}.{claims}.")] {
        assert!(!server.calls(&forged).await, "{forged}");
    }
    assert!(server.calls(&own.access).await);
}

#[tokio::test]
async fn r11_r12_r13_mcp_22_a_write_asks_for_a_step_up_and_then_works() {
    let (server, client, browser, reader) = stage().await;
    let victim = OAuthClient::register(&server).await;
    let revoked = victim.tokens(&browser, &[]).await;
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
    assert!(server.calls(&revoked.access).await);
    let writer = client.tokens(&browser, &[("scope", "mcp:write")]).await;
    assert!(server.calls(&writer.access).await, "mcp:write includes mcp:read");
    let done =
        server.call(&writer.access, "revoke_connected_app", arguments).await.expect(200).json();
    assert_eq!(done["result"]["structuredContent"]["revoked_grants"], 1);
    assert!(!server.calls(&revoked.access).await);
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
