//! The permission to exchange tokens, by page, API and command.

use doorward_accounts::Authority;
use doorward_admin::{NewClient, NewExchange};
use doorward_model::{AuditKind, Client, ClientId, GrantType};
use doorward_testkit::{Browser, OAuthClient, TestServer, form_value};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Stage, exchange, permit, service, words};

async fn found(server: &TestServer, id: &str) -> Client {
    let client = server.app.store.client(&ClientId::from_text(id)).await.unwrap().unwrap();
    client.as_ref().clone()
}

#[tokio::test]
async fn only_a_client_that_an_administrator_added_and_that_authenticates_is_permitted() {
    let stage = Stage::new().await;
    let clients = &stage.server.app.admin.clients;
    let operator = Authority::operator();
    let new = NewClient {
        name: "Public".to_owned(),
        redirect_uris: words(&["https://app.example/callback"]),
        ..NewClient::default()
    };
    let public = clients.add(&operator, new).await.unwrap().client.id.to_string();
    let agent = service(&stage.server, "agent").await.id;
    let rule = |from: &[&str], scopes: &[&str]| NewExchange {
        from: words(from),
        scopes: words(scopes),
        ..NewExchange::default()
    };
    for (id, rule) in [
        (public.as_str(), rule(&[], &["mcp:read"])),
        (&stage.app.id, rule(&[], &["mcp:read"])),
        ("c_unknown", rule(&[], &["mcp:read"])),
        (&agent, rule(&["c_unknown"], &["mcp:read"])),
        (&agent, rule(&[], &[])),
        (&agent, rule(&[], &["admin"])),
        (&agent, rule(&[], &["offline_access"])),
        (&agent, rule(&[], &["mcp:nothing"])),
    ] {
        let refused = clients.set_exchange(&operator, id, Some(&rule), None).await;
        assert!(refused.is_err(), "{id} {rule:?}");
    }
    let rule = rule(&[&stage.app.id, &stage.app.id], &["mcp:read"]);
    let before = found(&stage.server, &agent).await.etag();
    clients.set_exchange(&operator, &agent, Some(&rule), Some(&before)).await.unwrap();
    let client = found(&stage.server, &agent).await;
    assert!(client.grant_types.contains(GrantType::TokenExchange));
    assert_eq!(client.exchange.as_ref().unwrap().from.len(), 1, "each client once");
    let late = clients.set_exchange(&operator, &agent, None, Some(&before)).await;
    assert!(late.is_err(), "another administrator changed it meanwhile");
    clients.set_exchange(&operator, &agent, None, Some(&client.etag())).await.unwrap();
    // The audit names the permission, whose tokens it is about, and its end.
    let changes = stage.entries(AuditKind::ClientChanged).await;
    let changes: Vec<String> = changes.iter().map(|entry| entry["detail"].to_string()).collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes.iter().all(|detail| detail.contains(&stage.app.id)), "{changes:?}");
    let client = found(&stage.server, &agent).await;
    assert!(client.exchange.is_none() && !client.grant_types.contains(GrantType::TokenExchange));
}

#[tokio::test]
async fn the_api_permits_shows_and_ends_it() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let root = server.user_with("root", &["admin"]).await;
    let key = crate::admin::key(server, &root, "admin").await;
    let agent = service(server, "agent").await;
    let ask = async |method: Method, path: &str, etag: &Value, body: Value| {
        let browser = Browser::new();
        let asked = browser.raw(method, &server.at(path)).bearer_auth(&key);
        let tag = format!("\"{}\"", etag.as_str().unwrap_or_default());
        browser.send(asked.header("if-match", tag).json(&body)).await
    };
    let path = format!("/api/admin/clients/{}", agent.id);
    let shown = ask(Method::GET, &path, &Value::Null, Value::Null).await.expect(200).json();
    assert_eq!(shown["exchange"], Value::Null);
    let at = format!("{path}/exchange");
    let mut body = json!({"from": [stage.app.id], "scopes": ["mcp:read"]});
    let permitted = ask(Method::PUT, &at, &shown["etag"], body.clone()).await.expect(200).json();
    body["back_end"] = false.into();
    body["providers"] = json!([]);
    assert_eq!(permitted["exchange"], body, "an ordinary agent, unless it says otherwise");
    ask(Method::PUT, &at, &shown["etag"], body).await.expect(412);
    let wrong = json!({"scopes": ["mcp:nothing"]});
    ask(Method::PUT, &at, &permitted["etag"], wrong).await.expect(400);
    let tokens = stage.tokens("mcp:read").await;
    exchange(&agent, &tokens.access, &[]).await.expect(200);
    let back_end =
        json!({"from": [stage.app.id], "scopes": ["mcp:read"], "back_end": true, "providers": []});
    let permitted =
        ask(Method::PUT, &at, &permitted["etag"], back_end.clone()).await.expect(200).json();
    assert_eq!(permitted["exchange"], back_end);
    exchange(&agent, &tokens.access, &[]).await.expect(400);
    exchange(&agent, &tokens.access, &[("audience", "wiki")]).await.expect(200);
    let ended = ask(Method::DELETE, &at, &permitted["etag"], Value::Null).await.expect(200).json();
    assert_eq!(ended["exchange"], Value::Null);
    exchange(&agent, &tokens.access, &[]).await.expect(400);
}

