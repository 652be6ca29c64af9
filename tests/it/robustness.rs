//! HTTP itself: malformed, oversized and unfinished requests cost only their sender.

use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_testkit::{Browser, OAuthClient, TestServer};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn raw(server: &TestServer, bytes: &str) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes.as_bytes()).await;
    let mut answer = Vec::new();
    let _ =
        tokio::time::timeout(std::time::Duration::from_secs(5), stream.read_to_end(&mut answer))
            .await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn http_10_malformed_and_oversized_heads_are_refused_and_others_are_served() {
    let server = TestServer::start().await;
    let many = (0..150).map(|index| format!("x-{index}: 1\r\n")).collect::<Vec<_>>().concat();
    for (request, status) in [
        ("GARBAGE\r\n\r\n".to_owned(), "400"),
        (format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{many}\r\n"), "431"),
        (format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n", "y".repeat(100_000)), "431"),
        ("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na".to_owned(), "400"),
        ("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nbad header\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = raw(&server, &request).await;
        assert!(answer.contains(status), "{answer}: {}", request.get(..60).unwrap_or(&request));
    }
    Browser::new().get(&server.at("/healthz")).await.expect(200);
}

#[tokio::test]
async fn an_answer_that_needs_no_body_does_not_end_the_connection_of_who_still_sends_one() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let host = server.url.trim_start_matches("http://");
    let head = |length: usize| {
        format!(
            "POST /mcp HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut buffer = vec![0; 64 * 1024];
    for length in [40, 200_000, 40] {
        stream.write_all(head(length).as_bytes()).await.unwrap();
        let read = stream.read(&mut buffer).await.unwrap();
        let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(
            answer.starts_with("HTTP/1.1 401")
                && !answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
        stream.write_all(&vec![b' '; length]).await.unwrap();
    }
    // A body far longer than the limit is not read to its end, and neither is one that never
    // continues.
    for length in [8 * 1024 * 1024, 40] {
        let mut stream =
            TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(head(length).as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        tokio::time::timeout(std::time::Duration::from_secs(15), stream.read_to_end(&mut rest))
            .await
            .unwrap()
            .unwrap();
        assert!(rest.starts_with(b"HTTP/1.1 401"));
    }
}

#[tokio::test]
async fn half_open_connections_do_not_keep_others_out() {
    let server = TestServer::start().await;
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut stream =
            TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"POST /oauth/token HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        held.push(stream);
    }
    Browser::new().get(&server.at("/.well-known/oauth-authorization-server")).await.expect(200);
}

#[tokio::test]
async fn a_long_query_and_hostile_encodings_get_a_page() {
    let server = TestServer::start().await;
    let browser = Browser::new();
    browser
        .get(&server.at(&format!("/oauth/authorize?client_id={}", "a".repeat(20_000))))
        .await
        .expect(400);
    for query in ["client_id=%ff", "client_id=%00", "client_id=%", "a=1&a=2", &"x=1&".repeat(100)] {
        let page = browser.get(&server.at(&format!("/oauth/authorize?{query}"))).await.expect(400);
        assert!(page.location().is_empty() && page.body.contains("<h1>"), "{query}");
    }
}

#[tokio::test]
async fn a_nul_is_refused_or_kept_out_by_both_databases() {
    let server = TestServer::start().await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let client = OAuthClient::register(&server).await;
    let token = client.tokens(&root, &[]).await.access;
    for path in [
        "/admin/users/u_%00",
        "/admin/link/%00",
        "/login/reset/%00",
        "/connect/%00",
        "/confirm/%00",
        "/mcp/%00",
        "/login/%00",
    ] {
        let status = root.get(&server.at(path)).await.status;
        assert!((400..500).contains(&status) || status == 303, "{path}: {status}");
    }
    assert!(root.get(&server.at("/admin/audit?subject=%00")).await.status < 500);
    let registration = json!({"redirect_uris": ["http://127.0.0.1:1/cb"], "client_name": "a\0b", "client_uri": "https://x.example/\0", "software_id": "\0"});
    assert!(
        Browser::new().post_json(&server.at("/oauth/register"), &registration).await.status < 500
    );
    let basic = STANDARD.encode("c_\0:secret");
    let asked = Browser::new()
        .raw(reqwest::Method::POST, &server.at("/oauth/token"))
        .header("authorization", format!("Basic {basic}"));
    assert_eq!(
        Browser::new()
            .send(asked.form(&[("grant_type", "refresh_token"), ("refresh_token", "x")]))
            .await
            .status,
        401
    );
    for (tool, arguments) in [
        ("who\0ami", json!({})),
        ("whoami", json!({"\0": "\0"})),
        ("revoke_connected_app", json!({"client_id": "c_\0"})),
    ] {
        assert!(server.call(&token, tool, arguments).await.status < 500, "{tool:?}");
    }
    // Its entries are written, and the chain of hashes holds.
    server.app.store.flush().await.unwrap();
    let entries = server
        .app
        .store
        .audit(&doorward_model::AuditFilter::default(), None, 100)
        .await
        .unwrap()
        .entries;
    assert!(
        entries.iter().any(|entry| entry
            .event
            .call
            .as_deref()
            .is_some_and(|call| call.tool == "who\u{fffd}ami")),
        "{entries:?}"
    );
}
