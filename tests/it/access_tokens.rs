//! Personal and service access tokens: made, used, bounded, replaced, revoked.

use doorward_accounts::{Authority, NewAccessToken};
use doorward_model::{Clock, Level, ScopeSet};
use doorward_testkit::{Browser, FakeUpstream, Page, TestServer, form_value};
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::with;

/// Posts a message to an MCP URL.
pub(crate) async fn rpc(
    server: &TestServer,
    path: &str,
    token: &str,
    method: &str,
    params: Value,
) -> Page {
    let browser = Browser::new();
    let mut request = browser
        .raw(Method::POST, &server.at(path))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}));
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    browser.send(request).await
}

async fn post(server: &TestServer, browser: &Browser, fields: &[(&str, &str)]) -> Page {
    let page = browser.get(&server.at("/account/tokens")).await.expect(200);
    let csrf = form_value(&page.body, "csrf").filter(|csrf| !csrf.is_empty()).unwrap();
    // The first form of the page is the one to sign out.
    let csrf = page
        .body
        .split("/account/tokens\"")
        .nth(2)
        .and_then(|rest| form_value(rest, "csrf"))
        .unwrap_or(csrf);
    browser
        .post(&server.at("/account/tokens"), &[&[("csrf", csrf.as_str())], fields].concat())
        .await
}

/// The value that the page shows once.
fn value(page: &Page) -> String {
    let start = page.body.find("dw_pat_").unwrap_or_else(|| panic!("no token: {}", page.body));
    page.body[start..]
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || "_-".contains(*letter))
        .collect()
}

pub(crate) async fn made(
    server: &TestServer,
    browser: &Browser,
    name: &str,
    more: &[(&str, &str)],
) -> String {
    value(
        &post(server, browser, &[&[("do", "make"), ("name", name), ("days", "30")], more].concat())
            .await
            .expect(200),
    )
}

#[tokio::test]
async fn ca23_n17_a_token_is_shown_once_stored_as_a_hash_and_works_at_both_urls() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let token = made(&server, &browser, "backup <b>script</b>", &[("scope-mcp:read", "1")]).await;
    let page = browser.get(&server.at("/account/tokens")).await.expect(200);
    assert!(
        !page.body.contains(&token)
            && page.body.contains("backup &#60;b&#62;script")
            && page.body.contains("never used"),
        "{}",
        page.body
    );
    let stored = server.app.store.access_tokens_of(&alice.id).await.unwrap();
    assert!(!format!("{stored:?}").contains(&token));
    for path in ["/mcp", "/mcp-key", "/mcp-key/"] {
        let page =
            rpc(&server, path, &token, "tools/call", json!({"name": "whoami", "arguments": {}}))
                .await
                .expect(200);
        assert!(page.body.contains("alice"), "{path}: {}", page.body);
    }
    // At the URL for personal access tokens nothing leads to OAuth, and no OAuth token is accepted.
    let bare = rpc(&server, "/mcp-key", "", "ping", json!({})).await.expect(401);
    assert_eq!(bare.header("www-authenticate"), "Bearer");
    assert!(bare.header("link").is_empty() && !bare.body.contains("resource_metadata"));
    Browser::new()
        .get(&server.at("/.well-known/oauth-protected-resource/mcp-key"))
        .await
        .expect(404);
    let client = doorward_testkit::OAuthClient::register(&server).await;
    let tokens = client.tokens(&browser, &[]).await;
    assert_eq!(rpc(&server, "/mcp-key", &tokens.access, "ping", json!({})).await.status, 401);
    assert!(
        rpc(&server, "/mcp", "dw_pat_wrong", "ping", json!({}))
            .await
            .expect(401)
            .header("www-authenticate")
            .contains("invalid_token")
    );
}

#[tokio::test]
async fn ca23_a_token_is_replaced_and_revoked_at_once_and_only_by_its_user() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    server.user("mallory").await;
    let browser = server.signed_in("alice").await;
    let first = made(&server, &browser, "one", &[("scope-mcp:read", "1")]).await;
    assert!(server.calls(&first).await);
    let id = server.app.store.access_tokens_of(&alice.id).await.unwrap()[0].id.to_string();
    let mallory = server.signed_in("mallory").await;
    for verb in ["rotate", "revoke"] {
        post(&server, &mallory, &[("do", verb), ("token", &id)]).await.expect(404);
    }
    assert!(server.calls(&first).await);
    let second =
        value(&post(&server, &browser, &[("do", "rotate"), ("token", &id)]).await.expect(200));
    assert!(!server.calls(&first).await && server.calls(&second).await);
    post(&server, &browser, &[("do", "revoke"), ("token", &id)]).await.expect(303);
    assert!(!server.calls(&second).await);
    post(&server, &browser, &[("do", "rotate"), ("token", &id)]).await.expect(404);
    let third = made(&server, &browser, "short", &[("scope-mcp:read", "1")]).await;
    server.clock.advance(31 * 86_400);
    assert!(!server.calls(&third).await, "it has expired");
}

