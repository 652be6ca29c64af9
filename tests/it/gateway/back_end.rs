//! The agent as a back end elsewhere, which gets a token for the user who asks and calls the tools
//! itself.

use std::{collections::HashMap, time::Duration};

use doorward::config::Config;
use doorward_model::{AuditFilter, Change, ClientId, Clock, RevokeReason, UserName};
use doorward_testkit::{BackEndHabit, Browser, FakeBackEnd, ITS_TOKEN, MODEL_KEY, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    GatewayUser,
    agent::{answer, documents, refusal},
    confirm, gateway_user, knowledge, rpc_at, signed_in, tools,
};

/// Lets a server use this back end.
pub(crate) fn use_back_end(config: &mut Config, back_end: &FakeBackEnd) {
    config.agent.mode = "back-end".into();
    config.agent.url.clone_from(&back_end.url);
    config.agent.api_key = MODEL_KEY.into();
    config.agent.networks = vec!["127.0.0.0/8".into()];
}

/// A back end that makes the call that a question names, with its arguments.
pub(crate) async fn caller() -> FakeBackEnd {
    const TOOLS: &[&str] = &["whoami", "team_search", "wait", "ask", "revoke_connected_app"];
    FakeBackEnd::start(|question| {
        let (name, arguments) = question.split_once(' ').unwrap_or((question, "{}"));
        let found = TOOLS.iter().find(|tool| **tool == name);
        let arguments = serde_json::from_str(arguments).unwrap_or_default();
        found.map_or(BackEndHabit::Says("It is so."), |tool| {
            BackEndHabit::Calls(vec![(*tool, arguments)])
        })
    })
    .await
}

/// Text of the answer of a tool to the back end, for this question of a user.
async fn told(server: &TestServer, user: &GatewayUser, question: &str) -> String {
    let told = answer(server, user, json!({"question": question})).await;
    told["answer"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn cf1_cf2_cf9_cf21_ca7_ca9_a_back_end_calls_tools_with_a_token_for_the_user_who_asks() {
    let back_end = caller().await;
    let mut folder = None;
    let server = TestServer::start_with(|config| {
        use_back_end(config, &back_end);
        folder = Some(documents(config));
    })
    .await;
    knowledge::indexed(&server, 2).await;
    let bob = gateway_user(&server, "bob").await;
    server.user_with("alice", &["hr"]).await;
    let alice = signed_in(&server, "alice", "mcp:destructive").await;
    let question = r#"team_search {"query": "server"}"#;
    let (theirs, hers) =
        (told(&server, &bob, question).await, told(&server, &alice, question).await);
    assert!(theirs.contains("Guide") && !theirs.contains("Salaries"), "{theirs}");
    assert!(hers.contains("Guide") && hers.contains("Salaries"), "{hers}");
    let request = back_end.requests().pop().unwrap();
    assert_eq!(request["tools"][0]["server_url"], server.at("/mcp"));
    assert_eq!(request["store"], false);
    assert!(!request.to_string().contains(&alice.token));
    // The steps are told in their order, and change nothing.
    let call = |meta: Value| {
        let arguments = json!({"question": question});
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "ask", "arguments": arguments, "_meta": meta}})
    };
    let meta = json!({"progressToken": "mine"});
    let page = rpc_at(&server, "/mcp", &alice.token, &call(meta)).await.expect(200);
    let events: Vec<Value> = page
        .body
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .collect();
    let (last, steps) = events.split_last().unwrap();
    let messages: Vec<&str> =
        steps.iter().map(|step| step["params"]["message"].as_str().unwrap()).collect();
    let expected =
        ["thinking", "calling team_search", "got a result from team_search", "generating"];
    assert_eq!(messages, expected);
    assert_eq!(last["result"]["structuredContent"]["answer"], hers.as_str());
    // A conversation goes on, and is what the back end is told of the past.
    let first = answer(&server, &alice, json!({"question": "first"})).await;
    let next = json!({"question": "second", "conversation": first["conversation"]});
    answer(&server, &alice, next).await;
    let input = back_end.requests().pop().unwrap()["input"].clone();
    let said: Vec<&str> =
        input.as_array().unwrap().iter().map(|one| one["content"].as_str().unwrap()).collect();
    assert_eq!(said, ["first", "It is so.", "second"]);
    // The tokens of the model are the user's.
    let store = &server.app.store;
    let user = store.user_named(&UserName::parse("bob").unwrap()).await.unwrap().unwrap().id;
    assert_eq!(store.used_tokens(&user, server.clock.now().0 / 86_400).await.unwrap(), 100);
    // Each token and each call is in the audit, without the value.
    store.flush().await.unwrap();
    let entries = store.audit(&AuditFilter::default(), None, 200).await.unwrap().entries;
    let issued: Vec<Value> = entries
        .iter()
        .filter(|entry| entry.event.kind.as_str() == "token.issued")
        .map(|entry| {
            assert_eq!(entry.event.actor.client_id.as_deref(), Some("agent"));
            serde_json::from_str(&entry.event.detail).unwrap()
        })
        .collect();
    assert_eq!(issued.len(), back_end.requests().len());
    let newest = &issued[0];
    assert_eq!(newest["scopes"], "mcp:read", "`ask` only reads, whatever its caller may do");
    assert_eq!(newest["resources"], json!([server.at("/mcp")]));
    assert_eq!(newest["through"], alice.client.id.as_str());
    assert_eq!(newest["expires_at"], server.clock.now().0 + 300);
    let search = entries
        .iter()
        .find(|entry| entry.event.call.as_ref().is_some_and(|call| call.tool == "team_search"))
        .unwrap();
    assert_eq!(search.event.actor.client_id.as_deref(), Some("agent"));
    assert_eq!(search.event.actor.user_name.as_deref(), Some("alice"));
    assert!(search.event.detail.contains("\"through\""), "{}", search.event.detail);
    let all = format!("{entries:?}");
    assert!(back_end.tokens().iter().all(|token| !all.contains(token)));
}

