//! `GET /api/available`: what an application may offer its user.

use doorward_testkit::{Browser, FakeUpstream, OAuthClient, Page, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, exchange, permit};

async fn asked(server: &TestServer, token: &str) -> Page {
    let browser = Browser::new();
    browser.send(browser.raw(Method::GET, &server.at("/api/available")).bearer_auth(token)).await
}

fn named<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let all = answer["upstreams"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn cf11_cf13_cf16_an_application_learns_what_its_user_may_use_and_why_not() {
    let (wiki, own, stopped) =
        (FakeUpstream::start().await, FakeUpstream::protected().await, FakeUpstream::start().await);
    let server = TestServer::start_with(|config| {
        let mut staff = wiki.config("none");
        staff.roles = vec!["staff".to_owned()];
        for (name, upstream) in [
            ("wiki", wiki.config("none")),
            ("mail", own.config("oauth")),
            ("stopped", stopped.config("none")),
            ("staff", staff),
            ("closed", wiki.config("none")),
        ] {
            config.upstreams.insert(name.to_owned(), upstream);
        }
        config.policy.rules = vec!["deny upstream=closed".to_owned()];
    })
    .await;
    stopped.kill();
    let user = server.user("alice").await;
    let app = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = app.tokens(&browser, &[("scope", "mcp:read")]).await;
    let page = asked(&server, &tokens.access).await.expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    let answer = page.json();
    assert_eq!(answer["user"], json!({"id": user.id.as_str(), "name": "alice"}));
    let one = named(&answer, "wiki");
    assert_eq!(
        (&one["available"], &one["resource"]),
        (&json!(true), &json!(server.at("/mcp/wiki")))
    );
    assert_eq!(one["tools"]["read"][0]["name"], "wiki_echo", "{one}");
    assert_eq!(one["tools"]["destructive"], json!([]), "the token cannot call it");
    assert_eq!(one["missing_scopes"], json!(["mcp:destructive"]));
    for (name, reason) in
        [("mail", "not_connected"), ("stopped", "unreachable"), ("closed", "nothing_permitted")]
    {
        let one = named(&answer, name);
        assert_eq!((&one["available"], &one["reason"]), (&json!(false), &json!(reason)), "{one}");
        assert!(one["tools"]["read"].as_array().unwrap().is_empty(), "{one}");
    }
    assert_eq!(named(&answer, "mail")["connect_url"], server.at("/connect/mail"));
    assert_eq!(named(&answer, "staff"), &Value::Null, "it does not exist for others");
    let built_in = answer["tools"]["read"].as_array().unwrap();
    assert!(built_in.iter().any(|tool| tool["name"] == "whoami"), "{answer}");
    // A wider token has the other class too.
    let wide = app.tokens(&browser, &[("scope", "mcp:destructive")]).await;
    let answer = asked(&server, &wide.access).await.expect(200).json();
    assert_eq!(named(&answer, "wiki")["tools"]["destructive"][0]["name"], "wiki_wipe");
    assert_eq!(named(&answer, "wiki")["missing_scopes"], json!([]));
}

#[tokio::test]
async fn cf18_cf19_only_a_token_for_the_mcp_endpoint_is_answered_and_only_while_it_is_on() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let tokens = stage.tokens("mcp:read").await;
    asked(server, &tokens.access).await.expect(200);
    let none = Browser::new().get(&server.at("/api/available")).await.expect(401);
    assert!(none.header("www-authenticate").contains("resource_metadata="));
    asked(server, "x.y.z").await.expect(401);
    let wiki = server.at("/mcp/wiki");
    let narrow = stage.app.tokens(&stage.browser, &[("resource", wiki.as_str())]).await;
    asked(server, &narrow.access).await.expect(401);
    let agent = stage.agent(&["mcp:read"]).await;
    permit(server, &agent, &[&stage.app.id], &["mcp:read"]).await;
    let exchanged = exchange(&agent, &tokens.access, &[]).await.expect(200).json();
    asked(server, exchanged["access_token"].as_str().unwrap()).await.expect(200);
    let browser = Browser::new();
    let other = browser.raw(Method::GET, &server.at("/api/available"));
    let other = other.bearer_auth(&tokens.access).header("origin", "https://evil.example");
    browser.send(other).await.expect(403);
    browser.post(&server.at("/api/available"), &[]).await.expect(405);
    super::revoke(&stage.app, server, &tokens.access).await;
    asked(server, &tokens.access).await.expect(401);
    let tokens = stage.tokens("mcp:read").await;
    let key = doorward_model::setting::MCP_ENABLED.to_owned();
    let change = doorward_model::Change::PutSetting { key, value: "false".to_owned() };
    server.app.store.apply(change).await.unwrap();
    let page = asked(server, &tokens.access).await.expect(404);
    assert_eq!(page.json()["error"], "not_found");
}
