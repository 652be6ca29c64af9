//! The administrators' API: upstreams and their tools for programs, and the callers that it
//! refuses.

use doorward::app::NewClient;
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, Page, TestServer, tool};
use reqwest::Method;
use serde_json::{Value, json};

use super::{gateway_user, tools, with};

const REDIRECT: &str = "http://127.0.0.1:7777/callback";

/// A token for the API, of this user, through a client that an administrator made for it or not.
async fn token(
    server: &TestServer,
    browser: &Browser,
    admin: bool,
    scope: &str,
    resource: &str,
) -> Value {
    let new = NewClient {
        name: "Terraform".to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        auth_method: None,
        admin,
        openid: None,
        rules: doorward_model::ClientRules::default(),
    };
    let id = server.app.registration.add(new).await.unwrap().client.id.to_string();
    let client = OAuthClient::known(server, &id, REDIRECT);
    client.tokens(browser, &[("scope", scope), ("resource", &server.at(resource))]).await.answer
}

async fn ask(
    server: &TestServer,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Page {
    ask_if(server, token, (method, path), body, "").await
}

async fn ask_if(
    server: &TestServer,
    token: &str,
    (method, path): (Method, &str),
    body: Option<Value>,
    etag: &str,
) -> Page {
    let browser = Browser::new();
    let mut request = browser.raw(method, &server.at(&format!("/api/admin/upstreams{path}")));
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    if !etag.is_empty() {
        request = request.header("if-match", format!("\"{etag}\""));
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    browser.send(request).await
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn ca26_cs14_an_administrator_s_program_adds_tests_and_reviews_upstreams() {
    let wiki = FakeUpstream::start().await;
    let server = super::with_config(&[], |config| {
        config.outbound.administered_networks = vec!["127.0.0.0/8".to_owned()];
    })
    .await;
    server.user_with("root", &["admin"]).await;
    let browser = server.signed_in("root").await;
    let answer = token(&server, &browser, true, "admin", "/api/admin").await;
    assert_eq!(answer["scope"], "admin");
    let admin = answer["access_token"].as_str().unwrap().to_owned();
    let new = json!({
        "name": "wiki", "kind": "http", "url": wiki.url, "auth": "header", "header": "X-Key: hidden-value-3", "approve": "manual",
        "networks": ["127.0.0.0/8"], "http_on_loopback": true, "list_wait_ms": 2000,
    });
    let added = ask(&server, &admin, Method::POST, "", Some(new.clone())).await.expect(201);
    assert!(
        !added.body.contains("hidden-value") && added.json()["source"] == "added",
        "{}",
        added.body
    );
    assert_eq!(ask(&server, &admin, Method::POST, "", Some(new)).await.status, 409);
    let listed = ask(&server, &admin, Method::GET, "", None).await.expect(200);
    assert!(
        listed.json()["upstreams"][0]["name"] == "wiki" && !listed.body.contains("hidden-value")
    );
    let alice = gateway_user(&server, "alice").await;
    assert!(
        !tools(&server, &alice.token).await.contains(&"wiki_echo".to_owned()),
        "awaits approval"
    );
    let tried = ask(&server, &admin, Method::POST, "/wiki/test", None).await.expect(200).json();
    assert!(
        tried["ok"] == false && tried.to_string().contains("2 tools to be approved"),
        "{tried}"
    );
    assert_eq!(
        ask(&server, &admin, Method::POST, "/wiki/test?user=unknown", None).await.status,
        404
    );
    // Each decision is about a state that was seen.
    let etag = async |name: &str| {
        let all = ask(&server, &admin, Method::GET, "/wiki/tools", None).await.expect(200).json();
        let found = all["tools"]
            .as_array()
            .unwrap()
            .iter()
            .find(|tool| tool["tool"] == name)
            .unwrap()
            .clone();
        found["etag"].as_str().unwrap().to_owned()
    };
    let seen = etag("echo").await;
    let approve = Some(json!({"decision": "approve"}));
    let path = (Method::PUT, "/wiki/tools/echo");
    assert_eq!(ask_if(&server, &admin, path.clone(), approve.clone(), "").await.status, 428);
    assert_eq!(ask_if(&server, &admin, path.clone(), approve.clone(), "other").await.status, 412);
    assert_eq!(
        ask_if(&server, &admin, path.clone(), Some(json!({"decision": "maybe"})), &seen)
            .await
            .status,
        400
    );
    assert_eq!(
        ask_if(&server, &admin, (Method::PUT, "/wiki/tools/nothing"), approve.clone(), &seen)
            .await
            .status,
        404
    );
    ask_if(&server, &admin, path.clone(), approve.clone(), &seen).await.expect(200);
    assert_eq!(
        ask_if(&server, &admin, path, approve, &seen).await.status,
        412,
        "what was seen is over"
    );
    assert!(tools(&server, &alice.token).await.contains(&"wiki_echo".to_owned()));
    let seen = etag("wipe").await;
    let classified = ask_if(
        &server,
        &admin,
        (Method::PUT, "/wiki/tools/wipe"),
        Some(json!({"decision": "classify", "class": "write"})),
        &seen,
    )
    .await
    .expect(200);
    assert_eq!(classified.json()["class"], "write");
    // A change is a difference.
    let mut changed = tool("echo", true);
    changed["description"] = "Other words.".into();
    wiki.state().tools[0] = changed;
    ask(&server, &admin, Method::POST, "/wiki/refresh", None).await.expect(202);
    ask(&server, &admin, Method::POST, "/wiki/test", None).await.expect(200);
    let all = ask(&server, &admin, Method::GET, "/wiki/tools", None).await.expect(200);
    assert!(all.body.contains("Other words.") && all.body.contains("\"changed\""), "{}", all.body);
    ask(&server, &admin, Method::DELETE, "/wiki", None).await.expect(200);
    for (method, path) in [
        (Method::DELETE, "/wiki"),
        (Method::GET, "/wiki"),
        (Method::GET, "/wiki/tools"),
        (Method::GET, "/WIKI%2f.."),
    ] {
        assert_eq!(ask(&server, &admin, method, path, None).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_api_takes_no_programs_and_files_and_says_what_is_wrong() {
    let server = with(&[]).await;
    server.user_with("root", &["admin"]).await;
    let browser = server.signed_in("root").await;
    let admin = token(&server, &browser, true, "admin", "/api/admin").await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = "https://wiki.example/mcp";
    for (body, word) in [
        (json!({"kind": "http", "url": url}), "name"),
        (json!({"name": "wiki", "kind": "stdio", "command": ["/bin/sh"]}), "command"),
        (json!({"name": "wiki", "kind": "stdio"}), "kind"),
        (json!({"name": "wiki", "kind": "openapi", "document": "/etc/passwd"}), "document"),
        (json!({"name": "wiki", "kind": "http", "url": url, "ca_file": "/etc/passwd"}), "ca_file"),
        (json!({"name": "wiki", "kind": "http", "url": url, "env": ["A=B"]}), "env"),
        (json!({"name": "wiki", "kind": "http", "url": url, "colour": "red"}), "colour"),
        (json!({"name": "wiki", "kind": "http", "url": "http://wiki.example/mcp"}), "url"),
        (json!({"name": "Wi ki", "kind": "http", "url": url}), "name"),
        (json!([1]), "body"),
        (json!({"name": "w".repeat(300_000)}), "long"),
    ] {
        let page = ask(&server, &admin, Method::POST, "", Some(body.clone())).await;
        assert!(
            [400, 413].contains(&page.status) && page.body.contains(word),
            "{word}: {}",
            page.body
        );
    }
    assert!(server.app.gateway.all_upstreams().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_administrators_through_clients_created_for_it_have_access() {
    let server = with(&[]).await;
    server.user_with("root", &["admin"]).await;
    let root = server.signed_in("root").await;
    let alice = gateway_user(&server, "alice").await;
    let document = Browser::new()
        .get(&server.at("/.well-known/oauth-protected-resource/api/admin"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&document["resource"], &document["scopes_supported"]),
        (&json!(server.at("/api/admin")), &json!(["admin:read", "admin:upstreams", "admin"]))
    );
    let anonymous = ask(&server, "", Method::GET, "", None).await.expect(401);
    assert!(
        anonymous
            .header("www-authenticate")
            .contains("/.well-known/oauth-protected-resource/api/admin")
    );
    for wrong in ["x.y.z", alice.token.as_str()] {
        assert_eq!(
            ask(&server, wrong, Method::GET, "", None).await.status,
            401,
            "a token for /mcp is not for the API"
        );
    }
    // A client that registered itself is never given the scope, also not for an administrator.
    let selfmade = OAuthClient::register(&server).await;
    let given = selfmade
        .tokens(&root, &[("scope", "admin mcp:read"), ("resource", &server.at("/api/admin"))])
        .await;
    assert_eq!(given.answer["scope"], "mcp:read");
    assert_eq!(ask(&server, &given.access, Method::GET, "", None).await.status, 403);
    // Nor is a user who is no administrator, through any client.
    let given = token(&server, &alice.browser, true, "admin mcp:read", "/api/admin").await;
    assert_eq!(given["scope"], "mcp:read");
    assert_eq!(
        ask(&server, given["access_token"].as_str().unwrap(), Method::GET, "", None).await.status,
        403
    );
    // A token with the scope for another audience.
    let elsewhere = token(&server, &root, true, "admin", "/mcp").await;
    assert_eq!(
        ask(&server, elsewhere["access_token"].as_str().unwrap(), Method::GET, "", None)
            .await
            .status,
        401
    );
    // Losing the role counts at once, and it opens nothing at /mcp.
    let good = token(&server, &root, true, "admin", "/api/admin").await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    ask(&server, &good, Method::GET, "", None).await.expect(200);
    assert_eq!(server.call(&good, "whoami", json!({})).await.status, 401);
    let user = server
        .app
        .accounts
        .list()
        .await
        .unwrap()
        .into_iter()
        .find(|user| user.name.as_str() == "root")
        .unwrap();
    server
        .app
        .store
        .apply(doorward_model::Change::SetRoles { user_id: user.id, roles: Vec::new() })
        .await
        .unwrap();
    assert_eq!(ask(&server, &good, Method::GET, "", None).await.status, 403);
}

#[tokio::test]
async fn unreadable_parts_of_a_list_are_named_by_the_api_and_on_the_page() {
    let wiki = FakeUpstream::start().await;
    let mut bare = tool("bare", true);
    bare.as_object_mut().unwrap().remove("inputSchema");
    wiki.state().tools.extend([bare, json!({"title": "nameless"})]);
    let server = with(&[("wiki", &wiki, "none")]).await;
    server.user_with("root", &["admin"]).await;
    let browser = server.signed_in("root").await;
    let answer = token(&server, &browser, true, "admin", "/api/admin").await;
    let admin = answer["access_token"].as_str().unwrap().to_owned();
    let alice = gateway_user(&server, "alice").await;
    assert!(tools(&server, &alice.token).await.contains(&"wiki_bare".to_owned()));
    let told = ask(&server, &admin, Method::GET, "/wiki/tools", None).await.expect(200).json();
    assert_eq!((&told["left_out_count"], &told["left_out_parts_count"]), (&json!(1), &json!(1)));
    assert_eq!(
        told["left_out"],
        json!([{"name": "#4", "reason": "it has no name or URI"}]),
        "{told}"
    );
    assert_eq!(told["left_out_parts"][0]["name"], "bare: inputSchema");
    let page = browser.get(&server.at("/admin/upstreams/wiki")).await.expect(200);
    for words in ["<code>#4</code>: it has no name or URI", "<code>bare: inputSchema</code>"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
}
