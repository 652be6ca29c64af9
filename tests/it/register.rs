//! Dynamic client registration.

use doorward_testkit::{Browser, OAuthClient, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

async fn register(server: &TestServer, metadata: &Value) -> doorward_testkit::Page {
    Browser::new().post_json(&server.at("/oauth/register"), metadata).await
}

#[tokio::test]
async fn a16_ax7_n5_a_registration_is_echoed_and_has_a_secret_where_the_method_needs_one() {
    let server = TestServer::start().await;
    let answer = register(&server, &json!({
        "client_name": "Cursor", "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"], "application_type": "web",
        "software_id": "x", "unknown": {"a": 1}, "logo_uri": null, "issuer": "https://other.example", "scope": "mcp:read openid admin"
    })).await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = answer.json();
    assert_eq!(answer["token_endpoint_auth_method"], "client_secret_basic");
    assert!(answer["client_secret"].as_str().unwrap().starts_with("dw_cs_"));
    assert_eq!(answer["client_secret_expires_at"], 0);
    assert!(answer["client_id_issued_at"].is_number());
    assert_eq!(answer["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(answer["scope"], "mcp:read");
    assert!(answer.get("unknown").is_none() && answer.get("issuer").is_none());
    assert!(answer.as_object().unwrap().values().all(|value| !value.is_null()));
    let public = register(
        &server,
        &json!({"redirect_uris": ["http://127.0.0.1/"], "token_endpoint_auth_method": "none"}),
    )
    .await
    .expect(201)
    .json();
    assert!(
        public.get("client_secret").is_none() && public.get("client_secret_expires_at").is_none()
    );
    assert!(!public["client_id"].as_str().unwrap().starts_with("http"));
}

#[tokio::test]
async fn ca13_i6_bad_registrations_get_json_400_and_leave_nothing() {
    let server = TestServer::start().await;
    for (metadata, error) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://example.com/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["https://example.com/#x"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": vec!["https://example.com/"; 21]}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["https://example.com/"], "client_name": "x".repeat(500)}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": ["https://example.com/"], "client_name": 7}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": ["https://example.com/"], "grant_types": ["implicit"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": ["https://example.com/"], "client_uri": "javascript:1"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": ["https://example.com/"], "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}, "jwks_uri": "https://a.example"}),
            "invalid_client_metadata",
        ),
        (json!([1]), "invalid_client_metadata"),
    ] {
        assert_eq!(
            register(&server, &metadata).await.expect(400).json()["error"],
            error,
            "{metadata}"
        );
    }
    let browser = Browser::new();
    for (media_type, body, status) in [
        ("text/plain", "{}", 400),
        ("application/json", "{", 400),
        ("application/json", "", 400),
        ("application/json", "\u{0}", 400),
    ] {
        let answer = browser
            .send(
                browser
                    .raw(Method::POST, &server.at("/oauth/register"))
                    .header("content-type", media_type)
                    .body(body),
            )
            .await
            .expect(status);
        assert_eq!(answer.json()["error"], "invalid_client_metadata");
    }
    let huge = format!("{{\"client_name\":\"{}\"}}", "x".repeat(70_000));
    browser
        .send(
            browser
                .raw(Method::POST, &server.at("/oauth/register"))
                .header("content-type", "application/json")
                .body(huge),
        )
        .await
        .expect(413);
    assert_eq!(
        server.app.store.count_clients(doorward_model::ClientSource::Registration).await.unwrap(),
        0
    );
}

#[tokio::test]
async fn dcr_30_i21_one_ip_address_cannot_register_without_limit() {
    let server = TestServer::start_with(|config| {
        (config.registration.burst_per_address, config.registration.per_minute_per_address) =
            (3, 1);
    })
    .await;
    for _ in 0..3 {
        OAuthClient::register(&server).await;
    }
    let refused =
        register(&server, &json!({"redirect_uris": ["http://127.0.0.1/"]})).await.expect(429);
    assert_eq!(refused.header("retry-after"), "60");
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
}

#[tokio::test]
async fn p8_the_number_of_registrations_is_bounded() {
    let server = TestServer::start_with(|config| config.registration.max_registrations = 2).await;
    OAuthClient::register(&server).await;
    OAuthClient::register(&server).await;
    register(&server, &json!({"redirect_uris": ["http://127.0.0.1/"]})).await.expect(503);
}

#[tokio::test]
async fn i13_unused_registrations_are_collected_and_used_ones_never() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let (used, unused) =
        (OAuthClient::register(&server).await, OAuthClient::register(&server).await);
    let browser = server.signed_in("alice").await;
    used.tokens(&browser, &[]).await;
    server.clock.advance(2 * 86_400);
    server.app.housekeeping().unwrap().round().await;
    assert_eq!(
        used.token(&[("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "y")])
            .await
            .expect(400)
            .json()["error"],
        "invalid_grant"
    );
    // N18: a deleted client receives 401 invalid_client, and then registers again.
    assert_eq!(
        unused
            .token(&[("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "y")])
            .await
            .expect(401)
            .json()["error"],
        "invalid_client"
    );
}

#[tokio::test]
async fn n12_settings_disable_registration_and_metadata_documents() {
    let server = TestServer::start_with(|config| {
        (config.registration.dynamic, config.registration.metadata_documents) = (false, false);
    })
    .await;
    register(&server, &json!({"redirect_uris": ["http://127.0.0.1/"]})).await.expect(404);
    let metadata =
        Browser::new().get(&server.at("/.well-known/oauth-authorization-server")).await.json();
    assert!(metadata.get("registration_endpoint").is_none());
    assert_eq!(metadata["client_id_metadata_document_supported"], false);
}

#[tokio::test]
async fn i22_redirect_hosts_can_be_restricted_to_a_list() {
    let server = TestServer::start_with(|config| {
        config.registration.redirect_hosts = vec!["claude.ai".into()];
    })
    .await;
    register(&server, &json!({"redirect_uris": ["https://claude.ai/api/mcp/auth_callback"]}))
        .await
        .expect(201);
    register(&server, &json!({"redirect_uris": ["http://127.0.0.1:1/cb"]})).await.expect(201);
    assert_eq!(
        register(&server, &json!({"redirect_uris": ["https://evil.example/cb"]}))
            .await
            .expect(400)
            .json()["error"],
        "invalid_redirect_uri"
    );
}
