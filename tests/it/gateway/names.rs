//! Names and URIs for which strict clients refuse a whole list: each is shown in a form that they
//! accept, at both kinds of URL and in both eras, and reaches the upstream as it is there.

use std::collections::HashSet;

use doorward_model::uri::scheme;
use doorward_testkit::{FakeUpstream, tool};
use serde_json::{Value, json};

use super::{apps::ask, gateway_user, rpc_at, with_config};

/// Names that the APIs of models refuse: other characters, or more than 64 of them.
fn odd_names() -> Vec<String> {
    let long = "x".repeat(100);
    let names = ["a.b", "a:b", "with space", "käse", "日本語", "issues/list", &long];
    names.map(str::to_owned).to_vec()
}

fn is_accepted(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

async fn wiki(modern: bool) -> FakeUpstream {
    let wiki = FakeUpstream::start().await;
    {
        let mut state = wiki.state();
        state.modern = modern;
        state.offers_all = true;
        state.tools = odd_names().iter().map(|name| tool(name, true)).collect();
        state.tools.extend([tool("plain", true), tool("closed/door", true)]);
        state.prompts = vec![json!({"name": "a letter"}), json!({"name": "plain"})];
        state.resources = ["notes", "my notes/1", "UI://Chart/View", "file:///good"]
            .map(|uri| json!({"uri": uri, "name": uri}))
            .to_vec();
    }
    wiki
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one conversation from listing to call")]
async fn names_that_strict_clients_refuse_are_usable_and_reach_the_upstream_as_they_are() {
    for modern_upstream in [false, true] {
        let wiki = wiki(modern_upstream).await;
        let server = with_config(&[("wiki", &wiki, "none")], |config| {
            config.policy.rules =
                ["deny tool=closed/door", "deny tool=file:///wages*"].map(str::to_owned).to_vec();
        })
        .await;
        let alice = gateway_user(&server, "alice").await;
        for (path, modern) in
            [("/mcp", false), ("/mcp", true), ("/mcp/wiki", false), ("/mcp/wiki", true)]
        {
            let place =
                format!("{path}, modern client {modern}, modern upstream {modern_upstream}");
            let token = alice.token_at(&server, path).await;
            let asked = async |method: &str, params: Value| {
                ask(&server, &token, path, modern, method, &params).await["result"].clone()
            };
            let tools = asked("tools/list", json!({})).await["tools"].as_array().unwrap().clone();
            let names: HashSet<&str> =
                tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
            assert_eq!(names.len(), tools.len(), "{place}: {names:?}");
            assert!(names.iter().all(|name| is_accepted(name)), "{place}: {names:?}");
            for own in odd_names() {
                let described = format!("The tool {own}.");
                let found = tools.iter().find(|tool| tool["description"] == described.as_str());
                let name = found.unwrap_or_else(|| panic!("{place}: no {own}"))["name"].clone();
                wiki.state().operations.clear();
                let result = asked("tools/call", json!({"name": name, "arguments": {}})).await;
                assert!(
                    result["content"].is_array() && result["isError"] != true,
                    "{place} {own}: {result}"
                );
                assert_eq!(wiki.state().operations, [format!("tools/call {own}")], "{place}");
            }
            assert!(
                !tools.iter().any(|tool| tool["description"] == "The tool closed/door."),
                "{place}"
            );
            let prompts =
                asked("prompts/list", json!({})).await["prompts"].as_array().unwrap().clone();
            for (prompt, own) in prompts.iter().zip(["a letter", "plain"]) {
                let name = prompt["name"].as_str().unwrap();
                assert!(is_accepted(name), "{place}: {name}");
                wiki.state().operations.clear();
                asked("prompts/get", json!({"name": name, "arguments": {}})).await;
                assert_eq!(wiki.state().operations, [format!("prompts/get {own}")], "{place}");
            }
            let resources =
                asked("resources/list", json!({})).await["resources"].as_array().unwrap().clone();
            for own in ["notes", "my notes/1", "UI://Chart/View", "file:///good"] {
                let found = resources.iter().find(|resource| resource["name"] == own);
                let uri = found.unwrap_or_else(|| panic!("{place}: no {own}"))["uri"].clone();
                assert!(scheme(uri.as_str().unwrap()).is_some(), "{place}: {uri}");
                wiki.state().operations.clear();
                let read = asked("resources/read", json!({"uri": uri})).await;
                assert_eq!(read["contents"][0]["uri"], uri, "{place}: {read}");
                assert_eq!(wiki.state().operations, [format!("resources/read {own}")], "{place}");
            }
        }
        // A rule holds for every spelling of a scheme, and for names as they are at the upstream.
        wiki.state().operations.clear();
        for (path, method, params) in [
            ("/mcp", "resources/read", json!({"uri": "wiki+FILE:///wages"})),
            ("/mcp/wiki", "resources/read", json!({"uri": "FILE:///wages"})),
            ("/mcp/wiki", "resources/read", json!({"uri": "File:///wages/1"})),
            ("/mcp/wiki", "tools/call", json!({"name": "closed/door", "arguments": {}})),
        ] {
            let token = alice.token_at(&server, path).await;
            let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            let refused = rpc_at(&server, path, &token, &request).await;
            assert!(
                refused.status == 403 || refused.json()["error"].is_object(),
                "{}",
                refused.body
            );
        }
        assert!(wiki.state().operations.is_empty());
        // A client that knows the upstream's own name may use it at the upstream's own URL.
        let token = alice.token_at(&server, "/mcp/wiki").await;
        let known = ask(
            &server,
            &token,
            "/mcp/wiki",
            false,
            "tools/call",
            &json!({"name": "a.b", "arguments": {}}),
        )
        .await;
        assert!(known["result"]["content"].is_array(), "{known}");
    }
}
