//! Toolsets: a selection of what upstreams offer, at a URL and for tokens of its own.

use std::sync::Arc;

use doorward_accounts::Authority;
use doorward_admin::{Effect, NewToolset, Proposal, ToolsetEdit};
use doorward_model::{AuditEntry, AuditFilter, Toolset};
use doorward_testkit::{Browser, FakeUpstream, OAuthClient, Pkce, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::{GatewayUser, signed_in, with_config},
    legacy, modern, payroll,
};
use crate::access_tokens;

const LETTERS: &str = "/mcp/set/letters";

async fn add(server: &TestServer, name: &str, lines: &[&str], roles: &[&str]) -> Arc<Toolset> {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let new = NewToolset {
        name: name.to_owned(),
        title: format!("Set <{name}>"),
        description: "Writes letters.".to_owned(),
        selection: list(lines),
        roles: list(roles),
    };
    server.app.admin.toolsets.add(&Authority::operator(), new).await.unwrap()
}

async fn select(server: &TestServer, name: &str, lines: &[&str]) {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    let change = ToolsetEdit { selection: Some(lines), ..ToolsetEdit::default() };
    let proposal = Proposal { of: name, change: &change, seen: None, effect: Effect::Apply };
    server.app.admin.toolsets.edit(&Authority::operator(), proposal).await.unwrap();
}

/// Two upstreams that offer everything, and a toolset of a tool and the prompts of one of them.
struct Stage {
    server: TestServer,
    payroll: FakeUpstream,
    wiki: FakeUpstream,
    alice: GatewayUser,
}

impl Stage {
    async fn new(rules: &[&str]) -> Self {
        let (payroll, wiki) = (payroll().await, payroll().await);
        let upstreams = [("payroll", &payroll, "none"), ("wiki", &wiki, "none")];
        let server = with_config(&upstreams, |config| {
            config.policy.rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        })
        .await;
        add(
            &server,
            "letters",
            &["upstream=payroll kind=tool tool=echo", "upstream=payroll kind=prompt"],
            &[],
        )
        .await;
        server.user("alice").await;
        let alice = signed_in(&server, "alice", "mcp:destructive").await;
        // Whatever is offered is known.
        legacy(&server, "/mcp", &alice.token, "tools/list", &json!({})).await.expect(200);
        Self { server, payroll, wiki, alice }
    }

    async fn token(&self) -> String {
        self.alice.token_at(&self.server, LETTERS).await
    }

    /// Calls and operations that arrived at the upstreams, besides lists and log levels.
    fn arrived(&self) -> (usize, Vec<String>) {
        let mut calls = 0;
        let mut operations = Vec::new();
        for upstream in [&self.payroll, &self.wiki] {
            let state = upstream.state();
            calls += state.calls;
            let others = state.operations.iter().filter(|one| !one.starts_with("logging/"));
            operations.extend(others.cloned());
        }
        (calls, operations)
    }
}

fn names(listed: &Value, list: &str, name: &str) -> Vec<String> {
    let all = listed["result"][list].as_array().unwrap_or_else(|| panic!("{listed}"));
    all.iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
}

/// Requests for items that the toolset does not have: by their own names, through the search, and by
/// everything that leads to them.
fn outside() -> Vec<(&'static str, Value)> {
    let argument = json!({"name": "name", "value": "a"});
    let call = |name: &str, arguments: Value| {
        ("tools/call", json!({"name": name, "arguments": arguments}))
    };
    vec![
        call("payroll_wipe", json!({})),
        call("wiki_echo", json!({"text": "x"})),
        call("echo", json!({"text": "x"})),
        call("whoami", json!({})),
        call("connections", json!({})),
        call("call_tool", json!({"name": "payroll_wipe", "arguments": {}})),
        call("call_tool", json!({"name": "wiki_echo", "arguments": {}})),
        call("describe_tool", json!({"name": "payroll_wipe"})),
        ("prompts/get", json!({"name": "wiki_letter"})),
        ("prompts/get", json!({"name": "letter"})),
        ("resources/read", json!({"uri": "payroll+file:///wages"})),
        ("resources/read", json!({"uri": "wiki+file:///wages"})),
        ("resources/read", json!({"uri": "doorward://catalogue"})),
        ("resources/subscribe", json!({"uri": "payroll+file:///wages"})),
        ("resources/unsubscribe", json!({"uri": "payroll+file:///wages"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "wiki_letter"}, "argument": argument}),
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": "payroll+file:///{name}"}, "argument": argument}),
        ),
    ]
}

