//! Codes from the page, for clients that cannot be asked.

use doorward_testkit::{Browser, FakeUpstream};
use serde_json::{Value, json};

use super::{
    super::{gateway_user, text, with_config},
    asking, code, link_of, modern,
};

#[tokio::test]
async fn cw13_an_older_client_needs_the_code_that_its_user_saw() {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let (alice, bob) = (gateway_user(&server, "alice").await, gateway_user(&server, "bob").await);
    let call = async |token: &str, tool: &str, arguments: Value| {
        server.call(token, tool, arguments).await.expect(200)
    };
    for arguments in [
        json!({"text": "1"}),
        json!({"text": "1", "confirm_write": true}),
        json!({"text": "1", "confirm_write": "yes"}),
        json!({"text": "1", "confirm_write": "BCDFGHJK"}),
    ] {
        assert!(
            call(&alice.token, "wiki_wipe", arguments).await.json()["result"]["isError"]
                .as_bool()
                .unwrap()
        );
    }
    assert!(
        call(
            &alice.token,
            "call_tool",
            json!({"name": "wiki_wipe", "arguments": {"text": "1"}, "confirm_write": "x-1"})
        )
        .await
        .json()["result"]["isError"]
            .as_bool()
            .unwrap()
    );
    let link = link_of(&call(&alice.token, "wiki_wipe", json!({"text": "1"})).await).await;
    assert_eq!(bob.browser.get(&link).await.status, 404, "another user has no such page");
    assert!(
        Browser::new()
            .get(&link)
            .await
            .expect(303)
            .location()
            .contains("/login?next=%2Fconfirm%2F")
    );
    assert_eq!(
        alice.browser.post(&link, &[]).await.status,
        403,
        "the code is shown only after the form"
    );
    let code = code(&alice, &link).await;
    assert!(
        code.len() == 8 && code.bytes().all(|letter| letter.is_ascii_uppercase()),
        "eight letters: {code}"
    );
    // The URL alone, a cut code, another user's call, other arguments.
    let id = link.rsplit('/').next().unwrap();
    for (token, arguments) in [
        (&alice.token, json!({"text": "1", "confirm_write": id})),
        (&alice.token, json!({"text": "1", "confirm_write": code[..code.len() - 1]})),
        (&bob.token, json!({"text": "1", "confirm_write": code})),
        (&alice.token, json!({"text": "2", "confirm_write": code})),
    ] {
        assert!(
            call(token, "wiki_wipe", arguments).await.json()["result"]["isError"]
                .as_bool()
                .unwrap()
        );
    }
    assert_eq!(wiki.state().calls, 0);
    let as_heard = format!(" {}-{} ", code[..4].to_lowercase(), &code[4..]);
    assert_eq!(
        text(
            &call(&alice.token, "wiki_wipe", json!({"text": "1", "confirm_write": as_heard})).await
        ),
        "1 for "
    );
    assert!(call(&alice.token, "wiki_wipe", json!({"text": "1", "confirm_write": code})).await.json()["result"]["isError"].as_bool().unwrap(), "once");
    assert_eq!(wiki.state().calls, 1);
    // A read-only call is not confirmed, and the schema of a confirmed one says so.
    assert_eq!(text(&call(&alice.token, "wiki_echo", json!({"text": "x"})).await), "x for ");
    let listed = super::super::list(&server, &alice.token).await;
    let has = |name: &str| {
        listed.iter().find(|tool| tool["name"] == name).unwrap()["inputSchema"]["properties"]
            .get("confirm_write")
            .is_some()
    };
    assert!(has("wiki_wipe") && !has("wiki_echo"));
}

#[tokio::test]
async fn a_program_with_a_token_of_its_own_cannot_answer_the_question() {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let alice = gateway_user(&server, "alice").await;
    let token = crate::access_tokens::made(
        &server,
        &alice.browser,
        "script",
        &[("scope-mcp:destructive", "1")],
    )
    .await;
    let asked = modern(&server, &token, json!({"name": "wiki_wipe", "arguments": {"text": "1"}}))
        .await
        .expect(200);
    assert!(asked.json()["result"]["inputRequests"].is_null(), "{}", asked.body);
    // Nor with a session of the older revisions, which would receive the question on its stream.
    let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "t", "version": "1"}}});
    let session = server.rpc(&token, &begin).await.expect(200).header("mcp-session-id");
    let browser = Browser::new();
    let request = browser
        .raw(reqwest::Method::POST, &server.at("/mcp"))
        .header("accept", "application/json, text/event-stream");
    let request = request
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-session-id", session)
        .bearer_auth(&token);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wiki_wipe", "arguments": {"text": "1"}}});
    let asked = browser.send(request.json(&call)).await.expect(200);
    let link = link_of(&asked).await;
    assert_eq!(wiki.state().calls, 0);
    let code = code(&alice, &link).await;
    assert_eq!(
        text(
            &modern(
                &server,
                &token,
                json!({"name": "wiki_wipe", "arguments": {"text": "1", "confirm_write": code}})
            )
            .await
            .expect(200)
        ),
        "1 for "
    );
    // The configuration can say the same of other clients.
    let strict = with_config(&[("wiki", &wiki, "none")], |config| {
        config.policy.rules = vec!["confirm class=destructive".to_owned()];
        config.mcp.confirm_in_band = vec!["c_unknown".to_owned()];
    })
    .await;
    let bob = gateway_user(&strict, "bob").await;
    let asked = modern(&strict, &bob.token, json!({"name": "wiki_wipe", "arguments": {}}))
        .await
        .expect(200);
    assert!(
        asked.json()["result"]["inputRequests"].is_null() && text(&asked).contains("/confirm/"),
        "{}",
        asked.body
    );
}

#[tokio::test]
async fn codes_are_tried_a_limited_number_of_times_however_many_come_at_once_and_end_after_ten_minutes()
 {
    let wiki = FakeUpstream::start().await;
    let server = asking(&wiki).await;
    let alice = gateway_user(&server, "alice").await;
    let link = link_of(&server.call(&alice.token, "wiki_wipe", json!({"text": "1"})).await).await;
    let right = code(&alice, &link).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..18 {
        let (url, token) = (server.at("/mcp"), alice.token.clone());
        let params =
            json!({"name": "wiki_wipe", "arguments": {"text": "1", "confirm_write": "BBBBBBBB"}});
        tries.spawn(async move {
            let browser = Browser::new();
            let request = browser
                .raw(reqwest::Method::POST, &url)
                .header("accept", "application/json, text/event-stream")
                .bearer_auth(token);
            browser
                .send(request.json(
                    &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}),
                ))
                .await
                .body
        });
    }
    let answers = tries.join_all().await;
    let compared = answers.iter().filter(|body| body.contains("not valid for this call")).count();
    assert_eq!(compared, 10, "the rest was refused before it was compared");
    let late =
        server.call(&alice.token, "wiki_wipe", json!({"text": "1", "confirm_write": right})).await;
    assert!(late.body.contains("too many codes"), "the right one too: {}", late.body);
    assert_eq!(wiki.state().calls, 0);
    let link = link_of(&server.call(&alice.token, "wiki_wipe", json!({"text": "2"})).await).await;
    let code = code(&alice, &link).await;
    server.clock.advance(601);
    let alice = super::super::signed_in(&server, "alice", "mcp:destructive").await;
    assert!(
        server
            .call(&alice.token, "wiki_wipe", json!({"text": "2", "confirm_write": code}))
            .await
            .body
            .contains("not valid")
    );
    assert_eq!(alice.browser.get(&link).await.status, 404);
    assert_eq!(wiki.state().calls, 0);
}
