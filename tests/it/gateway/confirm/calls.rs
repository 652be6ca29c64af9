//! The use of a confirmation.

use doorward_testkit::{Browser, FakeUpstream};
use serde_json::{Value, json};

use super::{
    super::{gateway_user, text, with_config},
    YES, asking, code, link_of, modern,
};

#[tokio::test]
async fn cw13_mcp20_a_newer_client_answers_for_this_very_call_once() {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let yes: Value = serde_json::from_str(YES).unwrap();
    let asked =
        modern(&server, &alice.token, json!({"name": "wiki_wipe", "arguments": {"text": "1"}}))
            .await
            .expect(200)
            .json();
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert!(
        asked["result"]["inputRequests"]["doorward_confirm"]["params"]["message"]
            .as_str()
            .unwrap()
            .contains("wiki_wipe")
    );
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    let retry = |arguments: Value, state: &str, answers: Value| json!({"name": "wiki_wipe", "arguments": arguments, "requestState": state, "inputResponses": answers});
    let mut tampered = state.clone();
    tampered.replace_range(
        state.len() - 4..state.len() - 3,
        if &state[state.len() - 4..state.len() - 3] == "A" { "B" } else { "A" },
    );
    for (token, params, why) in [
        (&alice.token, retry(json!({"text": "2"}), &state, yes.clone()), "other arguments"),
        (&bob.token, retry(json!({"text": "1"}), &state, yes.clone()), "another user"),
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
        let page = modern(&server, &alice.token, retry(json!({"text": "1"}), &state, no))
            .await
            .expect(200);
        assert!(text(&page).contains("declined this call"));
    }
    // An answer without a question has no effect.
    let bare = modern(
        &server,
        &alice.token,
        json!({"name": "wiki_wipe", "arguments": {"text": "1"}, "inputResponses": yes}),
    )
    .await
    .expect(200)
    .json();
    assert_eq!(bare["result"]["resultType"], "input_required");
    assert_eq!(wiki.state().calls, 0);
    let done = modern(&server, &alice.token, retry(json!({"text": "1"}), &state, yes.clone()))
        .await
        .expect(200);
    assert_eq!(text(&done), "1 for ");
    let again = modern(&server, &alice.token, retry(json!({"text": "1"}), &state, yes.clone()))
        .await
        .expect(200);
    assert!(text(&again).contains("already used"));
    let other =
        modern(&server, &alice.token, json!({"name": "wiki_wipe", "arguments": {"text": "1"}}))
            .await
            .expect(200)
            .json();
    server.clock.advance(601);
    let alice = super::super::signed_in(&server, "alice", "mcp:destructive").await;
    let late = modern(
        &server,
        &alice.token,
        retry(json!({"text": "1"}), other["result"]["requestState"].as_str().unwrap(), yes),
    )
    .await;
    assert!(late.json()["error"].is_object(), "too late");
    assert_eq!(wiki.state().calls, 1);
}

#[tokio::test]
async fn a_confirmed_call_goes_on_when_the_upstream_asks_something_and_is_made_once() {
    let wiki = FakeUpstream::start().await;
    wiki.state().tools.push(doorward_testkit::tool("ask", false));
    let server = asking(&wiki).await;
    let alice = gateway_user(&server, "alice").await;
    let retry = |state: &str, answers: Value| json!({"name": "wiki_ask", "arguments": {"text": "1"}, "requestState": state, "inputResponses": answers});
    let asked =
        modern(&server, &alice.token, json!({"name": "wiki_ask", "arguments": {"text": "1"}}))
            .await
            .expect(200)
            .json();
    let yes: Value = serde_json::from_str(YES).unwrap();
    let second = modern(
        &server,
        &alice.token,
        retry(asked["result"]["requestState"].as_str().unwrap(), yes),
    )
    .await
    .expect(200)
    .json();
    assert!(
        second["result"]["inputRequests"]["question"].is_object(),
        "the upstream's own question: {second}"
    );
    let state = second["result"]["requestState"].as_str().unwrap().to_owned();
    let answer = json!({"question": {"action": "accept", "content": {"name": "Ann"}}});
    let mut other = retry(&state, answer.clone());
    other["arguments"] = json!({"text": "2"});
    assert_eq!(
        modern(&server, &alice.token, other).await.json()["error"]["code"],
        -32602,
        "for other arguments nothing was agreed"
    );
    let done = modern(&server, &alice.token, retry(&state, answer.clone())).await.expect(200);
    assert!(text(&done).contains("hello \"Ann\""), "{}", done.body);
    let again = modern(&server, &alice.token, retry(&state, answer)).await.expect(200);
    assert!(text(&again).contains("already used"), "{}", again.body);
    assert_eq!(wiki.state().calls, 1);
}

