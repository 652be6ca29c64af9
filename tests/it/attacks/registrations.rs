//! Attacks on registrations: by spellings of their URL, their token and their members, and after an
//! administrator's decision.

use doorward_testkit::{Browser, OAuthClient, TestServer};
use reqwest::Method;
use serde_json::json;

use super::{DEVICE, Stage, text};

#[tokio::test]
async fn a_registration_is_changed_by_its_token_at_its_url_and_with_each_member_once() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let metadata = json!({
        "client_name": "Notes", "redirect_uris": ["https://notes.example/cb"],
        "token_endpoint_auth_method": "none",
    });
    let register = async || {
        let page = Browser::new().post_json(&server.at("/oauth/register"), &metadata).await;
        page.expect(201).json()
    };
    let (made, other) = (register().await, register().await);
    let (uri, token) =
        (text(&made, "registration_client_uri"), text(&made, "registration_access_token"));
    let (id, others) = (text(&made, "client_id"), text(&other, "registration_access_token"));
    let send = async |method: Method, url: &str, headers: &[(&str, &str)], body: &str| {
        let browser = Browser::new();
        let mut request = browser.raw(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        browser.send(request).await
    };
    let bearer = format!("Bearer {token}");
    let own = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let base = server.at("/oauth/register");
    for url in [
        format!("{base}/{}", id.to_uppercase()),
        format!("{base}/{id}%00"),
        format!("{base}/{id}%20"),
        format!("{base}/{id}/"),
        format!("{base}/{id}%2f"),
        format!("{base}/%2e/{id}x"),
        format!("{base}/{id}?client_id={}", text(&other, "client_id"))
            .replace(&id, &text(&other, "client_id")),
        format!("{base}/{}", text(&other, "client_id")),
        format!("{base}/*"),
        format!("{base}/%25"),
    ] {
        let page = send(Method::GET, &url, &own, "").await;
        assert!([401, 404].contains(&page.status), "{url}: {} {}", page.status, page.body);
    }
    // The token in other places, and other tokens and secrets in its place.
    let twice = [own[0], own[0], own[1]];
    send(Method::GET, &uri, &twice, "").await.expect(401);
    send(Method::GET, &format!("{uri}?access_token={token}"), &[], "").await.expect(401);
    send(Method::GET, &uri, &[("x-registration-access-token", &token)], "").await.expect(401);
    let basic = [("authorization", format!("Basic {token}"))];
    send(Method::GET, &uri, &[(basic[0].0, &basic[0].1)], "").await.expect(401);
    let tokens = stage.client.tokens(&stage.browser, &[]).await;
    for held in [&others, &tokens.access, &tokens.refresh, &id] {
        let value = format!("Bearer {held}");
        send(Method::DELETE, &uri, &[("authorization", &value)], "").await.expect(401);
    }
    // Nor is it worth anything elsewhere.
    assert!(!server.calls(&token).await);
    for path in ["/api/admin/users", "/oauth/userinfo", "/api/session", "/api/available"] {
        let page = send(Method::GET, &server.at(path), &own[..1], "").await;
        assert!([401, 403, 404].contains(&page.status), "{path}: {}", page.status);
    }
    // Members that are given twice, of other types, or that are not the client's to set.
    let with = |more: &str| {
        format!(
            "{{\"client_id\":\"{id}\",\"client_name\":\"Notes\",\"redirect_uris\":[\"https://notes.example/cb\"],\"token_endpoint_auth_method\":\"none\"{more}}}"
        )
    };
    for more in [
        format!(",\"client_id\":\"{}\"", text(&other, "client_id")),
        ",\"redirect_uris\":[\"https://evil.example/cb\"]".to_owned(),
        ",\"token_endpoint_auth_method\":\"client_secret_basic\"".to_owned(),
        ",\"registration_access_token\":\"x\"".to_owned(),
        ",\"client_secret\":\"chosen\"".to_owned(),
        ",\"client_id_issued_at\":0".to_owned(),
        ",\"jwks\":{\"keys\":[]},\"jwks_uri\":\"https://a.example/k\"".to_owned(),
        ",\"grant_types\":\"authorization_code\"".to_owned(),
    ] {
        let page = send(Method::PUT, &uri, &own, &with(&more)).await;
        assert_eq!(page.status, 400, "{more}: {}", page.body);
    }
    for body in [
        with("").replace(&format!("\"{id}\""), &format!("[\"{id}\"]")),
        with("").replace(&id, &id.to_uppercase()),
        with("").replace(&id, &format!("{id}\\u0000")),
        format!("[{}]", with("")),
        String::new(),
    ] {
        let page = send(Method::PUT, &uri, &own, &body).await;
        assert_eq!(page.status, 400, "{body}: {}", page.body);
    }
    let form = [own[0], ("content-type", "application/x-www-form-urlencoded")];
    let page = send(Method::PUT, &uri, &form, &with("")).await;
    assert!([400, 415].contains(&page.status), "{}", page.status);
    // What it asks for beyond a client's own is left out: a service, the rights of exchange, scopes.
    let greedy = with(
        ",\"grant_types\":[\"authorization_code\",\"client_credentials\",\"urn:ietf:params:oauth:grant-type:token-exchange\"],\"scope\":\"admin mcp:read\",\"service\":\"root\",\"exchange\":{\"scopes\":[\"admin\"]},\"source\":\"administrator\",\"approved_at\":1",
    );
    let page = send(Method::PUT, &uri, &own, &greedy).await;
    let changed = page.expect(200).json();
    assert_eq!(changed["grant_types"], json!(["authorization_code"]));
    assert!(changed.get("service").is_none() && changed.get("exchange").is_none(), "{changed}");
    assert!(!changed["scope"].to_string().contains("admin"), "{changed}");
    let client = OAuthClient::known(server, &id, "https://notes.example/cb");
    client.token(&[("grant_type", "client_credentials")]).await.expect_any(&[400, 401]);
    send(Method::GET, &uri, &own, "").await.expect(401);
}

