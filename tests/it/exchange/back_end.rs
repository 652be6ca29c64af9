//! Tokens of AI back ends: of one upstream, for five minutes, with a reserved scope.

use doorward_accounts::Authority;
use doorward_admin::{ClientDecision, NewExchange};
use doorward_model::{AuditKind, Change, Clock};
use doorward_testkit::{Browser, OAuthClient, Page, TestServer, Tokens};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCESS, Stage, claims, exchange, permit, refused, revoke, service, words};

const RESERVED: &str = "mcp:back-end";
const ECHO: &str = "echo";

/// Permits a client as a back end.
async fn permit_back_end(server: &TestServer, client: &OAuthClient, from: &str, scopes: &[&str]) {
    let new = NewExchange {
        from: words(&[from]),
        scopes: words(scopes),
        back_end: true,
        ..NewExchange::default()
    };
    let (operator, clients) = (Authority::operator(), &server.app.admin.clients);
    clients.set_exchange(&operator, &client.id, Some(&new), None).await.unwrap();
}

impl Stage {
    async fn back_end(&self, scopes: &[&str]) -> OAuthClient {
        let back_end = service(&self.server, "brain").await;
        permit_back_end(&self.server, &back_end, &self.app.id, scopes).await;
        back_end
    }
}

/// The token of a back end for the upstream `wiki`.
async fn minted(back_end: &OAuthClient, token: &str) -> String {
    Tokens::read(exchange(back_end, token, &[("audience", "wiki")]).await).access
}

async fn at(server: &TestServer, path: &str, token: &str, message: Value) -> Page {
    let browser = Browser::new();
    let request = browser
        .raw(Method::POST, &server.at(path))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .bearer_auth(token)
        .json(&message);
    browser.send(request).await
}

async fn called(server: &TestServer, token: &str, tool: &str) -> Page {
    let params = json!({"name": tool, "arguments": {"text": "hello"}});
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    at(server, "/mcp/wiki", token, call).await
}

