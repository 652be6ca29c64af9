//! States, tokens and connections of an upstream end with it.

use doorward_testkit::{Browser, FakeUpstream, TestServer};
use serde_json::{Value, json};

use super::entries;
use crate::gateway::{confirm, connect, gateway_user, go, rpc_at, text, with};

/// Begins a session of an older client at `/mcp/wiki`.
async fn initialized(server: &TestServer, token: &str) -> String {
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
    let page = rpc_at(server, "/mcp/wiki", token, &message).await.expect(200);
    page.header("mcp-session-id")
}

async fn listed_in(server: &TestServer, token: &str, session: &str) -> u16 {
    let browser = Browser::new();
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let request = browser
        .raw(reqwest::Method::POST, &server.at("/mcp/wiki"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-session-id", session)
        .bearer_auth(token)
        .json(&message);
    browser.send(request).await.status
}

async fn answered(server: &TestServer, token: &str, state: &Value, action: &str) -> Value {
    let params = json!({
        "name": "wiki_echo", "arguments": {"text": "x"}, "requestState": state,
        "inputResponses": {"doorward_connect": {"action": action}},
    });
    confirm::modern(server, token, params).await.expect(200).json()["result"].clone()
}

#[tokio::test]
async fn nothing_that_was_given_or_sealed_for_an_upstream_counts_at_one_added_again() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[]).await;
    let gateway = &server.app.gateway;
    gateway.add("wiki", wiki.config("oauth")).await.unwrap();
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    // A grant for this upstream alone, a session, a question, and a user whose callback is
    // outstanding.
    let resource = server.at("/mcp/wiki");
    let for_wiki = [("scope", "mcp:read"), ("resource", resource.as_str())];
    let only = alice.client.tokens(&alice.browser, &for_wiki).await;
    let session = initialized(&server, &only.access).await;
    assert_eq!(listed_in(&server, &only.access, &session).await, 200);
    let asked = confirm::modern(
        &server,
        &bob.token,
        json!({"name": "wiki_echo", "arguments": {"text": "x"}}),
    )
    .await
    .expect(200)
    .json()["result"]
        .clone();
    let state = asked["requestState"].clone();
    let declined = answered(&server, &bob.token, &state, "decline").await;
    assert!(declined.to_string().contains("declined to connect"), "{declined}");
    let back = go(&server, &bob.browser, "wiki").await;
    connect(&server, &alice.browser, "wiki").await;
    assert_eq!(wiki.state().registrations, 1);

    gateway.delete("wiki", None).await.unwrap();
    assert_eq!(alice.client.refresh(&only.refresh, &[]).await.status, 400);
    let told = entries(&server, "upstream.deleted").await;
    let detail: Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(
        (&detail["before"]["grants"], &detail["before"]["connections"]),
        (&json!(1), &json!(1)),
        "{detail}"
    );
    gateway.add("wiki", wiki.config("oauth")).await.unwrap();

    assert_eq!(listed_in(&server, &only.access, &session).await, 401, "the grant is over");
    let only = alice.client.tokens(&alice.browser, &for_wiki).await;
    assert_eq!(listed_in(&server, &only.access, &session).await, 404, "the session is over");
    let fresh = initialized(&server, &only.access).await;
    assert_eq!(listed_in(&server, &only.access, &fresh).await, 200);
    let renewed = answered(&server, &bob.token, &state, "decline").await;
    assert_eq!(renewed["resultType"], "input_required", "{renewed}");
    assert_eq!(bob.browser.get(&back).await.status, 400, "the way back is over");
    let page = server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await.expect(200);
    assert!(page.body.contains("/connect/wiki"));
    connect(&server, &alice.browser, "wiki").await;
    assert_eq!(wiki.state().registrations, 2, "the registration was forgotten");
    assert!(
        text(&server.call(&alice.token, "wiki_echo", json!({"text": "x"})).await)
            .contains("access-")
    );
}

#[tokio::test]
async fn tokens_of_a_deleted_upstream_are_revoked_at_their_issuer_by_a_task_with_retries() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[]).await;
    let gateway = &server.app.gateway;
    gateway.add("wiki", wiki.config("oauth")).await.unwrap();
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    wiki.state().failing_revocations = 1;
    server.keep_house();
    gateway.delete("wiki", None).await.unwrap();
    let until = async |count: usize| {
        for _ in 0..400 {
            if wiki.state().revoked.len() == count && wiki.state().failing_revocations == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{:?}", wiki.state().revoked);
    };
    until(0).await;
    server.clock.advance(200);
    gateway.revoke_due().await;
    until(2).await;
    let state = wiki.state();
    let told: Vec<_> = state
        .revoked
        .iter()
        .map(|form| (form["token_type_hint"].as_str(), form["client_id"].as_str()))
        .collect();
    assert_eq!(told, [("refresh_token", "up-client"), ("access_token", "up-client")]);
    assert!(state.revoked[0]["token"].starts_with("refresh-1-"));
    assert!(state.valid.is_empty());
}

#[tokio::test]
async fn a_revocation_that_never_works_is_abandoned() {
    let wiki = FakeUpstream::protected().await;
    let server = with(&[]).await;
    let gateway = &server.app.gateway;
    gateway.add("wiki", wiki.config("oauth")).await.unwrap();
    let alice = gateway_user(&server, "alice").await;
    connect(&server, &alice.browser, "wiki").await;
    wiki.state().failing_revocations = usize::MAX;
    gateway.delete("wiki", None).await.unwrap();
    for _ in 0..20 {
        gateway.revoke_due().await;
        server.clock.advance(100_000);
    }
    let tried = usize::MAX - wiki.state().failing_revocations;
    assert!((2..10).contains(&tried), "{tried}");
    let left = server.app.store.revocations_due(doorward_model::Timestamp::NEVER, 10).await;
    assert!(left.unwrap().is_empty());
}
