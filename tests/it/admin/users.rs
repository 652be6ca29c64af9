//! Users by the API.

use doorward_accounts::Authority;
use doorward_testkit::OAuthClient;
use reqwest::Method;
use serde_json::json;

use super::{Api, key, stage};

#[tokio::test]
async fn users_are_added_changed_and_deleted_by_their_state_and_the_last_administrator_stays() {
    let (server, root) = stage().await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let added = api
        .ask(
            Method::POST,
            "/users",
            Some(json!({"name": "Dora", "email": "dora@example.com", "roles": ["staff"]})),
            None,
        )
        .await
        .expect(201);
    let dora = added.json();
    assert_eq!(
        (dora["name"].as_str(), added.header("etag")),
        (Some("dora"), format!("\"{}\"", dora["etag"].as_str().unwrap()))
    );
    let path = format!("/users/{}", dora["id"].as_str().unwrap());
    let etag = dora["etag"].as_str().unwrap();
    assert_eq!(
        api.ask(Method::POST, "/users", Some(json!({"name": "dora"})), None).await.status,
        409
    );
    let change = Some(json!({"roles": ["lead"], "email": "d@example.org"}));
    assert_eq!(api.ask(Method::PATCH, &path, change.clone(), None).await.status, 428);
    assert_eq!(api.ask(Method::PATCH, &path, change.clone(), Some("stale")).await.status, 412);
    let now = api.ask(Method::PATCH, &path, change.clone(), Some(etag)).await.expect(200).json();
    assert_eq!((&now["roles"], &now["email"]), (&json!(["lead"]), &json!("d@example.org")));
    // Two administrators who read the same state: the second is notified of the change.
    assert_eq!(api.ask(Method::PATCH, &path, change, Some(etag)).await.status, 412);
    for (body, status) in [
        (json!({"roles": ["No Role"]}), 400),
        (json!({"email": "nowhere"}), 400),
        (json!({"unknown": 1}), 400),
        (json!([]), 400),
        (json!({"display_name": "a\0b"}), 400),
        (json!({"display_name": "x".repeat(300_000)}), 413),
    ] {
        assert_eq!(
            api.ask(Method::PATCH, &path, Some(body), now["etag"].as_str()).await.status,
            status
        );
    }
    let whole = api.get(&path).await;
    assert!(whole["sessions"].is_array() && whole["tokens"] == 0);
    assert_eq!(api.ask(Method::DELETE, &path, None, None).await.status, 428);
    api.ask(Method::DELETE, &path, None, now["etag"].as_str()).await.expect(204);
    for (method, path) in [
        (Method::GET, path.as_str()),
        (Method::DELETE, "/users/u_unknown/sessions/s_1"),
        (Method::GET, "/users/u_%00"),
    ] {
        assert_eq!(api.ask(method, path, None, None).await.status, 404, "{path}");
    }
    let me = api.get(&format!("/users/{}", root.id)).await;
    let own = format!("/users/{}", root.id);
    for body in [json!({"roles": []}), json!({"disabled": true})] {
        assert_eq!(api.ask(Method::PATCH, &own, Some(body), me["etag"].as_str()).await.status, 409);
    }
    assert_eq!(api.ask(Method::DELETE, &own, None, me["etag"].as_str()).await.status, 409);
    let page = api.get("/users?limit=1").await;
    assert_eq!(page["users"].as_array().unwrap().len(), 1);
    assert_eq!(api.get("/users?after=%5B%22zzzz%22,%22u%22%5D").await["users"], json!([]));
    for query in ["limit=0", "limit=501", "limit=x", "nothing=1", "after=%00"] {
        assert_eq!(
            api.ask(Method::GET, &format!("/users?{query}"), None, None).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn two_administrators_cannot_remove_each_other_at_the_same_moment() {
    let (server, root) = stage().await;
    let other = server.user_with("other", &["admin"]).await;
    let accounts = &server.app.accounts;
    let operator = Authority::operator();
    let (one, two) = tokio::join!(
        accounts.set_roles(&operator, &root, Vec::new()),
        accounts.disable(&other, None)
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(
        accounts
            .list()
            .await
            .unwrap()
            .iter()
            .any(|user| user.is_administrator() && user.disabled_at.is_none())
    );
}

#[tokio::test]
async fn ca52_an_administrator_requires_a_user_to_sign_in_again() {
    let (server, root) = stage().await;
    let alice = server.user("alice").await;
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("alice").await;
    let tokens = client.tokens(&browser, &[]).await;
    let path = format!("/users/{}/sign-out", alice.id);
    api.ask(Method::POST, &path, Some(json!({})), None).await.expect(204);
    browser.get(&server.at("/account")).await.expect(303);
    assert!(server.calls(&tokens.access).await, "apps stay unless asked otherwise");
    api.ask(Method::POST, &path, Some(json!({"apps": true})), None).await.expect(204);
    assert!(!server.calls(&tokens.access).await);
}