#[tokio::test]
async fn an_approval_is_not_good_for_a_tool_of_the_same_name_at_another_upstream() {
    let (wiki, mail) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let server = with_config(&[("wiki", &wiki, "none"), ("mail", &mail, "none")], |config| {
        config.policy.rules = vec!["confirm class=destructive".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let token = async |upstream: &str| {
        let resource = server.at(&format!("/mcp/{upstream}"));
        alice
            .client
            .tokens(&alice.browser, &[("scope", "mcp:destructive"), ("resource", &resource)])
            .await
            .access
    };
    let call = async |upstream: &str, arguments: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wipe", "arguments": arguments}});
        super::super::rpc_at(&server, &format!("/mcp/{upstream}"), &token(upstream).await, &message)
            .await
            .expect(200)
    };
    let link = link_of(&call("wiki", json!({"text": "1"})).await).await;
    assert!(
        alice.browser.get(&link).await.expect(200).body.contains("wiki_wipe"),
        "the page says whose tool it is"
    );
    let code = code(&alice, &link).await;
    assert!(
        call("mail", json!({"text": "1", "confirm_write": code})).await.json()["result"]["isError"]
            .as_bool()
            .unwrap()
    );
    assert_eq!(mail.state().calls, 0);
    assert_eq!(text(&call("wiki", json!({"text": "1", "confirm_write": code})).await), "1 for ");
}

#[tokio::test]
async fn reading_and_prompts_under_confirm_are_asked_about_or_refused() {
    let wiki = FakeUpstream::start().await;
    wiki.state().offers_all = true;
    let server = with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = vec!["confirm upstream=wiki".to_owned()];
    })
    .await;
    let alice = gateway_user(&server, "alice").await;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    });
    let read = async |more: Value| {
        let mut params = json!({"uri": "wiki+file:///wages", "_meta": meta});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = Browser::new()
            .raw(reqwest::Method::POST, &server.at("/mcp"))
            .header("accept", "application/json, text/event-stream");
        let request = request
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "resources/read")
            .header("mcp-name", "wiki+file:///wages");
        let request = request.bearer_auth(&alice.token).json(
            &json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params}),
        );
        Browser::new().send(request).await.json()
    };
    let asked = read(json!({})).await;
    let state =
        asked["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
    assert_eq!(wiki.state().operations.len(), 0);
    let yes: Value = serde_json::from_str(YES).unwrap();
    let done = read(json!({"requestState": state, "inputResponses": yes})).await;
    assert!(
        done["result"]["contents"][0]["text"].as_str().unwrap().contains("the secret wages"),
        "{done}"
    );
    // A client that cannot ask gets nothing, and neither do operations in which nothing can be
    // asked.
    for (method, params) in [
        ("resources/read", json!({"uri": "wiki+file:///wages"})),
        ("prompts/get", json!({"name": "wiki_letter"})),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "wiki_letter"}, "argument": {"name": "to", "value": ""}}),
        ),
        ("resources/subscribe", json!({"uri": "wiki+file:///wages"})),
    ] {
        let page = super::super::rpc_at(
            &server,
            "/mcp",
            &alice.token,
            &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
        )
        .await;
        assert!(
            page.json()["error"]["message"].as_str().unwrap().contains("must confirm"),
            "{method}: {}",
            page.body
        );
    }
    let reached = wiki.state().operations.clone();
    assert_eq!(reached, ["resources/read file:///wages"]);
}

#[tokio::test]
async fn ca24_ca25_r16_a_session_is_its_users_and_clients_alone() {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "t", "version": "1"}}});
    let begun = server.rpc(&alice.token, &initialize).await.expect(200);
    let session = begun.header("mcp-session-id");
    assert!(
        session.len() > 40 && session.bytes().all(|byte| (0x21..0x7f).contains(&byte)),
        "{session}"
    );
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
    let other = super::super::signed_in(&server, "alice", "mcp:read").await;
    assert_eq!(with(Some(&other.token), &session).await, 404, "another client of the same user");
    assert_eq!(with(Some(&alice.token), "made-up").await, 404);
    // An answer to a question for another user has no effect.
    let answer = json!({"jsonrpc": "2.0", "id": "dw-guess", "result": {"action": "accept", "content": {"confirm": true}}});
    assert_eq!(server.rpc(&bob.token, &answer).await.status, 400);
}
