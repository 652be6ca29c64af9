//! The reasons for which a client did not connect: deliberately broken clients, and the timeline of
//! each.

use doorward_language::timeline as texts;
use doorward_model::timeline::{Attempt, Standing, attempts};
use doorward_testkit::{Browser, OAuthClient, PASSWORD, Pkce, TestServer, form_value};
use serde_json::json;

async fn last(server: &TestServer) -> Attempt {
    server.app.store.flush().await.unwrap();
    let now = doorward_model::Clock::now(server.clock.as_ref());
    attempts(server.app.store.connect_steps(now.plus(-3600)).await.unwrap())
        .into_iter()
        .next()
        .unwrap()
}

/// The verdict about the last attempt: its code, and what users read.
async fn verdict(server: &TestServer) -> (String, String) {
    let attempt = last(server).await;
    let verdict = attempt.verdict(doorward_model::Clock::now(server.clock.as_ref()));
    let advice = texts::advice(verdict.cause).map(|advice| advice.to_string()).unwrap_or_default();
    (verdict.cause.code().to_owned(), format!("{} {advice}", texts::verdict(&verdict)))
}

pub(crate) async fn expect(server: &TestServer, code: &str, words: &str) {
    let (found, told) = verdict(server).await;
    assert!(
        found == code && told.contains(words),
        "expected {code} with {words:?}, found {found}: {told}"
    );
}

async fn stage() -> (TestServer, OAuthClient, Browser) {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    (server, client, browser)
}

#[tokio::test]
async fn a_client_that_does_everything_right_is_connected_in_one_attempt() {
    let (server, client, browser) = stage().await;
    Browser::new().post_json(&server.at("/mcp"), &json!({})).await.expect(401);
    Browser::new().get(&server.at("/.well-known/oauth-protected-resource/mcp")).await.expect(200);
    Browser::new().get(&server.at("/.well-known/oauth-authorization-server")).await.expect(200);
    let tokens = client.tokens(&browser, &[]).await;
    assert!(server.calls(&tokens.access).await);
    let attempt = last(&server).await;
    assert_eq!(attempt.verdict(doorward_model::Timestamp(0)).standing, Standing::Connected);
    let steps: Vec<&str> = attempt.steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(
        steps,
        [
            "registered",
            "challenged",
            "resource_metadata",
            "server_metadata",
            "authorize",
            "asked",
            "answered",
            "token",
            "called"
        ]
    );
}

#[tokio::test]
async fn broken_authorization_requests_are_explained() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let ask =
        async |changes: &[(&str, &str)]| browser.get(&client.authorize_url(&pkce, changes)).await;
    ask(&[("redirect_uri", "https://elsewhere.example/cb")]).await;
    expect(&server, "redirect_uri", "https://elsewhere.example/cb").await;
    ask(&[("code_challenge", "")]).await;
    expect(&server, "pkce_missing", "S256 is required").await;
    ask(&[("code_challenge_method", "plain")]).await;
    expect(&server, "pkce_method", "Only S256").await;
    ask(&[("resource", "https://elsewhere.example/mcp")]).await;
    expect(&server, "resource", "resource=https://elsewhere.example/mcp").await;
    ask(&[("response_type", "token")]).await;
    expect(&server, "response_type", "authorization code flow").await;
    let unknown = OAuthClient::known(&server, "c_unknown", &client.redirect_uri);
    browser.get(&unknown.authorize_url(&pkce, &[])).await;
    expect(&server, "client_unknown", "Delete the credentials that the client stored").await;
    let gone =
        OAuthClient::known(&server, "https://gone.invalid/client.json", &client.redirect_uri);
    browser.get(&gone.authorize_url(&pkce, &[])).await;
    expect(&server, "document_unreachable", "cannot be fetched").await;
}