/// Sends the form about exchanging tokens.
async fn send(
    server: &TestServer,
    browser: &Browser,
    client: &OAuthClient,
    fields: &[(&str, &str)],
) -> doorward_testkit::Page {
    let at = server.at(&format!("/admin/clients/one?client_id={}", client.id));
    let page = browser.get(&at).await.expect(200);
    let form = &page.body[page.body.find("aria-labelledby=\"exchange\"").unwrap()..];
    let (csrf, seen) = (form_value(form, "csrf").unwrap(), form_value(form, "seen").unwrap());
    let usual =
        [("csrf", csrf.as_str()), ("seen", seen.as_str()), ("client_id", client.id.as_str())];
    browser.post(&server.at("/admin/clients/one"), &[&usual[..], fields].concat()).await
}

#[tokio::test]
async fn the_page_of_the_client_has_the_form_and_that_of_a_public_client_has_none() {
    let stage = Stage::new().await;
    let server = &stage.server;
    server.user_with("root", &["admin"]).await;
    let browser = server.signed_in("root").await;
    let agent = service(server, "agent").await;
    let given = [("do", "exchange"), ("from", stage.app.id.as_str()), ("scope-mcp:read", "1")];
    send(server, &browser, &agent, &given).await.expect(303);
    let rule = found(server, &agent.id).await.exchange.unwrap();
    assert_eq!(rule.scopes.to_string(), "mcp:read");
    let page = browser.get(&server.at(&format!("/admin/clients/one?client_id={}", agent.id))).await;
    let form = &page.body[page.body.find("aria-labelledby=\"exchange\"").unwrap()..];
    assert!(
        form.contains(&stage.app.id)
            && form.contains("name=\"scope-mcp:read\" value=\"1\" checked"),
        "{form}"
    );
    let tokens = [("providers", "corp https://api.example app.access\r\n\r\ncorp app-id\r\n")];
    send(server, &browser, &agent, &[&given[..], &tokens].concat()).await.expect(303);
    let rule = found(server, &agent.id).await.exchange.unwrap();
    assert_eq!(rule.providers.len(), 2);
    let page = browser.get(&server.at(&format!("/admin/clients/one?client_id={}", agent.id))).await;
    assert!(
        page.body.contains("corp https://api.example app.access\ncorp app-id"),
        "{}",
        page.body
    );
    let back_end = [&given[..], &[("back_end", "1")]].concat();
    send(server, &browser, &agent, &back_end).await.expect(303);
    assert!(found(server, &agent.id).await.exchange.unwrap().back_end);
    let page = browser.get(&server.at(&format!("/admin/clients/one?client_id={}", agent.id))).await;
    assert!(page.body.contains("name=\"back_end\" value=\"1\" checked"), "{}", page.body);
    let wrong = [("do", "exchange"), ("from", "c_unknown"), ("scope-mcp:read", "1")];
    assert!(send(server, &browser, &agent, &wrong).await.status >= 400);
    send(server, &browser, &agent, &[("do", "no-exchange")]).await.expect(303);
    assert!(found(server, &agent.id).await.exchange.is_none());
    let at = server.at(&format!("/admin/clients/one?client_id={}", stage.app.id));
    assert!(!browser.get(&at).await.body.contains("aria-labelledby=\"exchange\""));
    permit(server, &agent, &[], &["mcp:read:wiki"]).await;
    let page = browser.get(&server.at(&format!("/admin/clients/one?client_id={}", agent.id))).await;
    assert!(
        page.body.contains("name=\"scope-mcp:read:wiki\" value=\"1\" checked"),
        "{}",
        page.body
    );
}
