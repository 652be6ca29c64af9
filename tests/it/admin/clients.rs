//! Clients by the API, and the permissions that users gave them.

use doorward_testkit::{OAuthClient, TestServer, form_value};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, key};

#[tokio::test]
async fn clients_are_approved_disabled_and_cleaned_up() {
    let server = TestServer::start_with(|config| config.registration.approval = true).await;
    let root = server.user_with("root", &["admin"]).await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    let pkce = doorward_testkit::Pkce::default();
    let refused = browser.get(&client.authorize_url(&pkce, &[])).await;
    assert!(
        refused.status >= 400 && refused.body.contains("approval"),
        "{} {}",
        refused.status,
        refused.body
    );
    let path = format!("/clients/{}", client.id);
    let shown = api.get(&path).await;
    assert_eq!((&shown["approved"], &shown["source"]), (&json!(false), &json!("registration")));
    let decide = async |decision: &str, etag: &Value| {
        api.ask(
            Method::POST,
            &format!("{path}/decision"),
            Some(json!({"decision": decision})),
            etag.as_str(),
        )
        .await
    };
    assert_eq!(decide("approve", &json!("stale")).await.status, 412);
    assert_eq!(decide("promote", &shown["etag"]).await.status, 400);
    assert_eq!(decide("pin", &shown["etag"]).await.status, 400, "it has no document");
    let approved = decide("approve", &shown["etag"]).await.expect(200).json();
    let tokens = client.tokens(&browser, &[]).await;
    assert!(server.calls(&tokens.access).await);
    let denied = decide("deny", &approved["etag"]).await.expect(200).json();
    assert!(!server.calls(&tokens.access).await, "what it was given ends with the approval");
    let again = decide("approve", &denied["etag"]).await.expect(200).json();
    let blocked = decide("block", &again["etag"]).await.expect(200).json();
    assert_eq!(blocked["blocked"], json!(true));
    assert_eq!(api.ask(Method::DELETE, &path, None, blocked["etag"].as_str()).await.status, 204);
    assert_eq!(api.ask(Method::GET, &path, None, None).await.status, 404);
    let unused = OAuthClient::register(&server).await;
    server.clock.advance(3 * 86_400);
    let cleaned = api
        .ask(Method::POST, "/clients/clean-up", Some(json!({"unused_days": 1})), None)
        .await
        .expect(200)
        .json();
    assert_eq!(cleaned["deleted"], json!(1));
    assert_eq!(
        api.ask(Method::GET, &format!("/clients/{}", unused.id), None, None).await.status,
        404
    );
    let added = api
        .ask(
            Method::POST,
            "/clients",
            Some(json!({"name": "Portal", "redirect_uris": ["https://portal.example/cb"], "token_endpoint_auth_method": "client_secret_basic"})),
            None,
        )
        .await
        .expect(201)
        .json();
    assert!(added["client_secret"].as_str().unwrap().starts_with("dw_cs_"));
    assert!(!api.get("/clients").await.to_string().contains("dw_cs_"));
    assert_eq!(api.get("/clients?search=PORTAL").await["clients"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/clients?search=%25").await["clients"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_user_lets_an_app_do_less_and_it_may_ask_again() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[("scope", "mcp:write")]).await;
    let scopes = async |token: &str| server.call(token, "whoami", json!({})).await.expect(200).body;
    assert!(scopes(&tokens.access).await.contains("mcp:write"));
    server.app.store.flush().await.unwrap();
    let page = browser.get(&server.at("/account")).await.expect(200);
    assert!(page.body.contains("whoami"), "the last tools are shown");
    let one = format!("/account?app={}", client.id);
    assert!(page.body.contains(&format!("href=\"{one}#app\"")), "the app leads to its scopes");
    let page = browser.get(&server.at(&one)).await.expect(200);
    let narrow = &page.body[page.body.find("/account/narrow").unwrap()..];
    let csrf = form_value(narrow, "csrf").unwrap();
    browser
        .post(
            &server.at("/account/narrow"),
            &[("csrf", "wrong"), ("client_id", &client.id), ("scope-mcp:read", "1")],
        )
        .await
        .expect(403);
    browser
        .post(
            &server.at("/account/narrow"),
            &[("csrf", &csrf), ("client_id", &client.id), ("scope-mcp:read", "1")],
        )
        .await
        .expect(303);
    let now = scopes(&tokens.access).await;
    assert!(now.contains("mcp:read") && !now.contains("mcp:write"), "{now}");
    let refreshed = client.refresh(&tokens.refresh, &[]).await.expect(200).json();
    assert_eq!(refreshed["scope"], "mcp:read");
    browser
        .post(&server.at("/account/narrow"), &[("csrf", &csrf), ("client_id", &client.id)])
        .await
        .expect(303);
    assert!(!server.calls(&tokens.access).await, "nothing left is the end");
}