#[tokio::test]
async fn every_method_at_the_url_of_a_toolset_reaches_its_selection_and_nothing_else() {
    let stage = Stage::new(&[]).await;
    let (server, alice) = (&stage.server, &stage.alice);
    let personal =
        access_tokens::made(server, &alice.browser, "script", &[("scope-mcp:destructive", "1")])
            .await;
    let token = stage.token().await;
    for (path, token) in
        [(LETTERS, &token), ("/mcp/set/letters/", &token), ("/mcp-key/set/letters", &personal)]
    {
        for era in ["legacy", "modern"] {
            let ask = async |method: &str, params: Value| match era {
                "legacy" => legacy(server, path, token, method, &params).await,
                _ => modern(server, path, token, method, &params).await,
            };
            let list = async |method: &str| ask(method, json!({})).await.expect(200).json();
            assert_eq!(names(&list("tools/list").await, "tools", "name"), ["payroll_echo"]);
            assert_eq!(names(&list("prompts/list").await, "prompts", "name"), ["payroll_letter"]);
            assert!(names(&list("resources/list").await, "resources", "uri").is_empty());
            let templates = list("resources/templates/list").await;
            assert!(names(&templates, "resourceTemplates", "uriTemplate").is_empty());
            let before = stage.arrived();
            for (method, params) in outside() {
                let page = ask(method, params.clone()).await;
                let answer = page.json();
                let refused =
                    answer["error"].is_object() || answer["result"]["isError"] == json!(true);
                assert!(refused, "{path} {era} {method} {params}: {}", page.body);
                assert!(!page.body.contains("forbidden_by_role"), "unknown: {}", page.body);
            }
            assert_eq!(stage.arrived(), before, "nothing of it went to an upstream");
            let searched = json!({"name": "search_tools", "arguments": {"query": "echo wipe", "include_mutating": true}});
            let found = ask("tools/call", searched).await.expect(200).body;
            assert!(found.contains("payroll_echo"), "{found}");
            assert!(!found.contains("wipe\\\"") && !found.contains("wiki_"), "{found}");
            for call in [
                json!({"name": "payroll_echo", "arguments": {"text": "x"}}),
                json!({"name": "call_tool", "arguments": {"name": "payroll_echo", "arguments": {"text": "x"}}}),
            ] {
                let called = ask("tools/call", call).await.expect(200);
                assert!(called.body.contains("x for "), "{}", called.body);
            }
            ask("prompts/get", json!({"name": "payroll_letter"})).await.expect(200);
            assert_eq!(stage.payroll.state().calls, before.0 + 2);
            assert!(stage.wiki.state().calls == 0 && stage.wiki.state().operations.is_empty());
        }
    }
    // Each use names the toolset in the audit, and is found by it; those at other URLs are not.
    legacy(server, "/mcp", &alice.token, "tools/call", &json!({"name": "whoami"})).await;
    server.app.store.flush().await.unwrap();
    let filter =
        AuditFilter { subject: Some("toolset:letters".to_owned()), ..AuditFilter::default() };
    let found = server.app.store.audit(&filter, None, 500).await.unwrap().entries;
    let of_tool = |tool: &str| {
        let is_of =
            |entry: &&AuditEntry| entry.event.call.as_ref().is_some_and(|call| call.tool == tool);
        found.iter().filter(is_of).count()
    };
    assert_eq!(of_tool("payroll_echo"), 2 * 6, "{found:?}");
    assert!(of_tool("payroll_letter") == 6 && of_tool("payroll_wipe") > 0, "{found:?}");
    let elsewhere = AuditFilter { tool: Some("whoami".to_owned()), ..AuditFilter::default() };
    let calls = server.app.store.audit(&elsewhere, None, 500).await.unwrap().entries;
    assert!(calls.iter().any(|entry| entry.event.subject.is_empty()), "{calls:?}");
    // The capabilities are those of the selection, and the toolset introduces itself.
    let begin = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let opened = legacy(server, LETTERS, &token, "initialize", &begin).await.expect(200).json();
    let result = &opened["result"];
    assert!(result["capabilities"]["prompts"].is_object(), "{opened}");
    assert!(result["capabilities"]["resources"].is_null(), "{opened}");
    assert_eq!(result["serverInfo"]["title"], "Set <letters>");
    assert!(result["instructions"].as_str().unwrap().starts_with("Writes letters."), "{opened}");
}

