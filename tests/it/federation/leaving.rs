//! Signing out, from either side (FED-22).

use doorward_testkit::{Browser, FakeProvider, Signature, TestServer, form_value};
use serde_json::{Value, json};

use super::{connect, name_of, server_with, signed_in};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn logout_claims(server: &TestServer, provider: &FakeProvider, jti: &str) -> Value {
    let now = server.app.clock.now().0;
    json!({"iss": provider.issuer, "aud": "doorward", "iat": now, "exp": now + 60, "jti": jti, "sub": "u-1", "sid": "sid-1", "events": {EVENT: {}}})
}

async fn tell(server: &TestServer, token: &str) -> u16 {
    Browser::new()
        .post(&server.at("/login/corp/backchannel-logout"), &[("logout_token", token)])
        .await
        .status
}

#[tokio::test]
async fn fed22_a_logout_at_the_provider_ends_sessions_at_once_and_a_replay_is_refused() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    let (_, tokens) = connect(&server, &browser, "mcp:read").await;
    provider.claims(&json!({"sid": "sid-2"}));
    let elsewhere = signed_in(&server, &provider).await;
    let token = provider.token(&logout_claims(&server, &provider, "j-1"));
    let begun = std::time::Instant::now();
    assert_eq!(tell(&server, &token).await, 200);
    assert_eq!(name_of(&server, &browser).await, None);
    eprintln!("the session ended {:?} after the logout token was sent", begun.elapsed());
    assert!(
        name_of(&server, &elsewhere).await.is_some(),
        "another session of the provider is not meant"
    );
    assert!(
        server.calls(&tokens.access).await,
        "connected apps stay unless the operator says otherwise"
    );
    assert_eq!(tell(&server, &token).await, 400, "a replay");
    // Without a session it means all of them.
    let mut all = logout_claims(&server, &provider, "j-2");
    all.as_object_mut().unwrap().remove("sid");
    assert_eq!(tell(&server, &provider.token(&all)).await, 200);
    assert_eq!(name_of(&server, &elsewhere).await, None);
}

#[tokio::test]
async fn fed22_connected_apps_end_too_where_the_operator_configured_it() {
    for claim in ["sub", "sid"] {
        let provider = FakeProvider::start().await;
        let server = server_with(&provider, |corp, _| corp.logout_ends_grants = true).await;
        let browser = signed_in(&server, &provider).await;
        let (client, tokens) = connect(&server, &browser, "mcp:read").await;
        let mut claims = logout_claims(&server, &provider, "j");
        claims.as_object_mut().unwrap().remove(if claim == "sub" { "sid" } else { "sub" });
        assert_eq!(tell(&server, &provider.token(&claims)).await, 200);
        assert_eq!(name_of(&server, &browser).await, None, "{claim}");
        assert!(!server.calls(&tokens.access).await, "{claim}");
        client.refresh(&tokens.refresh, &[]).await.expect(400);
    }
}

#[tokio::test]
async fn fed22_tokens_that_are_no_logout_tokens_end_nothing() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let browser = signed_in(&server, &provider).await;
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("events", json!({})),
        ("nonce", json!("n")),
        ("iat", json!(1)),
        ("jti", Value::Null),
    ] {
        let mut claims = logout_claims(&server, &provider, "j");
        claims[name] = value;
        assert_eq!(tell(&server, &provider.token(&claims)).await, 400, "{name}");
    }
    let claims = logout_claims(&server, &provider, "j");
    for signature in [Signature::None, Signature::SharedSecret, Signature::ForeignKey] {
        provider.sign_with(signature);
        assert_eq!(tell(&server, &provider.token(&claims)).await, 400, "{signature:?}");
    }
    provider.sign_with(Signature::Good);
    assert_eq!(tell(&server, "junk").await, 400);
    assert_eq!(
        Browser::new().post(&server.at("/login/corp/backchannel-logout"), &[]).await.status,
        400
    );
    assert_eq!(
        Browser::new()
            .post(&server.at("/login/unknown/backchannel-logout"), &[("logout_token", "x")])
            .await
            .status,
        404
    );
    assert!(name_of(&server, &browser).await.is_some());
    // Keys that changed since are fetched.
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    signed_in(&server, &provider).await;
    provider.rotate_keys();
    assert_eq!(tell(&server, &provider.token(&logout_claims(&server, &provider, "j"))).await, 200);
}

#[tokio::test]
async fn ca39_signing_out_here_deletes_the_provider_s_tokens_and_offers_sign_out_there() {
    let provider = FakeProvider::start().await;
    let server = server_with(&provider, |_, _| {}).await;
    let (one, two) = (signed_in(&server, &provider).await, signed_in(&server, &provider).await);
    let user = server.app.accounts.find("ada").await.unwrap();
    let kept =
        async || server.app.store.identities_of(&user.id).await.unwrap()[0].credential.is_some();
    let sign_out = async |browser: &Browser| {
        let page = browser.get(&server.at("/logout")).await.expect(200);
        let csrf =
            form_value(&page.body[page.body.find("class=\"stack\"").unwrap()..], "csrf").unwrap();
        browser.post(&server.at("/logout"), &[("csrf", &csrf)]).await
    };
    let page = sign_out(&one).await.expect(200);
    assert!(kept().await, "the other session still needs it");
    assert!(
        page.body.contains(&format!("action=\"{}/logout\"", provider.issuer))
            && page.body.contains("Sign out at Corp"),
        "{}",
        page.body
    );
    let hint = form_value(&page.body, "id_token_hint").unwrap();
    assert_eq!(hint.split('.').count(), 3);
    assert_eq!(form_value(&page.body, "client_id").as_deref(), Some("doorward"));
    assert_eq!(
        form_value(&page.body, "post_logout_redirect_uri").as_deref(),
        Some(server.at("/logout").as_str())
    );
    assert!(
        !page.header("content-security-policy").contains("form-action"),
        "the form leads elsewhere"
    );
    assert_eq!(name_of(&server, &one).await, None);
    sign_out(&two).await.expect(200);
    assert!(!kept().await);
}

#[tokio::test]
async fn no_secret_of_a_provider_is_readable_in_the_database() {
    let provider = FakeProvider::start().await;
    provider.refresh_token(Some("upstream-refresh-token-canary"));
    let server = TestServer::start_with(|config| config.store.url = String::new().into()).await;
    provider.follow(&server.clock);
    server.app.federation.add("corp", provider.config()).await.unwrap();
    let browser = signed_in(&server, &provider).await;
    super::begin(&server, &browser, "").await.expect(303);
    let mut bytes = Vec::new();
    for file in ["doorward.db", "doorward.db-wal"] {
        bytes.extend(std::fs::read(server.data_dir.join(file)).unwrap_or_default());
    }
    assert!(bytes.len() > 10_000);
    let text = String::from_utf8_lossy(&bytes);
    for secret in [
        "upstream-refresh-token-canary",
        doorward_testkit::CLIENT_SECRET,
        "eyJ0eXAiOiJKV1Qi",
        "eyJhbGciOiJFUzI1NiI",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("u-1"), "the file that was looked at is the right one");
}
