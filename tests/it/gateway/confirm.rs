//! The person is asked before a call, and there is no way round it (CW13, MCP-20).

use doorward_testkit::{Browser, FakeUpstream, Page, TestServer, form_value};
use serde_json::{Value, json};

use super::{Someone, someone, text, with_config};

async fn asking(wiki: &FakeUpstream) -> TestServer {
    with_config(&[("wiki", wiki, "none")], |config| config.policy.rules = vec!["confirm class=write,destructive".to_owned()]).await
}

/// Calls a tool as a client of 2026-07-28 that can show forms and addresses.
pub(super) async fn modern(server: &TestServer, token: &str, mut params: Value) -> Page {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}, "url": {}}},
    });
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &server.at("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", params["name"].as_str().unwrap())
        .bearer_auth(token)
        .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
    browser.send(request).await
}

const YES: &str = r#"{"doorward_confirm": {"action": "accept", "content": {"confirm": true}}}"#;

#[tokio::test]
async fn cw13_mcp20_a_newer_client_answers_for_this_very_call_once() {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let (alice, bob) = (someone(&server, "alice").await, someone(&server, "bob").await);
    let yes: Value = serde_json::from_str(YES).unwrap();
    let asked = modern(&server, &alice.token, json!({"name": "wiki_wipe", "arguments": {"text": "1"}})).await.expect(200).json();
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert!(asked["result"]["inputRequests"]["doorward_confirm"]["params"]["message"].as_str().unwrap().contains("wiki_wipe"));
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    let retry =
        |arguments: Value, state: &str, answers: Value| json!({"name": "wiki_wipe", "arguments": arguments, "requestState": state, "inputResponses": answers});
    let mut tampered = state.clone();
    tampered.replace_range(state.len() - 4..state.len() - 3, if &state[state.len() - 4..state.len() - 3] == "A" { "B" } else { "A" });
    for (token, params, why) in [
        (&alice.token, retry(json!({"text": "2"}), &state, yes.clone()), "other arguments"),
        (&bob.token, retry(json!({"text": "1"}), &state, yes.clone()), "another person"),
        (&alice.token, retry(json!({"text": "1"}), &tampered, yes.clone()), "a tampered state"),
        (&alice.token, retry(json!({"text": "1"}), "confirm.junk", yes.clone()), "junk"),
    ] {
        let page = modern(&server, token, params).await;
        assert_eq!(page.json()["error"]["code"], -32602, "{why}: {}", page.body);
    }
    for no in [
        json!({"doorward_confirm": {"action": "decline"}}),
        json!({"doorward_confirm": {"action": "accept", "content": {"confirm": false}}}),
        json!({"doorward_confirm": {"action": "accept", "content": {}}}),
    ] {
        let page = modern(&server, &alice.token, retry(json!({"text": "1"}), &state, no)).await.expect(200);
        assert!(text(&page).contains("did not agree"));
    }
    // An answer without a question is none.
    let bare = modern(&server, &alice.token, json!({"name": "wiki_wipe", "arguments": {"text": "1"}, "inputResponses": yes})).await.expect(200).json();
    assert_eq!(bare["result"]["resultType"], "input_required");
    assert_eq!(wiki.state().calls, 0);
    let done = modern(&server, &alice.token, retry(json!({"text": "1"}), &state, yes.clone())).await.expect(200);
    assert_eq!(text(&done), "1 for ");
    let again = modern(&server, &alice.token, retry(json!({"text": "1"}), &state, yes.clone())).await.expect(200);
    assert!(text(&again).contains("used before"));
    let other = modern(&server, &alice.token, json!({"name": "wiki_wipe", "arguments": {"text": "1"}})).await.expect(200).json();
    server.clock.advance(601);
    let alice = super::signed_in(&server, "alice", "mcp:destructive").await;
    let late = modern(&server, &alice.token, retry(json!({"text": "1"}), other["result"]["requestState"].as_str().unwrap(), yes)).await;
    assert!(late.json()["error"].is_object(), "too late");
    assert_eq!(wiki.state().calls, 1);
}

async fn link_of(page: &Page) -> String {
    let said = text(page);
    let at = said.find("http").unwrap();
    said[at..].split(' ').next().unwrap().to_owned()
}

