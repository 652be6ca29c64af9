//! Media types as clients spell them.

use doorward_testkit::{Browser, OAuthClient, TestServer};
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A header of a request; `None` leaves it out.
type Spelling = Option<&'static str>;

const BOTH: Spelling = Some("application/json, text/event-stream");

/// Sends a request with these headers alone: HTTP clients add an `Accept` of their own.
async fn status(
    server: &TestServer,
    token: &str,
    (path, method): (&str, Method),
    accept: Spelling,
    content_type: Spelling,
) -> u16 {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let body = if method == Method::POST { message.to_string() } else { String::new() };
    let host = server.url.trim_start_matches("http://");
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nmcp-protocol-version: 2025-11-25\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in [("accept", accept), ("content-type", content_type)] {
        if let Some(value) = value {
            request = format!("{request}{name}: {value}\r\n");
        }
    }
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    std::str::from_utf8(&begin).unwrap()[9..].parse().unwrap()
}

#[tokio::test]
async fn media_types_are_compared_as_media_types_and_a_missing_accept_is_any() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let tokens = client.tokens(&server.signed_in("alice").await, &[]).await;
    let token = &tokens.access;
    let post = ("/mcp", Method::POST);
    for accept in [
        BOTH,
        None,
        Some("*/*"),
        Some("application/*, text/*"),
        Some("Application/JSON;q=0.9, TEXT/event-stream;q=0.1"),
        Some("text/html, */*;q=0.8"),
        Some("APPLICATION/JSON;charset=UTF-8, Text/Event-Stream;Charset=UTF-8"),
        Some("application/json;q=1.0;x=\"a, b\", text/event-stream ; q=0.001"),
        Some("*/*;q=0.1, application/json"),
        Some(", application/json,, text/event-stream,"),
        Some("text/event-stream, application/*;version=1"),
        Some(""),
        Some(" */* "),
        Some("*"),
        Some("application/json;q=1.000, text/event-stream;q=\"0.5\""),
        Some("text/event-stream,application/json,*/*;q=0"),
        // Several headers are one list.
        Some("application/json\r\naccept: text/event-stream"),
        Some("text/html\r\nAccept: image/png\r\nACCEPT: */*"),
        Some("text/event-stream\r\nx-other: 1\r\naccept: application/json;q=0.5"),
    ] {
        let got = status(&server, token, post.clone(), accept, Some("application/json")).await;
        assert_eq!(got, 200, "Accept: {accept:?}");
    }
    for accept in [Some("text/html"), Some("application/json;q=0, text/event-stream")] {
        let got = status(&server, token, post.clone(), accept, Some("application/json")).await;
        assert_eq!(got, 406, "Accept: {accept:?}");
    }
    for content_type in [
        "application/json; charset=utf-8",
        "Application/Json",
        "application/json ; charset=\"utf-8\"",
        "application/json;",
        "APPLICATION/JSON;CHARSET=UTF-8",
        " application/json\t;\tq=1",
        "application/json;profile=\"a;b\"; charset=utf8",
        "application/json; charset = utf-8",
        "application/json;charset=utf-8;",
    ] {
        let got = status(&server, token, post.clone(), BOTH, Some(content_type)).await;
        assert_eq!(got, 200, "Content-Type: {content_type}");
    }
    for content_type in [None, Some("text/plain"), Some("application/jsonl"), Some("json")] {
        let got = status(&server, token, post.clone(), BOTH, content_type).await;
        assert_eq!(got, 415, "Content-Type: {content_type:?}");
    }
}

#[tokio::test]
async fn streams_open_for_every_accept_that_includes_them() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let tokens = client.tokens(&server.signed_in("alice").await, &[]).await;
    let get = ("/mcp/sse", Method::GET);
    for (accept, expected) in [
        (None, 200),
        (Some("*/*"), 200),
        (Some("Text/*"), 200),
        (Some("text/event-stream; charset=utf-8"), 200),
        (Some("Text/Event-Stream;Charset=UTF-8"), 200),
        (Some("application/json\r\naccept: text/event-stream"), 200),
        (Some("text/html, */*;q=0.01"), 200),
        (Some("text/html\r\naccept: application/json"), 406),
        (Some("application/json"), 406),
        (Some("text/event-stream;q=0, */*"), 406),
    ] {
        let got = status(&server, &tokens.access, get.clone(), accept, None).await;
        assert_eq!(got, expected, "Accept: {accept:?}");
    }
    let page = Browser::new().get(&server.at("/.well-known/oauth-protected-resource")).await;
    assert_eq!(page.status, 200, "the server goes on");
}
