//! Streams.

use std::time::Duration;

use doorward_testkit::Browser;
use reqwest::Method;
use serde_json::json;

use super::{
    super::{GatewayUser, gateway_user, with_config},
    legacy, listening, payroll,
};

#[tokio::test]
async fn streams_of_all_kinds_are_counted_together_for_each_user() {
    let upstream = payroll().await;
    let server = with_config(&[("payroll", &upstream, "none")], |config| {
        config.mcp.max_sse_streams_per_user = 3;
    })
    .await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let session = async |gateway_user: &GatewayUser| {
        let begin = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        legacy(&server, "/mcp", &gateway_user.token, "initialize", &begin)
            .await
            .expect(200)
            .header("mcp-session-id")
    };
    let get = async |gateway_user: &GatewayUser, session: &str| {
        let request = Browser::new()
            .raw(Method::GET, &server.at("/mcp"))
            .header("accept", "text/event-stream")
            .header("mcp-session-id", session);
        request.bearer_auth(&gateway_user.token).send().await.unwrap()
    };
    let sse = async |gateway_user: &GatewayUser| {
        let request = Browser::new()
            .raw(Method::GET, &server.at("/mcp/sse"))
            .header("accept", "text/event-stream");
        request.bearer_auth(&gateway_user.token).send().await.unwrap()
    };
    let listen = async |gateway_user: &GatewayUser| {
        let mut stream =
            listening(&server, &gateway_user.token, json!({"toolsListChanged": true})).await;
        let mut seen = String::new();
        // The answer is either the acknowledgement, after which the stream stays open, or an error
        // that ends it.
        while let Ok(Ok(Some(chunk))) =
            tokio::time::timeout(Duration::from_millis(700), stream.chunk()).await
        {
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        (stream, seen)
    };
    let (first, second) = (session(&alice).await, session(&alice).await);
    let one = get(&alice, &first).await;
    let two = sse(&alice).await;
    let (three, seen) = listen(&alice).await;
    assert!(one.status() == 200 && two.status() == 200 && !seen.contains("too many"), "{seen}");
    assert_eq!(get(&alice, &second).await.status(), 503, "of GET /mcp");
    assert_eq!(sse(&alice).await.status(), 503, "of the deprecated transport");
    let (_, seen) = listen(&alice).await;
    assert!(seen.contains("too many open streams"), "of subscriptions/listen: {seen}");
    assert_eq!(sse(&bob).await.status(), 200, "each user has their own");
    // A place is given back when its stream ends, whatever its kind.
    for stream in [one, two, three] {
        drop(stream);
        let mut again = None;
        for _ in 0..100 {
            let stream = get(&alice, &second).await;
            if stream.status() == 200 {
                again = Some(stream);
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        drop(again.expect("the place was not given back"));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn a_stream_reveals_nothing_that_its_user_may_no_longer_see() {
    let upstream = payroll().await;
    upstream.state().tools.push(doorward_testkit::tool("update", true));
    let server = with_config(&[("payroll", &upstream, "none")], |config| {
        config.policy.rules = vec!["deny kind=resource role=guest".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    super::super::tools(&server, &alice.token).await;
    let mut stream = listening(
        &server,
        &alice.token,
        json!({"resourceSubscriptions": ["payroll+file:///wages"]}),
    )
    .await;
    let mut heard = async |wait: u64| {
        server.call(&alice.token, "payroll_update", json!({})).await.expect(200);
        let mut seen = String::new();
        while let Ok(Ok(Some(chunk))) =
            tokio::time::timeout(Duration::from_millis(wait), stream.chunk()).await
        {
            seen.push_str(&String::from_utf8_lossy(&chunk));
            if seen.contains("resources/updated") {
                return true;
            }
        }
        false
    };
    // Watching begins a moment after the stream is open.
    while !upstream
        .state()
        .operations
        .iter()
        .any(|operation| operation.starts_with("resources/subscribe"))
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(heard(5000).await, "what may be seen is told");
    let user = server.app.accounts.find("alice").await.unwrap();
    server
        .app
        .store
        .apply(doorward_model::Change::SetRoles {
            user_id: user.id,
            roles: vec![doorward_model::Role::parse("guest").unwrap()],
        })
        .await
        .unwrap();
    assert!(!heard(2000).await, "what may no longer be seen is not");
}