#[tokio::test]
async fn a_token_allows_no_more_than_its_user_may_and_ends_with_them() {
    let server = TestServer::start_with(|config| {
        config.access.scope_roles = vec!["mcp:write = developer".to_owned()];
    })
    .await;
    let alice = server.user_with("alice", &["developer"]).await;
    server.user("bob").await;
    let bob = server.signed_in("bob").await;
    for scope in ["scope-mcp:write", "scope-admin"] {
        let page =
            post(&server, &bob, &[("do", "make"), ("name", "x"), ("days", "1"), (scope, "1")])
                .await
                .expect(400);
        assert!(
            page.body.contains("is more than this account may grant")
                && !page.body.contains("dw_pat_"),
            "{}",
            page.body
        );
    }
    for wrong in [
        &[("name", ""), ("days", "1")][..],
        &[("name", "x"), ("days", "0")],
        &[("name", "x"), ("days", "9999")],
        &[("name", "x\u{7}"), ("days", "1")],
    ] {
        post(&server, &bob, &[&[("do", "make"), ("scope-mcp:read", "1")], wrong].concat())
            .await
            .expect(400);
    }
    post(&server, &bob, &[("do", "make"), ("name", "x"), ("days", "1")]).await.expect(400);
    bob.post(&server.at("/account/tokens"), &[("csrf", "wrong"), ("do", "make")]).await.expect(403);
    let browser = server.signed_in("alice").await;
    let token = made(&server, &browser, "writer", &[("scope-mcp:write", "1")]).await;
    let scopes = async || {
        rpc(&server, "/mcp", &token, "tools/call", json!({"name": "whoami", "arguments": {}}))
            .await
            .expect(200)
            .body
    };
    assert!(scopes().await.contains("mcp:write"));
    server.app.accounts.set_roles(&Authority::operator(), &alice, Vec::new()).await.unwrap();
    assert!(!scopes().await.contains("mcp:write"), "roles count as they are now");
    server.app.accounts.disable(&alice, None).await.unwrap();
    assert!(!server.calls(&token).await);
    server.app.accounts.enable(&Authority::operator(), &alice, None).await.unwrap();
    assert!(!server.calls(&token).await, "what ended stays ended");
}