#[tokio::test]
async fn users_who_refuse_are_disabled_or_go_away_are_explained() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let page = client.consent_page(&browser, &pkce, &[]).await;
    client.decide(&browser, &page, "deny", &[]).await;
    expect(&server, "denied", "select Allow").await;
    server.clock.advance(1000);
    client.code(&browser, &pkce, &[]).await;
    assert_eq!(verdict(&server).await.0, "no_token");
    assert_eq!(
        last(&server).await.verdict(doorward_model::Clock::now(server.clock.as_ref())).standing,
        Standing::UnderWay
    );
    server.clock.advance(300);
    expect(&server, "no_token", "never redeemed its code").await;
    server.clock.advance(1000);
    let bob = server.user("bob").await;
    server.app.accounts.disable(&bob, None).await.unwrap();
    let stranger = Browser::new();
    let login = stranger.get(&client.authorize_url(&pkce, &[])).await.expect(303).location();
    let page = stranger.get(&login).await.expect(200);
    let (csrf, request) =
        (form_value(&page.body, "csrf").unwrap(), form_value(&page.body, "request").unwrap());
    stranger
        .post(
            &server.at("/login"),
            &[("csrf", &csrf), ("request", &request), ("name", "bob"), ("password", PASSWORD)],
        )
        .await
        .expect(401);
    expect(&server, "user_disabled", "enable the user").await;
}

#[tokio::test]
async fn broken_token_requests_and_calls_are_explained() {
    let (server, client, browser) = stage().await;
    let pkce = Pkce::default();
    let code = client.code(&browser, &pkce, &[]).await;
    client.redeem(&code, &Pkce::default(), &[]).await.expect(400);
    expect(&server, "verifier", "code_verifier").await;
    client.redeem(&code, &pkce, &[("redirect_uri", "http://127.0.0.1:1/other")]).await.expect(400);
    expect(&server, "token_redirect_uri", "redirect_uri").await;
    client.redeem("code-of-another-server", &pkce, &[]).await.expect(400);
    expect(&server, "code_foreign", "iss").await;
    server.clock.advance(120);
    client.redeem(&code, &pkce, &[]).await.expect(400);
    expect(&server, "code_expired", "too late").await;
    let tokens = client.tokens(&browser, &[]).await;
    client.refresh(&tokens.refresh, &[]).await.expect(200);
    server.clock.advance(3600);
    client.refresh(&tokens.refresh, &[]).await.expect(400);
    expect(&server, "refresh_reused", "valid for one use").await;
    assert_eq!(server.call(&tokens.access, "whoami", json!({})).await.status, 401);
    expect(&server, "token_expired", "refresh the token").await;
    assert_eq!(server.call("not-a-token", "whoami", json!({})).await.status, 401);
    expect(&server, "token_foreign", "not issued by this server").await;
}

#[tokio::test]
async fn a_flood_of_requests_fills_neither_the_table_nor_the_page() {
    let (server, ..) = stage().await;
    let browser = Browser::new();
    for _ in 0..300 {
        browser.post_json(&server.at("/mcp"), &json!({})).await.expect(401);
    }
    let attempt = last(&server).await;
    assert!(attempt.steps.len() < 200, "{}", attempt.steps.len());
}

#[tokio::test]
async fn a_failed_authentication_is_a_step_of_the_endpoint_that_refused_it() {
    let (server, client, browser) = stage().await;
    let tokens = client.tokens(&browser, &[]).await;
    assert!(server.calls(&tokens.access).await);
    for (path, grant, kind) in [
        ("/oauth/revoke", "", "revoke"),
        ("/oauth/introspect", "", "introspect"),
        ("/oauth/token", "refresh_token", "refresh"),
        ("/oauth/token", "authorization_code", "token"),
    ] {
        let fields = [
            ("client_id", client.id.as_str()),
            ("client_secret", "wrong"),
            ("token", "x"),
            ("grant_type", grant),
        ];
        Browser::new().post(&server.at(path), &fields).await.expect(401);
        let attempt = last(&server).await;
        assert_eq!(attempt.steps.last().unwrap().kind.as_str(), kind, "{path}");
        if path != "/oauth/token" {
            let now = doorward_model::Clock::now(server.clock.as_ref());
            assert_eq!(
                attempt.verdict(now).standing,
                Standing::Connected,
                "{path} has nothing to do with connecting"
            );
        }
    }
}