#[tokio::test]
async fn cf3_cf4_cf13_cf18_ca47_the_token_counts_at_the_mcp_endpoint_alone_and_within_the_rules() {
    let back_end = caller().await;
    let server = TestServer::start_with(|config| {
        use_back_end(config, &back_end);
        config.mcp.confirm_in_band = vec!["*".to_owned()];
        config.policy.rules = vec![
            "deny tool=wait client=agent".to_owned(),
            "confirm tool=whoami client=agent".to_owned(),
        ];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    // A call that needs a confirmation leads to the page, whose code is the agent's.
    let asked = answer(&server, &alice, json!({"question": "whoami"})).await;
    let link = asked["open"][0].as_str().unwrap();
    assert!(link.starts_with(&server.at("/confirm/")), "{asked}");
    let code = confirm::code(&alice, link).await;
    let own = server.call(&alice.token, "whoami", json!({"confirm_write": code})).await;
    assert!(!own.body.contains("\"agent\""), "the code is the agent's: {}", own.body);
    let who = told(&server, &alice, &format!(r#"whoami {{"confirm_write": "{code}"}}"#)).await;
    assert!(who.contains("\"client_id\":\"agent\"") && who.contains("\"alice\""), "{who}");
    // What the rules deny, what lies beyond the scopes, and the agent itself do not exist for it.
    let token = back_end.tokens().pop().unwrap();
    let listed = tools(&server, &token).await;
    assert_eq!(listed, ["list_connected_apps", "server_info", "whoami"]);
    for refused in ["wait", "ask", "revoke_connected_app"] {
        let said = told(&server, &alice, refused).await;
        assert!(said.contains("no tool") || said.contains("\"error\""), "{refused}: {said}");
    }
    // A back end cannot agree for the user, also if it claims to show forms.
    let init = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "Agent", "version": "1"}}});
    let page = rpc_at(&server, "/mcp", &token, &init).await.expect(200);
    let session = page.header("mcp-session-id");
    let call = |id: &str, token: &str| {
        let browser = Browser::new();
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
        let request = browser
            .raw(Method::POST, &server.at("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", id)
            .bearer_auth(token)
            .json(&message);
        async move { browser.send(request).await }
    };
    let page = call(&session, &token).await.expect(200);
    assert!(page.body.contains("/confirm/") && !page.body.contains("elicitation"), "{}", page.body);
    // Its session is none of the user's own program.
    assert_eq!(call(&session, &alice.token).await.status, 404);
    // Everywhere else it is no token.
    let listing = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    for path in ["/mcp-key", "/mcp/docs", "/mcp-key/docs"] {
        let page = rpc_at(&server, path, &token, &listing).await;
        assert!(matches!(page.status, 401 | 404), "{path}: {}", page.body);
    }
    for path in ["/api/available", "/api/admin/users", "/oauth/userinfo"] {
        let browser = Browser::new();
        let request = browser.raw(Method::GET, &server.at(path)).bearer_auth(&token);
        assert_eq!(browser.send(request).await.status, 401, "{path}");
    }
    let asked = alice.client.post("/oauth/introspect", &[("token", &token)], &[]).await;
    assert!(asked.status != 200 || asked.json() == json!({"active": false}), "{}", asked.body);
    for changed in [format!("{token}x"), token[..token.len() - 1].to_owned(), "dw_ag_".to_owned()] {
        assert!(!server.calls(&changed).await);
    }
}

#[tokio::test]
async fn cf6_cf8_cf20_the_token_ends_soon_and_with_every_access_that_it_comes_of() {
    let back_end = caller().await;
    let server = TestServer::start_with(|config| use_back_end(config, &back_end)).await;
    let store = &server.app.store;
    let token_of = async |user: &GatewayUser| {
        told(&server, user, "whoami").await;
        back_end.tokens().pop().unwrap()
    };
    let alice = gateway_user(&server, "alice").await;
    let first = token_of(&alice).await;
    assert!(server.calls(&first).await);
    server.clock.advance(299);
    assert!(server.calls(&first).await);
    server.clock.advance(1);
    assert!(!server.calls(&first).await, "it is not renewed");
    assert!(server.calls(&alice.token).await);
    // A personal access token is as good an access, and its end is the end of the token.
    let scope = [("scope-mcp:read", "1")];
    let own = crate::access_tokens::made(&server, &alice.browser, "script", &scope).await;
    let holder = GatewayUser { token: own, browser: alice.browser, client: alice.client };
    let of_token = token_of(&holder).await;
    assert!(server.calls(&of_token).await);
    let user = async |name: &str| {
        let name = UserName::parse(name).unwrap();
        store.user_named(&name).await.unwrap().unwrap().id
    };
    let now = server.clock.now();
    let user_id = user("alice").await;
    store.apply(Change::RevokeAccessTokensOfUser { user_id, at: now }).await.unwrap();
    assert!(!server.calls(&of_token).await);
    // The agent is disabled: no token is made, and those that were made end.
    let bob = gateway_user(&server, "bob").await;
    let of_bob = token_of(&bob).await;
    let client_id = ClientId::from_text("agent");
    let switch =
        |disabled_at| Change::SetClientDisabled { client_id: client_id.clone(), disabled_at };
    store.apply(switch(Some(server.clock.now()))).await.unwrap();
    assert!(!server.calls(&of_bob).await);
    let made = back_end.tokens().len();
    let told = refusal(&server, &bob, json!({"question": "whoami"})).await;
    assert_eq!((told.as_str(), back_end.tokens().len()), ("the agent is disabled", made));
    store.apply(switch(None)).await.unwrap();
    assert!(server.calls(&of_bob).await);
    // The user takes the access of their program back.
    let revoke = Change::RevokeGrantsOfUser {
        user_id: user("bob").await,
        client_id: None,
        at: now,
        reason: RevokeReason::ByUser,
    };
    store.apply(revoke).await.unwrap();
    assert!(!server.calls(&of_bob).await);
}

/// A case of a back end that misbehaves: a part of the answer, or of the refusal, and how often it
/// is asked.
struct Odd {
    question: &'static str,
    habit: BackEndHabit,
    expected: Result<&'static str, &'static str>,
    asked: usize,
}

fn odd_back_ends(elsewhere: &str) -> Vec<Odd> {
    let odd = |question, habit, expected, asked| Odd { question, habit, expected, asked };
    let leads = BackEndHabit::Redirect(elsewhere.to_owned());
    let unread = Err("its response cannot be read");
    vec![
        odd("whole", BackEndHabit::Whole("It is so."), Ok("It is so."), 1),
        odd("repeats the token", BackEndHabit::Says(ITS_TOKEN), Ok("…"), 1),
        odd("silence", BackEndHabit::Silent, Err("no answer within"), 1),
        odd("a stall", BackEndHabit::Stalls, Err("no answer within"), 1),
        odd("a flood", BackEndHabit::Floods, Err("its response is too long"), 3),
        odd("a page", BackEndHabit::Page, unread, 3),
        odd("too much", BackEndHabit::Oversized, Err("its response is too long"), 3),
        odd("another answer", BackEndHabit::Mistaken, Err("that to another request"), 3),
        odd("a failure", BackEndHabit::Fails, Err("reports a failure"), 3),
        odd("a cut", BackEndHabit::Cut, Err("ended early"), 3),
        odd("elsewhere", leads, Err("refused the request with status 307"), 1),
        odd("refused", BackEndHabit::Status(400, None), Err("with status 400"), 1),
        odd("broken", BackEndHabit::Status(502, None), Err("status 502"), 3),
        odd("busy", BackEndHabit::Status(429, Some(600)), Err("try again in 600 s"), 1),
    ]
}

#[tokio::test]
async fn cf5_cf17_ca51_a_back_end_that_misbehaves_costs_at_most_its_answer() {
    let elsewhere = FakeBackEnd::start(|_| BackEndHabit::Says("I am another one.")).await;
    let cases = odd_back_ends(&elsewhere.url);
    let habits: HashMap<&str, BackEndHabit> =
        cases.iter().map(|case| (case.question, case.habit.clone())).collect();
    let back_end = FakeBackEnd::start(move |question| {
        habits.get(question).cloned().unwrap_or(BackEndHabit::Cites("So.", "https://a.example/x"))
    })
    .await;
    let server = TestServer::start_with(|config| {
        use_back_end(config, &back_end);
        (config.agent.at_once, config.agent.at_once_user) = (64, 64);
        config.agent.answer_seconds = 12;
        config.limits.calls_at_once_user = 64;
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let (server, alice) = (&server, &alice);
    let one = async |case: &Odd| {
        let question = json!({"question": case.question});
        match case.expected {
            Ok(said) => {
                let told = answer(server, alice, question).await;
                assert_eq!(told["answer"], said, "{}", case.question);
            }
            Err(why) => {
                let told = refusal(server, alice, question).await;
                assert!(told.contains(why), "{}: {told}", case.question);
                assert!(!told.contains("dw_ag_") && !told.contains(MODEL_KEY), "{told}");
            }
        }
    };
    let began = std::time::Instant::now();
    futures_util::future::join_all(cases.iter().map(one)).await;
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    let requests = back_end.requests();
    for case in &cases {
        let about = |request: &&Value| request["input"][0]["content"] == case.question;
        assert_eq!(requests.iter().filter(about).count(), case.asked, "{}", case.question);
    }
    assert!(elsewhere.requests().is_empty(), "a redirect is not followed");
    let told = answer(server, alice, json!({"question": "with a source"})).await;
    assert_eq!(told["citations"][0]["location"], "https://a.example/x", "{told}");
}
