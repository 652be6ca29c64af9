//! The token endpoint: codes.

use doorward_accounts::Authority;
use std::sync::Arc;

use doorward_testkit::{Browser, OAuthClient, Pkce, TestServer, Tokens};
use reqwest::Method;

async fn stage() -> (TestServer, OAuthClient, Browser) {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    (server, client, browser)
}

#[tokio::test]
async fn ax3_a_code_yields_tokens_once() {
    let (_server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    let page = client.redeem(&code, &pkce, &[]).await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    let tokens = Tokens::read(page);
    assert_eq!(tokens.answer["token_type"], "Bearer");
    assert_eq!(tokens.answer["expires_in"], 600);
    assert!(tokens.refresh.starts_with("dw_rt_"));
    assert_eq!(client.redeem(&code, &pkce, &[]).await.expect(400).json()["error"], "invalid_grant");
}

#[tokio::test]
async fn ax2_ca15_a_valid_replay_revokes_what_the_code_gave() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    let tokens = Tokens::read(client.redeem(&code, &pkce, &[]).await);
    assert!(server.calls(&tokens.access).await);
    client.redeem(&code, &pkce, &[]).await.expect(400);
    assert!(!server.calls(&tokens.access).await);
    assert_eq!(
        client.refresh(&tokens.refresh, &[]).await.expect(400).json()["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn an_invalid_replay_revokes_nothing() {
    let (server, client, browser) = stage().await;
    let stranger = OAuthClient::register(&server).await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    let tokens = Tokens::read(client.redeem(&code, &pkce, &[]).await);
    client.redeem(&code, &Pkce::default(), &[]).await.expect(400);
    stranger.redeem(&code, &pkce, &[]).await.expect(400);
    client
        .redeem(&code, &pkce, &[("redirect_uri", "http://127.0.0.1:1/callback")])
        .await
        .expect(400);
    client.redeem("dw_ac_junk", &pkce, &[]).await.expect(400);
    assert!(server.calls(&tokens.access).await);
    client.refresh(&tokens.refresh, &[]).await.expect(200);
}

#[tokio::test]
async fn ca14_ca16_a_wrong_attempt_is_refused_and_does_not_spend_the_code() {
    let (server, client, browser) = stage().await;
    let stranger = OAuthClient::register(&server).await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    let wrong = Pkce::default();
    for (page, error) in [
        (client.redeem(&code, &wrong, &[]).await, "invalid_grant"),
        (client.redeem(&code, &pkce, &[("code_verifier", "")]).await, "invalid_request"),
        (client.redeem(&code, &pkce, &[("code_verifier", "short")]).await, "invalid_grant"),
        (client.redeem(&code, &pkce, &[("code_verifier", &pkce.challenge)]).await, "invalid_grant"),
        (
            client.redeem(&code, &pkce, &[("redirect_uri", "http://127.0.0.1:1/callback")]).await,
            "invalid_grant",
        ),
        (
            client.redeem(&code, &pkce, &[("resource", "https://evil.example/mcp")]).await,
            "invalid_target",
        ),
        (client.redeem("", &pkce, &[]).await, "invalid_request"),
        (stranger.redeem(&code, &pkce, &[]).await, "invalid_grant"),
    ] {
        assert_eq!(page.expect(400).json()["error"], error);
    }
    client.redeem(&code, &pkce, &[]).await.expect(200);
}

#[tokio::test]
async fn oauth_2_1_the_token_request_may_omit_the_redirect_uri() {
    let (_server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    client.redeem(&code, &pkce, &[("redirect_uri", "")]).await.expect(200);
}

#[tokio::test]
async fn a_code_expires_after_a_minute() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    server.clock.advance(60);
    assert_eq!(client.redeem(&code, &pkce, &[]).await.expect(400).json()["error"], "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca15_p2_of_fifty_parallel_redemptions_one_succeeds_and_the_rest_revoke_it() {
    let (server, client, browser) = stage().await;
    let (client, pkce) = (Arc::new(client), Arc::new(Pkce::default()));
    let code = Arc::new(client.code(&browser, &pkce, &[]).await);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (client, pkce, code) = (Arc::clone(&client), Arc::clone(&pkce), Arc::clone(&code));
            tokio::spawn(async move { client.redeem(&code, &pkce, &[]).await })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        let page = task.await.unwrap();
        match page.status {
            200 => won.push(Tokens::read(page)),
            400 => assert_eq!(page.json()["error"], "invalid_grant"),
            other => panic!("{other}: {}", page.body),
        }
    }
    assert_eq!(won.len(), 1);
    // RFC 6749 §4.1.2: more than one use revokes the tokens of the first.
    assert!(!server.calls(&won[0].access).await);
}

#[tokio::test]
async fn i9_n5_a_client_without_the_refresh_grant_gets_no_refresh_token() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register_with(&server, serde_json::json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code"]})).await;
    let tokens = client.tokens(&server.signed_in("alice").await, &[]).await;
    assert!(tokens.answer.get("refresh_token").is_none());
}

#[tokio::test]
async fn ax5_bad_requests_get_the_error_that_the_standard_names() {
    let (server, client, _) = stage().await;
    let browser = Browser::new();
    let token = server.at("/oauth/token");
    for (params, status, error) in [
        (
            &[("grant_type", "authorization_code"), ("client_id", "c_unknown"), ("code", "x")][..],
            401,
            "invalid_client",
        ),
        (&[("grant_type", "authorization_code"), ("code", "x")], 401, "invalid_client"),
        (&[("grant_type", "password"), ("client_id", &client.id)], 400, "unsupported_grant_type"),
        (
            &[("grant_type", "client_credentials"), ("client_id", &client.id)],
            400,
            "unauthorized_client",
        ),
        (&[("client_id", &client.id)], 400, "invalid_request"),
        (
            &[("grant_type", "authorization_code"), ("client_id", &client.id)],
            400,
            "invalid_request",
        ),
        (&[("grant_type", "refresh_token"), ("client_id", &client.id)], 400, "invalid_request"),
        (
            &[("grant_type", "refresh_token"), ("client_id", &client.id), ("refresh_token", "x")],
            400,
            "invalid_grant",
        ),
        (
            &[
                ("grant_type", "refresh_token"),
                ("client_id", &client.id),
                ("client_id", &client.id),
                ("refresh_token", "x"),
            ],
            400,
            "invalid_request",
        ),
        (
            &[
                ("grant_type", "authorization_code"),
                ("client_id", &client.id),
                ("client_secret", "guess"),
                ("code", "x"),
            ],
            401,
            "invalid_client",
        ),
    ] {
        let answer = browser.post(&token, params).await.expect(status);
        assert_eq!(answer.json()["error"], error, "{params:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for (media_type, body, status) in [
        ("application/json", "{\"grant_type\":\"authorization_code\"}", 400),
        ("text/plain", "grant_type=x", 400),
        ("application/x-www-form-urlencoded", "grant_type=%ff", 400),
    ] {
        let answer = browser
            .send(browser.raw(Method::POST, &token).header("content-type", media_type).body(body))
            .await
            .expect(status);
        assert_eq!(answer.json()["error"], "invalid_request");
    }
    let huge = format!("grant_type={}", "x".repeat(70_000));
    browser
        .send(
            browser
                .raw(Method::POST, &token)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(huge),
        )
        .await
        .expect(413);
}

#[tokio::test]
async fn login_14_rt_16_disabling_the_user_or_the_client_ends_everything() {
    let (server, client, browser) = stage().await;
    let alice = server.app.accounts.find("alice").await.unwrap();
    let tokens = client.tokens(&browser, &[]).await;
    let pkce = Pkce::default();
    let waiting = client.code(&browser, &pkce, &[]).await;
    server.app.accounts.disable(&alice, None).await.unwrap();
    assert!(!server.calls(&tokens.access).await);
    client.refresh(&tokens.refresh, &[]).await.expect(400);
    client.redeem(&waiting, &pkce, &[]).await.expect(400);
    browser.get(&server.at("/account")).await.expect(303);
    server.app.accounts.enable(&Authority::operator(), &alice, None).await.unwrap();
    assert!(!server.calls(&tokens.access).await, "enabling brings nothing back");
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[]).await;
    server
        .app
        .registration
        .set_disabled(&doorward_model::ClientId::from_text(client.id.clone()), true)
        .await
        .unwrap();
    assert!(!server.calls(&tokens.access).await);
    assert_eq!(
        client.refresh(&tokens.refresh, &[]).await.expect(401).json()["error"],
        "invalid_client"
    );
}

#[tokio::test]
async fn login_14_a_code_that_arrives_after_its_user_was_disabled_yields_nothing() {
    let (server, client, browser) = stage().await;
    let alice = server.app.accounts.find("alice").await.unwrap();
    let tokens = client.tokens(&browser, &[]).await;
    let pkce = Pkce::default();
    let late = client.code(&browser, &pkce, &[]).await;
    // Only the mark, without the effects of disabling on existing codes and grants: as for a code
    // that is being issued.
    let mark = |disabled_at| doorward_model::Change::SetUserDisabled {
        user_id: alice.id.clone(),
        disabled_at,
    };
    server
        .app
        .store
        .apply(mark(Some(doorward_model::Clock::now(server.clock.as_ref()))))
        .await
        .unwrap();
    assert_eq!(client.redeem(&late, &pkce, &[]).await.expect(400).json()["error"], "invalid_grant");
    assert_eq!(
        client.refresh(&tokens.refresh, &[]).await.expect(400).json()["error"],
        "invalid_grant"
    );
    server.app.store.apply(mark(None)).await.unwrap();
    client.refresh(&tokens.refresh, &[]).await.expect(200);
    client.redeem(&late, &pkce, &[]).await.expect(200);
}

#[tokio::test]
async fn a_client_uses_only_the_grant_types_that_it_registered() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let once = OAuthClient::register_with(&server, serde_json::json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "urn:x"]})).await;
    once.tokens(&server.signed_in("alice").await, &[]).await;
    assert_eq!(
        once.refresh("dw_rt_any", &[]).await.expect(400).json()["error"],
        "unauthorized_client"
    );
    let both = OAuthClient::register(&server).await;
    assert_eq!(both.refresh("dw_rt_any", &[]).await.expect(400).json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_refused_request_writes_what_it_must_and_nothing_else() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    let tokens = Tokens::read(client.redeem(&code, &pkce, &[]).await);
    // A replay with an error after the verifier is a replay all the same.
    let replay = client.redeem(&code, &pkce, &[("resource", "https://evil.example/mcp")]).await;
    assert_eq!(replay.expect(400).json()["error"], "invalid_grant");
    assert!(!server.calls(&tokens.access).await);
    // A refresh that names too much spends nothing.
    let tokens = client.tokens(&browser, &[]).await;
    for (change, error) in [
        (("scope", "mcp:destructive"), "invalid_scope"),
        (("scope", "nothing"), "invalid_scope"),
        (("resource", "https://evil.example/mcp"), "invalid_target"),
    ] {
        let refused = client.refresh(&tokens.refresh, &[change]).await.expect(400);
        assert_eq!(refused.json()["error"], error, "{change:?}");
    }
    client.refresh(&tokens.refresh, &[]).await.expect(200);
}
