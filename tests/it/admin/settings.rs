//! Settings, keys and service tokens by the API.

use doorward_testkit::Browser;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, key, stage};

#[tokio::test]
async fn cs1_cs15_settings_change_by_their_state_and_publishing_is_acknowledged() {
    let (server, root) = stage().await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let etag = async || {
        api.ask(Method::GET, "/settings", None, None)
            .await
            .expect(200)
            .header("etag")
            .trim_matches('"')
            .to_owned()
    };
    let put = async |body: Value, etag: &str| {
        api.ask(Method::PUT, "/settings", Some(body), Some(etag)).await
    };
    let first = etag().await;
    put(json!({"mcp_enabled": false, "notice": "Down at <b>noon</b>"}), &first).await.expect(200);
    assert_eq!(put(json!({"mcp_enabled": true, "acknowledge": true}), &first).await.status, 412);
    let told = put(json!({"mcp_enabled": true}), &etag().await).await.expect(400);
    assert!(told.body.contains("acknowledge"), "{}", told.body);
    Browser::new().post_json(&server.at("/mcp"), &json!({})).await.expect(404);
    let page = Browser::new().get(&server.at("/login")).await.expect(200);
    assert!(page.body.contains("Down at &#60;b&#62;noon"), "{}", page.body);
    put(json!({"mcp_enabled": true, "acknowledge": true}), &etag().await).await.expect(200);
    Browser::new().post_json(&server.at("/mcp"), &json!({})).await.expect(401);
    assert_eq!(put(json!({"notice": "x".repeat(501)}), &etag().await).await.status, 400);
    assert_eq!(api.get("/health").await["ok"], json!(true));
    let keys = api.get("/keys").await["keys"].as_array().unwrap().len();
    api.ask(Method::POST, "/keys/rotate", None, None).await.expect(200);
    assert_eq!(api.get("/keys").await["keys"].as_array().unwrap().len(), keys + 1);
    let explained = api.get("/policy/explain?user=root&tool=whoami").await;
    assert_eq!(explained["answer"], json!("allow"));
    for (query, status) in [
        ("user=unknown&tool=whoami", 404),
        ("user=root&tool=nothing", 404),
        ("user=root&prompt=nowhere_letter", 404),
        ("user=root&resource=nowhere%2Bfile:///x", 404),
        ("user=root", 400),
        ("user=root&tool=whoami&prompt=x", 400),
    ] {
        let asked = api.ask(Method::GET, &format!("/policy/explain?{query}"), None, None).await;
        assert_eq!(asked.status, status, "{query}");
    }
}

#[tokio::test]
async fn services_get_tokens_of_their_own_and_users_do_not() {
    let (server, root) = stage().await;
    server.user("alice").await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let new = |service: &str| {
        Some(json!({"service": service, "name": "nightly", "scopes": ["mcp:read"], "days": 7}))
    };
    let made = api.ask(Method::POST, "/tokens", new("ci-bot"), None).await.expect(201).json();
    let value = made["value"].as_str().unwrap();
    assert!(server.calls(value).await);
    assert_eq!(api.ask(Method::POST, "/tokens", new("alice"), None).await.status, 409);
    assert!(!api.get("/tokens").await.to_string().contains(value));
    let id = made["id"].as_str().unwrap();
    api.ask(Method::DELETE, &format!("/tokens/{id}"), None, None).await.expect(204);
    assert!(!server.calls(value).await);
    assert_eq!(api.ask(Method::DELETE, &format!("/tokens/{id}"), None, None).await.status, 404);
}

#[tokio::test]
async fn settings_that_open_the_guard_of_outbound_requests_are_not_an_administrators_to_choose() {
    let (server, root) = stage().await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let service = format!("{}/mcp", server.url);
    let upstream = |more: Value| {
        let mut new = json!({"name": "inside", "kind": "http", "url": service, "auth": "none"});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        new
    };
    for (path, body, key) in [
        ("/upstreams", upstream(json!({"networks": ["127.0.0.0/8"]})), "networks"),
        ("/upstreams", upstream(json!({"http_on_loopback": true})), "http_on_loopback"),
        ("/upstreams", upstream(json!({"ca_file": "/etc/passwd"})), "ca_file"),
        ("/upstreams", upstream(json!({"kind": "stdio"})), "kind"),
        ("/upstreams", upstream(json!({"command": ["id"]})), "command"),
        (
            "/upstreams",
            upstream(json!({"kind": "openapi", "document": "file:///etc/passwd"})),
            "document",
        ),
        (
            "/providers",
            json!({"name": "inside", "kind": "oidc", "client_id": "x", "client_secret": "y", "issuer": server.url, "networks": ["127.0.0.1"]}),
            "networks",
        ),
        (
            "/providers",
            json!({"name": "inside", "kind": "oidc", "client_id": "x", "issuer": server.url, "private_key_file": "/etc/passwd"}),
            "private_key_file",
        ),
    ] {
        let page = api.ask(Method::POST, path, Some(body), None).await.expect(400);
        assert!(
            page.json()["error_description"].as_str().unwrap().starts_with(&format!("{key}: ")),
            "{}",
            page.body
        );
    }
    // Without them the guard itself refuses an IP address of this machine.
    let provider = json!({"name": "inside", "kind": "oidc", "client_id": "x", "client_secret": "y", "issuer": server.url});
    if api.ask(Method::POST, "/providers", Some(provider), None).await.status == 201 {
        let tried = api.ask(Method::POST, "/providers/inside/test", None, None).await.expect(200);
        assert!(
            tried.json()["ok"] == false && !tried.body.contains("authorization_endpoint"),
            "{}",
            tried.body
        );
    }
    api.ask(Method::POST, "/upstreams", Some(upstream(json!({}))), None).await.expect(400);
}