#[tokio::test]
async fn i2_a_token_for_a_toolset_is_for_no_other_url_and_no_other_token_is_for_it() {
    let stage = Stage::new(&[]).await;
    let (server, alice) = (&stage.server, &stage.alice);
    add(server, "other", &["upstream=payroll"], &[]).await;
    let (token, url) = (stage.token().await, server.at(LETTERS));
    for path in ["/mcp", "/mcp/payroll", "/mcp/wiki", "/mcp/set/other", "/mcp-key/set/letters"] {
        assert_eq!(legacy(server, path, &token, "ping", &json!({})).await.status, 401, "{path}");
    }
    for of in ["/mcp", "/mcp/payroll", "/mcp/set/other"] {
        let other = alice.token_at(server, of).await;
        let refused = legacy(server, LETTERS, &other, "ping", &json!({})).await.expect(401);
        let challenge = refused.header("www-authenticate");
        let metadata = "/.well-known/oauth-protected-resource/mcp/set/letters\"";
        assert!(challenge.contains(metadata), "{of}: {challenge}");
    }
    let metadata = "/.well-known/oauth-protected-resource/mcp/set/letters";
    let document = Browser::new().get(&server.at(metadata)).await.expect(200).json();
    assert_eq!(document["resource"], json!(url));
    assert_eq!(document["resource_name"], "Set <letters>");
    let issuer = "/.well-known/oauth-authorization-server/mcp/set/letters";
    Browser::new().get(&server.at(issuer)).await.expect(200);
    for nothing in ["/mcp/set/none", "/mcp/set/Letters", "/mcp/set", "/mcp/set/letters/more"] {
        let page = legacy(server, nothing, &token, "ping", &json!({})).await;
        assert_eq!(page.status, 404, "{nothing}");
    }
    // The consent page names the toolset and counts the tools that it selects.
    let client = OAuthClient::register(server).await;
    let asked = [("resource", url.as_str()), ("scope", "mcp:destructive")];
    let consent = client.consent_page(&alice.browser, &Pkce::default(), &asked).await;
    assert!(consent.body.contains("Set &#60;letters&#62;"), "{}", consent.body);
    // Together with another resource there is no token.
    let mut two = client.authorize_params(&Pkce::default(), &asked);
    two.push(("resource".to_owned(), server.at("/mcp")));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(two).finish();
    let refused = alice.browser.get(&server.at(&format!("/oauth/authorize?{query}"))).await;
    assert_eq!(refused.location_param("error").as_deref(), Some("invalid_target"));
}

#[tokio::test]
async fn a_long_result_is_kept_for_the_url_of_its_call_alone() {
    let stage = Stage::new(&[]).await;
    let (server, of_set) = (&stage.server, stage.token().await);
    let long = "long ".repeat(2000);
    let call = json!({
        "name": "payroll_echo", "arguments": {"text": long}, "_meta": {"doorward/preview": true},
    });
    let urls = [("/mcp", stage.alice.token.clone()), (LETTERS, of_set)];
    let mut kept = Vec::new();
    for (url, token) in &urls {
        let page = legacy(server, url, token, "tools/call", &call).await.expect(200);
        let (_, rest) = page.body.split_once("doorward-result://").unwrap();
        let id = rest.split(['"', ' ', '?', ')']).next().unwrap();
        kept.push(format!("doorward-result://{id}"));
    }
    for (at, (url, token)) in urls.iter().enumerate() {
        // Only the URL of everything lists them.
        let listed = legacy(server, url, token, "resources/list", &json!({})).await.expect(200);
        let count = listed.body.matches("doorward-result://kept/").count();
        assert_eq!(count, usize::from(*url == "/mcp"), "{url}: {}", listed.body);
        for (of, uri) in kept.iter().enumerate() {
            let read = json!({ "uri": uri });
            let page = legacy(server, url, token, "resources/read", &read).await;
            assert_eq!(page.body.contains("long long"), at == of, "{url} {uri}: {}", page.body);
        }
    }
}