/// True if a token counts for a call.
async fn counts(server: &TestServer, token: &str) -> bool {
    match called(server, token, ECHO).await.status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn cf1_cf2_cf5_cf13_cf21_a_back_end_gets_a_token_of_one_upstream_for_five_minutes() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let tokens = stage.tokens("mcp:read mcp:destructive").await;
    let back_end = stage.back_end(&["mcp:read"]).await;
    let answer = exchange(&back_end, &tokens.access, &[("audience", "wiki")]).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let answer = answer.json();
    assert_eq!(answer["issued_token_type"], ACCESS);
    assert_eq!(answer["scope"], format!("{RESERVED} mcp:read"));
    assert_eq!(answer["expires_in"], 300);
    assert!(answer.get("refresh_token").is_none(), "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let inside = claims(token);
    assert_eq!(inside["aud"], server.at("/mcp/wiki"));
    assert_eq!(inside["sub"], stage.user.id.as_str());
    assert_eq!(inside["scope"], format!("{RESERVED} mcp:read"));
    let account = server.app.accounts.find("brain").await.unwrap();
    assert_eq!(inside["act"], json!({"sub": account.id.as_str(), "client_id": back_end.id}));
    // Tools of the allowed classes, and no others: they are neither listed nor callable.
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let list = at(server, "/mcp/wiki", token, list).await.expect(200).json();
    let names: Vec<&str> = list["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, [ECHO]);
    assert!(called(server, token, ECHO).await.expect(200).body.contains("hello"));
    let before = stage.upstream.state().calls;
    let refusal = called(server, token, "wipe").await.expect(403);
    assert!(refusal.headers.get("www-authenticate").is_none(), "it cannot ask for more");
    assert_eq!(stage.upstream.state().calls, before);
    // The audit has the token, without its value, and each call with the acting party.
    let issued = stage.entries(AuditKind::TokenIssued).await;
    let entry = issued.first().unwrap();
    assert_eq!(
        (&entry["user"], &entry["client"]),
        (&json!(stage.user.id.as_str()), &json!(back_end.id))
    );
    let detail = &entry["detail"];
    assert_eq!(detail["back_end"], true);
    assert_eq!(detail["scopes"], inside["scope"]);
    assert_eq!(detail["expires_at"], inside["exp"]);
    assert_eq!(detail["resources"], json!([server.at("/mcp/wiki")]));
    assert_eq!(detail["acting"], json!([account.id.as_str()]));
    assert!(!entry.to_string().contains(token));
    let calls = stage.entries(AuditKind::ToolCalled).await;
    assert_eq!(calls.first().unwrap()["client"], back_end.id);
    assert_eq!(calls.first().unwrap()["detail"]["acting"], json!([account.id.as_str()]));
}

#[tokio::test]
async fn cf3_the_reserved_scope_is_not_requested_listed_counted_or_deleted() {
    let stage = Stage::new().await;
    let (server, store) = (&stage.server, &stage.server.app.store);
    let asked = format!("mcp:read {RESERVED}");
    let tokens = stage.tokens(&asked).await;
    assert_eq!(claims(&tokens.access)["scope"], "mcp:read", "the authorization request");
    let back_end = stage.back_end(&["mcp:read"]).await;
    let own = [("grant_type", "client_credentials"), ("scope", asked.as_str())];
    let own = back_end.token(&own).await;
    assert!(own.status == 400 || !own.body.contains(RESERVED), "{}", own.body);
    for scope in [RESERVED, asked.as_str()] {
        let fields = [("audience", "wiki"), ("scope", scope)];
        refused(exchange(&back_end, &tokens.access, &fields).await, "invalid_scope");
    }
    let agent = stage.agent(&["mcp:read"]).await;
    let exchanged = exchange(&agent, &tokens.access, &[("scope", asked.as_str())]).await;
    assert!(exchanged.status == 400 || !exchanged.body.contains(RESERVED), "{}", exchanged.body);
    let rule = NewExchange { scopes: words(&[RESERVED]), back_end: true, ..NewExchange::default() };
    let (operator, clients) = (Authority::operator(), &server.app.admin.clients);
    let given = clients.set_exchange(&operator, &back_end.id, Some(&rule), None).await;
    assert!(given.is_err(), "no administrator gives it");
    let now = server.clock.now();
    let grants = store.live_grants_of(&stage.user.id, now).await.unwrap().len();
    let id = doorward_model::ClientId::from_text(back_end.id.clone());
    let count = store.count_client_grants(&id, now).await.unwrap();
    let token = minted(&back_end, &tokens.access).await;
    assert!(counts(server, &token).await);
    assert_eq!(store.live_grants_of(&stage.user.id, now).await.unwrap().len(), grants);
    let apps = store.connected_apps(&stage.user.id, now).await.unwrap();
    assert!(apps.iter().all(|app| app.client_id.as_str() != back_end.id));
    assert_eq!(store.count_client_grants(&id, now).await.unwrap(), count);
    // Neither the back end nor the application deletes it by itself.
    revoke(&back_end, server, &token).await;
    revoke(&stage.app, server, &token).await;
    assert!(counts(server, &token).await && server.calls(&tokens.access).await);
}

#[tokio::test]
async fn cf4_the_token_is_refused_everywhere_but_at_its_upstream() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let mail = stage.upstream.config("none");
    server.app.gateway.add("mail", mail).await.unwrap();
    let tokens = stage.tokens("mcp:read").await;
    let back_end = stage.back_end(&["mcp:read"]).await;
    let token = minted(&back_end, &tokens.access).await;
    assert!(counts(server, &token).await);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    for path in ["/mcp", "/mcp/mail", "/mcp-key", "/mcp-key/wiki"] {
        let page = at(server, path, &token, call.clone()).await;
        assert_eq!(page.status, 401, "{path}: {}", page.body);
    }
    for path in ["/api/available", "/api/admin/users", "/oauth/userinfo"] {
        let browser = Browser::new();
        let page = browser.send(browser.raw(Method::GET, &server.at(path)).bearer_auth(&token));
        assert_eq!(page.await.status, 401, "{path}");
    }
    for client in [&back_end, &stage.app] {
        let asked = client.post("/oauth/introspect", &[("token", &token)], &[]).await;
        assert!(asked.status != 200 || asked.json() == json!({"active": false}), "{}", asked.body);
    }
    // It is no subject of an exchange, and proves no actor.
    refused(exchange(&back_end, &token, &[("audience", "wiki")]).await, "invalid_request");
    let agent = stage.agent(&["mcp:read"]).await;
    permit(server, &agent, &[&stage.app.id, &back_end.id], &["mcp:read"]).await;
    refused(exchange(&agent, &token, &[]).await, "invalid_request");
    let actor = [("actor_token", token.as_str()), ("actor_token_type", ACCESS)];
    refused(exchange(&agent, &tokens.access, &actor).await, "invalid_request");
    // A personal access token is none, whatever it is called.
    let page = at(server, "/mcp/wiki", &format!("{token}x"), call).await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn cf7_cf9_a_token_is_given_out_again_to_the_same_user_while_it_is_valid_for_long_enough() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let back_end = stage.back_end(&["mcp:read", "mcp:write"]).await;
    let tokens = stage.tokens("mcp:read mcp:write").await;
    let first = minted(&back_end, &tokens.access).await;
    server.clock.advance(284);
    let again = exchange(&back_end, &tokens.access, &[("audience", "wiki")]).await;
    let again = again.expect(200).json();
    assert_eq!((&again["access_token"], &again["expires_in"]), (&json!(first), &json!(16)));
    assert_eq!(stage.entries(AuditKind::TokenIssued).await.len(), 1, "it was issued once");
    server.clock.advance(1);
    let second = minted(&back_end, &tokens.access).await;
    assert_ne!(second, first);
    // Another reach, another user, another back end: another token.
    let narrow = [("audience", "wiki"), ("scope", "mcp:read")];
    let narrow = Tokens::read(exchange(&back_end, &tokens.access, &narrow).await).access;
    assert_eq!(claims(&narrow)["scope"], format!("{RESERVED} mcp:read"));
    let bob = server.user("bob").await;
    let browser = server.signed_in("bob").await;
    let of_bob = stage.app.tokens(&browser, &[("scope", "mcp:read mcp:write")]).await;
    let of_bob = minted(&back_end, &of_bob.access).await;
    assert_eq!(claims(&of_bob)["sub"], bob.id.as_str());
    let other = service(server, "other").await;
    permit_back_end(server, &other, &stage.app.id, &["mcp:read", "mcp:write"]).await;
    let of_other = minted(&other, &tokens.access).await;
    assert_eq!(claims(&of_other)["client_id"], other.id.as_str());
    assert_eq!(stage.entries(AuditKind::TokenIssued).await.len(), 5);
    // None outlives the token that it was exchanged for.
    server.clock.advance(215);
    let late = exchange(&back_end, &tokens.access, &[("audience", "wiki")]).await.expect(200);
    assert_eq!(late.json()["expires_in"], 85);
    server.clock.advance(100);
    refused(exchange(&back_end, &tokens.access, &[("audience", "wiki")]).await, "invalid_request");
    assert!(!counts(server, &second).await);
}

#[tokio::test]
async fn cf10_only_one_upstream_that_the_users_token_reaches_is_given() {
    let stage = Stage::new().await;
    let server = &stage.server;
    server.app.gateway.add("mail", stage.upstream.config("none")).await.unwrap();
    let back_end = stage.back_end(&["mcp:read"]).await;
    let tokens = stage.tokens("mcp:read").await;
    refused(exchange(&back_end, &tokens.access, &[]).await, "invalid_target");
    for named in ["nowhere", &server.at("/mcp"), &server.at("/api/admin")] {
        let page = exchange(&back_end, &tokens.access, &[("audience", named)]).await;
        refused(page, "invalid_target");
    }
    let both = [
        ("grant_type", super::GRANT.to_owned()),
        ("subject_token", tokens.access.clone()),
        ("subject_token_type", super::ACCESS.to_owned()),
        ("resource", server.at("/mcp/wiki")),
        ("resource", server.at("/mcp/mail")),
    ];
    let browser = Browser::new();
    let asked = browser.raw(Method::POST, &server.at("/oauth/token")).form(&both);
    let asked = asked.basic_auth(&back_end.id, back_end.secret.as_deref());
    refused(browser.send(asked).await, "invalid_target");
    // A token of one upstream is exchanged for that one, whether or not another one was kept.
    exchange(&back_end, &tokens.access, &[("audience", "mail")]).await.expect(200);
    let wiki = server.at("/mcp/wiki");
    let asked = [("scope", "mcp:read"), ("resource", wiki.as_str())];
    let narrow = stage.app.tokens(&stage.browser, &asked).await.access;
    exchange(&back_end, &narrow, &[]).await.expect(200);
    refused(exchange(&back_end, &narrow, &[("audience", "mail")]).await, "invalid_target");
    // Nor an exchanged token, which the user gave to another agent, nor one with an actor.
    let agent = stage.agent(&["mcp:read"]).await;
    let exchanged = Tokens::read(exchange(&agent, &tokens.access, &[]).await).access;
    permit_back_end(server, &back_end, &agent.id, &["mcp:read"]).await;
    refused(exchange(&back_end, &exchanged, &[("audience", "wiki")]).await, "invalid_request");
    permit_back_end(server, &back_end, &stage.app.id, &["mcp:read"]).await;
    let own = Tokens::read(back_end.token(&[("grant_type", "client_credentials")]).await).access;
    let actor = [("actor_token", own.as_str()), ("actor_token_type", ACCESS), ("audience", "wiki")];
    refused(exchange(&back_end, &tokens.access, &actor).await, "invalid_request");
    // What the permission does not contain is not given.
    let asked = [("audience", "wiki"), ("scope", "mcp:destructive")];
    refused(exchange(&back_end, &tokens.access, &asked).await, "invalid_scope");
}

#[tokio::test]
async fn cf6_cf8_cf20_a_change_of_rights_ends_or_narrows_the_token_at_the_next_call() {
    let stage = Stage::new().await;
    let server = &stage.server;
    let (operator, clients) = (Authority::operator(), &server.app.admin.clients);
    let back_end = stage.back_end(&["mcp:read", "mcp:destructive"]).await;
    let fresh = async || {
        let tokens = stage.tokens("mcp:read mcp:destructive").await;
        let token = minted(&back_end, &tokens.access).await;
        assert!(counts(server, &token).await);
        (tokens, token)
    };
    // The user or the application ends the access.
    let (tokens, token) = fresh().await;
    revoke(&stage.app, server, &tokens.access).await;
    assert!(!counts(server, &token).await);
    // The permission is narrowed, and a new token says so.
    let (tokens, token) = fresh().await;
    called(server, &token, "wipe").await.expect(200);
    permit_back_end(server, &back_end, &stage.app.id, &["mcp:read"]).await;
    called(server, &token, "wipe").await.expect(403);
    let next = minted(&back_end, &tokens.access).await;
    assert_eq!(claims(&next)["scope"], format!("{RESERVED} mcp:read"));
    // It is for another application, for ordinary exchanges only, or ends.
    permit_back_end(server, &back_end, &back_end.id, &["mcp:read"]).await;
    assert!(!counts(server, &next).await);
    permit(server, &back_end, &[&stage.app.id], &["mcp:read"]).await;
    assert!(!counts(server, &next).await);
    let ordinary = Tokens::read(exchange(&back_end, &tokens.access, &[]).await).access;
    assert!(server.calls(&ordinary).await);
    permit_back_end(server, &back_end, &stage.app.id, &["mcp:read"]).await;
    assert!(!server.calls(&ordinary).await, "nor do ordinary tokens of a back end count");
    assert!(counts(server, &next).await);
    clients.set_exchange(&operator, &back_end.id, None, None).await.unwrap();
    assert!(!counts(server, &next).await);
    let page = exchange(&back_end, &tokens.access, &[("audience", "wiki")]).await;
    refused(page, "unauthorized_client");
    permit_back_end(server, &back_end, &stage.app.id, &["mcp:read"]).await;
    // The back end is blocked, or its account is disabled.
    clients.decide(&back_end.id, ClientDecision::Block, None).await.unwrap();
    assert!(!counts(server, &next).await);
    clients.decide(&back_end.id, ClientDecision::Unblock, None).await.unwrap();
    let account = server.app.accounts.find("brain").await.unwrap();
    let (_, token) = fresh().await;
    server.app.accounts.disable(&account, None).await.unwrap();
    assert!(!counts(server, &token).await);
}

#[tokio::test]
async fn cf8_the_token_of_an_upstream_is_none_of_a_later_one_of_that_name() {
    let stage = Stage::new().await;
    let server = &stage.server;
    server.app.gateway.add("mail", stage.upstream.config("none")).await.unwrap();
    let back_end = stage.back_end(&["mcp:read"]).await;
    let tokens = stage.tokens("mcp:read").await;
    let mail = [("audience", "mail")];
    let token = Tokens::read(exchange(&back_end, &tokens.access, &mail).await).access;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    at(server, "/mcp/mail", &token, list.clone()).await.expect(200);
    server.app.admin.upstreams.delete("mail", None).await.unwrap();
    refused(exchange(&back_end, &tokens.access, &mail).await, "invalid_target");
    server.app.gateway.add("mail", stage.upstream.config("none")).await.unwrap();
    at(server, "/mcp/mail", &token, list.clone()).await.expect(401);
    let next = Tokens::read(exchange(&back_end, &tokens.access, &mail).await).access;
    assert_ne!(next, token, "the kept one is not given out again");
    at(server, "/mcp/mail", &next, list).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_cf8_tokens_of_back_ends_count_and_end_at_both_replicas() {
    let stage = Stage::new().await;
    let mut config = stage.server.config.clone();
    config.server.public_url.clone_from(&stage.server.url);
    let other = TestServer::start_on(config, stage.server.data_dir.clone()).await;
    let back_end = stage.back_end(&["mcp:read"]).await;
    let mut there = OAuthClient::known(&other, &back_end.id, "");
    (there.secret, there.basic) = (back_end.secret.clone(), true);
    let tokens = stage.tokens("mcp:read").await;
    let token = minted(&there, &tokens.access).await;
    assert!(counts(&stage.server, &token).await && counts(&other, &token).await);
    let user_id = stage.user.id.clone();
    let disabled_at = Some(stage.server.clock.now());
    let store = &stage.server.app.store;
    store.apply(Change::SetUserDisabled { user_id, disabled_at }).await.unwrap();
    assert!(!counts(&stage.server, &token).await);
    let mut tries = 100;
    while counts(&other, &token).await && tries > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        tries -= 1;
    }
    assert!(tries > 0, "it ends at the other replica too");
    let kept = exchange(&there, &tokens.access, &[("audience", "wiki")]).await;
    assert_eq!(kept.status, 400, "and the kept token is not given out again: {}", kept.body);
}