async fn code(alice: &Someone, link: &str) -> String {
    let page = alice.browser.get(link).await.expect(200);
    let path = url::Url::parse(link).unwrap().path().to_owned();
    let csrf = form_value(&page.body[page.body.find(&format!("action=\"{path}\"")).unwrap()..], "csrf").unwrap();
    let page = alice.browser.post(link, &[("csrf", &csrf)]).await.expect(200);
    let at = page.body.find("<code class=\"big\">").unwrap() + 18;
    page.body[at..].split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn cw13_an_older_client_needs_the_code_that_its_person_saw() {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let (alice, bob) = (someone(&server, "alice").await, someone(&server, "bob").await);
    let call = async |token: &str, tool: &str, arguments: Value| server.call(token, tool, arguments).await.expect(200);
    for arguments in [
        json!({"text": "1"}),
        json!({"text": "1", "confirm_write": true}),
        json!({"text": "1", "confirm_write": "yes"}),
        json!({"text": "1", "confirm_write": "abc-0000000000"}),
    ] {
        assert!(call(&alice.token, "wiki_wipe", arguments).await.json()["result"]["isError"].as_bool().unwrap());
    }
    assert!(
        call(&alice.token, "call_tool", json!({"name": "wiki_wipe", "arguments": {"text": "1"}, "confirm_write": "x-1"})).await.json()["result"]["isError"]
            .as_bool()
            .unwrap()
    );
    let link = link_of(&call(&alice.token, "wiki_wipe", json!({"text": "1"})).await).await;
    assert_eq!(bob.browser.get(&link).await.status, 404, "somebody else's is not there");
    assert!(Browser::new().get(&link).await.expect(303).location().contains("/login?next=%2Fconfirm%2F"));
    assert_eq!(alice.browser.post(&link, &[]).await.status, 403, "the code is shown only after the form");
    let code = code(&alice, &link).await;
    // The id alone, a cut code, another person's call, other arguments, another tool's.
    let (id, _) = code.split_once('-').unwrap();
    for (token, arguments) in [
        (&alice.token, json!({"text": "1", "confirm_write": format!("{id}-")})),
        (&alice.token, json!({"text": "1", "confirm_write": code[..code.len() - 1]})),
        (&bob.token, json!({"text": "1", "confirm_write": code})),
        (&alice.token, json!({"text": "2", "confirm_write": code})),
    ] {
        assert!(call(token, "wiki_wipe", arguments).await.json()["result"]["isError"].as_bool().unwrap());
    }
    assert_eq!(wiki.state().calls, 0);
    assert_eq!(text(&call(&alice.token, "wiki_wipe", json!({"text": "1", "confirm_write": code})).await), "1 for ");
    assert!(call(&alice.token, "wiki_wipe", json!({"text": "1", "confirm_write": code})).await.json()["result"]["isError"].as_bool().unwrap(), "once");
    assert_eq!(wiki.state().calls, 1);
    // What only reads is not asked about, and the schema of what is says so.
    assert_eq!(text(&call(&alice.token, "wiki_echo", json!({"text": "x"})).await), "x for ");
    let listed = super::list(&server, &alice.token).await;
    let has = |name: &str| listed.iter().find(|tool| tool["name"] == name).unwrap()["inputSchema"]["properties"].get("confirm_write").is_some();
    assert!(has("wiki_wipe") && !has("wiki_echo"));
}

#[tokio::test]
async fn ca24_ca25_r16_a_session_is_its_persons_and_clients_alone() {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let (alice, bob) = (someone(&server, "alice").await, someone(&server, "bob").await);
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "t", "version": "1"}}});
    let begun = server.rpc(&alice.token, &initialize).await.expect(200);
    let session = begun.header("mcp-session-id");
    assert!(session.len() > 40 && session.bytes().all(|byte| (0x21..0x7f).contains(&byte)), "{session}");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let with = async |token: Option<&str>, session: &str| {
        let browser = Browser::new();
        let mut request = browser
            .raw(reqwest::Method::POST, &server.at("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .header("mcp-session-id", session);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        browser.send(request.json(&list)).await.status
    };
    assert_eq!(with(Some(&alice.token), &session).await, 200);
    assert_eq!(with(None, &session).await, 401);
    assert_eq!(with(Some(&bob.token), &session).await, 404);
    let other = super::signed_in(&server, "alice", "mcp:read").await;
    assert_eq!(with(Some(&other.token), &session).await, 404, "another client of the same person");
    assert_eq!(with(Some(&alice.token), "made-up").await, 404);
    // An answer to a question that was not asked of this person goes nowhere.
    let answer = json!({"jsonrpc": "2.0", "id": "dw-guess", "result": {"action": "accept", "content": {"confirm": true}}});
    assert_eq!(server.rpc(&bob.token, &answer).await.status, 400);
}