#[tokio::test]
async fn a_toolset_narrows_at_the_next_call_and_ends_with_its_tokens_for_good() {
    let stage = Stage::new(&["deny tool=letter"]).await;
    let (server, alice) = (&stage.server, &stage.alice);
    let resource = server.at(LETTERS);
    let wanted = [("resource", resource.as_str()), ("scope", "mcp:destructive offline_access")];
    let tokens = alice.client.tokens(&alice.browser, &wanted).await;
    let ask = async |method: &str, params: Value| {
        legacy(server, LETTERS, &tokens.access, method, &params).await
    };
    // It never widens: what the policy denies is not there.
    let prompts = ask("prompts/list", json!({})).await.expect(200).json();
    assert!(names(&prompts, "prompts", "name").is_empty());
    let echo = json!({"name": "payroll_echo", "arguments": {"text": "x"}});
    assert!(ask("tools/call", echo.clone()).await.expect(200).body.contains("x for "));
    // A listening client is notified of another selection, which counts for the next call.
    let begin = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let session = ask("initialize", begin).await.expect(200).header("mcp-session-id");
    let request = Browser::new()
        .raw(Method::GET, &server.at(LETTERS))
        .header("accept", "text/event-stream")
        .header("mcp-session-id", &session)
        .bearer_auth(&tokens.access);
    let mut stream = request.send().await.unwrap();
    select(server, "letters", &["upstream=payroll tool=wipe"]).await;
    let refused = ask("tools/call", echo.clone()).await.expect(200);
    assert!(refused.body.contains("there is no tool"), "{}", refused.body);
    let told = async {
        let mut seen = String::new();
        while !seen.contains("notifications/tools/list_changed") {
            let chunk = stream.chunk().await.unwrap().expect("the stream stays open");
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), told).await.unwrap();
    let listed = ask("tools/list", json!({})).await.expect(200).json();
    assert_eq!(names(&listed, "tools", "name"), ["payroll_wipe"]);
    // The session is one of this URL alone.
    let token = alice.token.as_str();
    let elsewhere = Browser::new()
        .raw(Method::POST, &server.at("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-session-id", &session)
        .bearer_auth(token)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    assert_eq!(Browser::new().send(elsewhere).await.status, 404);
    server.app.admin.toolsets.remove("letters", None).await.unwrap();
    assert_eq!(ask("ping", json!({})).await.status, 404);
    let gone = "/.well-known/oauth-protected-resource/mcp/set/letters";
    assert_eq!(Browser::new().get(&server.at(gone)).await.status, 404);
    // One of the same name that is added later is another one.
    server.clock.advance(5);
    add(server, "letters", &["upstream=payroll"], &[]).await;
    assert_eq!(ask("ping", json!({})).await.status, 401);
    let refreshed = alice.client.refresh(&tokens.refresh, &[]).await.expect(400).json();
    assert_eq!(refreshed["error"], "invalid_grant");
}

#[tokio::test]
async fn a_toolset_for_some_roles_has_nothing_for_others_and_no_client_gets_access_to_it() {
    let stage = Stage::new(&[]).await;
    let (server, alice) = (&stage.server, &stage.alice);
    add(server, "staff", &["upstream=payroll"], &["staff"]).await;
    let url = server.at("/mcp/set/staff");
    let asked = [("resource", url.as_str()), ("scope", "mcp:read")];
    let asked = alice.client.authorize_url(&Pkce::default(), &asked);
    let page = alice.browser.get(&asked).await.expect(403);
    assert!(page.body.contains("Your roles do not allow this"), "{}", page.body);
    let personal =
        access_tokens::made(server, &alice.browser, "script", &[("scope-mcp:read", "1")]).await;
    let of = async |token: &str| {
        let page = legacy(server, "/mcp-key/set/staff", token, "tools/list", &json!({})).await;
        names(&page.expect(200).json(), "tools", "name").len()
    };
    assert_eq!(of(&personal).await, 0);
    let help = alice.browser.get(&server.at("/account/clients")).await.expect(200).body;
    assert!(help.contains(LETTERS) && !help.contains("/mcp/set/staff"), "{help}");
    alice.browser.get(&server.at("/account/clients?client=codex&set=staff")).await.expect(404);
    let steps = alice.browser.get(&server.at("/account/clients?client=codex&set=letters")).await;
    assert!(steps.expect(200).body.contains(LETTERS));
    server.user_with("sam", &["staff"]).await;
    let sam = signed_in(server, "sam", "mcp:read").await;
    let token = sam.token_at(server, "/mcp/set/staff").await;
    let listed = legacy(server, "/mcp/set/staff", &token, "tools/list", &json!({})).await;
    assert!(names(&listed.expect(200).json(), "tools", "name").len() > 1);
}