#[tokio::test]
async fn a_token_for_one_upstream_reaches_no_other_and_no_built_in_tool() {
    let (wiki, mail) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let server = with(&[("wiki", &wiki, "none"), ("mail", &mail, "none")]).await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let token = made(
        &server,
        &browser,
        "wiki only",
        &[("scope-mcp:destructive", "1"), ("upstream-wiki", "1")],
    )
    .await;
    let listed = rpc(&server, "/mcp", &token, "tools/list", json!({})).await.expect(200).json();
    let names: Vec<String> = listed["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(!names.is_empty() && names.iter().all(|name| name.starts_with("wiki_")), "{names:?}");
    for (path, tool) in [("/mcp", "mail_echo"), ("/mcp", "whoami")] {
        let page =
            rpc(&server, path, &token, "tools/call", json!({"name": tool, "arguments": {}})).await;
        assert!(page.status == 403 || page.body.contains("error"), "{path} {tool}: {}", page.body);
        assert!(!page.body.contains("\"isError\":false"), "{}", page.body);
    }
    rpc(&server, "/mcp-key/wiki", &token, "tools/list", json!({})).await.expect(200);
    rpc(&server, "/mcp-key/mail", &token, "tools/list", json!({})).await.expect(401);
    rpc(&server, "/mcp/mail", &token, "tools/list", json!({})).await.expect(401);
}

/// A server that asks for a second factor where something is changed, from now on or from the
/// start.
async fn demanding(server: TestServer, demands: bool) -> TestServer {
    let (mut config, data) = (server.config.clone(), server.data_dir.clone());
    config.access.second_factor_scopes =
        if demands { vec!["mcp:write".to_owned()] } else { Vec::new() };
    drop(server);
    TestServer::start_on(config, data).await
}

#[tokio::test]
async fn a_token_is_worth_what_was_proved_when_it_was_made_also_under_rules_that_came_later() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let single = made(&server, &browser, "single", &[("scope-mcp:write", "1")]).await;
    let access = doorward_model::AccessPolicy::default();
    let operator = [Authority::operator(), Authority::operator_states_second_factor()];
    let mut commanded = Vec::new();
    for authority in &operator {
        let new = NewAccessToken {
            name: "cmd".to_owned(),
            scopes: ScopeSet::parse_known("mcp:write"),
            upstreams: Vec::new(),
            days: 30,
        };
        commanded.push(
            server
                .app
                .accounts
                .add_access_token(authority, &alice, &access, new)
                .await
                .unwrap()
                .value
                .reveal()
                .to_owned(),
        );
    }
    let (key, _) = crate::factors::enrol(&server, &browser).await;
    server.clock.advance(60);
    let code = crate::factors::code(&key, server.app.clock.now());
    crate::factors::prove(&server, &browser, &server.at("/login/second-factor"), &code)
        .await
        .expect(303);
    let multi = made(&server, &browser, "multi", &[("scope-mcp:write", "1")]).await;
    let now = server.clock.clone();
    let server = demanding(server, true).await;
    server.clock.advance(now.now().0 - server.clock.now().0);
    let scopes = async |token: &str| {
        rpc(&server, "/mcp", token, "tools/call", json!({"name": "whoami", "arguments": {}}))
            .await
            .expect(200)
            .body
    };
    for (token, may_write) in
        [(&single, false), (&commanded[0], false), (&commanded[1], true), (&multi, true)]
    {
        let told = scopes(token).await;
        assert_eq!(told.contains("mcp:write"), may_write, "{told}");
        let page = server.call(token, "revoke_connected_app", json!({"client_id": "c_x"})).await;
        assert_eq!(page.status, if may_write { 200 } else { 403 }, "{}", page.body);
    }
    // A command makes none beyond the rule either, unless the operator states that the factor was
    // proved.
    let access = doorward_model::AccessPolicy::parse(&[], &[], &["mcp:write".to_owned()]).unwrap();
    for (authority, good) in operator.iter().zip([false, true]) {
        let new = NewAccessToken {
            name: "cmd".to_owned(),
            scopes: ScopeSet::parse_known("mcp:write"),
            upstreams: Vec::new(),
            days: 30,
        };
        assert_eq!(
            server.app.accounts.add_access_token(authority, &alice, &access, new).await.is_ok(),
            good
        );
    }
}

#[tokio::test]
async fn a_new_value_of_a_token_is_worth_what_is_proved_when_it_is_made() {
    let server = TestServer::start().await;
    let alice = server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let new = NewAccessToken {
        name: "cmd".to_owned(),
        scopes: ScopeSet::parse_known("mcp:write"),
        upstreams: Vec::new(),
        days: 30,
    };
    let authority = Authority::operator_states_second_factor();
    let held = server
        .app
        .accounts
        .add_access_token(&authority, &alice, &doorward_model::AccessPolicy::default(), new)
        .await
        .unwrap()
        .token;
    assert_eq!(held.authentication.level, Level::MultiFactor);
    post(&server, &browser, &[("do", "rotate"), ("token", held.id.as_str())]).await.expect(200);
    let kept = server.app.store.access_token_of_id(&held.id).await.unwrap().unwrap();
    assert_eq!(
        (kept.authentication.level, kept.authentication.amr),
        (Level::SingleFactor, vec!["pwd".to_owned(), "pat".to_owned()])
    );
}

#[tokio::test]
async fn a_refused_token_keeps_what_was_typed() {
    let server = TestServer::start().await;
    server.user("alice").await;
    let browser = server.signed_in("alice").await;
    let fields = [("do", "make"), ("name", "nightly"), ("days", "7000"), ("scope-mcp:write", "1")];
    let page = post(&server, &browser, &fields).await.expect(400).body;
    assert!(page.contains("role=\"alert\"") && page.contains("value=\"nightly\""), "{page}");
    assert!(page.contains("value=\"7000\""), "{page}");
    assert!(page.contains("name=\"scope-mcp:write\" value=\"1\" checked"), "{page}");
    assert!(!page.contains("name=\"scope-mcp:read\" value=\"1\" checked"), "{page}");
    let nameless = [("do", "make"), ("name", ""), ("days", "12"), ("scope-mcp:write", "1")];
    let page = post(&server, &browser, &nameless).await.expect(400).body;
    assert!(page.contains("value=\"12\""), "{page}");
    assert!(page.contains("name=\"scope-mcp:write\" value=\"1\" checked"), "{page}");
}
