//! The token endpoint: refresh tokens.

use std::sync::Arc;

use doorward_testkit::{Browser, OAuthClient, TestServer, Tokens};

async fn stage() -> (TestServer, OAuthClient, Browser, Tokens) {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[("scope", "mcp:write")]).await;
    (server, client, browser, tokens)
}

#[tokio::test]
async fn a23_a_refresh_token_is_rotated() {
    let (server, client, _, first) = stage().await;
    server.clock.advance(601);
    assert!(!server.calls(&first.access).await, "the access token has expired");
    let second = Tokens::read(client.refresh(&first.refresh, &[]).await);
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(second.answer["scope"], "mcp:write");
    assert!(server.calls(&second.access).await);
    let third = Tokens::read(client.refresh(&second.refresh, &[]).await);
    assert!(server.calls(&third.access).await);
}

#[tokio::test]
async fn i8_a_lost_response_can_be_requested_again() {
    let (server, client, _, first) = stage().await;
    let lost = Tokens::read(client.refresh(&first.refresh, &[]).await);
    server.clock.advance(59);
    let again = Tokens::read(client.refresh(&first.refresh, &[]).await);
    assert_eq!(again.refresh, lost.refresh, "the family has one head");
    assert!(server.calls(&again.access).await);
    client.refresh(&again.refresh, &[]).await.expect(200);
}

#[tokio::test]
async fn i8_a_spent_token_outside_the_grace_period_revokes_the_family() {
    let (server, client, _, first) = stage().await;
    let second = Tokens::read(client.refresh(&first.refresh, &[]).await);
    server.clock.advance(61);
    assert_eq!(
        client.refresh(&first.refresh, &[]).await.expect(400).json()["error"],
        "invalid_grant"
    );
    assert!(!server.calls(&second.access).await);
    client.refresh(&second.refresh, &[]).await.expect(400);
}

#[tokio::test]
async fn i8_a_spent_token_whose_successor_was_used_is_stolen() {
    let (server, client, _, first) = stage().await;
    let second = Tokens::read(client.refresh(&first.refresh, &[]).await);
    let third = Tokens::read(client.refresh(&second.refresh, &[]).await);
    client.refresh(&first.refresh, &[]).await.expect(400);
    assert!(!server.calls(&third.access).await);
    client.refresh(&third.refresh, &[]).await.expect(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_p2_fifty_parallel_uses_of_one_token_yield_one_successor() {
    let (server, client, _, first) = stage().await;
    let (client, token) = (Arc::new(client), Arc::new(first.refresh));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (client, token) = (Arc::clone(&client), Arc::clone(&token));
            tokio::spawn(async move { client.refresh(&token, &[]).await })
        })
        .collect();
    let mut successors = std::collections::BTreeSet::new();
    let mut last = String::new();
    for task in tasks {
        let tokens = Tokens::read(task.await.unwrap());
        successors.insert(tokens.refresh.clone());
        last = tokens.access;
    }
    assert_eq!(successors.len(), 1, "two heads would let a thief and the client live side by side");
    assert!(server.calls(&last).await);
    client.refresh(successors.first().unwrap(), &[]).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_belongs_to_its_client() {
    let (server, client, _, first) = stage().await;
    let stranger = OAuthClient::register(&server).await;
    assert_eq!(
        stranger.refresh(&first.refresh, &[]).await.expect(400).json()["error"],
        "invalid_grant"
    );
    // Neither the attempt nor a repetition of it hurts the owner.
    let second = Tokens::read(client.refresh(&first.refresh, &[]).await);
    server.clock.advance(120);
    stranger.refresh(&first.refresh, &[]).await.expect(400);
    assert!(server.calls(&second.access).await);
}

#[tokio::test]
async fn scopes_and_resources_are_narrowed_but_never_widened() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let reader = client.tokens(&browser, &[("scope", "mcp:read")]).await;
    assert_eq!(
        client.refresh(&reader.refresh, &[("scope", "mcp:write")]).await.expect(400).json()["error"],
        "invalid_scope"
    );
    assert_eq!(
        client.refresh(&reader.refresh, &[("scope", "nothing")]).await.expect(400).json()["error"],
        "invalid_scope"
    );
    assert_eq!(
        client
            .refresh(&reader.refresh, &[("resource", "https://evil.example/")])
            .await
            .expect(400)
            .json()["error"],
        "invalid_target"
    );
    let other = OAuthClient::register(&server).await;
    let writer = other.tokens(&browser, &[("scope", "mcp:write")]).await;
    let narrowed = Tokens::read(other.refresh(&writer.refresh, &[("scope", "mcp:read")]).await);
    assert_eq!(narrowed.answer["scope"], "mcp:read");
    // RFC 6749 §6: the grant keeps its scope.
    assert_eq!(
        Tokens::read(other.refresh(&narrowed.refresh, &[]).await).answer["scope"],
        "mcp:write"
    );
}

#[tokio::test]
async fn rt_15_a_family_has_an_absolute_end_and_an_idle_one() {
    let server = TestServer::start_with(|config| {
        (config.issuer.grant_max_seconds, config.issuer.refresh_token_idle_seconds) = (5000, 2000);
    })
    .await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let mut tokens = client.tokens(&browser, &[]).await;
    for _ in 0..3 {
        server.clock.advance(1500);
        tokens = Tokens::read(client.refresh(&tokens.refresh, &[]).await);
    }
    assert_eq!(tokens.answer["expires_in"], 500, "an access token does not outlive its grant");
    server.clock.advance(501);
    client.refresh(&tokens.refresh, &[]).await.expect(400);
    let idle = client.tokens(&browser, &[]).await;
    server.clock.advance(2000);
    client.refresh(&idle.refresh, &[]).await.expect(400);
}

#[tokio::test]
async fn rt_14_reuse_is_recognised_after_a_restart() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let first = client.tokens(&server.signed_in("alice").await, &[]).await;
    let second = Tokens::read(client.refresh(&first.refresh, &[]).await);
    let restarted = TestServer::start_on(server.config.clone(), server.data_dir.clone()).await;
    restarted.clock.advance(120);
    let client = OAuthClient::known(&restarted, &client.id, &client.redirect_uri);
    client.refresh(&first.refresh, &[]).await.expect(400);
    client.refresh(&second.refresh, &[]).await.expect(400);
}