/// An administrator approves a client as it is: another way of getting tokens, fewer rules or
/// another page of its own is asked about again, in registrations and in pinned documents.
#[tokio::test]
async fn an_approved_client_cannot_loosen_itself_afterwards() {
    let server = TestServer::start_with(|config| config.registration.approval = true).await;
    let base = json!({
        "client_name": "Notes", "redirect_uris": ["https://notes.example/cb"],
        "token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true,
        "require_pushed_authorization_requests": true,
        "grant_types": ["authorization_code", "refresh_token"],
        "client_uri": "https://notes.example",
    });
    for (change, stays) in [
        (json!({}), true),
        (json!({"logo_uri": "https://notes.example/logo.png"}), true),
        (json!({"dpop_bound_access_tokens": false}), false),
        (json!({"require_pushed_authorization_requests": null}), false),
        (json!({"grant_types": ["authorization_code", "refresh_token", DEVICE]}), false),
        (json!({"client_uri": "https://evil.example"}), false),
        (json!({"client_name": "Notes 2"}), false),
        (json!({"redirect_uris": ["https://notes.example/cb", "https://evil.example/cb"]}), false),
    ] {
        let made = Browser::new().post_json(&server.at("/oauth/register"), &base).await;
        let made = made.expect(201).json();
        let id = doorward_model::ClientId::from_text(text(&made, "client_id"));
        let approve = doorward_admin::ClientDecision::Approve;
        server.app.admin.clients.decide(id.as_str(), approve, None).await.unwrap();
        let mut next = crate::workload::over(&base, &change);
        next["client_id"] = made["client_id"].clone();
        let browser = Browser::new();
        let url = text(&made, "registration_client_uri");
        let token = text(&made, "registration_access_token");
        let request = browser.raw(Method::PUT, &url).bearer_auth(&token).json(&next);
        browser.send(request).await.expect(200);
        let client = server.app.store.client(&id).await.unwrap().unwrap();
        assert_eq!(client.approved_at.is_some(), stays, "{change}");
    }
}
