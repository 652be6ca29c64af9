//! Scopes of the API, and its description.

use doorward_accounts::{Authority, NewAccessToken};
use doorward_model::ScopeSet;
use doorward_testkit::{Browser, OAuthClient, Pkce, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, key, stage};

#[tokio::test]
async fn each_operation_of_the_api_needs_the_scope_that_its_description_names() {
    let server = TestServer::start().await;
    let root = server.user_with("root", &["admin"]).await;
    let document: Value = serde_json::from_str(
        &Browser::new().get(&server.at("/api/admin/openapi.json")).await.expect(200).body,
    )
    .unwrap();
    let mut keys = Vec::new();
    for scope in ["admin:read", "admin:upstreams", "admin"] {
        keys.push((scope, key(&server, &root, scope).await));
    }
    let mut count = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address = path
            .split('/')
            .map(|part| if part.starts_with('{') { "none-such" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for (method, operation) in methods.as_object().unwrap() {
            let alternatives = operation["security"]
                .as_array()
                .unwrap_or_else(|| panic!("{method} {path} states no scope"));
            let needed: Vec<&str> =
                alternatives.iter().filter_map(|one| one["oauth"][0].as_str()).collect();
            assert!(
                !needed.is_empty() && (method == "get" || !needed.contains(&"admin:read")),
                "{method} {path}: reading alone changes nothing"
            );
            for (scope, key) in &keys {
                // A handler that is reached must not disturb the next request: no body, no state
                // that was seen.
                if *scope == "admin"
                    && (address.ends_with("/rotate")
                        || address.ends_with("/clean-up")
                        || address.ends_with("/export"))
                {
                    continue;
                }
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let page = Browser::new();
                let page = page
                    .send(page.raw(method.clone(), &server.at(&address)).bearer_auth(key))
                    .await;
                let may = *scope == "admin" || needed.contains(scope);
                assert_eq!(
                    page.status != 403,
                    may,
                    "{method} {path} with {scope}: {} {}",
                    page.status,
                    page.body
                );
                count += usize::from(!may);
            }
        }
    }
    assert!(count > 40, "{count}");
}

/// serde reads a struct from an array too, by the order of its members.
#[tokio::test]
async fn no_operation_reads_an_array_in_the_place_of_an_object() {
    let server = TestServer::start().await;
    let root = server.user_with("root", &["admin"]).await;
    let key = key(&server, &root, "admin").await;
    let page = Browser::new();
    let document = page.get(&server.at("/api/admin/openapi.json")).await.expect(200).json();
    let mut refused = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address = path
            .split('/')
            .map(|part| if part.starts_with('{') { "none-such" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for (method, operation) in methods.as_object().unwrap() {
            if operation["requestBody"].is_null() {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            for body in ["[]", " [null]", "null", "\"text\"", "1", ""] {
                let request = page
                    .raw(method.clone(), &server.at(&address))
                    .bearer_auth(&key)
                    .header("content-type", "application/json")
                    .header("if-match", "\"state\"")
                    .body(body);
                let answer = page.send(request).await;
                assert_eq!(answer.status, 400, "{method} {path} {body}: {}", answer.body);
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[tokio::test]
async fn a_client_for_administration_can_hold_a_part_of_it_and_others_none() {
    let server = TestServer::start().await;
    let root = server.user_with("root", &["admin"]).await;
    for (scopes, path, status) in [
        ("admin:upstreams", "/upstreams", 200),
        ("admin:upstreams", "/users", 403),
        ("admin:read", "/users", 200),
    ] {
        let api = Api { server: &server, key: key(&server, &root, scopes).await };
        assert_eq!(
            api.ask(Method::GET, path, None, None).await.status,
            status,
            "{scopes} at {path}"
        );
    }
    // A client that registered dynamically gets no part of it, whatever the user allows.
    let client = OAuthClient::register(&server).await;
    let browser = server.signed_in("root").await;
    for part in ["admin", "admin:read", "admin:upstreams"] {
        let scope = format!("mcp:read {part}");
        let page = client.consent_page(&browser, &Pkce::default(), &[("scope", &scope)]).await;
        assert!(
            !["what administrators see", "Manage upstreams", "Administer this server"]
                .iter()
                .any(|told| page.body.contains(told)),
            "{part}: {}",
            page.body
        );
    }
}

#[tokio::test]
async fn the_api_is_for_administrators_with_the_scope_only() {
    let (server, root) = stage().await;
    let alice = server.user("alice").await;
    for (user, scopes, status) in [(&root, "admin", 200), (&root, "mcp:destructive", 403)] {
        let api = Api { server: &server, key: key(&server, user, scopes).await };
        assert_eq!(api.ask(Method::GET, "/users", None, None).await.status, status, "{scopes}");
    }
    let proved = Authority::operator_states_second_factor();
    let new = NewAccessToken {
        name: "x".to_owned(),
        scopes: ScopeSet::parse_known("admin"),
        upstreams: Vec::new(),
        days: 1,
    };
    assert!(
        server
            .app
            .accounts
            .add_access_token(&proved, &alice, &doorward_model::AccessPolicy::default(), new)
            .await
            .is_err()
    );
    for token in ["", "dw_pat_nothing", "x.y.z"] {
        let api = Api { server: &server, key: token.to_owned() };
        let page = api.ask(Method::GET, "/users", None, None).await;
        assert_eq!(page.status, 401, "{token}");
        assert!(page.header("www-authenticate").contains("resource_metadata"));
    }
    // Former administrators lose it with the role.
    let second = server.user_with("second", &["admin"]).await;
    let api = Api { server: &server, key: key(&server, &second, "admin").await };
    api.get("/users").await;
    server.app.accounts.set_roles(&Authority::operator(), &second, Vec::new()).await.unwrap();
    assert_eq!(api.ask(Method::GET, "/users", None, None).await.status, 403);
}

#[tokio::test]
async fn the_document_and_the_api_have_the_same_operations() {
    let (server, root) = stage().await;
    let document =
        Browser::new().get(&server.at("/api/admin/openapi.json")).await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let api = Api { server: &server, key: key(&server, &root, "admin").await };
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let answers = operation["responses"].as_object().unwrap();
            assert!(
                answers.contains_key("401")
                    && answers.contains_key("403")
                    && answers.contains_key("400"),
                "{method} {path}"
            );
            let real =
                path.trim_start_matches("/api/admin").replace(|letter| "{}".contains(letter), "");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let body = operation.get("requestBody").map(|_| json!({"nonsense": true}));
            let page = api.ask(method.clone(), &real, body, None).await;
            assert!(
                answers.contains_key(&page.status.to_string()),
                "{method} {real}: {} is not documented: {}",
                page.status,
                page.body
            );
            let anonymous = Api { server: &server, key: String::new() };
            assert_eq!(anonymous.ask(method, &real, None, None).await.status, 401, "{real}");
        }
    }
    assert!(operations >= 40, "{operations}");
    assert!(api.ask(Method::TRACE, "/users", None, None).await.status >= 400);
}
